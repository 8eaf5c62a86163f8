"""Exact inference on a rate from k successes in n trials.

Notes
-----
Throughout, the rows are independent with one success rate A. Given that a policy handles n of the certify rows, the
number k of them that agree is Bin(n, A), because whether a row is handled depends on its input alone.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Counts: TypeAlias = NDArray[np.int64]


def p_value(n: int, k: int, target: float) -> float:
    """Return the exact p-value of H: A < target, which is P(Bin(n, target) >= k).

    Parameters
    ----------
    n : int
        Trials, at least 0. With none, the p-value is 1: nothing was seen.
    k : int
        Successes, in [0, n].
    target : float
        In (0, 1).

    Returns
    -------
    float
        In [0, 1]; super-uniform under every A <= target.

    References
    ----------
    Angelopoulos, Bates, Candes, Jordan, Lei (2021), Learn then Test, Proposition 1 (the binomial p-value).

    Examples
    --------
    >>> round(p_value(45, 45, 0.95), 4)
    0.0994
    """
    _check_counts(n, k)
    if k == 0:
        return 1.0
    from scipy.special import betainc

    # P(Bin(n, t) >= k) is the regularised incomplete beta function I_t(k, n - k + 1)
    return float(betainc(k, n - k + 1, target))


def fewest_trials(target: float, delta: float) -> int:
    """Return n_min = ceil(ln delta / ln target): with fewer trials not even n of n could reject.

    Examples
    --------
    >>> fewest_trials(0.95, 0.10), fewest_trials(0.92, 0.05)
    (45, 36)
    """
    _check_rate("target", target)
    _check_rate("delta", delta)
    n = max(1, math.ceil(math.log(delta) / math.log(target)) - 1)
    while target**n > delta:  # the logarithms may be a rounding off
        n += 1
    return n


@functools.lru_cache(10_000)  # a build and its simulations ask about the same few numbers of rows, over and over
def critical_count(n: int, target: float, delta: float) -> int:
    """Return the least k with P(Bin(n, target) >= k) <= delta; n + 1 where no count rejects."""
    return int(critical_counts(np.array(n), target, delta))


def critical_counts(n: Counts, target: float, delta: float) -> Counts:
    """Return :func:`critical_count` of each number of trials, of the same shape."""
    from scipy.special import ndtri

    # the quantile of a normal law, with the first term of its Cornish-Fisher expansion
    z, skew = -ndtri(delta), 1 - 2 * target
    guess = np.ceil(n * target + z * np.sqrt(n * target * (1 - target)) + skew * (z * z - 1) / 6 + 0.5)
    low, high = np.zeros_like(n), n + 1  # no success never rejects; the p-value falls as successes rise
    return _least(low, high, guess.astype(np.int64), lambda k: (k, n - k + 1), target, delta)


def fewest_alike(n: Counts, target: float, delta: float) -> Counts:
    """Return the fewest trials of which as many may fail as of n, and the test still rejects; n where none may.

    Parameters
    ----------
    n : ndarray of int64
        Trials, at least 0.
    target, delta : float
        In (0, 1).

    Examples
    --------
    >>> fewest_alike(np.array([300, 100]), 0.98, 0.10).tolist()
    [265, 100]
    """
    return alike(n, target, delta)[0]


def alike(n: Counts, target: float, delta: float) -> tuple[Counts, Counts]:
    """Return :func:`fewest_alike`, and how many of so many trials may fail; -1 where not even a clean sweep rejects."""
    from scipy.special import gammainccinv

    failures = n - critical_counts(n, target, delta)
    low = np.where(failures < 0, n - 1, failures)  # of so few trials, all failures, nothing rejects
    # a binomial tail is about that of a Poisson law (Wise 1950)
    mean = gammainccinv(failures.clip(0) + 1.0, delta)
    guess = np.ceil((mean * (1 + target) / (1 - target) + failures) / 2)
    fewest = _least(low, n, guess.astype(np.int64), lambda trials: (trials - failures, failures + 1), target, delta)
    return fewest, failures


def _least(
    low: Counts,
    high: Counts,
    guess: Counts,
    beta: Callable[[Counts], tuple[Counts, Counts]],
    target: float,
    delta: float,
) -> Counts:
    """Return the least count in (low, high] whose p-value is delta or less, high where no other's is; by steps from a guess.

    Steps grow from 1, until they would lead past the middle of what is left: then it is bisected.
    """
    from scipy.special import betainc

    asked, reach = guess, 1
    while (open_ := high - low > 1).any():
        asked = np.where(open_, np.minimum(np.maximum(asked, low + 1), high - 1), high)
        rejects = (asked == high) | (betainc(*beta(asked), target) <= delta)
        low, high = np.where(rejects, low, asked), np.where(rejects, asked, high)
        middle = (low + high) // 2
        asked = np.where(rejects, np.maximum(high - reach, middle), np.minimum(low + reach, middle))
        reach *= 2
    return high


def interval(n: int, k: int, confidence: float) -> tuple[float, float]:
    """Return the exact two-sided interval of a rate.

    Parameters
    ----------
    n, k : int
        Trials and successes.
    confidence : float
        In (0, 1).

    Returns
    -------
    tuple of float
        Lower and upper bound, in [0, 1]; (0, 1) without trials.

    References
    ----------
    Clopper, Pearson (1934), The use of confidence or fiducial limits illustrated in the case of the binomial.
    """
    _check_counts(n, k)
    _check_rate("confidence", confidence)
    from scipy.special import betaincinv

    tail = (1 - confidence) / 2
    lower = float(betaincinv(k, n - k + 1, tail)) if k > 0 else 0.0
    upper = float(betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0
    return lower, upper


def predicted_power(n_test: int, n_fit: float, k_fit: float, target: float, delta: float) -> float:
    """Return the chance that the test will reject, as the fit rows predict it.

    Parameters
    ----------
    n_test : int
        Trials that the test is predicted to have.
    n_fit, k_fit : float
        Out-of-fold trials and successes; of weighted rows, as many as tell as much.
    target, delta : float
        In (0, 1).

    Returns
    -------
    float
        P(BetaBin(n_test; k_fit + target, n_fit - k_fit + 1 - target) >= c), with c the critical count; 0 where c
        exceeds n_test.

    Notes
    -----
    The posterior predictive of a rate under the prior Beta(target, 1 - target): one row's worth of belief that the
    candidate is just at the target. It only orders candidates, so a wrong belief costs power and never validity.
    """
    _check_counts(n_fit, k_fit)
    if n_test < fewest_trials(target, delta):
        return 0.0
    from scipy.special import betaln

    a, b = k_fit + target, n_fit - k_fit + 1 - target
    k = np.arange(critical_count(n_test, target, delta), n_test + 1)
    # the beta-binomial mass in logarithms; scipy.stats.betabinom gives the same, twenty times slower
    log_mass = betaln(k + a, n_test - k + b) - betaln(a, b) - betaln(n_test - k + 1, k + 1) - np.log(n_test + 1)
    return float(min(1.0, np.exp(log_mass).sum()))


class TestToCome(Protocol):
    """Exact test to come: its predicted trials, its level, and the out-of-fold trials and successes that foresee it."""

    @property
    def n_test(self) -> int:
        """Return the trials that it is predicted to have."""

    @property
    def level(self) -> float:
        """Return the rate that it must show, in (0, 1)."""

    @property
    def n_fit(self) -> float:
        """Return the out-of-fold trials."""

    @property
    def k_fit(self) -> float:
        """Return the successes among them."""


def predicted_powers(tests: Iterable[TestToCome], delta: float) -> list[float]:
    """Return :func:`predicted_power` of each test; a candidate that must pass them all is as likely to as the weakest."""
    return [predicted_power(each.n_test, each.n_fit, each.k_fit, each.level, delta) for each in tests]


def predicted_surprise(n: int, k: int, n_fit: float, k_fit: float) -> float:
    """Return how likely k successes or more of n are, as earlier trials predict them.

    Parameters
    ----------
    n, k : int
        Trials and successes.
    n_fit : float
        Earlier trials.
    k_fit : float
        Their successes, in [0, n_fit].

    Returns
    -------
    float
        P(BetaBin(n; k_fit + 1/2, n_fit - k_fit + 1/2) >= k): the posterior predictive under Jeffreys' prior.

    References
    ----------
    Jeffreys (1946), An invariant form for the prior probability in estimation problems.
    """
    from scipy.stats import betabinom

    return float(betabinom.sf(k - 1, n, k_fit + 0.5, n_fit - k_fit + 0.5))


def trials_needed(agreement: float, target: float, delta: float, power: float = 0.9) -> int | None:
    """Return how many handled rows the test needs to reject with the given power; None where it never will.

    Parameters
    ----------
    agreement : float
        The true rate supposed, in [0, 1].
    target, delta : float
        In (0, 1).
    power : float
        In (0, 1).

    Notes
    -----
    Bisection on n over the exact power P(Bin(n, agreement) >= c(n)), which rises with n but for the saw-teeth of a
    discrete test; the answer is right to within a tooth.
    """
    if agreement <= target:
        return None

    def reached(n: int) -> bool:
        return p_value(n, critical_count(n, target, delta), agreement) >= power if n else False

    low, high = fewest_trials(target, delta), fewest_trials(target, delta)
    while not reached(high):
        low, high = high, 2 * high
        if high > 2**31:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def trials_estimate(agreement: float, target: float, delta: float, power: float = 0.9) -> float:
    """Return about how many handled rows the test needs, by the normal approximation; infinity where none suffices.

    Notes
    -----
    ((z_delta sqrt(t (1 - t)) + z_power sqrt(A (1 - A))) / (A - t))**2, with t the target and A the agreement. Near A = 1 it is
    too small; it serves to tell which of many candidates to ask :func:`trials_needed` about.
    """
    if agreement <= target:
        return math.inf
    from scipy.special import ndtri

    spread = -ndtri(delta) * math.sqrt(target * (1 - target)) + ndtri(power) * math.sqrt(agreement * (1 - agreement))
    return float((spread / (agreement - target)) ** 2)


def _check_counts(n: float, k: float) -> None:
    if not 0 <= k <= n:
        raise ValueError(f"k must lie in [0, n], got k={k} and n={n}")


def _check_rate(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie strictly between 0 and 1, got {value}")
