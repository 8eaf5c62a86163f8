"""Rows that are far from the others of their log in time, as by a clock that was wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracer_spec.stats.gaps import odd_gap
from tracer_spec.text_format import plural

if TYPE_CHECKING:
    from tracer_spec.flow.traces.trace_set import TraceSet

_EPOCH = date(1970, 1, 1)
_DAY_S = 86_400
_FIRST, _LAST = (date.min - _EPOCH).days, (date.max - _EPOCH).days


def gap_text(after: date, before: date, n_before: int, n: int, what: str) -> str:
    """Say between which days no row is, and how many rows of all are before that; ``what`` is a row's name.

    Examples
    --------
    >>> gap_text(date(2025, 3, 10), date(2026, 3, 1), 20, 80, "row")
    'no row from 2025-03-10 to 2026-03-01, 355 days, which is longer than all that has rows; 20 rows of 80 before that'
    """
    return (
        f"no {what} from {after.isoformat()} to {before.isoformat()}, {plural((before - after).days - 1, 'day')}, which is "
        f"longer than all that has {what}s; {plural(n_before, what)} of {n:,} before that"
    )


def with_gap_notes(traces: TraceSet) -> TraceSet:
    """Return the traces with a note of each source whose rows are far from one another in time.

    Sources differ in time by right, such as an old export and the log of a router.
    """
    notes = [
        f"{told}: a clock was wrong, the app was off, or part of the log is missing; where it is a clock, these rows are no "
        "older or newer than the others, and 'split: {strategy: fresh}' takes them for it"
        for times in _times_of_sources(traces)
        if (told := _gap(times))
    ]
    accounting = replace(traces.accounting, notes=(*traces.accounting.notes, *notes)) if notes else traces.accounting
    return replace(traces, accounting=accounting)


def _times_of_sources(traces: TraceSet) -> Iterator[NDArray[np.float64]]:
    ends = np.cumsum([each.read for each in traces.accounting.sources])
    source = np.searchsorted(ends, traces.rows, side="right")
    yield from (traces.times[source == number] for number in range(max(len(ends), 1)))


def _gap(times: NDArray[np.float64]) -> str:
    """Return the gap among times, in words; empty where there is none, or rows of it have no day of the calendar."""
    days = np.floor(times[np.isfinite(times)] / _DAY_S)
    days = days[(days >= _FIRST) & (days <= _LAST)].astype(np.int64)
    if (found := odd_gap(np.unique(days).tolist())) is None:
        return ""
    after, before = (_EPOCH + timedelta(days=each) for each in found)
    return gap_text(after, before, int((days <= found[0]).sum()), len(times), "trace")
