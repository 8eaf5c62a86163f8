"""Vector scaling of a surrogate: a factor and a bias for each label's log-score, learned from out-of-fold scores.

References
----------
Guo, Pleiss, Sun, Weinberger: On calibration of modern neural networks. ICML 2017, section 4.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer_spec.errors import TracerError
from tracer_spec.flow.cache.memory import Memory
from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.flow.training.zoo import CrossFitted
from tracer_spec.plugin import Classes, Mask, Scores
from tracer_spec.plugin.one_thread import one_thread

# more rows take seconds, and change nothing that two numbers a label can tell
_MOST_ROWS = 20_000
# scores below this are taken for it in learning: a logarithm without bound would decide by rows that are hopeless
_SMALLEST = 1e-7
_FACTORS, _BIASES = (0.1, 10.0), (-10.0, 10.0)
_ITERATIONS = 30
_GAIN = 1e-5


@dataclass(frozen=True, slots=True)
class Scaling:
    """From scores s to softmax(factors · ln s + biases); both of shape (k,), float32, factors above 0."""

    factors: NDArray[np.float32] = field(repr=False)
    biases: NDArray[np.float32] = field(repr=False)

    def __call__(self, scores: Scores) -> Scores:
        """Return the scaled scores, shape (n, k), float32, in the arithmetic of :func:`tracer_spec.graph.scaled.scaled`."""
        with np.errstate(divide="ignore"):
            return _softmax(self.factors * np.log(scores) + self.biases)


def scaled_surrogate(trained: CrossFitted, rows: FitRows, among: Mask, memory: Memory) -> CrossFitted:
    """Return a surrogate with its scores scaled; as it is where that does not lower its log-loss, out of fold.

    Parameters
    ----------
    trained : CrossFitted
        Trained on the rows ``among``.

    Notes
    -----
    The scaling that ships is learned from the out-of-fold scores of all rows ``among``; a row's own scores are scaled by one
    learned without its fold. It minimises sum_i w_i log-loss_i + |factors - 1|² + |biases|², where rows weigh w_i, 1 on
    average. Scores that are no probabilities, negative or all 0, stay as they are.
    """
    from tracer_spec.graph.scaled import scaled

    S, learns = trained.scores, among & (rows.y >= 0)
    if trained.failure or not learns.any() or S.min() < 0 or not (S.max(axis=1) > 0).all():
        return trained
    weights = np.ones(len(rows)) if rows.weights is None else rows.weights.learning
    made = memory.derived(
        "scaling", lambda: _cross_fit(S, rows, learns, weights), S, rows.y, rows.folds, learns, weights
    )
    if not len(made["scores"]):
        return trained
    try:
        graph = scaled(trained.graph, made["factors"], made["biases"]).SerializeToString(deterministic=True)
    except TracerError as error:
        return replace(trained, failure=error.problems[0].what)
    return replace(trained, graph=graph, scores=made["scores"])


def fit_scaling(scores: Scores, y: Classes, weights: NDArray[np.float64]) -> Scaling:
    """Learn from scores of shape (n, k), the teacher's classes and what each row weighs; n may be 0."""
    from scipy.optimize import minimize

    at = np.linspace(0, len(y) - 1, min(len(y), _MOST_ROWS)).astype(np.intp)
    y, w, Z = y[at], weights[at], np.log(np.maximum(scores[at], _SMALLEST), dtype=np.float64)
    k, rows = scores.shape[1], np.arange(len(at))
    start = np.repeat([1.0, 0.0], k)

    # being far weighs 1; measured (benchmarks/surrogates.py): a third of it, or twice as much, gains no more on all sets
    def loss(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        P, far = _softmax(point[:k] * Z + point[k:]), point - start
        value = -w @ np.log(np.maximum(P[rows, y], np.finfo(np.float64).tiny)) + far @ far
        P[rows, y] -= 1
        P *= w[:, None]
        return float(value), np.concatenate([(P * Z).sum(axis=0), P.sum(axis=0)]) + 2 * far

    with one_thread():
        found: Any = minimize(
            loss,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=[_FACTORS] * k + [_BIASES] * k,
            options={"maxiter": _ITERATIONS, "ftol": _GAIN},
        )
    return Scaling(found.x[:k].astype(np.float32), found.x[k:].astype(np.float32))


def _cross_fit(
    S: Scores, rows: FitRows, learns: Mask, weights: NDArray[np.float64]
) -> Mapping[str, NDArray[np.float32]]:
    """Return the scaling that ships and every row's scores, out of fold; no scores where they are no better."""
    y, w = rows.y[learns], weights[learns]
    whole_counts = np.bincount(y, w, rows.n_classes)
    scores = np.empty_like(S)
    for inside, outside in rows.splits(learns):
        # a label that is rare in a fold is frequent without it: what was learned there would expect too much of it
        counts = np.bincount(rows.y[inside], weights[inside], rows.n_classes)
        balance = whole_counts / np.where(counts > 0, counts, 1)
        balanced = weights[inside] * balance[rows.y[inside]]
        scores[outside] = fit_scaling(S[inside], rows.y[inside], balanced)(S[outside])
    if _log_loss(scores[learns], y, w) >= _log_loss(S[learns], y, w):
        scores = scores[:0]
    whole = fit_scaling(S[learns], y, w)
    return {"factors": whole.factors, "biases": whole.biases, "scores": scores}


def _log_loss(scores: Scores, y: Classes, weights: NDArray[np.float64]) -> float:
    return float(-weights @ np.log(np.maximum(scores[np.arange(len(y)), y], _SMALLEST), dtype=np.float64))


def _softmax(Z: NDArray[Any]) -> NDArray[Any]:
    """Return softmax by row; minus infinity becomes 0."""
    P: NDArray[Any] = np.exp(Z - Z.max(axis=1, keepdims=True))
    P /= P.sum(axis=1, keepdims=True)
    return P
