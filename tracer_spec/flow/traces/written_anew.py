"""Requests that are written anew: what stands again in other numbers, with another word, or in a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from tracer_spec.flow.traces.changing_parts import without_changing_parts
from tracer_spec.flow.traces.near_copies import TEXT, content_digest, folded
from tracer_spec.flow.traces.one_word_apart import one_word_apart
from tracer_spec.flow.traces.prompts import without_prompts
from tracer_spec.flow.traces.trace_set import TraceSet
from tracer_spec.plugin import Mask

# fewer texts that stand equally often may be templates of a programme's own
FEWEST_TEXTS = 50
# as a share of all rows: in Banking77, CLINC150 and the sample of quickstart it is less than a fifth, by either way
_MANY = 0.2


@dataclass(frozen=True, slots=True)
class Way:
    """A way to tell a request that is written anew: by row the request, equal where it is one, and what differs then."""

    requests: Sequence[bytes]
    but_for: str


@dataclass(frozen=True, slots=True, eq=False)
class WrittenAnew:
    """Which rows make the request of an earlier row, shape (n,), what differs between the two, and each row's request."""

    rows: Mask
    but_for: str
    requests: Sequence[bytes]


def ways_to_tell(*parts: TraceSet) -> tuple[Way, Way]:
    """Return the requests of all rows, told by what is left without numbers and prompts, and by all but one word of that.

    Rows of one label that make one request by the first way do so by the second.
    """
    forms = [without_changing_parts(content) for part in parts for content in part.contents()]
    requests = without_prompts(forms)
    labels = list(chain.from_iterable(part.labels for part in parts))
    return (
        Way([content_digest(each) for each in requests], "numbers, dates, ids, markup or a prompt in them"),
        Way([content_digest(each) for each in one_word_apart(requests, labels)], "one word in them"),
    )


def written_anew(parts: Sequence[TraceSet], told: Sequence[Way]) -> WrittenAnew | None:
    """Return which rows are written anew, by the ways that tell many of many requests; None where none does."""
    found = [(rows, way) for way in told if (rows := _again(parts, way.requests)) is not None]
    if not found:
        return None
    but_for = ", or ".join(way.but_for for _, way in found)
    return WrittenAnew(np.any([rows for rows, _ in found], axis=0), but_for, found[-1][1].requests)


def is_written_anew(traces: TraceSet, rows: Sequence[int]) -> bool:
    """Return whether rows have one label, and texts that are no near-copies of each other."""
    if len({traces.labels[row] for row in rows}) > 1:
        return False
    return len({folded(TEXT + traces.texts[row].encode()) for row in rows}) > 1


def _again(parts: Sequence[TraceSet], requests: Sequence[bytes]) -> Mask | None:
    """Return which rows make the request of an earlier row; None where few are written anew, or of few requests."""
    spelt, again, n_spelt_anew = dict[tuple[bytes, str], set[bytes]](), [], 0
    contents = chain.from_iterable(part.contents() for part in parts)
    labels = chain.from_iterable(part.labels for part in parts)
    for content, label, request in zip(contents, labels, requests, strict=True):
        known, form = spelt.setdefault((request, label), set()), content_digest(folded(content))
        again.append(bool(known))
        n_spelt_anew += bool(known) and form not in known
        known.add(form)
    is_many = n_spelt_anew > _MANY * len(again) and sum(len(each) > 1 for each in spelt.values()) >= FEWEST_TEXTS
    return np.array(again, bool) if is_many else None
