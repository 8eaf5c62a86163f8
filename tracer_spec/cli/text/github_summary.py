"""Outcomes on GitHub: annotations on lines of router.yaml, the step summary and outputs."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tracer_spec.cli.failure import INTERRUPTED, Failure
from tracer_spec.cli.spec_lines import read_lines
from tracer_spec.cli.text.github_commands import ERROR, NOTICE, WARNING, Annotation, publish
from tracer_spec.cli.text.outcome import Outcome
from tracer_spec.report.facts import Fact
from tracer_spec.text_format import one_line, plural

if TYPE_CHECKING:
    from tracer_spec.flow.result import BuildResult

_MARKS = {NOTICE: "✅", WARNING: "⚠️", ERROR: "❌"}
_STATUS = {2: "invalid", 3: "refused", 5: "different", INTERRUPTED: "interrupted"}
_LISTED = 50


def publish_validation(specs: Sequence[str], stories: Sequence[str]) -> None:
    """Publish that specs are valid."""
    facts = list(map(Fact, specs, stories))
    headline = f"tracer-spec validate: {plural(len(specs), 'valid spec')}"
    publish([], _summary(NOTICE, headline, facts), {"status": "valid"})


def publish_plan(outcome: Outcome, spec: str, overrides: Sequence[str]) -> None:
    """Publish what a spec's traces can certify."""
    headline = f"tracer-spec plan: {outcome.subject} is {outcome.verdict}"
    summary = _summary(outcome.level, headline, outcome.facts)
    publish(_annotations(outcome.facts, spec, overrides), summary, {"status": outcome.verdict})


def publish_build(outcome: Outcome, result: BuildResult, spec: str, overrides: Sequence[str]) -> None:
    """Publish what a build came to."""
    shipped = result.estimate if result.bundle else None
    outputs = {
        "bundle": str(result.bundle or ""),
        "sha256": result.sha256,
        "coverage": f"{shipped.coverage:.4f}" if shipped else "",
        "agreement": f"{shipped.agreement:.4f}" if shipped else "",
        "status": result.status,
    }
    headline = f"tracer-spec build: {result.name} is {result.status}{outcome.ending}"
    learners = [
        (
            row.name,
            row.status,
            "" if row.agreement is None else f"{row.agreement:.3f}",
            f"{row.seconds:.1f}",
            row.reason,
        )
        for row in result.zoo
    ]
    summary = _summary(outcome.level, headline, outcome.facts, learners)
    publish(_annotations(outcome.facts, spec, overrides), summary, outputs)


def publish_monitor(outcome: Outcome, agreement: float | None, coverage: float | None) -> None:
    """Publish whether a bundle's claim still holds."""
    outputs = {
        "coverage": "" if coverage is None else f"{coverage:.4f}",
        "agreement": "" if agreement is None else f"{agreement:.4f}",
        "status": outcome.verdict,
    }
    summary = _summary(
        outcome.level, f"tracer-spec monitor: {outcome.subject}: {outcome.verdict}{outcome.ending}", outcome.facts
    )
    told = [each for each in outcome.facts if each.level]
    publish([Annotation(each.level, each.title or each.name, each.text) for each in told], summary, outputs)


def publish_failure(failure: Failure, spec: str, overrides: Sequence[str]) -> None:
    """Publish why a call failed: every problem, on its line where it has one."""
    lines = read_lines(spec, overrides) if spec else None
    status = _STATUS.get(failure.exit_code, "failed")
    found = []
    for problem in failure.problems:
        file, line, column = _split(problem.where)
        if not line and lines and problem.address:
            file, line, column = lines.find(problem.address)
        said = "\n".join(filter(None, [problem.what, problem.hint and f"hint: {problem.hint}"]))
        said = said if line or not problem.where else f"{problem.where}: {said}"
        found.append(Annotation(ERROR, problem.address or status, said, file, line, column))
    facts = [Fact(each.where or each.address or status, each.what, ERROR) for each in failure.problems]
    summary = _summary(ERROR, f"tracer-spec: {status}, exit code {failure.exit_code}", facts)
    publish(found, summary, {"status": status})


def _annotations(facts: Sequence[Fact], spec: str, overrides: Sequence[str]) -> Iterator[Annotation]:
    """Yield the facts that have a level, each on its line."""
    lines = read_lines(spec, overrides)
    for fact in facts:
        if fact.level:
            place = lines.find(fact.address) if lines else ("", 0, 0)
            yield Annotation(fact.level, fact.title or fact.name, fact.text, *place)


def _split(where: str) -> tuple[str, int, int]:
    """Take ``file:line:column`` apart; an override is not a file."""
    if where.startswith("--set "):
        return "", 0, 0
    found = re.fullmatch(r"(.+?):([0-9]+)(?::([0-9]+))?", where, re.DOTALL)
    return (found[1], int(found[2]), int(found[3] or 0)) if found else (where, 0, 0)


def _summary(level: str, headline: str, facts: Sequence[Fact], learners: Sequence[Sequence[str]] = ()) -> str:
    """Return the step summary: a headline, the facts and the learners as tables."""
    lines = [f"### {_MARKS[level]} {plain(headline)}", "", "| | |", "|---|---|"]
    for fact in facts[:_LISTED]:
        mark = f"{_MARKS[fact.level]} " if fact.level in (WARNING, ERROR) else ""
        lines.append(f"| {mark}{plain(fact.name)} | {'<br>'.join(map(plain, fact.text.splitlines()))} |")
    if len(facts) > _LISTED:
        lines.append(f"| | and {len(facts) - _LISTED} more, in the log |")
    if learners:
        lines += ["", "| surrogate | | agreement | s | |", "|---|---|---|---|---|"]
        lines += [f"| {' | '.join(map(plain, row))} |" for row in learners[:_LISTED]]
    return "\n".join(lines) + "\n\n"


def plain(text: str) -> str:
    r"""Return text, whoever wrote it, as Markdown that shows it and does nothing else.

    Examples
    --------
    >>> plain("a|b <img src=x> [c](http://d)")
    'a\\|b &lt;img src=x&gt; \\[c\\](http\\://d)'
    """
    shown = html.escape(one_line(text, 1000), quote=False)
    return re.sub(r"(?<!\w)@|:(?=\S)|(?<=www)\.|[\\`*_\[\]#|!~$^]", lambda found: "\\" + found[0], shown)
