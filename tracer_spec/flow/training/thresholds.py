"""Thresholds of acceptors: between two neighbouring scores, never on one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer_spec.plugin import Mask, Scores

# one row at a time and in a batch, the scores of a row differ by up to half of this, and less the surer it is: its log-odds
# differ by as much, through a sigmoid that is flat there
_MARGIN = 1e-5
# four times the distance between two float32 under 1
_LEAST_MARGIN = 2.0**-22


def margin(scores: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return how near a threshold may be to each score, shape (n,); a nearer one would be a coin toss for that row."""
    return np.maximum(_MARGIN * (1 - scores.astype(np.float64).clip(0, 1)), _LEAST_MARGIN)


def thresholds_at_levels(
    scores: Scores, eligible: Mask, n_levels: int, weights: NDArray[np.float64] | None = None
) -> list[float]:
    """Return falling thresholds under which about 1/L, 2/L, ... of all rows are handled, L = ``n_levels``.

    ``scores`` are the acceptance scores of all rows, out of fold; ``eligible`` the rows that may be handled at all; ``weights``
    what each row counts, where they do not all count the same. Each threshold is a float32 midway between two neighbouring
    eligible scores, at least their :func:`margin` from either. Ties and crowds of scores leave fewer than L.
    """
    order = np.argsort(-scores[eligible].astype(np.float64), kind="stable")
    ranked = scores[eligible].astype(np.float64)[order]
    if len(ranked) < 2:
        return []
    # a threshold after position i handles the i + 1 best rows
    gaps = np.flatnonzero(ranked[:-1] - ranked[1:] > 2 * margin(ranked[1:]))
    if not len(gaps):
        return []
    levels = np.arange(1, n_levels + 1) / n_levels
    if weights is None:
        reached, wanted = np.arange(len(ranked), dtype=np.float64), levels * len(scores) - 1
    else:
        reached, wanted = np.cumsum(weights[eligible][order]), levels * weights.sum()
    wanted = wanted[wanted < reached[-1]]
    positions = np.unique(gaps[_nearest(reached[gaps], wanted)])
    middles = (ranked[positions] + ranked[positions + 1]) / 2
    return [float(np.float32(middle)) for middle in middles]


def _nearest(sorted_values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the index of the value nearest to each wanted one."""
    right = np.searchsorted(sorted_values, wanted).clip(0, len(sorted_values) - 1)
    left = (right - 1).clip(0)
    return np.where(wanted - sorted_values[left] <= sorted_values[right] - wanted, left, right)
