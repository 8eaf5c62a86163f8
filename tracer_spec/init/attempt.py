"""An attempt at reading records: a format, and what it finds in them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tracer_spec.builtin.formats import Raw
from tracer_spec.flow.preview.prompt_template import are_all_equal
from tracer_spec.init.answers import PLAIN, Answers, read_answers
from tracer_spec.init.fields import is_json
from tracer_spec.text_format import one_line
from tracer_spec.text_steps.blank import is_blank

Written = str | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """How records are laid out.

    Parameters
    ----------
    format : str or mapping
        What a spec writes under ``traces.format``.
    normalize : tuple of str
        The steps from the teacher's answer to a label.
    extract : tuple of str
        The steps that take the text out of its prompt; empty where it stands alone.
    texts, labels : tuple of str
        JMESPaths of what could be the text, or the label, as well, the likeliest first; one or none where it is clear.
    is_unsure : bool
        Whether nothing but the order of the fields spoke for the first of ``labels``.
    other_keys : tuple of str
        Keys of answers in JSON that could be the label as well.
    answer_template : str
        An answer with ``{label}`` in it, where answers in JSON hold more than the label; else empty.
    certify_where : str
        Which records certify, where several teachers answered one after the other; empty where all may.
    mix_teachers : bool
        Whether several teachers answered side by side.
    prompts : str
        What to say of the system's prompts, where the format keeps one of several; else empty.
    failed : str
        What to say of calls that failed, where the format leaves them out; else empty.
    teachers : tuple of str
        The models whose answers are labels, where those of others in the log are not; empty where that is all of them.
    """

    format: Written
    normalize: tuple[str, ...] = PLAIN
    extract: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    is_unsure: bool = False
    other_keys: tuple[str, ...] = ()
    answer_template: str = ""
    certify_where: str = ""
    mix_teachers: bool = False
    teachers: tuple[str, ...] = ()
    prompts: str = ""
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A format that was tried.

    Parameters
    ----------
    raws : tuple of Raw
        The traces with a text and an answer.
    answers : Answers
        How these become labels.
    n_parts : int
        Ids, times, models and versions found.
    n_skipped : int
        Records that a preset's own rules tell to be no traces.
    """

    format: Written
    raws: tuple[Raw, ...] = field(repr=False)
    answers: Answers = field(repr=False)
    n_parts: int
    n_skipped: int = 0

    @property
    def flaw(self) -> str:
        """Return why these are no traces to learn from; empty where they may be."""
        if are_all_equal([raw.text for raw in self.raws]):
            return "nearly all texts are one text, such as a last turn that only asks for the label"
        return self.answers.flaw

    @property
    def is_a_vendors(self) -> bool:
        """Tell whether more than text, answer and id is where a vendor's preset says: those three lie alike in many a log."""
        return any(raw.time is not None or raw.model or raw.version for raw in self.raws)

    @property
    def rank(self) -> tuple[bool, bool, int, float, int]:
        """Return what the better attempt has more of: a preset that says of records why they are none reads them as well."""
        nested = sum(is_json(raw.text) for raw in self.raws)
        n = len(self.raws)
        return not self.flaw, nested * 2 < n, n + self.n_skipped, self.n_parts / max(1, n), n


def try_format(written: Written, raws: Sequence[Raw], rules: Collection[str] = ()) -> Attempt:
    """Return what a format finds: the traces that it reads whole; ``rules`` are its reasons why a record is none."""
    good = tuple(raw for raw in raws if is_good(raw))
    answers = read_answers([raw.label for raw in good if not raw.unanswered], [raw.truth for raw in good])
    n_parts = sum(
        part is not None and part != "" for raw in good for part in (raw.id, raw.time, raw.model, raw.version)
    )
    return Attempt(written, good, answers, n_parts, sum(raw.reason in rules for raw in raws))


def is_good(raw: Raw) -> bool:
    """Tell whether a text and an answer were found."""
    return not raw.reason and isinstance(raw.text, str) and not is_blank(raw.text) and raw.label is not None


def as_written(written: Written) -> str:
    """Return a format on one line, for people."""
    if isinstance(written, str):
        return f"the format {written}"
    return ", ".join(f"{part}: {_shown(path)}" for part, path in written.items())


def _shown(path: str | Mapping[str, str]) -> str:
    return one_line(path, 120) if isinstance(path, str) else f"{{{as_written(path)}}}"
