"""Weights of fit rows: which share of the traffic each speaks for, where not all had the same chance to be there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracer_spec.flow.traces.sampling import sampled

if TYPE_CHECKING:
    from tracer_spec.flow.traces.splits import Split
    from tracer_spec.flow.traces.trace_set import TraceSet

Weights = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class FitWeights:
    """Weights of n fit rows, each of mean 1.

    Parameters
    ----------
    learning : ndarray of shape (n,), float64
        For training.
    counting : ndarray of shape (n,), float64
        For estimates: 0 for rows of which nobody knows how likely they were to be here.
    """

    learning: Weights = field(repr=False)
    counting: Weights = field(repr=False)

    @property
    def n_effective(self) -> float:
        """Return how many rows of equal weight tell as much as these (Kish)."""
        return effective(self.counting)

    @property
    def notes(self) -> tuple[str, ...]:
        """Say how many rows count, and as how many."""
        n_silent, n = int((self.counting == 0).sum()), len(self.counting)
        silent = (
            f"{n_silent:,} of them count in no estimate, since they are no sample of what certifies; "
            if n_silent
            else ""
        )
        return (
            f"{n:,} fit rows are weighted by how likely such requests were to be among them; {silent}all together they tell as "
            f"much as {self.n_effective:,.0f} rows of equal weight",
        )


def effective(weights: Weights) -> float:
    """Return how many rows of equal weight tell as much: (sum of w)² / (sum of w²).

    Examples
    --------
    >>> [round(effective(np.array(weights)), 3) for weights in ([1.0, 1.0, 1.0], [50.0, 1.0])]
    [3.0, 1.04]
    """
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def fit_weights(traces: TraceSet, sides: Split) -> FitWeights | None:
    """Return the weights of the fit rows of a split; None where all of them weigh the same.

    Notes
    -----
    A request that a router handled is among the fit rows only if chance, at rate q, sent it to the teacher and it does not
    certify: q (1 - f), where f is the share of such rows that certify. One that was deferred is there in any case but where it
    certifies: q (1 - f) + (1 - q). A row weighs one over its probability (Horvitz and Thompson 1952). Of the certify rows
    nothing is used but their number.
    """
    fit = traces.take(sides.fit)
    if fit.sampling is None:
        return None
    may = sampled(fit.sampling, fit.times, sides.dealt.routed_from)
    rates = np.where(fit.sampling.rates > 0, fit.sampling.rates, 1.0)
    # of such requests some certify, whether or not this one might have
    counts = fit.sampling.speaks & (may | fit.sampling.is_said)
    chance = rates * (1 - sides.share * counts) + (1 - rates) * fit.sampling.is_deferred
    learning = 1 / chance
    counting = np.where(counts, learning, 0.0)
    counting = counting if counting.any() else learning
    if np.ptp(learning) == 0 and np.ptp(counting) == 0:
        return None
    return FitWeights(learning / learning.mean(), counting / counting.mean())
