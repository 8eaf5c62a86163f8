"""Facts that a reviewer of a change asks for: what changes for users, whether it can be trusted, what is not known.

A terminal, Markdown and the page render them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tracer_spec.errors import Difference
from tracer_spec.flow.documents.certificate import AGREEMENT, END_TO_END, Claim
from tracer_spec.report.changes import NOISE_LEVEL, Changes, LabelChange
from tracer_spec.report.compared_bundle import Side
from tracer_spec.report.decision_changes import KINDS, LABEL_CHANGED, NEWLY_DEFERRED, NEWLY_HANDLED, Flip, Flips
from tracer_spec.text_format import plural, rate, reasons, size

_MEASURES = {AGREEMENT: "agreement", END_TO_END: "end-to-end"}
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
    """Yield the facts of a change, those that a reviewer asks for first in front.

    Parameters
    ----------
    changes : Changes
    flips : Flips or None
        Where traces were decided by both.
    all_labels : bool
        Whether labels that change by no more than noise are listed too.
    """
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


def verdict(changes: Changes) -> str:
    """Return the whole change in one line: the claim, the coverage, the labels.

    Examples
    --------
    ``certified -> certified; agreement target 0.92 -> 0.95; coverage 0.937 -> 0.869; 12 labels handled less, none more``
    """
    if changes.is_same_version:
        return f"nothing changes: both are {changes.new.name} {changes.new.version}"
    old, new = changes.old, changes.new
    parts = [f"{old.status} → {new.status}", _target(old.claim, new.claim)]
    if changes.decides_alike:
        return "; ".join([*parts, "every request is decided as before"])
    if old.rows and new.rows:
        parts.append(f"coverage {rate(old.rows.coverage)} → {rate(new.rows.coverage)}")
        alike = "no single label's handled rate changes by more than noise"
        parts.append(_moved(changes) if changes.handled_less or changes.handled_more else alike)
    parts += [
        f"{plural(len(labels), 'label')} {what}"
        for what, labels in (("gone", changes.gone), ("added", changes.added))
        if labels
    ]
    return "; ".join(parts)


def for_users(changes: Changes) -> list[str]:
    """Return what users will notice, a sentence each."""
    if changes.decides_alike:
        return [
            "Nothing: every request is decided as before, since policy, embedder and labels are the same, byte for byte."
        ]
    old, new = changes.old.rows, changes.new.rows
    lines = ["How much is handled before and after is not known: a bundle has no audit."]
    if old and new and old.coverage is not None and new.coverage is not None:
        before, now = (f"{1000 * each:,.0f}" for each in (old.coverage, new.coverage))
        wrong, was_wrong = (f"{1000 * (each.handled - each.agree) / each.n:,.0f}" for each in (new, old))
        lines = [
            f"Of 1,000 requests about {now} are answered by the surrogate, {before} before{_noise(changes.coverage_p)}; the "
            "teacher answers the rest.",
            f"About {wrong} of 1,000 get another label than the teacher would give, {was_wrong} before: agreement where "
            f"handled {rate(old.agreement)} → {rate(new.agreement)}{_noise(changes.agreement_p)}.",
        ]
    if changes.is_nested:
        stricter = old and new and new.handled <= old.handled
        kept = "is handled now was handled before" if stricter else "was handled before is handled now"
        how = "stricter" if stricter else "looser"
        lines.append(f"The models are the same, their threshold is {how}: what {kept}, with the same label.")
    denied = [each for each in changes.values["policy"] if each.address.startswith("defer_labels.")]
    if denied:
        lines.append(f"{plural(len(denied), 'label')} that only the teacher may give changed; see below.")
    if changes.gone:
        lines.append(
            f"The surrogate no longer knows {plural(len(changes.gone), 'label')}, named below: such a request is deferred or "
            "gets another label, and the new claim is about traces that hardly have any."
        )
    return lines


def trust(changes: Changes) -> list[str]:
    """Return what the new claim rests on, a sentence each; the first is the answer."""
    old, new = changes.old, changes.new
    if changes.is_same_version:
        return ["As much as before: both hold the same, byte for byte, but perhaps for the time they were made."]
    lines = [_answer(new)]
    test = new.certificate
    if new.claim.confidence is not None and None not in (test.n, test.k, test.p_value):
        look = f", look {test.look} at these rows" if test.look is not None else ", looks are not counted"
        allowed = f" of the {test.level:.2g} it may spend" if test.level is not None else ""
        lines.append(f"The test: {test.k:,} of {test.n:,} certify rows pass, p = {test.p_value:.2g}{allowed}{look}.")
    lines += [*_weaker(old, new), _traces(changes)]
    made_with = [name for name in ("plugins", "libraries") if changes.values[name]]
    if made_with:
        lines.append(f"Made with other {' and '.join(made_with)} than the old one.")
    return lines


def unknown(changes: Changes, flips: Flips | None) -> list[str]:
    """Return what this comparison cannot say."""
    if changes.is_same_version:
        return []
    lines = [
        "Coverage, agreement as estimated and every rate per label come from the rows each bundle was made from: they "
        "describe, and nothing of them is certified. A claim is about all handled traffic, never about one label."
    ]
    if flips is None and not changes.decides_alike:
        lines.append("Which requests are decided differently was not looked at: diff OLD NEW --traces FILE does.")
    elif flips is not None and flips.rows and not flips.n_labelled:
        lines.append("Whether flips are right is not known: the traces have no teacher's label.")
    return lines


def value_text(each: Difference) -> tuple[Quoted, Quoted]:
    """Return both values of a difference, short."""
    return Quoted(_short(each.was)), Quoted(_short(each.now))


# --- labels ----------------------------------------------------------------------------------------------------------

_LABEL_HEAD = ("label", "handled before", "after", "change", "rows before", "after")


def _labels(changes: Changes) -> Iterator[ChangeFact]:
    """Yield the labels whose handled rate changes, worst first."""
    found = (*changes.handled_less, *changes.handled_more)
    shown = found or [each for each in changes.labels if each.delta][:_FEW]
    title = "No single label changes by more than noise; those that lose most"
    if found:
        title = f"{_moved(changes)} (of {len(changes.labels):,}; the rest changes by no more than noise)"
    if shown:
        yield ChangeFact("labels", title, head=_LABEL_HEAD, table=[_label(each) for each in shown], most=15)
        yield ChangeFact("noise", "What counts as a change", [changes.noise], is_detail=True)


def _moved(changes: Changes) -> str:
    less, more = len(changes.handled_less), len(changes.handled_more)
    return f"{plural(less, 'label')} handled less, {more or 'none'} more"


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


# --- the claim -------------------------------------------------------------------------------------------------------


def _target(old: Claim, new: Claim) -> str:
    was, now = _MEASURES[old.measure], _MEASURES[new.measure]
    if old.measure != new.measure:
        return f"{was} target {old.target:g} → {now} target {new.target:g}"
    if old.target != new.target:
        return f"{now} target {old.target:g} → {new.target:g}"
    return f"{now} target {new.target:g} as before"


def _answer(new: Side) -> str:
    """Say whether the new bundle can be trusted, and for what."""
    if new.status != "certified":
        return f"No: it is a {new.status}, and nothing is certified about it."
    if new.claim.confidence is None:
        return f"Nothing is promised: its calibrator, {new.certificate.calibrator}, makes no claim with a confidence."
    claim = new.claim.text.rstrip(".")
    return f"Yes, for this much: {claim}, on traffic like its traces, while the teacher stays the same."


def _weaker(old: Side, new: Side) -> list[str]:
    """Say where the new claim is less than the old one was."""
    before, after = old.claim, new.claim
    if before.confidence is None or after.confidence is None:
        if old.status == new.status:
            return []
        carries = "The old bundle's claim does not carry over."
        return ["The old bundle claimed nothing." if before.confidence is None else carries]
    if before.measure != after.measure:
        return ["The two claims are about different rates, so neither is stronger."]
    pairs = (("target", before.target, after.target), ("confidence", before.confidence, after.confidence))
    lower = [f"{what} {was:g} → {now:g}" for what, was, now in pairs if now < was]
    return [f"The claim is weaker than before: {', '.join(lower)}."] if lower else []


def _traces(changes: Changes) -> str:
    found = {each.address: each for each in changes.values["traces"]}
    if not found:
        return "Both were made from the same traces."
    keys = [key for key in ("kept", "fit", "certify") if key in found]
    parts = [f"{key} {_short(found[key].was)} → {_short(found[key].now)}" for key in keys]
    return "Made from other traces than the old one" + (f": {', '.join(parts)}." if parts else ", as many as before.")


def _noise(p_value: float | None) -> str:
    """Say that a change is no more than noise, where it is not."""
    return "" if p_value is not None and p_value <= NOISE_LEVEL else " (no more than noise)"


def _short(value: object) -> str:
    if value is None:
        return "not there"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"
    text = str(value)
    is_hex = len(text) == 64 and set(text) <= set("0123456789abcdef")
    return f"{text[:12]}…" if is_hex else text
