"""Facts of a change from one bundle to the next: one list, which a terminal, Markdown and the page render."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tracer_spec.errors import Difference
from tracer_spec.report.changes import Changes, LabelChange
from tracer_spec.report.changes_sentences import for_users, moved_text, short_text, trust, unknown
from tracer_spec.report.decision_changes import KINDS, LABEL_CHANGED, NEWLY_DEFERRED, NEWLY_HANDLED, Flip, Flips
from tracer_spec.text_format import rate, reasons, size

_FEW = 5


class Quoted(str):
    """What others wrote: a label, an id, a text, a value."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ChangeFact:
    """One thing that changes, or that is to be known about it.

    Parameters
    ----------
    name : str
        Where there is little room.
    title : str
    lines : sequence of str
        Sentences.
    names : sequence of str
        Others' names, told one after another.
    head, table : sequence of str, sequence of sequence of str
        Of a table; what others wrote in it is :class:`Quoted`.
    most : int
        How many names or rows a comment shows.
    is_detail : bool
        Whether a comment folds it away.
    """

    name: str
    title: str
    lines: Sequence[str] = ()
    names: Sequence[str] = ()
    head: Sequence[str] = ()
    table: Sequence[Sequence[str]] = ()
    most: int = 20
    is_detail: bool = False


def change_facts(changes: Changes, flips: Flips | None = None, *, all_labels: bool = False) -> Iterator[ChangeFact]:
    """Yield the facts of a change, what a reviewer asks first in front; all labels, or those that change."""
    yield ChangeFact("users", "What changes for users?", for_users(changes))
    yield ChangeFact("trust", "Can it be trusted?", trust(changes))
    if missing := unknown(changes, flips):
        yield ChangeFact("unknown", "What is not known.", missing)
    if not changes.decides_alike:
        yield from _labels(changes)
        for name, title, labels in (
            ("gone", "Labels gone", changes.gone),
            ("added", "Labels added", changes.added),
        ):
            if labels:
                yield ChangeFact(name, title, names=labels)
    if all_labels:
        alike = [_label(each) for each in changes.labels if not each.is_change]
        yield ChangeFact("alike", "Labels that change by no more than noise", head=_LABEL_HEAD, table=alike)
    if flips is not None:
        yield from _flips(flips)
    for name, found in changes.values.items():
        if found:
            table = [[Quoted(each.address.removeprefix(f"{name}.")), *value_text(each)] for each in found]
            title = f"What differs in {name} ({len(found):,})"
            yield ChangeFact(name, title, head=("what", "before", "after"), table=table, most=12, is_detail=True)
    if not changes.is_same_file:
        yield ChangeFact("size", "Size", [f"{size(changes.old.n_bytes)} → {size(changes.new.n_bytes)}"])
        yield ChangeFact("sha256", "sha256", [f"{changes.old.sha256} →", changes.new.sha256])


def value_text(each: Difference) -> tuple[Quoted, Quoted]:
    """Return both values of a difference, short."""
    return Quoted(short_text(each.was)), Quoted(short_text(each.now))


# --- labels ----------------------------------------------------------------------------------------------------------

_LABEL_HEAD = ("label", "handled before", "after", "change", "rows before", "after")


def _labels(changes: Changes) -> Iterator[ChangeFact]:
    """Yield the labels whose handled rate changes, worst first."""
    found = (*changes.handled_less, *changes.handled_more)
    by_change = sorted((each for each in changes.labels if each.delta), key=lambda each: -abs(each.delta or 0))
    shown = found or by_change[:_FEW]
    title = "No single label changes by more than noise; those that change most"
    if found:
        title = f"{moved_text(changes)} (of {len(changes.labels):,}; the rest changes by no more than noise)"
    if shown:
        yield ChangeFact("labels", title, head=_LABEL_HEAD, table=[_label(each) for each in shown], most=15)
        yield ChangeFact("noise", "What counts as a change", [changes.noise], is_detail=True)


def _label(each: LabelChange) -> list[str]:
    delta = "" if each.delta is None else f"{each.delta:+.3f}"
    counts = [f"{side.handled:,} of {side.n:,}" for side in (each.old, each.new)]
    return [Quoted(each.label), rate(each.old.coverage), rate(each.new.coverage), delta, *counts]


# --- rows that flip --------------------------------------------------------------------------------------------------


def _flips(flips: Flips) -> Iterator[ChangeFact]:
    lines = [f"{_flips_line(flips)}.", f"{_flips_rates(flips)}."]
    if flips.left_out:
        lines.append(f"Left out: {reasons(flips.left_out.items())}.")
    yield ChangeFact("flips", "On the traces given", lines)
    if not flips.rows:
        return
    by_label = [[Quoted(label), *(f"{kinds[kind]:,}" for kind in KINDS)] for label, kinds in flips.by_label]
    title = f"Flips by label ({len(by_label):,})"
    yield ChangeFact("by label", title, head=("label", *KINDS), table=by_label, most=15, is_detail=True)
    text = ("text",) if any(each.text is not None for each in flips.rows) else ()
    head = ("row", "id", "before", "after", "teacher", "", *text)
    title = f"Rows that flip ({len(flips.rows):,})"
    yield ChangeFact("rows", title, head=head, table=[_flip(each) for each in flips.rows], is_detail=True)


def _flip(each: Flip) -> list[str]:
    was, now = ("deferred" if side.label is None else Quoted(side.label) for side in (each.old, each.new))
    teacher = "none" if each.teacher is None else Quoted(each.teacher)
    text = [] if each.text is None else [Quoted(each.text)]
    return [
        f"{each.row:,}",
        Quoted(each.id) if each.id else "",
        was,
        now,
        teacher,
        "worse" if each.is_worse else "",
        *text,
    ]


def _flips_line(flips: Flips) -> str:
    if not flips.rows:
        return f"All {flips.n:,} rows are decided alike"
    names = {NEWLY_HANDLED: "newly handled", NEWLY_DEFERRED: "newly deferred", LABEL_CHANGED: "with another label"}
    kinds = reasons((name, flips.kinds[kind]) for kind, name in names.items() if flips.kinds[kind])
    judged = f"; a wrong label is new in {flips.n_worse:,} of them and gone in {flips.n_better:,}"
    return f"{len(flips.rows):,} of {flips.n:,} rows flip: {kinds}{judged if flips.n_labelled else ''}"


def _flips_rates(flips: Flips) -> str:
    """Tell coverage and agreement on the traces, before and after."""
    was, now = (rate(k / flips.n if flips.n else None) for k in flips.handled)
    text = f"Coverage {was} → {now}"
    if flips.n_labelled == flips.n:
        was, now = (rate(k / n if n else None) for k, n in zip(flips.agree, flips.handled, strict=True))
        text += f", agreement {was} → {now}"
    if flips.n_known is None:
        return f"{text}; whether the builds have seen these rows is not known"
    if any(flips.n_known):
        text += (
            f"; {flips.n_known[0]:,} of the rows were among the old build's traces and {flips.n_known[1]:,} among the new "
            "one's, which flatters them"
        )
    return text
