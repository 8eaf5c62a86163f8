"""What a new claim says less than the one that it replaces."""

from __future__ import annotations

from tracer_spec.flow.documents.certificate import Claim
from tracer_spec.text_format import one_line


def weaker_claim(before: Claim, after: Claim) -> str:
    """Return in which way a claim is less than the one before, or cannot be compared with it; empty where it is neither."""
    if before.confidence is None:
        return ""
    if after.confidence is None:
        return "The old bundle's claim does not carry over."
    if before.measure != after.measure:
        return "The two claims are about different rates, so neither is stronger."
    pairs = (("target", before.target, after.target), ("confidence", before.confidence, after.confidence))
    lower = [f"{what} {was:g} → {now:g}" for what, was, now in pairs if now < was]
    was, now = ({(each.label, each.measure): each.level for each in claim.labels} for claim in (before, after))
    looser = [key for key, level in was.items() if now.get(key, 0.0) < level]
    lower += [
        f"'{one_line(label)}' {measure} {'asks less' if (label, measure) in now else 'is gone'}"
        for label, measure in looser
    ]
    return f"The claim is weaker than before: {', '.join(lower)}." if lower else ""
