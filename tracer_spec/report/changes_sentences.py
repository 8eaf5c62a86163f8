"""Sentences that answer a reviewer of a change: what changes for users, whether it can be trusted, what is not known."""

from __future__ import annotations

from tracer_spec.flow.documents.certificate import AGREEMENT, END_TO_END, Claim
from tracer_spec.report.changes import NOISE_LEVEL, Changes
from tracer_spec.report.compared_bundle import Side
from tracer_spec.report.decision_changes import Flips
from tracer_spec.report.weaker_claim import weaker_claim
from tracer_spec.text_format import one_line, plural, rate

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
    parts = [f"{old.status} → {new.status}", _target(old.claim, new.claim), *_label_targets(old.claim, new.claim)]
    if changes.decides_alike:
        return "; ".join([*parts, "every request is decided as before"])
    if old.rows and new.rows:
        parts.append(f"coverage {rate(old.rows.coverage)} → {rate(new.rows.coverage)}")
        alike = "no single label's handled rate changes by more than noise"
        parts.append(moved_text(changes) if changes.handled_less or changes.handled_more else alike)
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
    lines += [
        *_weaker(old, new),
        _traces(changes),
        *(f"{text[:1].upper()}{text[1:]}." for text in new.remarks if text not in old.remarks),
    ]
    made_with = [name for name in ("plugins", "libraries") if changes.values[name]]
    if made_with:
        lines.append(f"Made with other {' and '.join(made_with)} than the old one.")
    return lines


def unknown(changes: Changes, flips: Flips | None) -> list[str]:
    """Return what this comparison cannot say."""
    if changes.is_same_version:
        return []
    some = changes.old.claim.labels or changes.new.claim.labels
    about = "but for the single labels that it names" if some else "never about one label"
    lines = [
        "Coverage, estimated agreement and rates per label describe the rows that each bundle was made from; none of them is "
        f"certified. A claim is about all handled traffic, {about}."
    ]
    if flips is None and not changes.decides_alike:
        lines.append("Which requests are decided differently was not looked at: diff OLD NEW --traces FILE does.")
    elif flips is not None and flips.rows and not flips.n_labelled:
        lines.append("Whether flips are right is not known: the traces have no teacher's label.")
    return lines


def moved_text(changes: Changes) -> str:
    """Count the labels that are handled less or more."""
    less, more = len(changes.handled_less), len(changes.handled_more)
    return f"{plural(less, 'label')} handled less, {more or 'none'} more"


def short_text(value: object) -> str:
    """Return a value that differs, short."""
    if value is None:
        return "not there"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"
    text = str(value)
    is_hex = len(text) == 64 and set(text) <= set("0123456789abcdef")
    return f"{text[:12]}…" if is_hex else text


def _target(old: Claim, new: Claim) -> str:
    was, now = _MEASURES[old.measure], _MEASURES[new.measure]
    if old.measure != new.measure:
        return f"{was} target {old.target:g} → {now} target {new.target:g}"
    if old.target != new.target:
        return f"{now} target {old.target:g} → {new.target:g}"
    return f"{now} target {new.target:g} as before"


def _label_targets(old: Claim, new: Claim) -> list[str]:
    """Say that what is asked of single labels changes."""
    was, now = _limits(old), _limits(new)
    parts = []
    for key in [*was, *(key for key in now if key not in was)]:
        if was.get(key) != now.get(key):
            name, measure = key
            before, after = (f"{each[key]:g}" if key in each else "none" for each in (was, now))
            parts.append(f"'{one_line(name)}' {measure} target {before} → {after}")
    return parts


def _limits(claim: Claim) -> dict[tuple[str, str], float]:
    return {(each.label, each.measure): each.limit for each in claim.labels}


def _answer(new: Side) -> str:
    """Say whether the new bundle can be trusted, and for what."""
    if new.status == "draft":
        return f"No: it is {new.claim.text.rstrip('.')}."
    if new.claim.confidence is None:
        return f"Nothing is promised: its calibrator, {new.certificate.calibrator}, makes no claim with a confidence."
    claim = new.claim.text.rstrip(".")
    return f"Yes, for this much: {claim}, on traffic like its traces, while the teacher stays the same."


def _weaker(old: Side, new: Side) -> list[str]:
    """Say where the new claim is less than the old one was."""
    if old.claim.confidence is None and new.status != old.status:
        return ["The old bundle claimed nothing."]
    less = weaker_claim(old.claim, new.claim)
    return [less] if less else []


def _traces(changes: Changes) -> str:
    found = {each.address: each for each in changes.values["traces"]}
    keys = [key for key in ("kept", "fit", "certify") if key in found]
    parts = [f"{key} {short_text(found[key].was)} → {short_text(found[key].now)}" for key in keys]
    if not found.keys() & {"digest", "kept"}:
        return "Both were made from the same traces" + (f", split otherwise: {', '.join(parts)}." if parts else ".")
    return "Made from other traces than the old one" + (f": {', '.join(parts)}." if parts else ", as many as before.")


def _noise(p_value: float | None) -> str:
    """Say that a change is no more than noise, where it is not."""
    return "" if p_value is not None and p_value <= NOISE_LEVEL else " (no more than noise)"
