"""Expected walk: where a walk over the certify rows would end, by the candidate at which it begins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracer_spec.stats.binomial import alike
from tracer_spec.stats.learning_curve import RankedRows, fit_learning_curve

# draws of certify rows: a mean coverage is right to within .015
N_DRAWS = 1000
_SEED = 11
# errors rise in steps where steps say more of the fit rows than the smooth curve, by this much log-likelihood for each step.
# Of the smooth curves of two sets of intents steps say 0.5 to 1.2 more; of a cliff behind even noise, 1.5 to 9
_A_STEP = 1.5

Floats = NDArray[np.float64]


def expected_ends(handled: Floats, agree: Floats, n_rows: float, n_certify: int, target: float, delta: float) -> Floats:
    """Return the mean coverage that a walk certifies, by the candidate of a nested chain at which it begins.

    Parameters
    ----------
    handled, agree : ndarray of shape (j,), float64
        Fit rows, out of fold, that each candidate handles, rising, and those of them that agree with the teacher.
    n_rows : float
        Fit rows, handled or not; more than 0.
    n_certify : int
        Certify rows. Each candidate is tested on the fewest that allow as many errors as those it is predicted to handle.
    target, delta : float
        The level and the error of each exact test, in (0, 1).

    Returns
    -------
    ndarray of shape (j,), float64
        In [0, 1]. A walk goes on until a candidate fails, and one whose first fails certifies 0.

    Notes
    -----
    At strict targets the counts of the best candidates are of a few errors, and the luck of them would choose. So an error
    by rank is a curve, fitted to all candidates at once: a smooth one, or steps that rise where those say much more of the
    fit rows, as where a teacher errs at random on what is easy and the rest is a cliff. The curve is drawn as likely as it
    is, and the certify rows by it. The seed is always the same. What comes out only orders candidates: a wrong curve costs
    coverage and never validity.
    """
    rng = np.random.default_rng(_SEED)
    tested, allowed = alike(np.rint(handled / n_rows * n_certify).astype(np.int64), target, delta)
    coverage = tested / max(n_certify, 1)
    rates = _draw_rates(handled, agree, n_rows, (coverage + np.append(0.0, coverage[:-1])) / 2, rng)
    found = rng.binomial(np.diff(tested, prepend=0).clip(0), rates).cumsum(axis=1)
    return mean_ends(found <= allowed, coverage)


def _draw_rates(handled: Floats, agree: Floats, n_rows: float, ranks: Floats, rng: np.random.Generator) -> Floats:
    """Return how often rows of these ranks err, shape (draws, j), by what the fit rows say of all ranks."""
    from scipy.optimize import isotonic_regression
    from scipy.special import xlog1py, xlogy

    added = np.diff(handled, prepend=0.0).clip(0)
    told = added > 0
    errors, added = np.diff(np.maximum.accumulate(handled - agree), prepend=0.0)[told], added[told]
    shares, middles = (errors / added).clip(0, 1), (handled[told] - added / 2) / n_rows
    curve = fit_learning_curve([RankedRows(shares, middles, n_rows, added)], has_floor=False)
    steps = isotonic_regression(shares, weights=added)
    n_steps = len(steps.weights)

    def likelihood(rates: Floats) -> float:
        return float(added @ (xlogy(shares, rates) + xlog1py(1 - shares, -rates)))

    if likelihood(steps.x) - likelihood(curve.error(middles, n_rows)) < _A_STEP * n_steps:
        return curve.draw(ranks, [n_rows], N_DRAWS, rng)[0]
    # a rate has the posterior of a Poisson count under Jeffreys' prior
    drawn = rng.gamma(steps.x[steps.blocks[:-1]] * steps.weights + 0.5, 1 / steps.weights, (N_DRAWS, n_steps)).clip(
        0, 1
    )
    return drawn[:, np.searchsorted(handled[told][steps.blocks[1:] - 1] / n_rows, ranks).clip(max=n_steps - 1)]


def likely_end(powers: Floats, coverage: Floats) -> int:
    """Return the position at which half of the walks have ended that pass the first candidate.

    Parameters
    ----------
    powers : ndarray of shape (j,), float64
        The predicted power of each candidate, in [0, 1].
    coverage : ndarray of shape (j,), float64
        Rising, in [0, 1].

    Notes
    -----
    A candidate's rows are among the next one's. So the statistics of two tests are taken for normal, with the correlation
    ``sqrt(c_i / c_j)`` of a Brownian motion that is seen at their coverages.
    """
    from scipy.special import ndtri

    rng, coverage = np.random.default_rng(_SEED), coverage.clip(1e-9)
    first = np.sqrt(coverage[0]) * ndtri(1 - powers[0] * rng.uniform(size=(N_DRAWS, 1)))
    moves = rng.standard_normal((N_DRAWS, len(powers) - 1)) * np.sqrt(np.diff(coverage).clip(0))
    fails = np.hstack([first, moves]).cumsum(axis=1) / np.sqrt(coverage) < ndtri(1 - powers)
    fails[:, 0] = False
    return int(np.median(np.where(fails.any(axis=1), fails.argmax(axis=1), len(powers)))) - 1


def mean_ends(passes: NDArray[np.bool_], coverage: Floats) -> Floats:
    """Return the mean coverage at which walks end, shape (j,), by where they begin; ``passes`` is of shape (draws, j)."""
    passes = np.ascontiguousarray(passes.T)
    # by start and draw, and nothing for walks that begin after the last
    reached = np.zeros((len(coverage) + 1, passes.shape[1]))
    for start in reversed(range(len(coverage))):
        np.maximum(reached[start + 1], coverage[start], out=reached[start])
        reached[start] *= passes[start]
    ends: Floats = reached[:-1].mean(axis=1)
    return ends
