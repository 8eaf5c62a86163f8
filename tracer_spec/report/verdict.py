"""How the page opens: the claim in one sentence, the verdict, and the few numbers that matter."""

from __future__ import annotations

from dataclasses import dataclass

from tracer_spec.flow.remarks import remarks
from tracer_spec.report.facts import Facts
from tracer_spec.report.number_format import count, level, p_value, percent, shown, usd
from tracer_spec.report.section import Tile

_FAMILIES = {"global": "Global", "l2d": "L2D", "rsb": "RSB"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The opening of the page.

    Parameters
    ----------
    word : str
        ``certified``, ``draft``, or ``uncertified``, where the calibrator promises nothing.
    claim : str
    policy : str
    meaning : str
        What the verdict is worth, in one sentence.
    tiles : tuple of Tile
    remarks : tuple of str
        What the claim does not say.
    """

    word: str
    claim: str
    policy: str
    meaning: str
    tiles: tuple[Tile, ...]
    remarks: tuple[str, ...]


def verdict(facts: Facts) -> Verdict:
    """Return the opening of a bundle's page."""
    word = _word(facts)
    return Verdict(
        word=word,
        claim=_sentence(shown(facts.certificate.claim or "", 600)) or "The certificate of this bundle states no claim.",
        policy=_policy(facts),
        meaning=_meaning(facts, word),
        tiles=_tiles(facts, word),
        remarks=tuple(map(_sentence, remarks(facts.bundle.manifest.policy, facts.audit))),
    )


def _word(facts: Facts) -> str:
    status = facts.bundle.manifest.status
    return "uncertified" if status == "certified" and facts.certificate.confidence is None else status


def _sentence(text: str) -> str:
    return text and f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _meaning(facts: Facts, word: str) -> str:
    certificate = facts.certificate
    if word == "draft":
        return "Nothing is certified and the certify rows stay sealed: every number here is an estimate from fit rows."
    if word == "uncertified":
        return (
            "The certificate states no confidence: every number here is an estimate or a count, and none is a promise."
        )
    if certificate.n is None or certificate.k is None:
        return "Only the sentence above is certified. Everything else on this page is an estimate from fit rows."
    counted = (
        "certify rows got no label but the teacher's"
        if certificate.measure == "end_to_end"
        else "handled certify rows agree with the teacher"
    )
    allowed = "" if certificate.level is None else f", of {certificate.level:.2g} allowed"
    return (
        f"Only the sentence above is certified. Its test: {count(certificate.k)} of {count(certificate.n)} {counted} "
        f"(p = {p_value(certificate.p_value)}{allowed}). Everything else here is an estimate from fit rows, out of fold."
    )


def _policy(facts: Facts) -> str:
    """Describe the policy in one sentence."""
    policy = facts.bundle.manifest.policy
    parts = []
    for stage in policy.stages:
        name = shown(stage.surrogate, 60)
        parts.append(
            f"{name} for all"
            if stage.threshold is None
            else f"{name} where its acceptance is at least {stage.threshold:.4f}"
        )
    ending = "" if policy.stages and policy.stages[-1].threshold is None else ", else the teacher"
    family = _FAMILIES.get(policy.family, shown(policy.family, 40))
    return f"{family}: {', then '.join(parts)}{ending}."


def _tiles(facts: Facts, word: str) -> tuple[Tile, ...]:
    certificate, estimate = facts.certificate, facts.estimate
    tiles = []
    if word == "certified" and certificate.target is not None and certificate.confidence is not None:
        whole = certificate.measure == "end_to_end"
        name, of = ("No wrong label", "of all traffic") if whole else ("Agreement", "of what is handled")
        sure = f"{of}, with {level(certificate.confidence)} confidence"
        tiles.append(Tile(name, f"≥ {level(certificate.target)}", sure, "certified"))
    elif certificate.target is not None:
        tiles.append(Tile("Target", level(certificate.target), "asked for, not certified", "target"))
    if estimate is not None:
        tiles.append(Tile("Coverage", percent(estimate.coverage), "of traffic is handled"))
        tiles.append(Tile("Agreement", percent(estimate.agreement), "of what is handled"))
    cost = facts.audit.cost
    if cost is not None and estimate is not None:
        day = cost.usd_per_day
        tiles.append(Tile("Saved", usd(day * estimate.coverage), f"of {usd(day)} a day", "projection"))
    return tuple(tiles)
