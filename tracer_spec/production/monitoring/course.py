"""Course of a claim: how it fared, stretch by stretch of a log of decisions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from tracer_spec.production.monitoring.tally import Calendar, Period
from tracer_spec.stats.rate import Rate

# outcomes that tell of the last days
_ENOUGH = 600


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
