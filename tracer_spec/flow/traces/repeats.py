"""Rows that say the same again: requests made again, or copies of one call. Only what the rows hold can tell them apart.

A certificate speaks of rows drawn like future traffic, each once. A copied row whose twin trained the model is no such
row.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tracer_spec.errors import DataError
from tracer_spec.flow.traces.trace_set import TraceSet
from tracer_spec.plugin import Mask

EITHER, TRAFFIC, COPIES = READINGS = ("either", "traffic", "copies")
COPY = "copy of another row"
# two records of one call are written within moments of each other
_MOMENTS_S = 60.0
# of all rows that have an id: in no log of requests that people make does every other text stand exactly twice
_MOST = 0.5


def without_copies(traces: TraceSet) -> TraceSet:
    """Return the traces without those that say what an earlier one says, as ``traces.repeats: copies`` asks."""
    seen: set[bytes] = set()
    first = []
    for row, said in enumerate(_said(traces)):
        if said not in seen:
            seen.add(said)
            first.append(row)
    if len(first) == len(traces):
        return traces
    copies = np.setdiff1d(traces.rows, traces.rows[first], assume_unique=True)
    return replace(traces.take(first), accounting=traces.accounting.without(copies.tolist(), COPY))


def count_unclear(traces: TraceSet) -> int:
    """Return how many rows without an id say what an earlier row without an id says."""
    if None not in traces.ids:
        return 0
    unclear = [said for said, event in zip(_said(traces), traces.ids, strict=True) if event is None]
    return len(unclear) - len(set(unclear))


def with_note(traces: TraceSet) -> TraceSet:
    """Return the traces with a note of how many are unclear, what is assumed of them, and what would settle it."""
    n = count_unclear(traces)
    if not n:
        return traces
    note = (
        f"{n:,} of {len(traces):,} rows have no id and say what an earlier one says: copies of one call, or requests made "
        "again. A policy must pass under both readings. Ids settle it ('traces.format.id'), or 'traces.repeats: traffic' or "
        "'copies'"
    )
    return replace(traces, accounting=replace(traces.accounting, notes=(*traces.accounting.notes, note)))


def distinct(certify: TraceSet, fit: TraceSet) -> Mask | None:
    """Return the certify rows that are rows of their own even if all that is unclear is a copy; None where nothing is unclear.

    Returns
    -------
    ndarray of shape (n_certify,), bool, or None
        Rows that have an id, and of those that have none the first of each content, time and label that no fit row has.

    Notes
    -----
    If rows without an id that say the same are copies of one call, the calls whose every copy certifies are an unbiased
    sample of all calls that were copied as often, since each copy falls on its side by a coin of its own.
    """
    if None not in certify.ids:
        return None
    unclear = {said for said, event in zip(_said(fit), fit.ids, strict=True) if event is None}
    own = np.ones(len(certify), bool)
    for row, (said, event) in enumerate(zip(_said(certify), certify.ids, strict=True)):
        if event is None:
            own[row] = said not in unclear
            unclear.add(said)
    return None if own.all() else own


def refuse_doubled(traces: TraceSet) -> None:
    """Raise where nearly every call seems to stand several times under ids of its own.

    Raises
    ------
    DataError
        Where most rows have a text that stands exactly k >= 2 times, with one label, close in time or in one group.
    """
    rows: defaultdict[bytes, list[int]] = defaultdict(list)
    for row, (event, content) in enumerate(zip(traces.ids, traces.contents(), strict=True)):
        if event is not None:
            rows[hashlib.blake2b(content, digest_size=16).digest()].append(row)
    n_rows = sum(map(len, rows.values()))
    sizes = Counter(len(same) for same in rows.values() if len(same) > 1 and _is_one_call(traces, same))
    size, n_texts = max(sizes.items(), key=lambda each: each[0] * each[1], default=(0, 0))
    if size * n_texts <= _MOST * n_rows:
        return
    raise DataError(
        f"{n_texts:,} texts stand exactly {size} times each, with one label, under ids of their own: "
        f"{size * n_texts:,} of {n_rows:,} rows look like one call that was logged {size} times, and a call that "
        "trained the model must not certify it",
        hint="'traces.repeats: copies' counts each once; 'split: {strategy: grouped, key: TRACE_ID}' keeps the records of "
        "one call together; or leave out the outer record with 'traces.format.where'. If people did ask each of these again: "
        "'traces.repeats: traffic'",
        address="traces.repeats",
    )


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
    """Yield a digest of what each row says: its content, its label, its time."""
    for content, label, time in zip(traces.contents(), traces.labels, traces.times.tolist(), strict=True):
        digest = hashlib.blake2b(content, digest_size=16)
        digest.update(f"\0{label}\0{'' if math.isnan(time) else time.hex()}".encode("utf-8", "surrogatepass"))
        yield digest.digest()
