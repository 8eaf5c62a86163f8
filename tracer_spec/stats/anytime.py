"""Tests and intervals that stay valid however often one looks, for a stream of agreements and disagreements.

They need numpy and the standard library alone, since they run beside a router in production.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# the odds of a disagreement that the tests bet on, as multiples of the odds at the level: far over them, and close to them
_MULTIPLES = np.concatenate([np.geomspace(8.0, 1.6, 8), np.geomspace(1.5, 1.03, 12)])
N_BETS = len(_MULTIPLES)
# the prior of the mixture behind the interval: Beta(9, 1), as ten rows of which one disagrees
_PRIOR_AGREE, _PRIOR_DISAGREE = 9.0, 1.0


def bets(level: float) -> Floats:
    """Return the agreements under a level that the tests bet on, shape (20,), ascending in (0, level)."""
    if not 0 < level < 1:
        raise ValueError(f"the level must lie strictly between 0 and 1, got {level}")
    return np.asarray(1 / (1 + _MULTIPLES * (1 - level) / level))


@lru_cache(maxsize=64)
def log_factors(level: float) -> tuple[Floats, Floats]:
    """Return what an outcome does to the logarithm of each bet's process: where it agrees, and where not."""
    p = bets(level)
    return np.log(p / level), np.log1p(-p) - math.log1p(-level)


def evidence(shape: tuple[int, ...] = ()) -> Floats:
    """Return the evidence of all bets before the first outcome, shape (..., 20); see :func:`gather`."""
    return np.full((*shape, N_BETS), math.log(_weight(0)))


def gather(before: Floats, n: int, agrees: ArrayLike, level: float) -> Floats:
    """Return the evidence of all bets against "agreement >= level at all times" after one more outcome.

    Parameters
    ----------
    before : ndarray of shape (..., 20), float64
        The logarithm of each bet's evidence.
    n : int
        Outcomes before this one.
    agrees : array-like of shape (...), bool
        Whether this one agrees.
    level : float
        In (0, 1).

    Returns
    -------
    ndarray of shape (..., 20), float64

    Notes
    -----
    For a bet p < level the factor of an outcome is p / level where it agrees and (1 - p) / (1 - level) where not, of mean at
    most 1 as long as the agreement, given all that came before, is the level or more. So the product of the factors from some
    start on is a supermartingale, and so is its mean over bets and over starts. The start at outcome s has the weight
    1 / log2(s + 2) - 1 / log2(s + 3). These add up to 1, and fall so slowly that a fall after a good start is found too.
    By Ville's inequality :func:`log_e_value` reaches log(1 / alpha) with probability at most alpha, whenever one looks.

    References
    ----------
    Howard, Ramdas, McAuliffe, Sekhon (2021), Time-uniform, nonparametric, nonasymptotic confidence sequences; Waudby-Smith,
    Ramdas (2024), Estimating means of bounded random variables by betting; Shin, Ramdas, Rinaldo (2024), E-detectors.
    """
    return _take(before, agrees, level, math.log(_weight(n + 1)))


def log_e_value(now: Floats, n: int) -> Floats:
    """Return the logarithm of the e-process after n outcomes, shape (...), of evidence of shape (..., 20)."""
    return np.logaddexp(_log_mean(now), math.log(_later(n + 1)))


def detectors(shape: tuple[int, ...] = ()) -> Floats:
    """Return the e-detectors of all bets before the first outcome, shape (..., 20); see :func:`detect`."""
    return np.zeros((*shape, N_BETS))


def detect(before: Floats, agrees: ArrayLike, level: float) -> Floats:
    """Return the e-detectors of all bets after one more outcome.

    Parameters
    ----------
    before : ndarray of shape (..., 20), float64
        log(M + 1) of each bet.
    agrees : array-like of shape (...), bool
    level : float
        In (0, 1).

    Returns
    -------
    ndarray of shape (..., 20), float64
        log(M + 1), with M <- (M + 1) * factor.

    Notes
    -----
    Shiryaev's and Roberts' detector on the factors of :func:`gather`. The mean of M over bets minus the number of outcomes
    is a supermartingale as long as the agreement is the level or more. So the mean time until it reaches c is then at least c,
    and the probability that it does within n outcomes at most n / c. Unlike the e-process it forgets how well it went before.

    References
    ----------
    Shin, Ramdas, Rinaldo (2024), E-detectors: a nonparametric framework for sequential change detection, definition 2.2 and
    theorem 2.4.
    """
    return _take(before, agrees, level, 0.0)


def log_detector(now: Floats) -> Floats:
    """Return the logarithm of 1 + the mean of M over bets, shape (...), of detectors of shape (..., 20)."""
    return _log_mean(now)


def anytime_interval(n: int, k: int, confidence: float) -> tuple[float, float]:
    """Return an interval for a rate that contains it at all times together, with this confidence.

    Parameters
    ----------
    n, k : int
        Independent outcomes so far, and those that are successes.
    confidence : float
        In (0, 1).

    Returns
    -------
    tuple of float
        Lower and upper bound, in [0, 1]; (0, 1) without outcomes.

    Notes
    -----
    The rates whose likelihood is more than (1 - confidence) times that of a beta-binomial mixture. The ratio of the two is a
    martingale under the true rate, so Ville's inequality holds at all times at once. It is wider than the interval of Clopper
    and Pearson, which is valid for one look.

    References
    ----------
    Robbins (1970), Statistical methods related to the law of the iterated logarithm; Howard et al. (2021), section 3.

    Examples
    --------
    >>> [round(bound, 3) for bound in anytime_interval(600, 570, 0.95)]
    [0.917, 0.973]
    """
    if not 0 <= k <= n:
        raise ValueError(f"k must lie in [0, n], got k={k} and n={n}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie strictly between 0 and 1, got {confidence}")
    least = math.log1p(-confidence) + _log_mixture(n, k)

    def is_out(rate: float) -> bool:
        """Tell whether a rate is excluded: its likelihood is too small beside the mixture's."""
        agree = k * math.log(rate) if k else 0.0
        disagree = (n - k) * math.log1p(-rate) if n > k else 0.0
        return agree + disagree <= least

    best = k / n if n else 0.5
    lower = _edge(is_out, inside=best, outside=0.0) if k else 0.0
    upper = _edge(is_out, inside=best, outside=1.0) if n > k else 1.0
    return lower, upper


def anytime_distance(n: int, alpha: float) -> float:
    """Return a bound for the distance between a sample's distribution function and the true one, at all times together.

    Parameters
    ----------
    n : int
        Independent values so far, at least 1.
    alpha : float
        The probability that the distance ever exceeds it, in (0, 1).

    Notes
    -----
    The inequality of Dvoretzky, Kiefer and Wolfowitz at each n, at the level alpha / (n (n + 1)); these add up to alpha.

    References
    ----------
    Massart (1990), The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality.
    """
    return math.sqrt(math.log(2 * n * (n + 1) / alpha) / (2 * n))


def sample_distance(n: int, alpha: float) -> float:
    """Return the same of one look at n values: :func:`anytime_distance` without its price."""
    return math.sqrt(math.log(2 / alpha) / (2 * n))


def _take(before: Floats, agrees: ArrayLike, level: float, log_start: float) -> Floats:
    """Multiply what each bet has by the factor of an outcome, and add what the start after it begins with."""
    agree, disagree = log_factors(level)
    return np.logaddexp(log_start, before + np.where(np.asarray(agrees, bool)[..., None], agree, disagree))


def _later(n: int) -> float:
    """Return the weight of all starts at outcome n or later."""
    return 1 / math.log2(n + 2)


def _weight(n: int) -> float:
    """Return the weight of the start at outcome n: what would be lost in the difference for a large n is not."""
    return math.log2(1 + 1 / (n + 2)) * _later(n) * _later(n + 1)


def _log_mean(logs: Floats) -> Floats:
    """Return the logarithm of the mean over the last axis."""
    top = logs.max(axis=-1)
    return np.asarray(top + np.log(np.exp(logs - top[..., None]).mean(axis=-1)))


def _log_mixture(n: int, k: int) -> float:
    """Return the logarithm of a sequence's probability under the beta-binomial mixture."""
    after = _log_beta(k + _PRIOR_AGREE, n - k + _PRIOR_DISAGREE)
    return after - _log_beta(_PRIOR_AGREE, _PRIOR_DISAGREE)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _edge(is_out: Callable[[float], Any], *, inside: float, outside: float) -> float:
    """Return the edge of an interval between a rate inside it and an end of [0, 1], on the outer side."""
    for _ in range(200):
        middle = (inside + outside) / 2
        if middle in (inside, outside):
            break
        inside, outside = (inside, middle) if is_out(middle) else (middle, outside)
    return outside
