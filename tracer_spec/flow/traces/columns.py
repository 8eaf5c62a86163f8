"""Columns of a trace set while records are read."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np

from tracer_spec.flow.traces.counts import Accounting
from tracer_spec.flow.traces.event_ids import own_id
from tracer_spec.flow.traces.optional_labels import NOT_ANSWERED
from tracer_spec.flow.traces.raw_trace import RawTrace
from tracer_spec.flow.traces.sampling import ALWAYS, DOUBTFUL, Coin, Sampling, rate_of
from tracer_spec.flow.traces.trace_set import Teacher, TraceSet, content_of
from tracer_spec.text_steps.blank import is_blank
from tracer_spec.text_steps.labels import is_unicode

# answers that are kept as they were given, for 'plan' to look at where labels do not parse
_N_ANSWERS = 1000


def key_of(value: Any) -> str | None:
    """Return an id or group key as a string, None where it is blank or nothing that can tell rows apart."""
    if isinstance(value, str):
        return None if is_blank(value) else value
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return str(value) if math.isfinite(value) else None
    return str(value) if isinstance(value, (int, Decimal, UUID)) else None


@dataclass(slots=True)
class Columns:
    """The columns of a trace set while records are read; ``start`` is how many were read before, of earlier sources."""

    vectors: list[Any] | None
    start: int = 0
    texts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    truths: list[str | None] = field(default_factory=list)
    groups: list[str | None] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    flaws: dict[int, str] = field(default_factory=dict)
    answers: dict[int, Any] = field(default_factory=dict)
    coins: list[Coin] = field(default_factory=list)
    teachers: list[Teacher] = field(default_factory=list)
    routed_from: float = math.inf
    _at: dict[str, int] = field(default_factory=dict)
    _known: dict[Teacher, Teacher] = field(default_factory=dict)
    _doubtful: set[int] = field(default_factory=set)

    def content(self, text: Any, vector: Any) -> bytes:
        """Return what a row is about, as its trace set will say."""
        return content_of(_text(text), None if self.vectors is None else _compact(vector))

    def add(
        self, row: int, raw: RawTrace, text: Any, event: str | None, label: str, flaw: str, truth: str | None
    ) -> None:
        """Append a row, the trace at position ``row`` of its source."""
        row += self.start
        self.texts.append(_text(text))
        self.labels.append(label)
        self.ids.append(event)
        self.times.append(math.nan if raw.time is None else raw.time)
        self.truths.append(truth)
        self.groups.append(key_of(raw.group))
        if self.vectors is not None:
            self.vectors.append(_compact(raw.vector))
        self.rows.append(row)
        is_doubtful = hash(key_of(raw.id)) in self._doubtful
        self.coins.append(DOUBTFUL if is_doubtful else _coin(raw))
        # a teacher is kept once, however many rows it has
        teacher = (raw.model if isinstance(raw.model, str) else "", key_of(raw.version) or "")
        self.teachers.append(self._known.setdefault(teacher, teacher))
        if event is not None:
            self._at[event] = len(self.rows) - 1
        if flaw:
            self.flaws[row] = flaw
        if not self.start and len(self.answers) < _N_ANSWERS:
            self.answers[row] = raw.label

    def meet(self, raw: RawTrace) -> None:
        """Take note of when a router kept requests from the teacher, whatever becomes of the record."""
        if raw.rate is not None and rate_of(raw.rate) < 1:
            is_known = raw.time is not None and not math.isnan(raw.time)
            # the beginning of all times, where it is not known when
            self.routed_from = min(self.routed_from, raw.time if is_known and raw.time is not None else 0.0)

    def doubt(self, event: str | None, content: bytes, raw: RawTrace) -> None:
        """Take the right to certify from the rows of an event of which this record, itself no row, does not have it."""
        if event is None or _coin(raw).may_certify:
            return
        self._doubtful.add(hash(event))
        for key in (event, own_id(event, content)):
            at = self._at.get(key)
            if at is not None and self.coins[at].may_certify:
                self.coins[at] = DOUBTFUL

    def answer(self, event: str | None, label: str, flaw: str) -> None:
        """Give the row of an event its label, where another record of it, itself no row, has the first one."""
        at = self._at.get(event or "")
        if at is not None and self.labels[at] == NOT_ANSWERED != label:
            self.labels[at] = label
            if flaw:
                self.flaws[self.rows[at]] = flaw

    def close(self, accounting: Accounting) -> TraceSet:
        """Return the trace set."""
        return TraceSet(
            texts=tuple(self.texts),
            labels=tuple(self.labels),
            ids=tuple(self.ids),
            times=np.asarray(self.times, dtype=np.float64),
            truths=tuple(self.truths),
            groups=tuple(self.groups),
            vectors=None if self.vectors is None else tuple(self.vectors),
            rows=np.asarray(self.rows, dtype=np.int64),
            accounting=accounting,
            sampling=Sampling.of(self.coins, self.routed_from),
            teachers=tuple(self.teachers) if self._known.keys() - {("", "")} else (),
            flaws=self.flaws,
            answers=self.answers,
        )


def _coin(raw: RawTrace) -> Coin:
    """Return how a request came before the teacher."""
    if raw.certify is None and raw.rate is None and raw.wanted and not raw.deferred:
        return ALWAYS
    return Coin.read(raw.certify, raw.rate, raw.deferred, raw.wanted)


def _text(text: Any) -> str:
    """Return a text that can be used; empty for anything else."""
    return text if isinstance(text, str) and is_unicode(text) else ""


def _compact(vector: Any) -> Any:
    """Return a list of numbers as float32, an eighth of the memory; anything else as it is."""
    if not isinstance(vector, list):
        return vector
    try:
        numbers = np.asarray(vector)
    except (ValueError, OverflowError):  # of uneven lengths, or integers beyond any type
        return vector
    if numbers.ndim != 1 or numbers.dtype.kind not in "fiu":
        return vector
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32)
