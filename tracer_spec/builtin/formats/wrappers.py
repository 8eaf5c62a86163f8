"""Spans that stand twice: a call of an LLM that wraps another is the same call, logged by two libraries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from tracer_spec.builtin.formats.disk import storable, waiting_room
from tracer_spec.builtin.formats.format import ADDRESS
from tracer_spec.builtin.formats.raw import Raw, no_trace
from tracer_spec.text_steps import ToolCall

WRAPPER = "wraps another LLM call"
_WRAPPER = no_trace(WRAPPER)
_TABLE = "span (place INTEGER PRIMARY KEY, own BLOB, parent BLOB, name TEXT, body TEXT)"
_FULL = "the calls cannot be kept until all spans are read, to see which wrap others"
_PUT = "INSERT INTO span (own, parent, name, body) VALUES (?, ?, ?, ?)"
_ALL = (
    "SELECT name, body, own IN (SELECT parent FROM span WHERE parent IS NOT NULL AND parent IS NOT own) "
    "FROM span ORDER BY place"
)

Placed: TypeAlias = tuple[str, Raw]


def without_wrappers(placed: Iterable[Placed]) -> Iterator[Placed]:
    """Yield traces, with the reason in place of each that is the parent of another.

    What is no trace, and what has neither id nor parent, comes at once; the others in their order once all are read.

    Notes
    -----
    A parent may be written before its child or after it, in another file too. So every call waits, on disk, until all are read:
    some 15 microseconds and its own size on disk each. Only a child that has a text and a label makes its parent a wrapper:
    otherwise the call would be lost with both.

    Raises
    ------
    DataError
        Where there is no room for the calls.
    """
    with waiting_room(_TABLE, _FULL, f"{ADDRESS}.parent") as database:
        for where, raw in placed:
            body = None if raw.reason or (raw.id is None and raw.parent is None) else _packed(raw)
            if body is None:
                yield where, raw
            else:
                is_whole = raw.text is not None and raw.label is not None
                parent = _key(raw.trace, raw.parent) if is_whole else None
                database.execute(_PUT, (_key(raw.trace, raw.id), parent, storable(where), body))
        for where, body, is_wrapper in database.execute(_ALL):
            yield where, _WRAPPER if is_wrapper else _unpacked(body)


def _key(trace: Any, span: Any) -> bytes | None:
    """Return what tells a span from all others, None where there is no id."""
    if span is None or span == "":
        return None
    return hashlib.blake2b(f"{trace}\0{span}".encode("utf-8", "surrogatepass"), digest_size=12).digest()


def _packed(raw: Raw) -> str | None:
    """Return a trace as JSON, None where JSON would change it."""
    if not all(
        isinstance(each, (str, int, float, list, dict, type(None))) for each in (raw.text, raw.label, raw.vector)
    ):
        return None
    tool = raw.label.tool if isinstance(raw.label, ToolCall) else None
    try:
        return json.dumps([tool, *raw], default=str, skipkeys=True)
    except (RecursionError, ValueError):
        return None


def _unpacked(body: str) -> Raw:
    tool, *parts = json.loads(body)
    raw = Raw(*parts)
    return raw if tool is None else raw._replace(label=ToolCall(tool, raw.label))
