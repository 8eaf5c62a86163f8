"""A format, compiled: from a record to the raw parts of its traces."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tracer_spec.builtin.formats.expressions import ExpressionError, Getter, compile_expression
from tracer_spec.builtin.formats.format import ADDRESS, Format
from tracer_spec.builtin.formats.times import epoch_seconds

WHOLE_RECORD = "$record"


class Raw(NamedTuple):
    """The parts of one trace as the record holds them, before any cleaning; None where a part is absent.

    Parameters
    ----------
    text, label, id, truth, group, model, vector : object
        Whatever JSON holds there.
    time : float or None
        Seconds since 1970 UTC; NaN where there is a time that is not understood.
    reason, detail : str
        Why there is no trace here (``excluded by where``, ...), and more about it; empty for a trace.
    """

    text: Any
    label: Any
    id: Any
    time: float | None
    truth: Any
    group: Any
    model: Any
    vector: Any
    reason: str = ""
    detail: str = ""


def _no_trace(reason: str, detail: str = "") -> Raw:
    return Raw(None, None, None, None, None, None, None, None, reason, detail)


_EXCLUDED = _no_trace("excluded by where")
_NO_ITEMS = _no_trace("no trace in the record")


def _absent(_record: Any) -> None:
    """Read a part that the format does not have."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A compiled :class:`~tracer_spec.builtin.formats.format.Format`.

    Parameters
    ----------
    text, label, id, time, truth, group, model, vector : callable
        Each gives its part of a record.
    where, iterate : callable or None
        None where every record is wanted, and is one trace.
    """

    text: Getter
    label: Getter
    id: Getter
    time: Getter
    truth: Getter
    group: Getter
    model: Getter
    vector: Getter
    where: Getter | None
    iterate: Getter | None

    def read(self, record: Mapping[str, Any]) -> Sequence[Raw]:
        """Return the raw traces of one record: one, or with ``iterate`` as many as it lists; never none."""
        if self.iterate is None:
            return (self._read_one(record),)
        try:
            items = self.iterate(record)
        except ExpressionError as error:
            return (_no_trace("expression failed", str(error)),)
        if not isinstance(items, list) or not items:
            return (_NO_ITEMS,)
        return [
            self._read_one({**item, WHOLE_RECORD: record}) if isinstance(item, dict) else _NO_ITEMS for item in items
        ]

    def _read_one(self, record: Mapping[str, Any]) -> Raw:
        try:
            if self.where is not None and _is_false(self.where(record)):
                return _EXCLUDED
            return Raw(
                self.text(record),
                self.label(record),
                self.id(record),
                _seconds(self.time(record)),
                self.truth(record),
                self.group(record),
                self.model(record),
                self.vector(record),
            )
        except ExpressionError as error:
            return _no_trace("expression failed", str(error))


def compile_format(format: Format) -> Reader:  # noqa: A002 - the word of the spec
    """Compile every expression of a format.

    Raises
    ------
    SpecError
        Where one of them is not JMESPath.

    Examples
    --------
    >>> read = compile_format(Format("custom", text="q.text", label="answer", where="ok")).read
    >>> [(raw.text, raw.label) for raw in read({"q": {"text": "where is it?"}, "answer": "lost", "ok": True})]
    [('where is it?', 'lost')]
    """

    def part(name: str) -> Getter | None:
        expression = getattr(format, name)
        return None if expression is None else compile_expression(expression, address=f"{ADDRESS}.{name}")

    return Reader(
        text=part("text") or _absent,
        label=part("label") or _absent,
        id=part("id") or _absent,
        time=part("time") or _absent,
        truth=part("truth") or _absent,
        group=part("group") or _absent,
        model=part("model") or _absent,
        vector=part("embedding") or _absent,
        where=part("where"),
        iterate=part("iterate"),
    )


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    seconds = epoch_seconds(value)
    return math.nan if seconds is None else seconds


def _is_false(value: Any) -> bool:
    """Tell JMESPath's falsehood, in which 0 is true."""
    return value is None or value is False or value == "" or value == [] or value == {}
