"""Expected coverage: what builds of more or fewer traces would certify, simulated from a learning curve."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tracer_spec.stats.binomial import critical_counts, fewest_alike, fewest_trials
from tracer_spec.stats.expected_walk import mean_ends
from tracer_spec.stats.learning_curve import LearningCurve

# draws of a build, and candidates in each: a chance is right to within .04, a mean coverage to within .02; and parts of the
# rows between two candidates, in one of which a rank falls
N_DRAWS, N_LEVELS, N_PARTS = 600, 50, 6
# a build is likely to certify where it does so in four of five draws
LIKELY = 0.8
# how far beyond the traces at hand a curve is followed
_FARTHEST = 30
# under this predicted chance a walk does not begin
_WORTH_A_LOOK = 0.01
# starts that promise this share of the most promise the same
_SAME = 0.99
# by how much more rows make scores surer; see rank_power
_SURER = 0.54
_SEED = 7

# fewer draws than this say little
_FEWEST_DRAWS = 30

Counts = NDArray[np.int64]
Draws = NDArray[np.bool_]
Rates = NDArray[np.float64]


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
    learns_texts : bool
        Whether the embedder learns from the texts of the fit rows.
    is_end_to_end : bool
        Whether the target is a rate of all traffic.
    most_fit : int or None
        The most rows that train, where that is bounded.
    own : float
        The share of certify rows that repeat no other row, where a policy must pass on those by themselves too; in [0, 1].
    tests_ranks : bool
        Whether a candidate is tested on the fewest rows that allow as many errors as those it is predicted to handle, and
        not on all that its threshold lets through.
    """

    curve: LearningCurve = field(repr=False)
    n_fit: int
    n_certify: int
    share: float
    n_folds: int
    reach: float
    delta: float
    min_coverage: float
    learns_texts: bool = False
    is_end_to_end: bool = False
    most_fit: int | None = None
    own: float = 1.0
    tests_ranks: bool = False

    @property
    def _moves(self) -> bool:
        """Return whether thresholds move to ranks: a rate of all traffic has none."""
        return self.tests_ranks and not self.is_end_to_end

    def sides(self, n_traces: int) -> tuple[int, int]:
        """Return how many of so many traces would train, and certify."""
        if n_traces == self.n_fit + self.n_certify:
            return self.n_fit, self.n_certify
        n_certify = round(self.share * n_traces)
        n_fit = n_traces - n_certify
        return n_fit if self.most_fit is None else min(n_fit, self.most_fit), n_certify

    def expect(self, n_traces: int, targets: Sequence[float]) -> tuple[Expected, ...]:
        """Return what builds of so many traces would come to, by target."""
        return tuple(self._expect(self._simulate(n_traces), targets, np.ones(N_DRAWS, bool)))

    def nearest(self, target: float, *, refused_at: float | None = None) -> Nearest:
        """Return what is nearest to a target: more traces, or a lower target.

        Parameters
        ----------
        target : float
        refused_at : float or None
            The error that a test of these certify rows for this target was allowed when it failed; None where none was made.
            Of the draws, those that would have failed too are then the ones to go by: what refused a build is in its certify
            rows and in its curve still.
        """
        now = self.n_fit + self.n_certify
        builds = self._simulate(now)
        drawn = np.ones(N_DRAWS, bool) if refused_at is None else self._refused(builds, target, refused_at)
        lower = [level / 100 for level in range(math.ceil(target * 100) - 1, 49, -1)]
        expected = self._expect(builds, [target, *lower], drawn)
        if next(expected).chance >= LIKELY:
            return Nearest(0, target)
        likely = (level for level, each in zip(lower, expected, strict=True) if each.chance >= LIKELY)
        return Nearest(self._more_traces(now, target, drawn), next(likely, None))

    def _expect(self, builds: SimulatedBuilds, targets: Iterable[float], drawn: Draws) -> Iterator[Expected]:
        """Yield what some draws of builds come to, by target."""
        for target in targets:
            shipped = self._shipped(builds, target, self.delta)[drawn]
            yield Expected(float((shipped > 0).mean()), float(shipped.mean()))

    def _refused(self, builds: SimulatedBuilds, target: float, delta: float) -> Draws:
        """Return which draws are refused; all, where hardly any is."""
        refused = self._shipped(builds, target, delta) == 0
        return refused if refused.sum() >= _FEWEST_DRAWS else np.ones(N_DRAWS, bool)

    def _shipped(self, builds: SimulatedBuilds, target: float, delta: float) -> Rates:
        return builds.shipped(
            target, delta, self.min_coverage, is_end_to_end=self.is_end_to_end, tests_ranks=self._moves
        )

    def _simulate(self, n_traces: int) -> SimulatedBuilds:
        """Draw builds of so many traces: fit rows scored out of fold, certify rows scored by what learned from all fit rows.

        The coefficients of the curve are drawn too: one that is hardly known gives chances near one half rather than near 0
        or 1. The seed is always the same, so that the same curve and rows give the same numbers.
        """
        n_fit, n_certify = self.sides(n_traces)
        rng, n_certify = np.random.default_rng(_SEED), round(self.own * n_certify)
        levels = np.arange(N_LEVELS * N_PARTS + 1) / (N_LEVELS * N_PARTS)
        foretold = self.reach * levels
        coverage = foretold if self._moves else self.reach * levels ** rank_power(self.n_folds)
        ranks, true_ranks = ((each[1:] + each[:-1]) / 2 for each in (foretold, coverage))
        estimated, true = self.curve.draw_each(
            [(ranks, n_fit * (1 - 1 / self.n_folds), self.learns_texts), (true_ranks, float(n_fit), False)],
            N_DRAWS,
            rng,
        )

        def counts(shares: Rates, n_rows: int, rates: Rates) -> Counted:
            n = np.rint(shares * n_rows).astype(np.int64)
            return Counted(n[1:], rng.binomial(np.diff(n), rates).cumsum(axis=1), n_rows)

        return SimulatedBuilds(
            foretold[1:],
            coverage[1:],
            fit=counts(foretold, n_fit, estimated),
            foreseen=counts(foretold, n_certify, estimated),
            certify=counts(coverage, n_certify, true),
        )

    def _more_traces(self, now: int, target: float, drawn: Draws) -> int | None:
        """Return about how many more traces make the target likely, by bisection; None where it is too far."""

        def likely(n_traces: int) -> bool:
            return next(self._expect(self._simulate(n_traces), [target], drawn)).chance >= LIKELY

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
class Counted:
    """Rows of simulated builds, the surest first: how many there are up to each of j parts, and by draw their errors."""

    n: Counts = field(repr=False)
    errors: Counts = field(repr=False)
    n_rows: int

    def tests(self, at: Counts, *, of_all: bool) -> Counts:
        """Return the size of a test of the rows up to some parts; of all rows where the target is a rate of all traffic."""
        return np.full(len(at), self.n_rows) if of_all else self.n[at]


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedBuilds:
    """Counts of builds, by draw and by part of the rows.

    Parameters
    ----------
    foretold, coverage : ndarray of shape (j,)
        Shares of rows up to each part: of the fit rows, out of fold, and of traffic. The last is all that may be handled.
    fit, foreseen, certify : Counted
        The fit rows out of fold, certify rows as those foresee them, and certify rows.
    """

    foretold: Rates = field(repr=False)
    coverage: Rates = field(repr=False)
    fit: Counted
    foreseen: Counted
    certify: Counted

    def shipped(
        self, target: float, delta: float, min_coverage: float, *, is_end_to_end: bool, tests_ranks: bool
    ) -> Rates:
        """Return the coverage that each draw certifies, shape (draws,); 0 where it is refused.

        Notes
        -----
        The walk of pareto testing: of the starts from which walks over foreseen rows end highest on average, the one of the
        greatest predicted power, as the drawn fit rows have it, and from there up to the first candidate that the drawn
        certify rows do not pass.
        """
        at = np.arange(N_PARTS - 1, len(self.foretold), N_PARTS)
        sizes = self.foreseen.tests(at, of_all=is_end_to_end)
        at = at[(self.foretold[at] >= min_coverage) & (sizes >= fewest_trials(target, delta))]
        if not len(at):
            return np.zeros(len(self.fit.errors))
        tested = at
        if tests_ranks:
            tested = np.searchsorted(self.foreseen.n, fewest_alike(self.foreseen.n[at], target, delta))
        fit, foreseen, certify = (
            counted.tests(parts, of_all=is_end_to_end)
            for counted, parts in ((self.fit, at), (self.foreseen, tested), (self.certify, tested))
        )
        expected, allowed = (n - critical_counts(n, target, delta) for n in (foreseen, certify))
        ends = mean_ends(self.foreseen.errors[:, tested] <= expected, self.foretold[tested])
        power = _power(foreseen, expected, fit, self.fit.errors[:, at], target)
        promising = np.where(ends >= _SAME * ends.max(), power, -1.0)
        start = power.shape[1] - 1 - promising[:, ::-1].argmax(axis=1)  # of equals, the one of greatest coverage
        fails = (self.certify.errors[:, tested] > allowed) & (np.arange(len(allowed)) >= start[:, None])
        end = np.where(fails.any(axis=1), fails.argmax(axis=1), len(allowed))
        certified = (power[np.arange(len(start)), start] >= _WORTH_A_LOOK) & (end > start)
        return np.where(certified, self.coverage[tested][end - 1], 0.0)


def rank_power(n_folds: int) -> float:
    """Return the power of a share of fit rows, handled out of fold, that is the share of traffic then handled.

    Notes
    -----
    What learned from all fit rows is surer than what learned without a fold, and so more of its scores reach a threshold
    that was set out of fold. Of Banking77 and CLINC150, at 600 to 3,000 traces, with ``lsa`` and with an encoder, a tenth of
    the fit rows is 15 to 20 % of the traffic, and a half 57 to 62 %; with more folds it is less.

    Examples
    --------
    >>> [round(0.5 ** rank_power(n_folds), 2) for n_folds in (2, 4, 8)]
    [0.65, 0.6, 0.57]
    """
    return 1 - _SURER / math.sqrt(n_folds)


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
