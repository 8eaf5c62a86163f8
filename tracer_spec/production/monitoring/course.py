"""Course of a claim: how it fared, stretch by stretch of a log of decisions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from tracer_spec.production.monitoring.tally import Calendar, Period
from tracer_spec.stats.anytime import anytime_interval
from tracer_spec.stats.gaps import odd_gap
from tracer_spec.stats.rate import Rate

# outcomes, and rows, that tell of the last days
_ENOUGH = 600
_ENOUGH_ROWS = 200
# how seldom chance alone leaves out every outcome of the last days
_BY_CHANCE = 1e-4


@dataclass(frozen=True, slots=True)
class Progress:
    """How a claim fared in a stretch of days.

    Parameters
    ----------
    day : date
        On which it begins.
    rows, handled : int
        Decisions of the stretch, and those handled.
    own, since : Rate
        The rate that the claim is about, of this stretch alone, and since release up to its end. The intervals contain the true
        ones at all times together.
    """

    day: date
    rows: int
    handled: int
    own: Rate
    since: Rate


@dataclass(frozen=True, slots=True)
class LateCoverage:
    """How many rows of the last days are handled, beside those before.

    Parameters
    ----------
    day : date
        On which the last days begin.
    late, before : Rate
    """

    day: date
    late: Rate
    before: Rate

    @property
    def has_fallen(self) -> bool:
        """Return whether less than half is handled of what was before, by more than chance."""
        return self.late.upper < (self.before.share or 0) / 2


@dataclass(frozen=True, slots=True)
class Gap:
    """Days without a row between others.

    Parameters
    ----------
    after, before : date
        The last day with a row before them, and the first after them, both as exact as the calendar is.
    n_before : int
        Rows before them.
    """

    after: date
    before: date
    n_before: int

    @property
    def days(self) -> int:
        """Return how many days have no row."""
        return (self.before - self.after).days - 1


@dataclass(frozen=True, slots=True)
class Silence:
    """Days at the end of a log without an outcome that the claim is about.

    Parameters
    ----------
    day : date
        On which they begin.
    rows : int
        Rows since that could have been outcomes.
    expected : float
        Outcomes among so many, on average: as often as before, and at the least rate of the audit at most, since an audit of
        fewer rows, as after shadow mode, has not stopped.
    """

    day: date
    rows: int
    expected: float

    @property
    def is_by_chance(self) -> bool:
        """Return whether chance may have left them out."""
        return math.exp(-self.expected) > _BY_CHANCE


def progress_of(calendar: Calendar, rate: Callable[[int, int], Rate], most: int) -> list[Progress]:
    """Return how a claim fared over time, in at most so many stretches of equal length, in the order of time."""
    stretches, n, k = [], 0, 0
    for number, period in calendar.stretches(most):
        n, k = n + period.n, k + period.k
        own, since = rate(period.n, period.k), rate(n, k)
        stretches.append(Progress(calendar.first_day(number), period.rows, period.handled, own, since))
    return stretches


def late_progress(calendar: Calendar, rate: Callable[[int, int], Rate], since: Rate) -> Progress | None:
    """Return how a claim fared in the last days that hold enough outcomes together; None where all days are needed."""
    late = Period()
    numbers = sorted(calendar.periods, reverse=True)
    for number in numbers[:-1]:
        late.add(calendar.periods[number])
        if late.n >= _ENOUGH:
            own = rate(late.n, late.k)
            return Progress(calendar.first_day(number), late.rows, late.handled, own, since)
    return None


def late_coverage(calendar: Calendar, confidence: float) -> LateCoverage | None:
    """Return the coverage of the last days that hold enough rows together; None where not enough come before them."""
    late, before = Period(), Period()
    day = None
    for number in sorted(calendar.periods, reverse=True):
        if late.rows < _ENOUGH_ROWS:
            late.add(calendar.periods[number])
            day = calendar.first_day(number)
        else:
            before.add(calendar.periods[number])
    if day is None or before.rows < _ENOUGH_ROWS:
        return None
    late_rate, rate_before = (
        Rate(each.rows, each.handled, *anytime_interval(each.rows, each.handled, confidence)) for each in (late, before)
    )
    return LateCoverage(day, late_rate, rate_before)


def gap_of(calendar: Calendar) -> Gap | None:
    """Return the gap that is far longer than all others and than all that has rows; None where there is none."""
    if (found := odd_gap(calendar.periods, calendar.width)) is None:
        return None
    last, first = found
    n_before = sum(period.rows for number, period in calendar.periods.items() if number <= last)
    return Gap(calendar.first_day(last + 1) - timedelta(days=1), calendar.first_day(first), n_before)


def silence(calendar: Calendar, least_rate: float, *, of_handled: bool) -> Silence | None:
    """Return the last days without an outcome, of handled rows or of all; None where the last day has one."""
    late, before = Period(), Period()
    day = None
    for number in sorted(calendar.periods, reverse=True):
        period = calendar.periods[number]
        if period.n or before.n:
            before.add(period)
        else:
            late.add(period)
            day = calendar.first_day(number)
    if day is None or not before.n:
        return None
    rows, rows_before = (late.handled, before.handled) if of_handled else (late.rows, before.rows)
    return Silence(day, rows, rows * min(before.n / max(rows_before, before.n), least_rate))
