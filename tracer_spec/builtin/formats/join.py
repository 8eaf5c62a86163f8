"""Joins records that keep what was asked and what was answered apart, by their key."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tracer_spec.builtin.formats.disk import storable, waiting_room
from tracer_spec.builtin.formats.format import ADDRESS, Join
from tracer_spec.builtin.formats.raw import WHOLE_RECORD, Raw, no_trace
from tracer_spec.expressions.closures import Getter, is_false
from tracer_spec.expressions.language import ExpressionError, compile_expression

NO_INPUT, NO_OUTPUT, NO_KEY = "no matching input", "no matching output", "no key to join by"
COPY, TOO_MANY = "duplicate id", "one key on too many records"
_TABLE = "half (place INTEGER PRIMARY KEY, key TEXT, side TEXT, name TEXT, body TEXT)"
_PUT = "INSERT INTO half (key, side, name, body) VALUES (?, ?, ?, ?)"
_FULL = "the two halves of traces cannot be kept until they are joined"
# halves of one key held in memory at a time; nothing that one trace is made of comes near
_MOST = 1_000

# a place in the input, and what is read there: a view of a record, or why there is none
Placed = tuple[str, Mapping[str, Any] | Raw]


class _Half(NamedTuple):
    """One of the records of a trace, as it is kept: its key, its side, its place, its JSON."""

    key: str
    side: str
    where: str
    body: str


@dataclass(frozen=True, slots=True)
class Joiner:
    """A compiled :class:`~tracer_spec.builtin.formats.format.Join`."""

    key: Getter
    input: Getter
    output: Getter

    def pair(self, placed: Iterable[Placed]) -> Iterator[Placed]:
        """Yield what is neither input nor output as it comes, and then what was joined.

        Raises
        ------
        DataError
            Where there is no room for what has to be kept until its other half is read.

        Notes
        -----
        Memory is bounded: the halves wait on disk (see :mod:`.disk`).
        """
        with waiting_room(_TABLE, _FULL, f"{ADDRESS}.join") as database:
            for where, item in placed:
                half = item if isinstance(item, Raw) else self._half(where, item)
                if isinstance(half, _Half):
                    database.execute(_PUT, half._replace(where=storable(half.where)))
                else:
                    yield where, half
            yield from _pairs(database)

    def _half(self, where: str, item: Mapping[str, Any]) -> _Half | Mapping[str, Any] | Raw:
        """Return the half of a trace that a record is; the record itself where it is none; or what is wrong with it."""
        try:
            side = "" if is_false(self.output(item)) else "output"
            side = side if is_false(self.input(item)) else "input"
            if not side:
                return item
            key = _text_of(self.key(item))
        except ExpressionError as error:
            return no_trace("expression failed", str(error))
        if key is None:
            return no_trace(NO_KEY)
        try:
            body = json.dumps({key: item[key] for key in item if key != WHOLE_RECORD}, default=str, skipkeys=True)
        except (RecursionError, ValueError):
            return no_trace("expression failed", f"{ADDRESS}.join: nested too deeply to be kept")
        return _Half(key, side, where, body)


def compile_join(join: Join) -> Joiner:
    """Compile the expressions of a join."""

    def part(name: str) -> Getter:
        return compile_expression(getattr(join, name), address=f"{ADDRESS}.join.{name}")

    return Joiner(part("key"), part("input"), part("output"))


def _text_of(key: Any) -> str | None:
    """Return a key as a string, None where it is blank or nothing that can tell records apart."""
    if isinstance(key, str):
        return storable(key) if key.strip() else None
    if isinstance(key, bool) or not isinstance(key, (int, float)):
        return None
    return str(key) if math.isfinite(key) else None


def _pairs(database: sqlite3.Connection) -> Iterator[Placed]:
    """Yield what each key holds, in the order in which keys were first met."""
    database.execute("CREATE INDEX by_key ON half (key)")
    for (key,) in database.execute("SELECT key FROM half GROUP BY key ORDER BY min(place)"):
        halves = database.execute("SELECT side, name, body FROM half WHERE key = ? ORDER BY place", (key,))
        yield from _together(halves)


def _together(halves: Iterable[tuple[str, str, str]]) -> Iterator[Placed]:
    """Yield one trace of the halves of one key, after what is wrong with them."""
    bodies: dict[str, list[str]] = {"input": [], "output": []}
    places: dict[str, str] = {}
    for number, (side, where, body) in enumerate(halves):
        if number >= _MOST or body in bodies[side]:
            yield where, no_trace(COPY if number < _MOST else TOO_MANY)
            continue
        bodies[side].append(body)
        places.setdefault(side, where)
    missing = NO_INPUT if not bodies["input"] else NO_OUTPUT if not bodies["output"] else ""
    if missing:
        yield from ((where, no_trace(missing)) for where in places.values())
        return
    yield places["input"], {f"{side}s": [json.loads(body) for body in each] for side, each in bodies.items()}
