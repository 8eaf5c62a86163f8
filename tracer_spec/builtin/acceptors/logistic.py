"""``logistic``: logistic regression on the two best scores, their margin, the entropy, and the votes of an average.

Votes say how far the members of an average agree; docs/study.md measures what they add.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tracer_spec.errors import PluginError
from tracer_spec.plugin import Evidence, Options
from tracer_spec.plugin.one_thread import one_thread

if TYPE_CHECKING:
    from tracer_spec.builtin.acceptors.logistic_graph import LogisticAcceptor

# a feature that hardly varies says nothing; divided by its spread, its rounding errors would
_SMALLEST_SPREAD = 1e-2


class LogisticOptions(Options):
    """Options of ``logistic``."""

    C: float = Field(1.0, gt=0, le=1e6, description="inverse strength of L2 regularisation")


@dataclass(frozen=True, slots=True)
class LogisticLearner:
    """Trains :class:`LogisticAcceptor`."""

    options: LogisticOptions

    def fit(
        self,
        evidence: Evidence,
        *,
        seed: int,  # noqa: ARG002 - L-BFGS draws nothing
        sample_weight: NDArray[np.float64] | None = None,
    ) -> LogisticAcceptor:
        """Train on out-of-fold evidence.

        Raises
        ------
        PluginError
            For no evidence, or scores or votes that are not finite.

        Notes
        -----
        Where all rows agree, or none does, there is nothing to tell apart: the acceptor is then constant, at the rate
        (agreeing + 1) / (rows + 2), after Laplace. Weighted rows are standardised by their weighted mean and spread.
        """
        if evidence.scores.ndim != 2 or 0 in evidence.scores.shape:
            raise PluginError(
                f"the acceptor got scores of shape {evidence.scores.shape}; expected (n, k), both above 0"
            )
        if not all(np.isfinite(part).all() for part in (evidence.scores, evidence.votes) if part is not None):
            raise PluginError("the acceptor got scores that are not finite", hint="fix the surrogate")
        from tracer_spec.builtin.acceptors.logistic_graph import LogisticAcceptor

        n, n_agree = len(evidence.agrees), int(evidence.agrees.sum())
        n_votes = 0 if evidence.votes is None else evidence.votes.shape[1]
        weights, bias = np.zeros(4 + n_votes), float(np.log((n_agree + 1) / (n - n_agree + 1)))
        notes: tuple[str, ...] = ()
        if 0 < n_agree < n:
            weights, bias, notes = self._regress(evidence, sample_weight)
        return LogisticAcceptor(
            n_classes=evidence.scores.shape[1],
            dimension=evidence.X.shape[1],
            top=np.array([weights[0] + weights[2], weights[1] - weights[2]]),
            votes=weights[4:],
            entropy=float(weights[3]),
            bias=bias,
            notes=notes,
        )

    def _regress(
        self, evidence: Evidence, sample_weight: NDArray[np.float64] | None
    ) -> tuple[NDArray[np.float64], float, tuple[str, ...]]:
        """Return the features' weights, standardising folded in, the bias, and warnings."""
        from sklearn.linear_model import LogisticRegression

        from tracer_spec.builtin.acceptors.logistic_graph import sureness

        best, second, entropy = sureness(evidence.scores).T
        votes = [] if evidence.votes is None else [evidence.votes]
        features = np.column_stack([best, second, best - second, entropy, *votes])
        mean, spread = _standard(features, sample_weight)
        with warnings.catch_warnings(record=True) as caught, one_thread():
            warnings.simplefilter("always")
            model = LogisticRegression(C=self.options.C, max_iter=1000)
            model.fit((features - mean) / spread, evidence.agrees, sample_weight=sample_weight)
        weights = model.coef_[0] / spread
        notes = tuple(f"{each.category.__name__}: {each.message}" for each in caught)
        return weights, float(model.intercept_[0] - weights @ mean), notes


def _standard(
    features: NDArray[np.float64], weights: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of each feature, and its spread."""
    if weights is None:
        return features.mean(axis=0), np.maximum(features.std(axis=0), _SMALLEST_SPREAD)
    mean = np.average(features, axis=0, weights=weights)
    variance = np.average((features - mean) ** 2, axis=0, weights=weights)
    return mean, np.maximum(np.sqrt(variance), _SMALLEST_SPREAD)
