"""Drafts: estimates from fit rows; the certify rows stay sealed and nothing is claimed."""

from __future__ import annotations

from collections.abc import Sequence

from tracer_spec.plugin import Candidate, Certificate, Target, foresee
from tracer_spec.stats.binomial import predicted_power

EVEN_CHANCE = 0.5
_DRAFT = "a draft: coverage and agreement are estimated from the rows it was made from, and nothing is certified"
_NO_DRAFT = "a draft: by the fit rows no policy is worth a test on the certify rows, and these stay sealed"


def draft_certificate(ordered: Sequence[Candidate], n_certify: int, target: Target) -> Certificate:
    """Return the certificate that claims nothing.

    Parameters
    ----------
    ordered : sequence of Candidate
        The frozen order of testing, of rising coverage; what would be certified is among these.
    n_certify : int
        The number of certify rows, which stay sealed.
    target : Target

    Returns
    -------
    Certificate
        With the last candidate of the order that has an even chance in the test as its draft, else the first; without
        one where the order is empty.
    """
    likely = [candidate for candidate in ordered if is_likely(candidate, n_certify, target)]
    draft = likely[-1] if likely else next(iter(ordered), None)
    return Certificate(
        calibrator="none",
        target=target.level,
        confidence=None,
        n_certify=n_certify,
        walk=(),
        chosen=None,
        claim=_DRAFT if draft else _NO_DRAFT,
        draft=draft,
        measure=target.measure,
        labels=target.labels,
    )


def is_likely(candidate: Candidate, n_certify: int, target: Target) -> bool:
    """Return whether the fit rows give a candidate an even chance in its weakest test."""
    tests = foresee(candidate, n_certify, target)
    power = min(predicted_power(each.n_test, each.n_fit, each.k_fit, each.level, target.delta) for each in tests)
    return power >= EVEN_CHANCE
