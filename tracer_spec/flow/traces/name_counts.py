"""Counts of names in traces (models, prompt versions), with the first and last time of each."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

N_LISTED = 20
SHOWN_LENGTH = 60


@dataclass(slots=True)
class Seen:
    """Names, counted while traces are read.

    Parameters
    ----------
    counts : Counter of str
    times : dict of str to (float, float)
        The first and the last time of each name, in seconds since 1970 UTC; of names that have a time.
    """

    counts: Counter[str] = field(default_factory=Counter)
    times: dict[str, tuple[float, float]] = field(default_factory=dict)

    def add(self, name: str, time: float | None) -> None:
        """Count a name, met at a time: None or NaN where it is not known."""
        self.counts[name] += 1
        if time is not None and time == time:
            first, last = self.times.get(name, (math.inf, -math.inf))
            if time < first or time > last:
                self.times[name] = (min(first, time), max(last, time))

    def update(self, other: Seen) -> None:
        """Add the names of another count."""
        self.counts.update(other.counts)
        for name, (first, last) in other.times.items():
            known = self.times.get(name, (first, last))
            self.times[name] = (min(first, known[0]), max(last, known[1]))

    def __len__(self) -> int:
        return len(self.counts)

    def listing(self) -> str:
        """Say the most frequent names, how often each was met, and when.

        Examples
        --------
        >>> seen = Seen()
        >>> for name, time in [("m-1", 1767225600), ("m-1", 1767312000), ("m-2", 1767312000), ("m-2", None)]:
        ...     seen.add(name, time)
        >>> seen.listing()
        'm-1 (2, 2026-01-01 to 2026-01-02), m-2 (2, 2026-01-02)'
        """
        return ", ".join(
            f"{as_shown(name)} ({self.counts[name]:,}{self._when(name)})"
            for name in sorted(self.counts, key=lambda name: (-self.counts[name], name))[:N_LISTED]
        )

    def _when(self, name: str) -> str:
        days = [_day(time) for time in self.times.get(name, ())]
        if not days or not all(days):
            return ""
        return f", {days[0]}" if days[0] == days[1] else f", {days[0]} to {days[1]}"


def most_frequent(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the most frequent names as shown: on one line, and not long."""
    shown: Counter[str] = Counter()
    for name, count in counts.items():
        shown[as_shown(name)] += count
    return dict(sorted(shown.items(), key=lambda item: (-item[1], item[0]))[:N_LISTED])


def as_shown(name: str) -> str:
    """Return a name on one line, cut where it is long: what a teacher makes up can quote its input."""
    line = " ".join(name.split())
    return line if len(line) <= SHOWN_LENGTH else f"{line[: SHOWN_LENGTH - 1]}…"


def _day(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):  # a year beyond any calendar
        return ""


def several_teachers(models: Seen, versions: Seen, settled: str = "") -> list[str]:
    """Say which teachers a log has, where it is not one; ``settled`` is how the spec settles it, empty where it does not."""
    one = "a certificate speaks of one teacher, unchanged"
    notes = []
    if len(models) > 1:
        remedy = settled or f"{one}: keep one model with 'traces.teacher'"
        notes.append(f"{len(models)} teacher models: {models.listing()}; {remedy}")
    if len(versions) > 1:
        remedy = settled or f"{one}: keep one version with 'traces.format.where'"
        notes.append(f"{len(versions)} versions of the teacher's prompt: {versions.listing()}; {remedy}")
    return notes
