"""The learning curve, against the minimum that another optimiser finds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from tracer_spec.stats import learning_curve
from tracer_spec.stats.learning_curve import RankedRows, fit_learning_curve

# error at the best rank, and how it rises with the rank: a learner that learns nothing, one that learns all, and others
WORLDS = [(0.65, 0.0), (0.0, 0.0), (0.02, 0.5), (0.4, 0.5), (1.0, 0.0), (0.3, -0.2)]


def samples(lowest: float, rise: float) -> list[RankedRows]:
    rng = np.random.default_rng(5)
    ranked = []
    for n_learned, n in ((680, 900), (450, 450), (450, 450), (225, 680), (225, 680)):
        ranks = (np.arange(n) + 0.5) / n
        errs = (rng.random(n) < lowest + rise * ranks).astype(np.float64)
        ranked.append(RankedRows(errs, ranks, n_learned, np.ones(n), is_text_seen=n == 900))
    return ranked


def by_another_optimiser(ranked: list[RankedRows]) -> np.ndarray:
    X = np.concatenate([learning_curve._features(each.ranks, each.n_learned, each.is_text_seen) for each in ranked])
    y = np.concatenate([each.errs for each in ranked])

    def loss(at: np.ndarray) -> float:
        belief, spread = learning_curve._BELIEF, learning_curve._SPREAD
        return np.logaddexp(0, X @ at).sum() - y @ X @ at + (((at - belief) / spread) ** 2).sum() / 2

    return minimize(loss, np.zeros(6), method="BFGS", options={"gtol": 1e-4}).x


@pytest.mark.parametrize(("lowest", "rise"), WORLDS)
def test_the_coefficients_are_the_likeliest_whatever_the_errors_are(lowest: float, rise: float) -> None:
    ranked = samples(lowest, rise)
    assert fit_learning_curve(ranked).coefficients == pytest.approx(by_another_optimiser(ranked), abs=2e-3)


def test_a_learner_that_learns_nothing_is_not_believed_to_learn() -> None:
    curve = fit_learning_curve(samples(0.65, 0.0))
    assert np.abs(curve.error(np.array([0.05, 0.3, 0.6, 0.95]), 900) - 0.65).max() < 0.1
