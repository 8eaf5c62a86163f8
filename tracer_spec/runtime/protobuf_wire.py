"""Strict reader of the protobuf wire format: every length is checked before it is used.

References
----------
Google, *Protocol Buffers: Encoding*, https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10
_MAX_RUN_STRING = 32


class WireError(ValueError):
    """The bytes are not a protobuf message."""


class Field(NamedTuple):
    """One field: its number, its wire type, and where its value is.

    ``value`` is the number itself for a varint. ``repeated`` is how many equal-numbered fields this one
    stands for: trees have millions of unpacked numbers, which are skipped as one run that spans
    ``start:end``, tags included.
    """

    number: int
    kind: int
    start: int
    end: int
    value: int
    repeated: int


def fields(data: bytes, start: int, end: int) -> Iterator[Field]:
    """Yield the fields of the message ``data[start:end]``.

    Raises
    ------
    WireError
        Where a length, a tag or a number runs over the end, or a wire type is not one of the four in use.
    """
    at = start
    while at < end:
        first = at
        tag, at = _varint(data, at, end)
        number, kind = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise WireError(f"field number {number} is out of range")
        if kind == VARINT:
            value, after = _varint(data, at, end)
        elif kind == BYTES:
            value, at = _varint(data, at, end)
            after = at + value
        elif kind in (FIXED32, FIXED64):
            value, after = 0, at + (4 if kind == FIXED32 else 8)
        else:
            raise WireError(f"wire type {kind} is not in use")
        if after > end:
            raise WireError(f"field {number} claims {after - at} bytes; {end - at} are left")
        run = _run(data, first, after, end, tag, kind)
        if run > after:
            yield Field(number, kind, first, run, 0, 2)
            at = run
        else:
            yield Field(number, kind, at, after, value, 1)
            at = after


def one_by_one(data: bytes, run: Field) -> Iterator[Field]:
    """Yield the fields of a run; a field that is no run, as it is."""
    if run.repeated == 1:
        yield run
        return
    at = run.start
    while at < run.end:
        # a run has one tag, so reading up to the end of one field at a time cannot start a new run
        each = next(fields(data, at, _end_of_one(data, at, run)))
        yield each
        at = each.end


def _end_of_one(data: bytes, at: int, run: Field) -> int:
    """Return where the field at ``at`` ends: runs have one-byte tags and lengths, or are varints."""
    if run.kind == BYTES:
        return at + 2 + data[at + 1]
    if run.kind == FIXED32:
        return at + 5
    end = at + 1
    while data[end] > 0x7F:
        end += 1
    return end + 1


def varint_array(payload: bytes) -> NDArray[np.int64]:
    """Return varints that follow each other, as the int64 that they encode; one that is cut short is left out."""
    data = np.frombuffer(payload, np.uint8)
    last = np.flatnonzero(data < 0x80)
    first = np.concatenate(([0], last[:-1] + 1)) if len(last) else last
    values = np.zeros(len(last), np.uint64)
    for place in range(min(int((last - first).max(initial=0)) + 1, _MAX_VARINT_BYTES)):
        has = first + place <= last
        values[has] |= (data[first[has] + place] & 0x7F).astype(np.uint64) << np.uint64(7 * place)
    return values.view(np.int64)


def count_varints(data: bytes, start: int, end: int) -> int:
    """Return how many varints a packed field holds, not counting one that is cut short."""
    payload = data[start:end]
    return len(payload) - len(payload.translate(None, _LAST_BYTES))


def varints(data: bytes, start: int, end: int) -> Iterator[int]:
    """Yield the varints of a packed field, as unsigned 64-bit numbers."""
    at = start
    while at < end:
        value, at = _varint(data, at, end)
        yield value


def signed(value: int) -> int:
    """Return an unsigned 64-bit number as the int64 that it encodes."""
    return value - (1 << 64) if value >= 1 << 63 else value


_LAST_BYTES = bytes(range(0x80))


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    for position in range(at, min(end, at + _MAX_VARINT_BYTES)):
        byte = data[position]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >= 1 << 64:
                raise WireError("a number is larger than 64 bits")
            return value, position + 1
        shift += 7
    raise WireError("a number is cut short, or longer than ten bytes")


def _compile(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


_STRINGS = b"|".join(b"\\x%02x.{%d}" % (length, length) for length in range(_MAX_RUN_STRING))
_RUNS: dict[tuple[int, int], re.Pattern[bytes]] = {}


def _run(data: bytes, first: int, after: int, end: int, tag: int, kind: int) -> int:
    """Return where a run of fields with one tag ends; ``after`` where the next field has another tag.

    One-byte tags alone: those are all that repeat by the million. The patterns are possessive, hence linear.
    """
    if tag > 0x7F or after >= end or data[after] != tag or kind == FIXED64:
        return after
    pattern = _RUNS.get((tag, kind))
    if pattern is None:
        head = b"\\x%02x" % tag
        body = {VARINT: rb"[\x80-\xff]{0,9}+[\x00-\x7f]", FIXED32: b".{4}", BYTES: b"(?:" + _STRINGS + b")"}[kind]
        pattern = _RUNS[tag, kind] = _compile(b"(?:" + head + body + b")++")
    match = pattern.match(data, first, end)
    return match.end() if match else after
