"""Outcome of a command for a terminal: a verdict, and the facts behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracer_spec.cli.console import paint, rows
from tracer_spec.cli.text.github_commands import ERROR, NOTICE, WARNING
from tracer_spec.cli.text.terminal_chart import Picture, draw
from tracer_spec.report.facts import Fact

# a verdict to its colour, and to its level among annotations
_VERDICTS = {
    "certified": ("green", NOTICE),
    "uncertified": ("yellow", WARNING),
    "draft": ("yellow", NOTICE),
    "refused": ("red", ERROR),
    "same": ("green", NOTICE),
    "certifiable": ("green", NOTICE),
    "untested": ("yellow", WARNING),
    "uncertifiable": ("red", WARNING),
    "unlabelled": ("red", WARNING),
    "intact": ("green", NOTICE),
    "not contradicted": ("green", NOTICE),
    "agreement not measured": ("yellow", NOTICE),
    "contradicted": ("red", ERROR),
    "nothing claimed": ("yellow", NOTICE),
    "holds": ("green", NOTICE),
    "warns": ("yellow", WARNING),
    "refuted": ("red", ERROR),
    "not measured": ("yellow", WARNING),
}
# what --brief keeps: the claim, the numbers, the file, and what failed
_BRIEF = {
    "claim",
    "cause",
    "finding",
    "target",
    "best",
    "estimate",
    "test",
    "verdict",
    "agreement",
    "coverage",
    "last line",
    "last audit",
    "gap",
    "ids",
    "unanswered",
    "teachers",
    "end to end",
    "at release",
}
_BRIEF |= {"traces", "flips", "size", "file", "sha256", "skipped"}
_NAME_WIDTH = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command came to.

    Parameters
    ----------
    verdict, subject : str
        In a word or two, and of what.
    facts : sequence of Fact
    picture : Picture or None
        Drawn before the fact of the file.
    ending : str
        What follows the verdict on its line.
    """

    verdict: str
    subject: str
    facts: Sequence[Fact]
    picture: Picture | None = None
    ending: str = ""

    @property
    def level(self) -> str:
        """Return the level of the verdict among annotations."""
        return level_of(self.verdict)

    def text(self, *, brief: bool = False) -> str:
        """Return the verdict and the facts, laid out for stdout."""
        head = paint(f"{self.verdict}  {self.subject}", "bold", _VERDICTS[self.verdict][0])
        return "\n".join([f"{head}{self.ending}", *fact_lines(self.facts, self.picture, brief=brief)])


def level_of(verdict: str) -> str:
    """Return the level of a verdict among annotations."""
    return _VERDICTS[verdict][1]


def traces_level(dropped: Mapping[str, int]) -> str:
    """Return the level at which dropped records are annotated: a warning where something is wrong with any of them."""
    from tracer_spec.flow.traces.accounting import BAD

    return WARNING if dropped.keys() & BAD else NOTICE if dropped else ""


def fact_lines(facts: Sequence[Fact], picture: Picture | None = None, *, brief: bool = False) -> list[str]:
    """Lay facts out for stdout, with a picture before the file."""
    told = [(each.name, each.text) for each in facts if not brief or each.name in _BRIEF]
    at = next((number for number, (name, _) in enumerate(told) if name == "file"), len(told))
    drawn = [] if picture is None or brief else draw(picture)
    return [
        *([rows(told[:at], width=_NAME_WIDTH)] if at else []),
        *drawn,
        *([rows(told[at:], width=_NAME_WIDTH)] if told[at:] else []),
    ]
