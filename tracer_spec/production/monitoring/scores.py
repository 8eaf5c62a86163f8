"""Acceptance scores of a log against those of a bundle's certify rows, by a few counts."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from tracer_spec.stats.anytime import anytime_distance, sample_distance
from tracer_spec.stats.two_samples import sample_quantiles

_MOST_SCORES = 64
# one score, alone and in a batch, differs by up to 5e-6
_ROUNDING = 1e-5
# how often a drift is told of where there is none, half of it for the certify rows and half for the log
_DRIFT_ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Drift:
    """The acceptance scores of a log against those of the certify rows.

    Parameters
    ----------
    distance : float
        The effect size: the largest difference of the two distribution functions, in [0, 1].
    chance : float
        The distance that chance alone exceeds at no time, with a confidence of .95.
    n_certify, n : int
        Rows on either side.
    """

    distance: float
    chance: float
    n_certify: int
    n: int

    @property
    def is_seen(self) -> bool:
        """Return whether the scores have changed by more than chance explains."""
        return self.distance > self.chance


class ScoreBins:
    """Bins of scores whose edges are the reference's own scores, so that a few counts tell the distance from it.

    Parameters
    ----------
    scores : sequence of float
        Quantiles of the reference, ascending; none where there is nothing to compare with.
    n_certify : int
        Rows that they stand for.
    """

    def __init__(self, scores: Sequence[float], n_certify: int) -> None:
        self._scores = sample_quantiles(scores, _MOST_SCORES).tolist()
        self._n_certify = n_certify
        self._edges = sorted({score + step for score in self._scores for step in (-_ROUNDING, _ROUNDING)})

    def __len__(self) -> int:
        return len(self._edges) + 1 if self._edges else 0

    def of(self, score: float) -> int:
        """Return the bin of a score."""
        return bisect_left(self._edges, score)

    def drift(self, counts: Sequence[int]) -> Drift | None:
        """Return how far counts, one a bin, are from the reference; None where there is nothing to compare."""
        n, n_scores = sum(counts), len(self._scores)
        if not n or not n_scores:
            return None
        up_to = dict(zip(self._edges, accumulate(counts), strict=False))
        gaps = [0.0]
        for score in set(self._scores):
            gaps.append(bisect_right(self._scores, score) / n_scores - up_to[score + _ROUNDING] / n)
            gaps.append(up_to[score - _ROUNDING] / n - bisect_left(self._scores, score) / n_scores)
        half = _DRIFT_ALPHA / 2
        unknown = 0.5 / n_scores if self._n_certify > n_scores else 0.0
        chance = sample_distance(self._n_certify, half) + anytime_distance(n, half) + unknown
        return Drift(max(gaps), min(chance, 1.0), self._n_certify, n)
