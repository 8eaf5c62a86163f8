"""The learning curve, against the minimum that another optimiser finds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit, xlog1py, xlogy

from tracer_spec.stats import learning_curve
from tracer_spec.stats.learning_curve import LearningCurve, RankedRows, fit_learning_curve

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


def loss_of(ranked: list[RankedRows]) -> Callable[[np.ndarray], float]:
    """Return the negative logarithm of the posterior density, but for a constant."""
    X = np.concatenate([learning_curve._features(each.ranks, each.n_learned, each.is_text_seen) for each in ranked])
    y = np.concatenate([each.errs for each in ranked])

    def loss(at: np.ndarray) -> float:
        floor = expit(at[0])
        rates = floor + (1 - floor) * expit(X @ at[1:])
        off = (at - learning_curve._BELIEF) / learning_curve._SPREAD
        return float((off**2).sum() / 2 - xlogy(y, rates).sum() - xlog1py(1 - y, -rates).sum())

    return loss


@pytest.mark.parametrize(("lowest", "rise"), WORLDS)
def test_the_coefficients_are_the_likeliest_whatever_the_errors_are(lowest: float, rise: float) -> None:
    ranked = samples(lowest, rise)
    found, loss = fit_learning_curve(ranked).coefficients, loss_of(ranked)
    for start in (learning_curve._BELIEF, np.zeros(7), found):
        other = minimize(loss, start, method="BFGS", options={"gtol": 1e-4})
        assert loss(found) <= other.fun + 1e-3
        if abs(loss(found) - other.fun) < 1e-3:
            assert found == pytest.approx(other.x, abs=2e-2)


@pytest.mark.parametrize("floor", [0.0, 0.02, 0.05])
def test_what_a_teacher_errs_by_itself_is_told_from_what_more_rows_teach(floor: float) -> None:
    """What is easiest shows it, at all sizes: of 10,000 rows as many such errors are foretold, and no more."""
    rng, ranked = np.random.default_rng(2), []
    truth = LearningCurve(np.array([logit(max(floor, 1e-12)), -0.5, 4.0, 0.6, -1.2, 0.8]), np.zeros((6, 6)))
    for n_learned in (900, 450, 450, 225, 225):
        ranks = (np.arange(900) + 0.5) / 900
        errs = (rng.random(900) < truth.error(ranks, n_learned)).astype(np.float64)
        ranked.append(RankedRows(errs, ranks, n_learned, np.ones(900)))
    easy = np.linspace(0.02, 0.4, 20)
    told, true = (curve.error(easy, 10_000).mean() for curve in (fit_learning_curve(ranked), truth))
    assert told == pytest.approx(true, abs=0.01)


def test_a_learner_that_learns_nothing_is_not_believed_to_learn() -> None:
    curve = fit_learning_curve(samples(0.65, 0.0))
    assert np.abs(curve.error(np.array([0.05, 0.3, 0.6, 0.95]), 900) - 0.65).max() < 0.1
