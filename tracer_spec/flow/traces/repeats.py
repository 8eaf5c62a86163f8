"""Rows that say the same again: requests made again, or copies of one call. Only what the rows hold can tell them apart.

A certificate speaks of rows drawn like future traffic, each once. A copied row whose twin trained the model is no such
row.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tracer_spec.errors import DataError
from tracer_spec.flow.traces.clock_shifts import clock_shifts
from tracer_spec.flow.traces.near_copies import content_digest, folded
from tracer_spec.flow.traces.trace_set import TraceSet
from tracer_spec.flow.traces.written_anew import FEWEST_TEXTS, Way, is_written_anew, ways_to_tell, written_anew
from tracer_spec.plugin import Mask

EITHER, TRAFFIC, COPIES = "either", "traffic", "copies"
COPY = "copy of another row"
# two records of one call are written within moments of each other
_MOMENTS_S = 60.0
# of all rows that have an id: in no log of requests that people make does every other text stand exactly twice
_MOST = 0.5


@dataclass(slots=True)
class _Rows:
    """What rows said, and when."""

    _times: defaultdict[bytes, list[float]] = field(default_factory=lambda: defaultdict(list))
    _timeless: set[bytes] = field(default_factory=set)
    _shifts: tuple[float, ...] = (0.0,)

    def have(self, said: bytes, time: float) -> bool:
        """Return whether one of them said the same within moments, as far as the times are known."""
        if said in self._timeless or math.isnan(time):
            return said in self._timeless or said in self._times
        return self.have_timed(said, time)

    def have_timed(self, said: bytes, time: float) -> bool:
        """Return whether one of them said the same within moments, both times being known."""
        times = self._times.get(said)
        return times is not None and any(_has_within(times, time + shift, _MOMENTS_S) for shift in self._shifts)

    def add(self, said: bytes, time: float) -> None:
        if math.isnan(time):
            self._timeless.add(said)
        else:
            insort(self._times[said], time)


def _has_within(times: list[float], time: float, most: float) -> bool:
    """Return whether one of ascending times is near this one."""
    first = bisect_left(times, time - most)
    return first < len(times) and times[first] <= time + most


@dataclass(slots=True)
class _Earlier:
    """Earlier rows: those that say the same under ids of their own, not within moments, are two events; others are unclear.

    Within moments is meant of clocks that differ by one of ``shifts``, too.
    """

    _with_id: _Rows
    _without_id: _Rows

    @classmethod
    def of(cls, *shifts: float) -> _Earlier:
        both = (0.0, *shifts, *(-shift for shift in shifts))
        return cls(_Rows(_shifts=both), _Rows(_shifts=both))

    def count(self, traces: TraceSet) -> list[bool]:
        """Add rows, and return of each whether it is unclear if it repeats an earlier one."""
        unclear = []
        for said, time, event in zip(_said(traces), traces.times.tolist(), traces.ids, strict=True):
            # ids of their own tell two events apart, unless two loggers wrote one call, each under an id that it made
            have = self._with_id.have if event is None else self._with_id.have_timed
            unclear.append(self._without_id.have(said, time) or have(said, time))
            (self._without_id if event is None else self._with_id).add(said, time)
        return unclear


def without_copies(traces: TraceSet) -> TraceSet:
    """Return the traces without those that say what an earlier one says, as ``traces.repeats: copies`` asks.

    A copy is written within moments of its original, or in the same group: the rule by which :func:`with_note` knows it.
    """
    earlier, grouped, first = _Rows(), set[tuple[bytes, str]](), []
    for row, (said, time, group) in enumerate(zip(_said(traces), traces.times.tolist(), traces.groups, strict=True)):
        if not earlier.have(said, time) and (group is None or (said, group) not in grouped):
            first.append(row)
        earlier.add(said, time)
        if group is not None:
            grouped.add((said, group))
    if len(first) == len(traces):
        return traces
    copies = np.setdiff1d(traces.rows, traces.rows[first], assume_unique=True)
    return replace(traces.take(first), accounting=traces.accounting.without(copies.tolist(), COPY))


def count_unclear(traces: TraceSet, *shifts: float) -> int:
    """Return how many rows say what an earlier row says: within moments of it, or where one of the two has no id."""
    return sum(_Earlier.of(*shifts).count(traces))


def is_read_twice(fit: TraceSet, repeats: str) -> bool:
    """Return whether a test of rows like these fit rows is made under both readings of those that say the same."""
    return repeats == EITHER and count_unclear(fit) > 0


def rows_a_call(traces: TraceSet) -> list[int]:
    """Return how many rows each call has, were all that is unclear, or written anew, copies of one call."""
    anew = written_anew([traces], ways_to_tell(traces))
    if anew is not None:
        return list(Counter(zip(anew.requests, traces.labels, strict=True)).values())
    sizes = defaultdict[bytes, list[int]](list)
    for said, is_copy in zip(_said(traces), _Earlier.of(*_shifts(traces)).count(traces), strict=True):
        if is_copy:
            sizes[said][-1] += 1
        else:
            sizes[said].append(1)
    return [size for each in sizes.values() for size in each]


def _shifts(*parts: TraceSet) -> tuple[float, ...]:
    """Return by how much clocks of the loggers of these rows differ."""
    said = [each for part in parts for each in _said(part)]
    return clock_shifts(said, np.concatenate([part.times for part in parts]), _MOMENTS_S)


def with_note(traces: TraceSet, *, grouped: bool = False) -> TraceSet:
    """Return the traces with a note of how many are unclear, what is assumed of them, and what would settle it.

    Parameters
    ----------
    traces : TraceSet
    grouped : bool
        Whether a split keeps on one side what is one request, so that none is refused.

    Raises
    ------
    DataError
        Where most rows have a text that stands exactly k >= 2 times, with one label, close in time or in one group; and
        where most have one that is written anew so often, whenever that was: out of fold such rows are told apart by nothing,
        so that no estimate and no second test sees what they have taught.
    """
    told = ways_to_tell(traces)
    if not grouped:
        _refuse_doubled(traces, told)
    shifts = _shifts(traces)
    n, anew = count_unclear(traces, *shifts), written_anew([traces], told)
    notes = list(traces.accounting.notes)
    if n:
        settled = "Ids settle it ('traces.format.id'), or" if None in traces.ids else "It is settled by"
        apart = "".join(f", or {shift / 3600:g} h from it, as by another clock," for shift in shifts)
        notes.append(
            f"{n:,} of {len(traces):,} rows say what another one says, within a minute of it{apart} or without an id to tell "
            "the two apart: copies of one call, or requests made again. A policy must pass under both readings. "
            f"{settled} 'traces.repeats: traffic' or 'copies'"
        )
    if anew is not None:
        notes.append(
            f"{anew.rows.sum():,} of {len(traces):,} rows say what another one says, but for {anew.but_for}: requests of one "
            "template, or one request asked or logged again, of which what trained the router must not certify it. A policy "
            "must pass under both readings. 'traces.extract' takes requests out of their prompts, "
            "'split: {strategy: grouped, key: REQUEST}' keeps each on one side, and 'traces.repeats: traffic' says that all "
            "are requests of their own"
        )
    return replace(traces, accounting=replace(traces.accounting, notes=tuple(notes)))


def distinct(certify: TraceSet, fit: TraceSet) -> Mask | None:
    """Return the certify rows that are rows of their own even if all that is unclear is a copy; None where nothing is unclear.

    Returns
    -------
    ndarray of shape (n_certify,), bool, or None
        Of the rows that may be copies of one call, the first, where no fit row is among them.

    Notes
    -----
    If rows that say the same within moments are copies of one call, the calls whose every copy certifies are an unbiased
    sample of all calls that were copied as often, since each copy falls on its side by a coin of its own.
    """
    earlier = _Earlier.of(*_shifts(fit, certify))
    earlier.count(fit)
    own = ~np.array(earlier.count(certify), bool)
    anew = written_anew([fit, certify], ways_to_tell(fit, certify))
    if anew is not None:
        own &= ~anew.rows[len(fit) :]
    return None if own.all() else own


def _refuse_doubled(traces: TraceSet, told: Sequence[Way]) -> None:
    """Raise where nearly every call seems to stand several times under ids of its own, or written anew."""
    n_with_id = sum(event is not None for event in traces.ids)
    with_id = (
        None if event is None else content_digest(folded(content))
        for event, content in zip(traces.ids, traces.contents(), strict=True)
    )
    size, n_texts = _most_alike(traces, with_id, _is_one_call)
    if size * n_texts > _MOST * n_with_id:
        raise DataError(
            f"{n_texts:,} texts stand exactly {size} times each, with one label, under ids of their own: "
            f"{size * n_texts:,} of {n_with_id:,} rows look like one call that was logged {size} times, and a call that "
            "trained the model must not certify it",
            hint="'traces.repeats: copies' counts each once; 'split: {strategy: grouped, key: TRACE_ID}' keeps the records of "
            "one call together; or leave out the outer record with 'traces.format.where'. If people did ask each of these "
            "again: 'traces.repeats: traffic'",
            address="traces.repeats",
        )
    for way in told:
        size, n_texts = _most_alike(traces, way.requests, is_written_anew)
        if n_texts < FEWEST_TEXTS or size * n_texts <= _MOST * len(traces):
            continue
        raise DataError(
            f"{n_texts:,} texts stand exactly {size} times each, with one label, but for {way.but_for}: "
            f"{size * n_texts:,} of {len(traces):,} rows look like one request, asked or logged {size} times, "
            "and a request that trained the model must not certify it",
            hint="'traces.extract' or 'traces.format.text' takes what is classified out of its prompt, without date, id and "
            "name; 'traces.format.where' reads one of two records of a call; 'split: {strategy: grouped, key: REQUEST}' keeps "
            "what was asked again, or the turns of a conversation, on one side. If these are requests of their own that say "
            "the same: 'traces.repeats: traffic'",
            address="traces.repeats",
        )


def _most_alike(
    traces: TraceSet, forms: Iterable[bytes | None], are_one: Callable[[TraceSet, list[int]], bool]
) -> tuple[int, int]:
    """Return how often most rows stand, of those whose form stands several times, and how many forms do; None counts not."""
    same = defaultdict[bytes, list[int]](list)
    for row, form in enumerate(forms):
        if form is not None:
            same[form].append(row)
    sizes = Counter(len(alike) for alike in same.values() if len(alike) > 1 and are_one(traces, alike))
    return max(sizes.items(), key=lambda each: each[0] * each[1], default=(0, 0))


def repeated_share(traces: TraceSet) -> float:
    """Return the share of rows whose content stands again among them, not within moments alone: as people ask again."""
    times: defaultdict[bytes, list[float]] = defaultdict(list)
    for content, time in zip(traces.contents(), traces.times.tolist(), strict=True):
        times[folded(content)].append(time)
    again = (len(same) for same in times.values() if max(same) - min(same) > _MOMENTS_S)
    return sum(again) / max(len(traces), 1)


def _is_one_call(traces: TraceSet, rows: list[int]) -> bool:
    """Return whether rows of one text have one label, and are close in time or of one group, as far as is known."""
    if len({traces.labels[row] for row in rows}) > 1:
        return False
    groups = {traces.groups[row] for row in rows}
    if groups != {None}:
        return len(groups) == 1
    times = traces.times[rows]
    return bool(np.isnan(times).any() or times.max() - times.min() <= _MOMENTS_S)


def _said(traces: TraceSet) -> Iterator[bytes]:
    """Yield a digest of what each row says: its content, the same for near-copies, and its label."""
    for content, label in zip(traces.contents(), traces.labels, strict=True):
        yield content_digest(folded(content) + f"\0{label}".encode("utf-8", "surrogatepass"))
