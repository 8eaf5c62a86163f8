"""Drafts: estimates from fit rows; the certify rows stay sealed and nothing is claimed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracer_spec.plugin import Candidate, Certificate, Target, foresee
from tracer_spec.stats.binomial import predicted_powers
from tracer_spec.stats.expected_walk import likely_end

_EVEN_CHANCE = 0.5
_DRAFT = "a draft: coverage and agreement are estimated from the rows it was made from, and nothing is certified"
_UNLIKELY = f"{_DRAFT}; by these estimates a new look would likelier refuse every policy than certify one"
_NO_DRAFT = "a draft: by the fit rows no policy is worth a test on the certify rows, and these stay sealed"
_NONE_REACHES = "a draft: by the fit rows no policy reaches the target; the certify rows stay sealed"


def draft_certificate(
    ordered: Sequence[Candidate], n_certify: int, target: Target, *, promises: bool = True, tests: bool = True
) -> Certificate:
    """Return the certificate that claims nothing.

    Parameters
    ----------
    ordered : sequence of Candidate
        The frozen order of testing; what would be certified is among these. Of rising coverage, where they are tested.
    n_certify : int
        The number of certify rows, which stay sealed.
    target : Target
    promises : bool
        Whether a build would rather come to a policy than refuse.
    tests : bool
        Whether the calibrator tests anything.

    Returns
    -------
    Certificate
        With what a build would ship that certifies anything as its draft, by the predicted powers of the tests: where
        half of the walks have ended that pass the first; of a calibrator that tests nothing, the first whose estimate
        reaches the target. Without one where there is none.
    """
    draft = None
    if not tests:
        draft = next((candidate for candidate in ordered if _reaches(candidate, n_certify, target)), None)
    elif ordered:
        powers = np.array([_power(candidate, n_certify, target) for candidate in ordered])
        draft = ordered[likely_end(powers, np.array([candidate.coverage for candidate in ordered]))]
    return Certificate(
        calibrator="none",
        target=target.level,
        confidence=None,
        n_certify=n_certify,
        walk=(),
        chosen=None,
        claim=(_DRAFT if promises else _UNLIKELY) if draft else _NO_DRAFT if tests else _NONE_REACHES,
        draft=draft,
        measure=target.measure,
        labels=target.labels,
    )


def is_likely(ordered: Sequence[Candidate], n_certify: int, target: Target) -> bool:
    """Return whether the fit rows give an order of testing an even chance to certify anything."""
    return bool(ordered) and _power(ordered[0], n_certify, target) >= _EVEN_CHANCE


def _power(candidate: Candidate, n_certify: int, target: Target) -> float:
    """Return the chance of a candidate in its weakest test, as fit rows predict it."""
    return min(predicted_powers(foresee(candidate, n_certify, target), target.delta))


def _reaches(candidate: Candidate, n_certify: int, target: Target) -> bool:
    """Return whether the fit rows show every rate that is asked for."""
    return all(0 < each.n_fit * each.level <= each.k_fit for each in foresee(candidate, n_certify, target))
