"""How the policy fares by label, by the length of a request, by its time, and by region of the embedding space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from tracer_spec.flow.audit.regions import Regions
from tracer_spec.flow.audit.rows import AuditedRows
from tracer_spec.flow.documents.audit import LabelTally, SlicePart, Slicing
from tracer_spec.plugin import Classes

_LENGTHS = 5
_PERIODS = 6
_LABELS_TOLD = 3
_TEXTS_TOLD = 3
_DAY, _HOUR = 86_400, 3_600

Part = tuple[str, npt.NDArray[np.bool_]]


def by_label(rows: AuditedRows) -> tuple[LabelTally, ...]:
    """Return the counts of each of the teacher's labels."""
    return tuple(rows.tally(LabelTally, rows.y == number, label=label) for number, label in enumerate(rows.labels))


def by_length(rows: AuditedRows) -> Slicing | None:
    """Return the counts by length in characters, in parts of about equal size; None where there are no texts."""
    lengths = np.array([len(text) for text in rows.traces.texts], np.int64)
    return _slice(rows, "length", [*_length_parts(lengths), ("no text", lengths == 0)])


def by_time(rows: AuditedRows) -> Slicing | None:
    """Return the counts by UTC date, or by hour where there is but one date; None where there are no times."""
    return _slice(rows, "time", [*_time_parts(rows.traces.times), ("no time", np.isnan(rows.traces.times))])


def by_region(rows: AuditedRows, regions: Regions) -> Slicing | None:
    """Return the counts of each region, its commonest labels, and where text may be told its most typical texts."""
    if regions.n < 2:
        return None
    parts = []
    for region in range(regions.n):
        among = regions.of_row == region
        texts = None
        if rows.tells_text:
            typical = [rows.excerpt(row) for row in regions.most_typical(region) if rows.traces.texts[row]]
            texts = tuple(dict.fromkeys(typical))[:_TEXTS_TOLD]
        labels = rows.commonest(among, _LABELS_TOLD)
        parts.append(rows.tally(SlicePart, among, name=f"region {region + 1}", labels=labels, texts=texts))
    return Slicing(by="region", parts=tuple(parts))


def _slice(rows: AuditedRows, by: Literal["length", "time"], parts: Sequence[Part]) -> Slicing | None:
    """Count each part that has rows; a slice of one part says nothing that the whole does not."""
    filled = [(name, mask) for name, mask in parts if mask.any()]
    if len(filled) < 2:
        return None
    return Slicing(by=by, parts=tuple(rows.tally(SlicePart, mask, name=name) for name, mask in filled))


def _length_parts(lengths: Classes) -> list[Part]:
    texts = lengths[lengths > 0]
    parts = []
    for low, high in _even_parts(texts, _LENGTHS):
        unit = "character" if low == high == 1 else "characters"
        name = f"{low}-{high} {unit}" if low < high else f"{low} {unit}"
        parts.append((name, (lengths >= low) & (lengths <= high)))
    return parts


def _time_parts(times: npt.NDArray[np.float64]) -> list[Part]:
    known = times[~np.isnan(times)]
    dates = np.floor(known / _DAY).astype(np.int64)
    size = _DAY if len(np.unique(dates)) > 1 else _HOUR
    period = np.full(len(times), np.iinfo(np.int64).min)
    period[~np.isnan(times)] = np.floor(known / size).astype(np.int64)
    parts = []
    for low, high in _even_parts(period[~np.isnan(times)], _PERIODS):
        first, last = (_date(bound * size, hours=size == _HOUR) for bound in (low, high))
        parts.append((first if low == high else f"{first} to {last}", (period >= low) & (period <= high)))
    return parts


def _date(seconds: int, *, hours: bool) -> str:
    """Return a UTC date as ISO 8601 has it, with its hour where that is asked for."""
    date, _, clock = str(np.datetime64(seconds, "s")).partition("T")
    return f"{date} {clock[:5]}" if hours else date


def _even_parts(values: Classes, most: int) -> list[tuple[int, int]]:
    """Cut whole numbers into at most so many ranges of about equal counts; each bound is a value that occurs."""
    if not len(values):
        return []
    ordered = np.sort(values)
    ends = np.unique(
        ordered[[len(ordered) * part // most - 1 for part in range(1, most + 1) if len(ordered) * part >= most]]
    )
    starts = [ordered[0], *(ordered[np.searchsorted(ordered, end, side="right")] for end in ends[:-1])]
    return [(int(low), int(high)) for low, high in zip(starts, ends, strict=True)]
