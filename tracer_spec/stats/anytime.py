"""Tests and intervals that stay valid however often one looks, for a stream of agreements and disagreements."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, logsumexp

# errors that the bets expect, as multiples of the errors that the target allows: far over it, and close to it
_FAR, _CLOSE = np.linspace(5.0, 1.5, 8), np.linspace(1.4375, 1.025, 12)
N_BETS = len(_FAR) + len(_CLOSE)
# of the mixture behind the interval: as a hundred rows, one in ten of which disagrees
_PRIOR_AGREE, _PRIOR_DISAGREE = 9.0, 1.0


def bets(target: float) -> NDArray[np.float64]:
    """Return the agreements under the target that the tests bet on, shape (20,), in (0, target)."""
    errors = np.concatenate([_FAR, _CLOSE]) * (1 - target)
    return np.asarray(1 - np.minimum(errors, 1 - target / 4))


@dataclass(frozen=True, slots=True)
class Watch:
    """What a stream of outcomes has come to so far.

    Parameters
    ----------
    n, k : int
        Outcomes, and those that agree.
    log_e : float
        The logarithm of the e-process for H: agreement ≥ target, at all times since the start.
    log_peak : float
        Its largest value so far. At ``log(1/alpha)`` or more, H is refuted at level alpha, whenever one looked.
    log_detector : float
        The logarithm of the e-detector, which forgets how well it went before.
    log_detector_peak : float
        Its largest value so far.
    log_detectors : tuple of float
        That of each bet; empty before the first outcome.
    """

    n: int = 0
    k: int = 0
    log_e: float = 0.0
    log_peak: float = 0.0
    log_detector: float = -math.inf
    log_detector_peak: float = -math.inf
    log_detectors: tuple[float, ...] = ()


def follow(watch: Watch, outcomes: ArrayLike, target: float) -> Watch:
    """Return what a watch comes to after more outcomes.

    Parameters
    ----------
    watch : Watch
    outcomes : array-like of shape (m,), bool
        In the order of time: whether surrogate and teacher agree on a handled request that a coin chose.
    target : float
        The agreement that was claimed, in (0, 1).

    Notes
    -----
    For a bet p < target the factor of an outcome is (p/target) where it agrees and (1-p)/(1-target) where not, of mean at most
    1 whenever the true agreement is the target or more. The mean over bets of the products of factors is a supermartingale
    that starts at 1, so that by Ville's inequality it ever reaches 1/alpha with probability at most alpha. The detector
    M ← (M + 1)·factor, averaged over bets, minus the number of outcomes is a supermartingale, so that the mean time until it
    reaches c under H is at least c (Shiryaev and Roberts).

    References
    ----------
    Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", 2021; Shin, Ramdas
    and Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", 2024, definition 2.2 and theorem 2.4.
    """
    agree = np.asarray(outcomes, bool)
    if not agree.size:
        return watch
    p = bets(target)
    steps = np.where(agree[:, None], np.log(p / target), np.log1p(-p) - math.log1p(-target))
    sums = np.cumsum(steps, axis=0)
    before = watch.k * np.log(p / target) + (watch.n - watch.k) * (np.log1p(-p) - math.log1p(-target))
    log_e = logsumexp(before + sums, axis=1) - math.log(N_BETS)
    earlier = np.array(watch.log_detectors) if watch.log_detectors else np.full(N_BETS, -math.inf)
    starts = np.vstack([np.logaddexp(earlier, 0.0), -sums[:-1]])
    detectors = sums + np.logaddexp.accumulate(starts, axis=0)
    log_detector = logsumexp(detectors, axis=1) - math.log(N_BETS)
    return Watch(
        n=watch.n + agree.size,
        k=watch.k + int(agree.sum()),
        log_e=float(log_e[-1]),
        log_peak=max(watch.log_peak, float(log_e.max())),
        log_detector=float(log_detector[-1]),
        log_detector_peak=max(watch.log_detector_peak, float(log_detector.max())),
        log_detectors=tuple(detectors[-1].tolist()),
    )


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
    lower, upper : float
        In [0, 1]; (0, 1) for no outcome.

    Notes
    -----
    The rates a for which the ratio of the beta-binomial mixture to the likelihood at a is under 1/(1 - confidence): a mixture
    martingale under a, so Ville's inequality holds at all times at once. It is wider than Clopper-Pearson's, which is valid
    for one look.

    References
    ----------
    Robbins, "Statistical methods related to the law of the iterated logarithm", 1970; Howard et al., 2021, section 3.
    """
    if not 0 <= k <= n:
        raise ValueError(f"k must be between 0 and n, got {k} of {n}")
    mixture = betaln(k + _PRIOR_AGREE, n - k + _PRIOR_DISAGREE) - betaln(_PRIOR_AGREE, _PRIOR_DISAGREE)
    bar = mixture + math.log(1 - confidence)

    def is_out(a: float) -> bool:
        """Tell whether a rate is excluded: its likelihood is too small beside the mixture's."""
        agree = k * math.log(a) if k else 0.0
        disagree = (n - k) * math.log1p(-a) if n > k else 0.0
        return bool(agree + disagree <= bar)

    best = k / n if n else 0.5
    lower = 0.0 if not k else _edge(is_out, inside=best, outside=0.0)
    upper = 1.0 if k == n else _edge(is_out, inside=best, outside=1.0)
    return lower, upper


def _edge(is_out: Callable[[float], bool], *, inside: float, outside: float) -> float:
    """Return the edge of an interval between a rate inside it and an end of [0, 1], on the outer side."""
    for _ in range(60):
        middle = (inside + outside) / 2
        if middle in (inside, outside):
            break
        inside, outside = (inside, middle) if is_out(middle) else (middle, outside)
    return outside
