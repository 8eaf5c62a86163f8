"""Counts of a log of decisions: all that a monitor remembers of it, of a size that does not grow with the log."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tracer_spec.production.monitoring.events import Events
from tracer_spec.production.monitoring.teacher_answers import TeacherAnswers
from tracer_spec.stats.anytime import Floats, detectors, evidence
from tracer_spec.stats.draws import is_by_chance

MOST_PERIODS = 120
_MOST_NAMES = 20
_FEWEST_OF_A_FORM = 5
OTHERS, UNNAMED = "others", "unnamed"
_EPOCH = date(1970, 1, 1)
_FIRST = (date.min - _EPOCH).days
NAME_CHARACTERS = 40
_LARGEST = sys.float_info.max


@dataclass(frozen=True, slots=True)
class Moment:
    """When a bar was reached first: after how many outcomes, and the time of the request, empty where it had none."""

    n: int
    time: str


@dataclass(slots=True)
class Period:
    """Days in a row: decisions, those handled, outcomes that the claim is about, and those of them that hold."""

    rows: int = 0
    handled: int = 0
    n: int = 0
    k: int = 0

    def add(self, other: Period) -> None:
        """Add the counts of another period."""
        self.rows, self.handled = self.rows + other.rows, self.handled + other.handled
        self.n, self.k = self.n + other.n, self.k + other.k


@dataclass(slots=True)
class LabelTally:
    """Of one label: audited rows to which the teacher gave it, and handled rows to which the router gave it."""

    teacher: int = 0
    router: int = 0


@dataclass(slots=True)
class TeacherTally:
    """Audited rows that one teacher answered, and the times of the earliest and the latest; empty where none had one."""

    n: int = 0
    first: str = ""
    last: str = ""

    def add(self, time: str) -> None:
        """Count a row."""
        self.n += 1
        if time:
            self.first = min(self.first, time) if self.first else time
            self.last = max(self.last, time)


class Calendar:
    """Periods of as many days as keep their number bounded.

    Parameters
    ----------
    width : int
        Days of a period. It doubles where there would be more than :data:`MOST_PERIODS`.
    periods : dict of int to Period
        By the number of the period since 1970.
    """

    def __init__(self, width: int = 1, periods: dict[int, Period] | None = None) -> None:
        self.width, self.periods = width, periods if periods is not None else {}

    def at(self, day: date) -> Period:
        """Return the period of a day."""
        number = (day - _EPOCH).days // self.width
        if number not in self.periods and len(self.periods) == MOST_PERIODS:
            self._widen()
            return self.at(day)
        return self.periods.setdefault(number, Period())

    def stretches(self, most: int) -> list[tuple[int, Period]]:
        """Return periods merged into at most so many stretches of equal length, each with the number of its first period."""
        if not self.periods:
            return []
        first, last = min(self.periods), max(self.periods)
        length = -(-(last - first + 1) // most)
        merged: dict[int, Period] = {}
        for number, period in sorted(self.periods.items()):
            merged.setdefault(first + (number - first) // length * length, Period()).add(period)
        return list(merged.items())

    def first_day(self, number: int) -> date:
        """Return the day on which a period begins."""
        return _EPOCH + timedelta(days=max(number * self.width, _FIRST))

    def _widen(self) -> None:
        before, self.periods, self.width = self.periods, {}, self.width * 2
        for number, period in before.items():
            self.periods.setdefault(number // 2, Period()).add(period)


@dataclass(slots=True)
class Draws:
    """What the coin was to choose of all rows, by the rate that each line tells.

    Parameters
    ----------
    expected, variance : float
        Of the number of rows that it chooses.
    least, greatest : float
        The rates that were met.
    least_above_zero : float
        The least of those at which a row can be chosen.
    """

    expected: float = 0.0
    variance: float = 0.0
    least: float = 1.0
    greatest: float = 0.0
    least_above_zero: float = 1.0

    def add(self, rate: float) -> None:
        """Add a row of this rate."""
        self.expected += rate
        self.variance += rate * (1 - rate)
        self.least, self.greatest = min(self.least, rate), max(self.greatest, rate)
        self.least_above_zero = min(self.least_above_zero, rate or 1.0)

    def explain(self, n_chosen: int) -> bool:
        """Return whether chance explains that so many were chosen."""
        return is_by_chance(n_chosen, self.expected, self.variance)


@dataclass(slots=True)
class Tally:
    """What has been read of a log.

    Parameters
    ----------
    rows, handled : int
        Decisions of the bundle's version, and those of them that are handled.
    audited, unanswered : int
        Rows that the coin chose, and those of them that the teacher did not answer.
    compared, agree : int
        Handled rows among those that it did, and those of them whose labels are one.
    unknown : int
        Audited rows whose teacher's label the bundle does not know, or that have none.
    failed : int
        Rows that nobody answered, audited or not.
    draws : Draws
        What the coin was to choose of these rows.
    log_peak : float
        The largest value so far of the logarithm of the e-process.
    evidence, detectors : ndarray of shape (20,), float64
        See :func:`~tracer_spec.stats.anytime.gather` and :func:`~tracer_spec.stats.anytime.detect`.
    refuted, warned : Moment or None
        When each bar was reached first.
    is_warning : bool
        Whether the warning has not ended since.
    first, last : str
        The times of the earliest and the latest row, ISO 8601 in UTC; empty before any.
    reasons, versions, passed_over : dict of str to int
        Deferred rows by reason; rows of other bundles by version; lines that are not counted, by why not.
    scores : list of int
        Rows per bin of :class:`~tracer_spec.production.monitoring.scores.ScoreBins`.
    labels : dict of str to LabelTally
    answer_forms : dict of str to int
        Of the rows in ``unknown`` those whose answer holds a label of the bundle, by its form, see
        :mod:`~tracer_spec.production.monitoring.answer_form`.
    teachers : dict of str to TeacherTally
        By the model that the log names.
    answers : TeacherAnswers
    events : Events
        The requests that were counted lately.
    missing_files : int
        Files of the log that were gone before they were read.
    calendar : Calendar
    """

    rows: int = 0
    handled: int = 0
    audited: int = 0
    unanswered: int = 0
    compared: int = 0
    agree: int = 0
    unknown: int = 0
    failed: int = 0
    draws: Draws = field(default_factory=Draws)
    log_peak: float = 0.0
    evidence: Floats = field(default_factory=evidence)
    detectors: Floats = field(default_factory=detectors)
    refuted: Moment | None = None
    warned: Moment | None = None
    is_warning: bool = False
    first: str = ""
    last: str = ""
    reasons: dict[str, int] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    passed_over: dict[str, int] = field(default_factory=dict)
    scores: list[int] = field(default_factory=list)
    labels: dict[str, LabelTally] = field(default_factory=dict)
    answer_forms: dict[str, int] = field(default_factory=dict)
    teachers: dict[str, TeacherTally] = field(default_factory=dict)
    answers: TeacherAnswers = field(default_factory=TeacherAnswers)
    events: Events = field(default_factory=Events)
    missing_files: int = 0
    calendar: Calendar = field(default_factory=Calendar)

    @property
    def changed_forms(self) -> dict[str, int]:
        """Return the forms of answers that hold a label unread, the most frequent first; a rare one may quote a request."""
        forms = sorted(self.answer_forms.items(), key=lambda each: (-each[1], each[0]))
        return {form: n for form, n in forms if n >= _FEWEST_OF_A_FORM and form != OTHERS}

    def see(self, time: datetime) -> str:
        """Note the time of a row, and return it as it is kept."""
        said = time.isoformat(timespec="milliseconds")
        self.first = min(self.first, said) if self.first else said
        self.last = max(self.last, said)
        return said


def count(counts: dict[str, int], name: str) -> None:
    """Count a name, cut where it is long; a new one counts as another where there are many already."""
    key = _kept(counts, name)
    counts[key] = counts.get(key, 0) + 1


def count_teacher(teachers: dict[str, TeacherTally], model: Any, time: str) -> None:
    """Count a row that a model answered, by its name as :func:`count`."""
    name = model if model and is_text(model) else UNNAMED
    teachers.setdefault(_kept(teachers, name), TeacherTally()).add(time)


def _kept(known: Mapping[str, Any], name: str) -> str:
    key = name[:NAME_CHARACTERS]
    return key if key in known or len(known) < _MOST_NAMES else OTHERS


def time_of(record: Any) -> datetime | None:
    """Return the time of a line, in UTC; None where it is no ISO 8601."""
    try:
        time = datetime.fromisoformat(record)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def is_text(value: Any) -> bool:
    """Return whether a value is a text that UTF-8 can write: JSON's escapes can also be halves of characters."""
    try:
        return isinstance(value, str) and (value.isascii() or bool(value.encode()))
    except UnicodeEncodeError:
        return False


def is_finite(value: Any) -> bool:
    """Return whether a value is a number that a float can hold; a whole number in JSON can be larger."""
    return type(value) in (int, float) and abs(value) <= _LARGEST


def is_decision(story: Any) -> bool:
    """Return whether the parts of a router's decision that are counted are there, and of their kinds."""
    return (
        isinstance(story, Mapping)
        and is_text(story.get("version"))
        and type(story.get("handled")) is bool
        and type(story.get("audit")) is bool
        and is_finite(story.get("score"))
        and is_finite(story.get("audit_rate"))
        and 0 <= story["audit_rate"] <= 1
        and all(story.get(key) is None or is_text(story[key]) for key in ("label", "reason", "served"))
    )
