"""Requests: what a format reads of a record before anybody answered it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tracer_spec.builtin.formats.format import Format
from tracer_spec.builtin.formats.reader import compile_format

# a half of a trace that asks, where the expressions read both halves
_ALONE = "merge(@, {inputs: [@], outputs: `[]`})"


def request_reader(format: Format) -> Callable[[Mapping[str, Any]], Sequence[Mapping[str, Any]]]:  # noqa: A002 - the spec's word
    """Return what turns a record of a format into requests: mappings with ``id``, ``input`` and ``embedding``.

    A record in which the format finds nothing to decide on is returned as it is. What a format says of answers, and of which
    records are traces, is not asked.

    Examples
    --------
    >>> read = request_reader(Format("custom", text="body.question", label="answer", id="key"))
    >>> read({"key": 7, "body": {"question": "where is it?"}}), read({"input": "where is it?"})
    ([{'id': 7, 'input': 'where is it?', 'embedding': None}], [{'input': 'where is it?'}])
    """
    view = format.view if format.join is None else f"{format.view or '@'} | {_ALONE}"
    asked = Format(
        format.name,
        label="`null`",
        text=format.text,
        id=format.id,
        embedding=format.embedding,
        iterate=format.iterate,
        view=view,
    )
    reader = compile_format(asked)

    def read(record: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = [
            {"id": record.get("id") if raw.id is None else raw.id, "input": raw.text, "embedding": raw.vector}
            for raw in reader.read(record)
            if raw.text is not None or raw.vector is not None
        ]
        return found or [record]

    return read
