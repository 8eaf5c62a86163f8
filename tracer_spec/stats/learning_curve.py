"""Learning curve: how often a router errs at each rank of its acceptor's scores, by the number of rows that it learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# sizes are told as natural logarithms of multiples of this many rows, so that the coefficients hardly depend on each other
_ROWS = 400.0
# the error at the lowest ranks is no power of the rank any more
_LOWEST_RANK = 0.01
# what is believed before any row is seen, as two sets of intents have it: an error at a middling rank falls with the power
# 1.3 of the rows, one at the highest ranks faster, one at the lowest more slowly. In this order: the log-odds of the floor,
# intercept, rank, its logarithm, size, size times rank, and the log-odds that an embedder which learned from the rows' own
# texts takes off
_BELIEF = np.array([-5.5, 0.0, 4.0, 0.5, -1.3, 1.0, -0.3])
_SPREAD = np.array([1.1, 4.0, 3.0, 1.0, 0.3, 0.6, 0.25])
_PLAIN = 5
_MOST_STEPS, _CLOSE = 50, 1e-6
_RARE = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class RankedRows:
    """Rows scored by a router that had not seen them, the best score first.

    Parameters
    ----------
    errs : ndarray of shape (n,), float64
        1 where the router's label is not the teacher's; or the share of several rows of about that rank.
    ranks : ndarray of shape (n,), float64
        In (0, 1), rising: which share of all rows has a better score.
    n_learned : float
        Rows that the router learned from.
    weights : ndarray of shape (n,), float64
        As how many rows each counts.
    is_text_seen : bool
        Whether the embedder learned from the texts of these rows, as one that is fitted on all fit rows does: out of fold
        it is the surrogate alone that has not seen them.
    """

    errs: Floats = field(repr=False)
    ranks: Floats = field(repr=False)
    n_learned: float
    weights: Floats = field(repr=False)
    is_text_seen: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class LearningCurve:
    """Model of an error by rank and size, with the spread of its coefficients: the floor's, where it has one, is the first."""

    coefficients: Floats = field(repr=False)
    covariance: Floats = field(repr=False)
    has_floor: bool = True

    def error(self, ranks: Floats, n_learned: float, *, is_text_seen: bool = False) -> Floats:
        """Return the chance of an error at each rank, shape (n,), in [0, 1]."""
        return self._error(self.coefficients, ranks, n_learned, is_text_seen)

    def draw(self, ranks: Floats, sizes: Sequence[float], n_draws: int, rng: np.random.Generator) -> tuple[Floats, ...]:
        """Return such chances for coefficients drawn as likely as they are: by size, shape (n_draws, n)."""
        return self.draw_each([(ranks, size, False) for size in sizes], n_draws, rng)

    def draw_each(
        self, asked: Sequence[tuple[Floats, float, bool]], n_draws: int, rng: np.random.Generator
    ) -> tuple[Floats, ...]:
        """Return the same for several (ranks, size, whether their texts are seen), of the same coefficients."""
        drawn = rng.multivariate_normal(self.coefficients, self.covariance, n_draws, method="eigh")
        return tuple(self._error(drawn, *each) for each in asked)

    def _error(self, coefficients: Floats, ranks: Floats, n_learned: float, is_text_seen: bool) -> Floats:
        tells_texts = coefficients.shape[-1] - self.has_floor > _PLAIN
        return _rates(coefficients, _features(ranks, n_learned, is_text_seen if tells_texts else None))[0]


def fit_learning_curve(samples: Sequence[RankedRows], *, has_floor: bool = True) -> LearningCurve:
    """Fit the curve on rows scored at one size or more.

    Notes
    -----
    A floor, which no number of rows takes away, since a teacher that answers one text this way and that has errors of its
    own; above it the log-odds of an error are linear in the rank, its logarithm, the logarithm of the size and their
    product, and less by a constant where the embedder learned from the row's own text. The coefficients are those of the
    greatest posterior density under a normal prior, and spread as the expected curvature says (Fisher scoring, Laplace's
    approximation). Sizes are often few and near each other, and so the prior has its say. Learning follows a power of the
    size down to an irreducible error (Hestness et al. 2017), and no law says how far: a curve that is read at a multiple of
    its largest size is a guess.

    References
    ----------
    Hestness, Narang, Ardalani, Diamos, Jun, Kianinejad, Patwary, Yang, Zhou (2017), Deep learning scaling is predictable,
    empirically.
    """
    # without such rows the last coefficient would be the belief alone
    is_any_seen = any(each.is_text_seen for each in samples)
    X = np.concatenate(
        [_features(each.ranks, each.n_learned, each.is_text_seen if is_any_seen else None) for each in samples]
    )
    belief, spread = (each[not has_floor : X.shape[1] + 1] for each in (_BELIEF, _SPREAD))
    y = np.concatenate([each.errs for each in samples])
    weights = np.concatenate([each.weights for each in samples])
    coefficients, precision = belief.copy(), np.diag(spread**-2.0)

    def told(at: Floats) -> tuple[float, Floats, Floats]:
        rates, falls = _rates(at, X)
        off = at - belief
        loss = float(off @ precision @ off / 2 - weights @ (y * np.log(rates) + (1 - y) * np.log1p(-rates)))
        return loss, rates, falls

    loss, rates, falls = told(coefficients)
    for _ in range(_MOST_STEPS):
        # by what a coefficient's unit raises the log-odds of an error, floor included
        raised = X * (falls / rates)[:, None]
        if has_floor:
            raised = np.column_stack([_logistic(coefficients[:1]) / rates, raised])
        curvature = raised.T @ (raised * (weights * rates * (1 - rates))[:, None]) + precision
        slope = raised.T @ (weights * (y - rates)) - precision @ (coefficients - belief)
        step = np.linalg.solve(curvature, slope)
        if np.abs(step).max() < _CLOSE:
            coefficients = coefficients + step
            break
        # a whole step can lead past the minimum, and the next one back to where it began; or to a floor above everything
        step = step / max(1.0, np.abs(step).max())
        reached, (loss, rates, falls) = loss, told(coefficients + step)
        while not loss < reached and np.abs(step).max() > _CLOSE:
            step = step / 2
            loss, rates, falls = told(coefficients + step)
        coefficients = coefficients + step
    return LearningCurve(coefficients, np.linalg.inv(curvature).astype(np.float64), has_floor)


def _rates(coefficients: Floats, X: Floats) -> tuple[Floats, Floats]:
    """Return the chances of an error, floor included, and above the floor; one row for each row of coefficients."""
    has_floor = coefficients.shape[-1] > X.shape[1]
    falls = _logistic(coefficients[..., has_floor:] @ X.T)
    if not has_floor:
        return falls.clip(_RARE, 1 - _RARE), falls
    floor = _logistic(coefficients[..., :1])
    return (floor + (1 - floor) * falls).clip(_RARE, 1 - _RARE), falls


def _features(ranks: Floats, n_learned: float, is_text_seen: bool | None) -> Floats:
    """Return what the log-odds above the floor are linear in, shape (n, 6); shape (n, 5) where nothing is said of texts."""
    size = np.log(max(n_learned, 1.0) / _ROWS)
    centred, ones = ranks - 0.5, np.ones_like(ranks)
    plain = [ones, centred, np.log(np.maximum(ranks, _LOWEST_RANK)), size * ones, size * centred]
    return np.stack(plain if is_text_seen is None else [*plain, is_text_seen * ones], axis=1)


def _logistic(log_odds: Floats) -> Floats:
    powers = np.exp(-log_odds.clip(-30, 30))
    powers += 1
    return np.asarray(np.divide(1, powers, out=powers))
