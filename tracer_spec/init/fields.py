"""The fields of records: what stands where, how often, and of what kind; never a value."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tracer_spec.builtin.formats.times import epoch_seconds
from tracer_spec.chat.json_text import unpack, unpack_whole
from tracer_spec.expressions.language import ExpressionError, compile_expression
from tracer_spec.init.names import TRUTHS, words_of
from tracer_spec.plugin import Record
from tracer_spec.text_format import plural

_DEEPEST = 8
# places that one record may have, and fields that all may have: beyond it is a table of its own
_MOST_PLACES, _MOST_FIELDS = 500, 400
# a longer text is not looked into
_LONGEST = 1 << 20
_CHAT = {name: compile_expression(f"{name}(@)") for name in ("asked", "answered")}
# what the messages and the choices of every API have one of
_OF_MESSAGES = frozenset(("role", "content", "parts", "message", "kwargs", "type", "finish_reason", "index", "id"))
_OF_MESSAGES |= {"message.role", "message.content"}
# what a user said first, where the last message only asks for the label
_FIRST_WORDS = "[?role == 'user'] | [0].message_text(content)"
_FIRST = compile_expression(f"@{_FIRST_WORDS}")
# several words; or words of a script that parts none by white space
_SPACED = re.compile("\\S\\s+\\S|[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]{4}")
# with thousands apart or not; 31.03.2026 and 10.0.0.1 are none
_NUMBER = re.compile(
    r"(?=.*[0-9])\s*[+-]?([0-9]*|[0-9]{1,3}([.,])[0-9]{3}(\2[0-9]{3})*)([.,][0-9]*)?(e[+-]?[0-9]+)?\s*", re.IGNORECASE
)
# 31.03.2026 or 3/31/26, whatever follows
DATE = re.compile(r"\s*([0-9]{1,2})([/.-])([0-9]{1,2})\2([0-9]{4}|[0-9]{2})\b")
# what a table holds beside JSON's own values
_TIMES = (datetime.date, datetime.time, datetime.timedelta)
_SCALARS = (str, int, float, Decimal, bytes, *_TIMES)


@dataclass(frozen=True, slots=True)
class Field:
    """One place inside the records.

    Parameters
    ----------
    path : str
        Its JMESPath: keys, with ``from_json`` where the way leads through a text, and ``asked`` or ``answered`` of a chat.
    words : frozenset of str
        Of its last key, lower case; none for what a chat's reader finds.
    values : mapping of int to object
        By the number of the record.
    texts : tuple of str
        The values, what is no text as JSON.
    n_distinct : int
        How many different values there are.
    mean_chars : float
        Characters of a value.
    spaced : float
        The share of values that hold several words, or words of a script without spaces.
    is_text, is_scalar, is_time : bool
        Whether all values are texts (and not all of them numbers); no objects or lists; times.
    """

    path: str
    words: frozenset[str]
    values: Mapping[int, Any] = field(repr=False)
    texts: tuple[str, ...] = field(repr=False)
    n_distinct: int
    mean_chars: float
    spaced: float
    is_text: bool
    is_scalar: bool
    is_time: bool

    @property
    def n(self) -> int:
        """Return in how many records it is."""
        return len(self.values)

    @property
    def is_of_a_chat(self) -> bool:
        """Tell whether a chat's reader found it."""
        return self.path.startswith(("asked(", "answered("))

    def line(self) -> str:
        """Say what is in it: counts and kinds."""
        told = f"{plural(self.n_distinct, 'different value')}, {plural(round(self.mean_chars), 'character')} on average"
        return f"{self._kind()} in {plural(self.n, 'record')}: {told}"

    def _kind(self) -> str:
        if self.is_text:
            return "text"
        plain: dict[str, tuple[type, ...]] = {"times": _TIMES, "bytes": (bytes,)}
        found = (kind for kind, types in plain.items() if all(isinstance(each, types) for each in self.values.values()))
        return next(found, "numbers or flags" if self.is_scalar else "objects or lists")


def describe(path: str, key: str, values: Mapping[int, Any]) -> Field:
    """Return a field with what its values are like."""
    texts = tuple(each if isinstance(each, str) else json.dumps(each, default=str) for each in values.values())
    n = max(1, len(texts))
    return Field(
        path=path,
        words=words_of(key),
        values=values,
        texts=texts,
        n_distinct=len(set(texts)),
        mean_chars=sum(map(len, texts)) / n,
        spaced=sum(bool(_SPACED.search(each)) for each in texts) / n,
        is_text=all(isinstance(each, str) for each in values.values()) and not all(map(_NUMBER.fullmatch, texts)),
        is_scalar=all(isinstance(each, _SCALARS) for each in values.values()),
        is_time=all(epoch_seconds(each) is not None for each in values.values()),
    )


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of records, and the lists of objects inside them.

    Parameters
    ----------
    all : tuple of Field
        In the order they are met; of those that hold the same, the simplest.
    lists : mapping of str to float
        JMESPath of a list of objects to its length on average.
    n : int
        The number of records.
    """

    all: tuple[Field, ...]
    lists: Mapping[str, float]
    n: int


def fields_of(records: Sequence[Record]) -> Fields:
    """Return the fields of records, those inside of objects, lists and JSON texts too."""
    places: dict[str, tuple[str, dict[int, Any]]] = {}
    lengths: dict[str, list[int]] = {}
    for number, record in enumerate(records):
        if record.problem:
            continue
        for count, (path, key, value) in enumerate(_places(record.data, "", "", 0)):
            if count > _MOST_PLACES:
                break
            if isinstance(value, _ListOfObjects):
                lengths.setdefault(path, []).append(value.length)
            elif path in places or len(places) < _MOST_FIELDS:
                places.setdefault(path, (key, {}))[1][number] = value
    found = [describe(path, key, values) for path, (key, values) in places.items()]
    lists = {path: sum(each) / len(each) for path, each in lengths.items()}
    return Fields(tuple(_simplest(found)), lists, len(records))


@dataclass(frozen=True, slots=True)
class _ListOfObjects:
    length: int


def _places(value: Any, path: str, key: str, depth: int) -> Iterator[tuple[str, str, Any]]:
    """Yield path, last key and value of what is no container, and of every list of objects."""
    if depth > _DEEPEST or value is None or value == "":
        return
    if isinstance(value, Mapping | list):
        yield from _inside(value, path, key, depth)
        return
    yield path, key, value
    inside = unpack(value) if isinstance(value, str) and len(value) < _LONGEST else value
    if inside is not value and inside != value:
        yield from _places(inside, f"from_json({path})", key, depth + 1)


def _inside(value: Any, path: str, key: str, depth: int) -> Iterator[tuple[str, str, Any]]:
    for name, get in _CHAT.items() if depth <= _DEEPEST // 2 else ():
        found = _said(get, value)
        if found is not None:
            yield f"{name}({path or '@'})", "", found
    if isinstance(value, Mapping):
        for below, each in value.items():
            step = _as_jmespath(str(below))
            yield from _places(each, f"{path}.{step}" if path else step, str(below), depth + 1)
    elif not value or not all(isinstance(each, Mapping) for each in value):
        yield path, key, value
    elif len(value) > 1:
        is_of_traces = not {"role", "key"} & value[0].keys()
        yield path, key, _ListOfObjects(len(value)) if is_of_traces else value
        if (first := _said(_FIRST, value)) is not None:
            yield f"{path}{_FIRST_WORDS}", "", first
    else:
        yield from _inside(value[0], f"{path}[0]", key, depth + 1)


def _said(get: Any, value: Any) -> Any:
    """Return what a chat's reader finds; None where that is nothing, and in a value that it takes as it is."""
    if isinstance(value, list) and not _is_of_messages(value):
        return None
    try:
        found = get(value)
    except ExpressionError:
        return None
    return None if found in (value, "") else found


def _is_of_messages(value: Sequence[Any]) -> bool:
    """Tell a list of messages, or of choices, from any other, of which a chat's reader would take all texts."""
    first = value[0] if value else None
    return isinstance(first, list) or (isinstance(first, Mapping) and not _OF_MESSAGES.isdisjoint(first))


def _simplest(fields: Sequence[Field]) -> Iterator[Field]:
    """Yield fields but those that hold what a simpler one holds; a human's label may well say what the LLM's does."""
    best: dict[tuple[Any, ...], Field] = {}
    for each in fields:
        key = (tuple(each.values), each.texts, bool(each.words & TRUTHS))
        if key not in best or _effort(each.path) < _effort(best[key].path):
            best[key] = each
    kept = {id(each) for each in best.values()}
    yield from (each for each in fields if id(each) in kept)


def _effort(path: str) -> int:
    """Return how far-fetched a path is: a place in a list may hold another message tomorrow."""
    return 3 * path.count("[") + 2 * path.count("from_json(") + path.startswith(tuple(_CHAT)) + path.endswith("(@)")


def is_json(text: str) -> bool:
    """Tell whether a text is JSON's for an object or a list."""
    return isinstance(unpack_whole(text), dict | list)


def _as_jmespath(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key) else json.dumps(key, ensure_ascii=False)
