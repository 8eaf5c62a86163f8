"""The compiled format: reads the raw parts of traces from records."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracer_spec.builtin.formats.decisions import (
    DECISION,
    LOGGED_UNDER,
    carries_decision,
    is_answered_by_router,
)
from tracer_spec.builtin.formats.described import what_is_there
from tracer_spec.builtin.formats.format import ADDRESS, Format
from tracer_spec.builtin.formats.join import Joiner, Placed, compile_join
from tracer_spec.builtin.formats.raw import HEADER_AGAIN, WHOLE_RECORD, Raw, no_trace
from tracer_spec.builtin.formats.times import epoch_seconds
from tracer_spec.builtin.formats.wrappers import without_wrappers
from tracer_spec.chat.api import ROUTERS_MODEL
from tracer_spec.expressions.closures import Getter, is_false
from tracer_spec.expressions.language import ExpressionError, compile_expression
from tracer_spec.expressions.of_chance import compile_of_chance
from tracer_spec.plugin.contracts import Record
from tracer_spec.text_steps.blank import is_blank
from tracer_spec.text_steps.labels import is_unicode

_EXCLUDED = no_trace("excluded by where")
_NO_ITEMS = no_trace("no trace in the record")
_DECISION = no_trace(DECISION)
_NOTHING_ASKED = no_trace("request without text")

# in the order of Raw
_PARTS = ("text", "label", "id", "time", "truth", "group", "model", "version", "embedding")


def _absent(_record: Any) -> None:
    """Read a part that the format does not have."""


@dataclass(frozen=True, slots=True)
class Coin:
    """What a record says of how the request came before the teacher; None for what its format does not say."""

    unlabelled: Callable[[Any], str]
    certify: Getter | None
    rate: Getter | None
    deferred: Getter | None
    where: Getter | None

    def of(self, record: Any) -> dict[str, Any]:
        """Return the parts of :class:`Raw` that speak of it."""
        said: dict[str, Any] = {"unlabelled": self.unlabelled(record)}
        if self.certify is not None:
            said["certify"] = not is_false(self.certify(record))
        if self.rate is not None:
            said["rate"] = self.rate(record)
        if self.deferred is not None:
            said["deferred"] = not is_false(self.deferred(record))
        if self.where is not None:
            said["wanted"] = not is_false(self.where(record))
        return said


@dataclass(frozen=True, slots=True)
class Reader:
    """A compiled :class:`~tracer_spec.builtin.formats.format.Format`.

    Parameters
    ----------
    parts : tuple of callable
        Each gives its part of a record, in the order of :class:`Raw`.
    where, iterate, view : callable or None
        None where every record is wanted, is one trace, and is read as it is.
    join : Joiner or None
        None where every record stands for itself.
    skip : callable
        Gives the reason why a record is not a trace, empty where it may be one.
    coin : Coin or None
        How the request came before the teacher; None where the format says nothing of it.
    parent, trace : callable
        The id of the record that holds this one, and of what they both are part of. None where no record holds another.
    instructions : callable or None
        Gives the system's prompt; None where the format does not say.
    reads_decisions : bool
        Whether a record may carry a router's decision.
    """

    parts: tuple[Getter, ...]
    where: Getter | None
    iterate: Getter | None
    view: Getter | None
    join: Joiner | None
    skip: Callable[[Any], str]
    coin: Coin | None = None
    parent: Getter | None = None
    trace: Getter = _absent
    instructions: Getter | None = None
    reads_decisions: bool = False

    def traces(self, records: Iterable[Record]) -> Iterator[tuple[str, Raw]]:
        """Yield the raw traces of records, each with its address: one for a record or more, never none.

        Where the format joins, two records or more make one trace, and those come last. So do traces of a format whose records
        hold each other: of those that do, the innermost is the trace.
        """
        read = self._read_all(records)
        return read if self.parent is None else without_wrappers(read)

    def _read_all(self, records: Iterable[Record]) -> Iterator[tuple[str, Raw]]:
        if self.join is not None:
            for where, item in self.join.pair(self._placed(records)):
                yield where, item if isinstance(item, Raw) else self._read_one(item)
            return
        for record in records:
            if record.problem:
                yield record.where, _unread(record)
            else:
                for raw in self.read(record.data):
                    yield record.where, raw

    def read(self, record: Mapping[str, Any]) -> Sequence[Raw]:
        """Return the raw traces of one record, joined to no other."""
        if self.iterate is None and self.view is None:
            return (self._read_one(record),)
        return [item if isinstance(item, Raw) else self._read_one(item) for item in self._items(record)]

    def _placed(self, records: Iterable[Record]) -> Iterator[Placed]:
        """Yield the items of all records with their addresses."""
        for record in records:
            if record.problem:
                yield record.where, _unread(record)
            else:
                for item in self._items(record.data):
                    yield record.where, item

    def _items(self, record: Mapping[str, Any]) -> Sequence[Mapping[str, Any] | Raw]:
        """Return what the other expressions read: the record, or the items it lists, or views of those."""
        if self._is_decision(record):  # an item, a view or a half of a trace may leave the decision behind
            return (_DECISION,)
        if self.iterate is None:
            return (self._viewed(record),)
        try:
            items = self.iterate(record)
        except ExpressionError as error:
            return (no_trace("expression failed", str(error)),)
        if not isinstance(items, list) or not items:
            return (_NO_ITEMS,)
        return [
            self._viewed({**item, WHOLE_RECORD: record}) if isinstance(item, Mapping) else _NO_ITEMS for item in items
        ]

    def _is_decision(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a record carries a decision elsewhere than where the format knows whose label is whose."""
        return carries_decision(record, but=LOGGED_UNDER if self.reads_decisions else "")

    def _viewed(self, item: Mapping[str, Any]) -> Mapping[str, Any] | Raw:
        if self.view is None:
            return item
        try:
            view = self.view(item)
        except ExpressionError as error:
            return no_trace("expression failed", str(error))
        return view if isinstance(view, Mapping) else _NO_ITEMS

    def _read_one(self, record: Mapping[str, Any]) -> Raw:
        raw = self._parts_of(record)
        is_own = isinstance(raw.model, str) and raw.model.startswith(ROUTERS_MODEL)
        if is_own or (not raw.reason and is_answered_by_router(record)):
            return _DECISION
        # a deployment logs whatever is asked of it, so that this is no fault of its log
        if self.reads_decisions and isinstance(raw.text, str) and not raw.reason and raw.vector is None:
            return _NOTHING_ASKED if is_blank(raw.text) or not is_unicode(raw.text) else raw
        return raw

    def _parts_of(self, record: Mapping[str, Any]) -> Raw:
        try:
            if self.where is not None and is_false(self.where(record)):
                return _EXCLUDED
            if self._is_decision(record):
                return _DECISION
            reason = self.skip(record)
            if reason:
                return no_trace(reason)
            raw = Raw(*[get(record) for get in self.parts])
            if self.instructions is not None:
                raw = raw._replace(instructions=self.instructions(record))
            if self.coin is not None:
                raw = raw._replace(**self.coin.of(record))
            if not raw.unlabelled and (
                raw.label is None or not isinstance(raw.text, str)
            ):  # said of the first of these alone
                raw = raw._replace(
                    detail=what_is_there(record, raw.text, with_keys=self.view is None and self.join is None)
                )
            return raw if self.parent is None else raw._replace(parent=self.parent(record), trace=self.trace(record))
        except ExpressionError as error:
            return no_trace("expression failed", str(error))


def compiler_of(part: str, format: Format | None) -> Callable[..., Getter]:  # noqa: A002 - the word of the spec
    """Return what compiles a part of a format, None where that is not known: what chooses a log's rows reads no decision."""
    chooses = part in ("where", "certify_where") and format is not None and format.reads_decisions
    return compile_of_chance if chooses else compile_expression


def compile_format(format: Format, certify_where: str | None = None) -> Reader:  # noqa: A002 - the word of the spec
    """Compile every expression of a format, and the condition of ``split.certify_where``.

    Raises
    ------
    SpecError
        Where one of them is not JMESPath, or keeps rows by what a router decided.

    Examples
    --------
    >>> read = compile_format(Format("custom", text="q.text", label="answer", where="ok")).read
    >>> [(raw.text, raw.label) for raw in read({"q": {"text": "where is it?"}, "answer": "lost", "ok": True})]
    [('where is it?', 'lost')]
    """

    def part(name: str) -> Getter | None:
        expression = getattr(format, name)
        return None if expression is None else compiler_of(name, format)(expression, address=f"{ADDRESS}.{name}")

    def rules(name: str) -> Callable[[Any], str]:
        written: Mapping[str, str] = getattr(format, name)
        compiled = [
            (reason, compiler_of(name, format)(expression, address=f"{ADDRESS}.{name}.{reason}"))
            for reason, expression in written.items()
        ]

        def first_true(record: Any) -> str:
            for reason, applies in compiled:
                if not is_false(applies(record)):
                    return reason
            return ""

        return first_true

    parts = {name: part(name) or _absent for name in _PARTS}
    written_time = parts["time"]
    parts["time"] = lambda record: _seconds(written_time(record))
    return Reader(
        parts=(*parts.values(), rules("unanswered")),
        where=part("where"),
        iterate=part("iterate"),
        view=part("view"),
        join=None if format.join is None else compile_join(format.join),
        skip=rules("skip"),
        coin=_coin(format, part, rules, certify_where),
        reads_decisions=format.reads_decisions,
        parent=part("parent"),
        trace=part("trace") or _absent,
        instructions=part("instructions"),
    )


def _coin(
    written: Format,
    part: Callable[[str], Getter | None],
    rules: Callable[[str], Callable[[Any], str]],
    certify_where: str | None,
) -> Coin | None:
    """Compile what a format says of how requests came before the teacher; None where that is nothing."""
    if not (written.unlabelled or written.certify or written.rate or written.deferred or certify_where):
        return None
    compiled = compiler_of("certify_where", written)
    where = None if certify_where is None else compiled(certify_where, address="split.certify_where")
    return Coin(rules("unlabelled"), part("certify"), part("rate"), part("deferred"), where)


def _unread(record: Record) -> Raw:
    return no_trace(HEADER_AGAIN if record.problem == HEADER_AGAIN else "unreadable record", record.problem)


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    seconds = epoch_seconds(value)
    return math.nan if seconds is None else seconds
