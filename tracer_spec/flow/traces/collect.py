"""Collection of traces: records read, cleaned and counted."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any, Protocol, TypeAlias
from uuid import UUID

import numpy as np

from tracer_spec.flow.traces import accounting as why
from tracer_spec.flow.traces.accounting import Accounting, Tally, check_choice
from tracer_spec.flow.traces.answer_steps import steps_that_read
from tracer_spec.flow.traces.labels import NO_LABEL, UNUSABLE, LabelCleaner, is_unicode
from tracer_spec.flow.traces.trace_set import TraceSet
from tracer_spec.plugin.contracts import Record


class RawTrace(Protocol):
    """The parts of one trace as a record holds them; None where a part is absent."""

    @property
    def text(self) -> Any:
        """Return what the teacher was asked."""
        ...

    @property
    def label(self) -> Any:
        """Return what the teacher answered."""
        ...

    @property
    def id(self) -> Any:
        """Return the event's id."""
        ...

    @property
    def time(self) -> float | None:
        """Return seconds since 1970 UTC; NaN for a time that is not understood."""
        ...

    @property
    def truth(self) -> Any:
        """Return a human's label."""
        ...

    @property
    def group(self) -> Any:
        """Return the key of the grouped split."""
        ...

    @property
    def model(self) -> Any:
        """Return the teacher's model."""
        ...

    @property
    def version(self) -> Any:
        """Return the version of the teacher's prompt."""
        ...

    @property
    def vector(self) -> Any:
        """Return the vector."""
        ...

    @property
    def unanswered(self) -> str:
        """Return why the answer is no label, whatever it is; empty where it may be one."""
        ...

    @property
    def reason(self) -> str:
        """Return why there is no trace, empty for a trace: see ``REASONS`` of the accounting."""
        ...

    @property
    def detail(self) -> str:
        """Return more about the reason."""
        ...


# answers that are kept as they were given, for 'plan' to look at where labels do not parse
_N_ANSWERS = 1000

ReadTraces: TypeAlias = Callable[[Iterable[Record]], Iterable[tuple[str, RawTrace]]]


def collect(
    records: Iterable[Record],
    read: ReadTraces,
    cleaner: LabelCleaner,
    *,
    on_error: str = "fail",
    unknown: str = "disagree",
    unanswered: str = "disagree",
    teachers: Collection[str] | None = None,
    cut: Callable[[str], str | None] | None = None,
    need_text: bool = True,
    need_vector: bool = False,
) -> TraceSet:
    """Read, clean and count traces.

    Parameters
    ----------
    records : iterable of Record
        From a source.
    read : callable
        From records to raw traces, each with its address: the ``traces`` of a compiled format.
    cleaner : LabelCleaner
        For the teacher's labels, and for humans'.
    on_error : {'fail', 'drop'}
        What a bad record does: fail, or be counted and dropped.
    unknown : {'disagree', 'fail'}
        What a label off the list, or an answer that is no label, does: stay as a disagreement, or fail.
    unanswered : {'disagree', 'drop'}
        What an answer cut short, or refused, does: stay as a disagreement, or be dropped and counted.
    teachers : collection of str, optional
        The models whose answers are kept; None for any.
    cut : callable, optional
        Takes a text out of the prompt that it stands in; None for one that does not match, which is dropped and counted.
    need_text, need_vector : bool
        Whether a record without a text, or without a vector, is bad. Vectors are kept only where they are
        needed.

    Returns
    -------
    TraceSet
        Of records that share an id, the first that can be used.

    Raises
    ------
    DataError
        Where ``on_error`` or ``unknown`` says so, or no usable trace is left.
    """
    check_choice(on_error, ("fail", "drop"), "traces.on_error")
    check_choice(unknown, ("disagree", "fail"), "traces.labels.unknown")
    check_choice(unanswered, ("disagree", "drop"), "traces.labels.unanswered")
    allowed = None if cleaner.allowed is None else frozenset(cleaner.allowed)
    tally, columns = Tally(), _Columns([] if need_vector else None)
    events: set[str | None] = set()
    for where, raw in read(records):
        label, flaw = (UNUSABLE, raw.unanswered) if raw.unanswered else cleaner.clean(raw.label)
        event, text, reason = _key(raw.id), raw.text, raw.reason
        if not reason and teachers is not None and raw.model not in teachers:
            reason = why.OTHER_TEACHER
        if not reason and cut is not None and isinstance(text, str):
            text = cut(text)
            reason = why.NO_MATCH if text is None else ""
        is_cut_again = not reason and cut is not None and isinstance(text, str) and cut(text) not in (None, text)
        if not reason and raw.unanswered and unanswered == "drop":
            reason = raw.unanswered
            tally.n_unanswered += 1
        reason = reason or _unfit(raw, text, flaw, need_text, need_vector)
        if not reason and event in events:
            reason = why.DUPLICATE
        if reason:
            tally.drop(reason, where, raw.detail)
            continue
        if event is not None:
            events.add(event)
        truth = cleaner.clean_truth(raw.truth)
        columns.add(tally.read, raw, text, event, label, flaw, truth)
        _count(tally, raw, event, label, flaw, truth, allowed)
        if is_cut_again:
            tally.odd["a text that 'traces.extract' would cut again where it is routed without its prompt"] += 1
    remedy = partial(_remedy, columns.answers, cleaner)
    return columns.close(tally.close(on_error, unknown, cleaner.allowed, remedy))


def _remedy(answers: Mapping[int, Any], cleaner: LabelCleaner) -> str:
    """Return which steps would read answers of which none is a label; empty where none is known."""
    steps = steps_that_read(list(answers.values()), cleaner.normalize, cleaner.allowed)
    return f"these steps would read them: 'traces.labels.normalize: {json.dumps(steps)}'" if steps else ""


def _unfit(raw: RawTrace, text: Any, flaw: str, need_text: bool, need_vector: bool) -> str:
    """Return why raw parts make no trace, empty where they do."""
    if need_text:
        if text is None:
            return why.NO_TEXT
        if not isinstance(text, str):
            return why.NOT_A_STRING
        if not text or text.isspace():
            return why.EMPTY_TEXT
        if not is_unicode(text):
            return why.NOT_UNICODE
    if flaw == NO_LABEL:
        return NO_LABEL
    return why.NO_VECTOR if need_vector and raw.vector is None else ""


def _count(
    tally: Tally,
    raw: RawTrace,
    event: str | None,
    label: str,
    flaw: str,
    truth: str | None,
    allowed: frozenset[str] | None,
) -> None:
    """Count a trace that is kept, and what is odd about it."""
    tally.read += 1
    tally.kept += 1
    if flaw:
        tally.unusable[flaw] += 1
    else:
        tally.labels[label] += 1
    if not flaw and allowed is not None and label not in allowed:
        tally.unknown[label] += 1
    if isinstance(raw.model, str) and raw.model:
        tally.models.add(raw.model, raw.time)
    version = _key(raw.version)
    if version is not None:
        tally.versions.add(version, raw.time)
    if raw.time is not None and math.isnan(raw.time):
        tally.odd["a time that is not understood"] += 1
    if event is None and raw.id is not None:
        tally.odd["an id that is blank or no string or number"] += 1
    if truth is None and raw.truth is not None:
        tally.odd["a ground truth that is no label"] += 1


def _key(value: Any) -> str | None:
    """Return an id or group key as a string, None where it is blank or nothing that can tell rows apart."""
    if isinstance(value, str):
        return value if value and not value.isspace() else None
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return str(value) if math.isfinite(value) else None
    return str(value) if isinstance(value, (int, Decimal, UUID)) else None


@dataclass(slots=True)
class _Columns:
    """The columns of a trace set while records are read."""

    vectors: list[Any] | None
    texts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    truths: list[str | None] = field(default_factory=list)
    groups: list[str | None] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    flaws: dict[int, str] = field(default_factory=dict)
    answers: dict[int, Any] = field(default_factory=dict)

    def add(
        self, row: int, raw: RawTrace, text: Any, event: str | None, label: str, flaw: str, truth: str | None
    ) -> None:
        """Append a row."""
        self.texts.append(text if isinstance(text, str) and is_unicode(text) else "")
        self.labels.append(label)
        self.ids.append(event)
        self.times.append(math.nan if raw.time is None else raw.time)
        self.truths.append(truth)
        self.groups.append(_key(raw.group))
        if self.vectors is not None:
            self.vectors.append(_compact(raw.vector))
        self.rows.append(row)
        if flaw:
            self.flaws[row] = flaw
        if len(self.answers) < _N_ANSWERS:
            self.answers[row] = raw.label

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
            flaws=self.flaws,
            answers=self.answers,
        )


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
