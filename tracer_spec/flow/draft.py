"""Drafts: everything estimated from fit rows, the certify rows never opened, and nothing claimed."""

from __future__ import annotations

from collections.abc import Sequence

from tracer_spec.plugin import Candidate, Certificate, Target


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
        With the candidate of the largest coverage whose estimated agreement reaches the target as its draft, else the
        first of the order; without one where the order is empty.
    """
    able = [candidate for candidate in ordered if candidate.agreement >= target.level]
    draft = max(able, key=lambda candidate: candidate.coverage) if able else next(iter(ordered), None)
    return Certificate(
        calibrator="none",
        target=target.level,
        confidence=None,
        n_certify=n_certify,
        walk=(),
        chosen=None,
        claim="a draft: coverage and agreement are estimated from the rows it was made from, and nothing is certified",
        draft=draft,
    )
