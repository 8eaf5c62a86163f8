"""What a reviewer of a change asks, in sentences: what changes for users, and whether it can be trusted."""

from __future__ import annotations

from tracer_spec.errors import Difference
from tracer_spec.flow.documents.certificate import AGREEMENT, END_TO_END, Claim
from tracer_spec.report.changes import NOISE_LEVEL, Changes
from tracer_spec.report.compared_bundle import Side
from tracer_spec.report.decision_changes import LABEL_CHANGED, NEWLY_DEFERRED, NEWLY_HANDLED, Flips

_MEASURES = {AGREEMENT: "agreement", END_TO_END: "end-to-end"}


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
        parts.append(f"coverage {share(old.rows.coverage)} → {share(new.rows.coverage)}")
        less, more = len(changes.handled_less), len(changes.handled_more)
        parts.append(f"{counted(less, 'label')} handled less, {more or 'none'} more" if less or more else _LABELS_ALIKE)
    if changes.gone:
        parts.append(f"{counted(len(changes.gone), 'label')} gone")
    if changes.added:
        parts.append(f"{counted(len(changes.added), 'label')} added")
    return "; ".join(parts)


_LABELS_ALIKE = "no single label's handled rate changes by more than noise"


def for_users(changes: Changes) -> list[str]:
    """Return what users will notice, a sentence each."""
    if changes.decides_alike:
        return [
            "Nothing: every request is decided as before, since policy, embedder and labels are the same, byte for byte."
        ]
    old, new = changes.old.rows, changes.new.rows
    lines = []
    if old and new and old.coverage is not None and new.coverage is not None:
        noise = "" if _is_change(changes.coverage_p) else " (no more than noise)"
        lines.append(
            f"Of 1,000 requests about {_thousand(new.coverage)} are answered by the surrogate, "
            f"{_thousand(old.coverage)} before{noise}; the teacher answers the rest."
        )
        wrong = [round(1000 * (each.handled - each.agree) / each.n) for each in (old, new)]
        noise = "" if _is_change(changes.agreement_p) else " (no more than noise)"
        lines.append(
            f"About {wrong[1]:,} of 1,000 get another label than the teacher would give, {wrong[0]:,} before: agreement where "
            f"handled {share(old.agreement)} → {share(new.agreement)}{noise}."
        )
    else:
        lines.append("How much is handled before and after is not known: a bundle has no audit.")
    if changes.is_nested:
        stricter = "stricter" if (old and new and new.handled <= old.handled) else "looser"
        kept = "is handled now was handled before" if stricter == "stricter" else "was handled before is handled now"
        lines.append(f"The models are the same, their threshold is {stricter}: what {kept}, with the same label.")
    denied = [each for each in changes.values["policy"] if each.address.startswith("defer_labels.")]
    if denied:
        lines.append(f"{counted(len(denied), 'label')} that only the teacher may give changed; see below.")
    if changes.gone:
        lines.append(
            f"The surrogate no longer knows {counted(len(changes.gone), 'label')}, named below: such a request is deferred or "
            "gets another label, and the new claim is about traces that hardly have any."
        )
    return lines


def trust(changes: Changes) -> list[str]:
    """Return what the new claim rests on, and what is not known, a sentence each; the first is the answer."""
    old, new = changes.old, changes.new
    if changes.is_same_version:
        return ["As much as before: both hold the same, byte for byte, but perhaps for the time they were made."]
    lines = [_answer(new)]
    if new.claim.confidence is not None:
        test = new.certificate
        look = f", look {test.look} at these rows" if test.look is not None else ", looks are not counted"
        if test.n is not None and test.k is not None and test.p_value is not None:
            level = f" of the {test.level:.2g} it may spend" if test.level is not None else ""
            lines.append(f"The test: {test.k:,} of {test.n:,} certify rows pass, p = {test.p_value:.2g}{level}{look}.")
    lines += _weaker(old, new)
    lines.append(_traces(changes))
    lines += [f"{text[:1].upper()}{text[1:]}." for text in new.remarks]
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


def flips_line(flips: Flips) -> str:
    """Return what the traces show, in one line."""
    if not flips.rows:
        return f"all {flips.n:,} rows are decided alike"
    kinds = flips.kinds
    names = {NEWLY_HANDLED: "newly handled", NEWLY_DEFERRED: "newly deferred", LABEL_CHANGED: "with another label"}
    parts = [f"{kinds[kind]:,} {name}" for kind, name in names.items() if kinds[kind]]
    judged = (
        f"; a wrong label is new in {flips.n_worse:,} of them and gone in {flips.n_better:,}"
        if flips.n_labelled
        else ""
    )
    return f"{len(flips.rows):,} of {flips.n:,} rows flip: {', '.join(parts)}{judged}"


def flips_rates(flips: Flips) -> str:
    """Return coverage and agreement on the traces, before and after."""
    text = f"coverage {_ratio(flips.handled[0], flips.n)} → {_ratio(flips.handled[1], flips.n)}"
    if flips.n_labelled == flips.n:
        text += f", agreement {_ratio(flips.agree[0], flips.handled[0])} → {_ratio(flips.agree[1], flips.handled[1])}"
    if flips.n_known is None:
        return f"{text}; whether the builds have seen these rows is not known"
    if any(flips.n_known):
        text += (
            f"; {flips.n_known[0]:,} of the rows were among the old build's traces and {flips.n_known[1]:,} among the new "
            "one's, which flatters them"
        )
    return text


def value_text(each: Difference) -> tuple[str, str]:
    """Return both values of a difference, short."""
    return _short(each.was), _short(each.now)


def share(value: float | None) -> str:
    """Return a rate, or a word where there is none."""
    return "none" if value is None else f"{value:.3f}"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _target(old: Claim, new: Claim) -> str:
    was, now = _MEASURES[old.measure], _MEASURES[new.measure]
    if old.measure != new.measure:
        return f"{was} target {old.target:g} → {now} target {new.target:g}"
    return (
        f"{now} target {old.target:g} → {new.target:g}"
        if old.target != new.target
        else f"{now} target {new.target:g} as before"
    )


def _answer(new: Side) -> str:
    """Say whether the new bundle can be trusted, and for what."""
    if new.status == "draft":
        return "No: it is a draft, and nothing is certified about it."
    if new.claim.confidence is None:
        return f"Nothing is promised: its calibrator, {new.certificate.calibrator}, makes no claim with a confidence."
    claim = new.claim.text.rstrip(".")
    return f"Yes, for this much: {claim}, on traffic like its traces, while the teacher stays the same."


def _weaker(old: Side, new: Side) -> list[str]:
    """Say where the new claim is less than the old one was."""
    before, after = old.claim, new.claim
    if before.confidence is None or after.confidence is None:
        return (
            []
            if old.status == new.status
            else [
                "The old bundle claimed nothing."
                if before.confidence is None
                else "The old bundle's claim does not carry over."
            ]
        )
    if before.measure != after.measure:
        return ["The two claims are about different rates, so neither is stronger."]
    lower = [
        f"{what} {was:g} → {now:g}"
        for what, was, now in (
            ("target", before.target, after.target),
            ("confidence", before.confidence, after.confidence),
        )
        if now < was
    ]
    return [f"The claim is weaker than before: {', '.join(lower)}."] if lower else []


def _traces(changes: Changes) -> str:
    found = {each.address: each for each in changes.values["traces"]}
    if not found:
        return "Both were made from the same traces."
    parts = [
        f"{key} {_short(found[key].was)} → {_short(found[key].now)}"
        for key in ("kept", "fit", "certify")
        if key in found
    ]
    return "Made from other traces than the old one" + (f": {', '.join(parts)}." if parts else ", as many as before.")


def _is_change(p_value: float | None) -> bool:
    return p_value is not None and p_value <= NOISE_LEVEL


def _thousand(value: float) -> str:
    return f"{round(1000 * value):,}"


def _ratio(k: int, n: int) -> str:
    return share(k / n if n else None)


def _short(value: object) -> str:
    if value is None:
        return "not there"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    is_hex = len(text) == 64 and set(text) <= set("0123456789abcdef")
    return f"{text[:12]}…" if is_hex else text
