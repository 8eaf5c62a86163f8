"""Expected coverage: what builds of more or fewer traces would certify, simulated from a learning curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tracer_spec.stats.binomial import critical_count, fewest_trials
from tracer_spec.stats.learning_curve import LearningCurve

# draws of a build, and candidates in each: a chance is right to within .04, a mean coverage to within .02
N_DRAWS, N_LEVELS = 600, 50
# a build is likely to certify where it does so in four of five draws
LIKELY = 0.8
# how far beyond the traces at hand a curve is followed
_FARTHEST = 30
# under this predicted chance a walk does not begin
_WORTH_A_LOOK = 0.01
_SEED = 7

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a build would come to.

    Parameters
    ----------
    chance : float
        That anything is certified, in [0, 1].
    coverage : float
        Mean certified coverage, which counts as 0 where nothing is certified; in [0, 1].
    """

    chance: float
    coverage: float


@dataclass(frozen=True, slots=True)
class Nearest:
    """The nearest that is likely to be certified.

    Parameters
    ----------
    more_traces : int or None
        About how many more traces the target takes; 0 where those at hand are likely enough, None where none is foreseen.
    target_now : float or None
        The highest target, in hundredths, that the traces at hand are likely to certify; None where there is none.
    """

    more_traces: int | None
    target_now: float | None


@dataclass(frozen=True, slots=True)
class Prospects:
    """What is known before a build of other traces, or for another target.

    Parameters
    ----------
    curve : LearningCurve
    n_fit, n_certify : int
        Rows at hand, on either side of the split.
    share : float
        Of further traces, those that certify, in (0, 1).
    n_folds : int
    reach : float
        The share of rows that may be handled at all, in [0, 1].
    delta, min_coverage : float
        The error that a test may spend, in (0, 1); the least coverage that is considered, in [0, 1].
    is_end_to_end : bool
        Whether the target is a rate of all traffic.
    most_fit : int or None
        The most rows that train, where that is bounded.
    """

    curve: LearningCurve = field(repr=False)
    n_fit: int
    n_certify: int
    share: float
    n_folds: int
    reach: float
    delta: float
    min_coverage: float
    is_end_to_end: bool = False
    most_fit: int | None = None

    def sides(self, n_traces: int) -> tuple[int, int]:
        """Return how many of so many traces would train, and certify."""
        if n_traces == self.n_fit + self.n_certify:
            return self.n_fit, self.n_certify
        n_certify = round(self.share * n_traces)
        n_fit = n_traces - n_certify
        return n_fit if self.most_fit is None else min(n_fit, self.most_fit), n_certify

    def expect(self, n_traces: int, targets: Sequence[float]) -> tuple[Expected, ...]:
        """Return what builds of so many traces would come to, by target."""
        n_fit, n_certify = self.sides(n_traces)
        builds = _simulate(self.curve, n_fit, n_certify, self.n_folds, self.reach)
        return tuple(
            builds.expect(target, self.delta, self.min_coverage, is_end_to_end=self.is_end_to_end) for target in targets
        )

    def nearest(self, target: float) -> Nearest:
        """Return what is nearest to a target: more traces, or a lower target."""
        now = self.n_fit + self.n_certify
        lower = [level / 100 for level in range(math.ceil(target * 100) - 1, 49, -1)]
        mine, *others = self.expect(now, [target, *lower])
        if mine.chance >= LIKELY:
            return Nearest(0, target)
        likely = (level for level, each in zip(lower, others, strict=True) if each.chance >= LIKELY)
        return Nearest(self._more_traces(now, target), next(likely, None))

    def _more_traces(self, now: int, target: float) -> int | None:
        """Return about how many more traces make the target likely, by bisection; None where it is too far."""

        def likely(n_traces: int) -> bool:
            (expected,) = self.expect(n_traces, [target])
            return expected.chance >= LIKELY

        low, high = now, 2 * now
        while not likely(high):
            if high >= _FARTHEST * now:
                return None
            low, high = high, 2 * high
        while high - low > max(1, low // 40):
            middle = (low + high) // 2
            low, high = (low, middle) if likely(middle) else (middle, high)
        return two_digits(high - now)


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedBuilds:
    """Counts of builds, by draw and by candidate, of rising coverage.

    Parameters
    ----------
    coverage : ndarray of shape (j,)
    n_fit, n_certify : ndarray of shape (j,)
        Rows handled; the last candidate handles all that may be.
    fit_errors, certify_errors : ndarray of shape (draws, j)
        Those of them with another label than the teacher's.
    all_fit, all_certify : int
        Rows, handled or not.
    """

    coverage: NDArray[np.float64] = field(repr=False)
    n_fit: Counts = field(repr=False)
    n_certify: Counts = field(repr=False)
    fit_errors: Counts = field(repr=False)
    certify_errors: Counts = field(repr=False)
    all_fit: int
    all_certify: int

    def expect(self, target: float, delta: float, min_coverage: float, *, is_end_to_end: bool = False) -> Expected:
        """Return the chance of a certificate, and the mean coverage.

        Notes
        -----
        The walk of pareto testing: from the candidate of the greatest predicted power, as the drawn fit rows have it, up to the
        first that the drawn certify rows do not pass.
        """
        n_test = np.full_like(self.n_certify, self.all_certify) if is_end_to_end else self.n_certify
        n_fit = np.full_like(self.n_fit, self.all_fit) if is_end_to_end else self.n_fit
        able = (self.coverage >= min_coverage) & (n_test >= fewest_trials(target, delta))
        if not able.any():
            return Expected(0.0, 0.0)
        n, errors, coverage = n_test[able], self.certify_errors[:, able], self.coverage[able]
        allowed = np.array([rows - critical_count(rows, target, delta) for rows in n.tolist()])
        power = _power(n, allowed, n_fit[able], self.fit_errors[:, able], target)
        start = power.shape[1] - 1 - power[:, ::-1].argmax(axis=1)  # of equals, the one of greatest coverage
        fails = (errors > allowed) & (np.arange(len(n)) >= start[:, None])
        end = np.where(fails.any(axis=1), fails.argmax(axis=1), len(n))
        certified = (power.max(axis=1) >= _WORTH_A_LOOK) & (end > start)
        shipped = np.where(certified, coverage[end - 1], 0.0)
        return Expected(float(certified.mean()), float(shipped.mean()))


def _simulate(curve: LearningCurve, n_fit: int, n_certify: int, n_folds: int, reach: float) -> SimulatedBuilds:
    """Draw builds: fit rows scored out of fold, certify rows scored by what learned from all fit rows.

    The coefficients of the curve are drawn too: one that is hardly known gives chances near one half rather than near 0 or 1.
    The seed is always the same, so that the same curve and rows give the same numbers.
    """
    rng = np.random.default_rng(_SEED)
    coverage = reach * np.arange(1, N_LEVELS + 1) / N_LEVELS
    rates = curve.draw(coverage - reach / (2 * N_LEVELS), (n_fit * (1 - 1 / n_folds), float(n_fit)), N_DRAWS, rng)
    handled = [np.rint(coverage * n).astype(np.int64) for n in (n_fit, n_certify)]
    fit_errors, certify_errors = (
        rng.binomial(np.diff(n, prepend=0), rate).cumsum(axis=1) for n, rate in zip(handled, rates, strict=True)
    )
    return SimulatedBuilds(coverage, handled[0], handled[1], fit_errors, certify_errors, n_fit, n_certify)


def _power(n: Counts, allowed: Counts, n_fit: Counts, errors: Counts, target: float) -> NDArray[np.float64]:
    """Return the predicted power of each candidate, by the normal approximation of its beta-binomial."""
    from scipy.special import ndtr

    a, b = errors + 1 - target, n_fit - errors + target
    mean, total = a / (a + b), a + b
    variance = n * mean * (1 - mean) * (total + n) / (total + 1)
    power: NDArray[np.float64] = np.where(allowed < 0, 0.0, ndtr((allowed + 0.5 - n * mean) / np.sqrt(variance)))
    return power


def two_digits(n: int) -> int:
    """Round a count up to two digits, since no more of it is known.

    Examples
    --------
    >>> two_digits(87), two_digits(1234), two_digits(1200)
    (87, 1300, 1200)
    """
    unit: int = 10 ** max(0, len(str(n)) - 2)
    return -(-n // unit) * unit
