"""Collection of traces: records read, cleaned and counted."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, TypeAlias

from tracer_spec.flow.traces import accounting as why
from tracer_spec.flow.traces.accounting import Tally, check_choice
from tracer_spec.flow.traces.answer_steps import steps_that_read
from tracer_spec.flow.traces.bound import Bound
from tracer_spec.flow.traces.columns import Columns, key_of
from tracer_spec.flow.traces.near_copies import TEXT, folded
from tracer_spec.flow.traces.raw_trace import RawTrace
from tracer_spec.flow.traces.teachers import UNNAMED
from tracer_spec.flow.traces.trace_set import TraceSet
from tracer_spec.plugin.contracts import Record
from tracer_spec.text_steps.blank import is_blank
from tracer_spec.text_steps.labels import NO_LABEL, UNUSABLE, LabelCleaner, is_unicode

# items of a list in the first record, to tell whether they may be traces
_LOOKED_AT = 10
# records that tell of an event, and are no row of their own
_OF_AN_EVENT = (why.DUPLICATE, why.OF_EARLIER_SOURCE)

TellApart: TypeAlias = Callable[[str, bytes, float | None], str | None]
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
    bound: Bound | None = None,
    settled: str = "",
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
    bound : Bound, optional
        Which events are read; all of them for None.
    settled : str
        How the spec settles that there are several teachers; empty where it does not.
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
    columns = Columns([] if need_vector else None)
    tally = gather(
        records,
        read,
        cleaner,
        columns,
        unanswered=unanswered,
        teachers=teachers,
        cut=cut,
        bound=bound,
        need_text=need_text,
    )
    tally.settled = settled
    remedy = partial(_remedy, columns.answers, cleaner)
    return columns.close(tally.close(on_error, unknown, cleaner.allowed, remedy))


def gather(
    records: Iterable[Record],
    read: ReadTraces,
    cleaner: LabelCleaner,
    columns: Columns,
    *,
    unanswered: str,
    teachers: Collection[str] | None,
    cut: Callable[[str], str | None] | None,
    bound: Bound | None,
    need_text: bool,
    tell_apart: TellApart | None = None,
) -> Tally:
    """Read and clean the traces of one source into columns, as :func:`collect` does, and return the counts.

    ``tell_apart`` gives, for an id, a content and a time, the id among those of all sources, None for an event of an
    earlier one.
    """
    check_choice(unanswered, ("disagree", "drop"), "traces.labels.unanswered")
    allowed, need_vector = None if cleaner.allowed is None else frozenset(cleaner.allowed), columns.vectors is not None
    tally, events = Tally(), dict[str | None, int]()
    for where, raw in read(_told(records, tally)):
        columns.meet(raw)
        event, (reason, text) = key_of(raw.id), ruled_out(raw, teachers, cut)
        is_taken = bound is None or bound.takes(event)
        if not is_taken and not reason and not raw.unlabelled:
            # what could be no trace anyway keeps its own reason; an answer is not cleaned for that
            unfit = _unfit(raw, text, NO_LABEL if _is_nothing(raw.label) else "", need_text, need_vector)
            tally.drop(unfit or why.BEYOND, where, raw.detail if unfit else "")
            tally.n_audited_beyond += raw.certify is True and not unfit
            continue
        label, flaw = (UNUSABLE, raw.unanswered) if raw.unanswered else cleaner.clean(raw.label)
        if raw.unlabelled:
            label, flaw = cleaner.clean(None)
        if not reason and raw.unanswered and unanswered == "drop":
            reason = raw.unanswered
            tally.n_unanswered += 1
        reason = reason or (raw.unlabelled if flaw == NO_LABEL else "")
        reason = reason or _unfit(raw, text, flaw, need_text, need_vector)
        if not reason and event in events:
            reason = why.DUPLICATE
            tally.n_other_text += events[event] != _said(text)
            columns.answer(event, label, flaw)
        if not reason and event is not None:
            events[event] = _said(text)
            if tell_apart is not None:
                event = tell_apart(event, columns.content(text, raw.vector), raw.time)
                reason = "" if event else why.OF_EARLIER_SOURCE
        if reason:
            if is_taken and (reason in _OF_AN_EVENT or reason == raw.unlabelled):
                columns.doubt(key_of(raw.id), columns.content(text, raw.vector), raw)
            tally.drop(reason, where, raw.detail)
            continue
        truth = cleaner.clean_truth(raw.truth)
        columns.add(tally.read, raw, text, event, label, flaw, truth)
        _count(tally, raw, event, label, flaw, truth, allowed)
        if cut is not None and isinstance(text, str) and cut(text) not in (None, text):
            tally.odd["a text that 'traces.extract' would cut again where it is routed without its prompt"] += 1
    columns.start += tally.read
    return tally


def _said(text: Any) -> int:
    """Return a hash of a text, the same for near-copies; of what is none, any."""
    return hash(folded(TEXT + text.encode())) if isinstance(text, str) and is_unicode(text) else 0


def ruled_out(
    raw: RawTrace, teachers: Collection[str] | None, cut: Callable[[str], str | None] | None
) -> tuple[str, Any]:
    """Return why a rule says that a record is no trace, empty where none does, and the text, cut out of its prompt."""
    if raw.reason or (teachers is not None and raw.model not in teachers):
        return raw.reason or why.OTHER_TEACHER, raw.text
    if cut is None or not isinstance(raw.text, str):
        return "", raw.text
    text = cut(raw.text)
    return "" if text is not None else why.NO_MATCH, text


def _told(records: Iterable[Record], tally: Tally) -> Iterator[Record]:
    """Return the records, once the tally knows the lists of the first: the traces may be in one of them."""
    rest = iter(records)
    first = list(itertools.islice(rest, 1))
    for data in (each.data for each in first):
        lists = {key: len(value) for key, value in data.items() if isinstance(value, list) and _is_of_objects(value)}
        tally.has_digests = "input_sha256" in data and "input" not in data
        tally.longest_list = max(lists.items(), key=lambda each: each[1], default=tally.longest_list)
    return itertools.chain(first, rest)


def _is_of_objects(value: list[Any]) -> bool:
    return all(isinstance(each, Mapping) for each in value[:_LOOKED_AT])


def _remedy(answers: Mapping[int, Any], cleaner: LabelCleaner) -> str:
    """Return which steps would read answers of which none is a label; empty where none is known."""
    steps = steps_that_read(list(answers.values()), cleaner.normalize, cleaner.allowed)
    return f"these steps would read them: 'traces.labels.normalize: {json.dumps(steps)}'" if steps else ""


def _is_nothing(answer: Any) -> bool:
    return answer is None or (isinstance(answer, float) and math.isnan(answer))


def _unfit(raw: RawTrace, text: Any, flaw: str, need_text: bool, need_vector: bool) -> str:
    """Return why raw parts make no trace, empty where they do."""
    if need_text:
        if text is None:
            return why.NO_TEXT
        if not isinstance(text, str):
            return why.NOT_A_STRING
        if is_blank(text):
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
    if raw.certify is True and raw.rate is not None and not raw.wanted:
        tally.audited_apart.add(raw.model if isinstance(raw.model, str) and raw.model else UNNAMED, raw.time)
    if raw.wanted:  # what 'split.certify_where' keeps from certifying may be of other tasks
        tally.prompts.add(raw.instructions)
    version = key_of(raw.version)
    if version is not None:
        tally.versions.add(version, raw.time)
    if raw.time is not None and math.isnan(raw.time):
        tally.odd["a time that is neither ISO 8601 nor a number since 1970, and is not read"] += 1
    if event is None and raw.id is not None:
        tally.odd["an id that is blank or no string or number"] += 1
    if truth is None and raw.truth is not None:
        tally.odd["a ground truth that is no label"] += 1
