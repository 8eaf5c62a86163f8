"""``jsonl``: one JSON object per line, plain or gzip, streamed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from pydantic import Field

from tracer_spec.builtin.sources.files import (
    BUFFER_BYTES,
    CUT_SHORT,
    DAMAGE,
    Input,
    Stream,
    read_each,
    refuse_utf16,
)
from tracer_spec.plugin import Options, Record
from tracer_spec.plugin.paths import LocalPath

BOM = b"\xef\xbb\xbf"
_KINDS = {list: "array", str: "string", int: "number", float: "number", bool: "boolean", type(None): "null"}


class JsonLinesOptions(Options):
    """Options of ``jsonl``."""

    path: Literal["-"] | LocalPath | list[LocalPath] = Field(
        description="a file, a glob or a list of them, relative to the spec; gzip or not; '-' is stdin",
        examples=["traces/*.jsonl"],
    )
    max_line_bytes: int = Field(
        16 << 20,
        gt=0,
        description="a longer line is a bad record, and is passed over without being held in memory",
    )


def make(options: JsonLinesOptions) -> JsonLines:
    """Return the source that these options describe."""
    paths = (options.path,) if isinstance(options.path, str) else tuple(options.path)
    return JsonLines(paths, options.max_line_bytes)


@dataclass(frozen=True, slots=True)
class JsonLines:
    """Streams the objects of JSON Lines files.

    Parameters
    ----------
    paths : tuple of str
        Paths or globs; ``-`` is the standard input.
    max_line_bytes : int
        A longer line becomes a bad record.

    Notes
    -----
    Blank lines, byte order marks and CRLF are passed over. Whatever is wrong with a line is that line's own
    problem: reading goes on after it, up to where a compressed file is damaged.
    """

    paths: tuple[str, ...]
    max_line_bytes: int = 16 << 20

    def records(self) -> Iterator[Record]:
        """Yield one record per line that is not blank, file by file.

        Raises
        ------
        DataError
            Where there is no such file, it cannot be read, it is UTF-16, or all of them hold no line.
        """
        yield from read_each(
            self.paths, lambda stream, file: _read(stream, file, self.max_line_bytes), example="*.jsonl"
        )


def _read(stream: Stream, file: Input, max_bytes: int) -> Iterator[Record]:
    """Yield the records of one open file."""
    # room for a mark at the start and CRLF at the end, and one byte more to tell that the line is too long
    limit = max_bytes + len(BOM) + 3
    for number in itertools.count(1):
        where = f"{file.name}:{number}"
        try:
            if number == 1:
                refuse_utf16(stream, file)
            line = stream.readline(limit)
            is_cut = len(line) == limit and not line.endswith(b"\n")
            if is_cut:
                _skip_rest(stream)
        except DAMAGE:
            yield Record(where, {}, CUT_SHORT)
            return
        if not line:
            return
        body = line.removeprefix(BOM).strip()
        if is_cut or len(body) > max_bytes:
            yield Record(where, {}, f"longer than {max_bytes} bytes, the 'max_line_bytes'")
        elif body:
            data, problem = parse_object(body)
            yield Record(where, data, problem)


def _skip_rest(stream: Stream) -> None:
    """Read on to the end of a line without holding it."""
    while True:
        piece = stream.readline(BUFFER_BYTES)
        if not piece or piece.endswith(b"\n"):
            return


class _NotJsonError(ValueError):
    """A literal that JSON does not have."""


def _refuse_constant(literal: str) -> NoReturn:
    raise _NotJsonError(f"{literal} is not JSON")


# one decoder for all lines: json.loads with a hook would build one per call
DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def parse_object(line: bytes) -> tuple[dict[str, Any], str]:
    """Return the JSON object of a line and an empty string, or an empty object and the problem.

    The problem quotes nothing of the line: it may be private.

    Examples
    --------
    >>> parse_object(b'{"input": "hello"}')
    ({'input': 'hello'}, '')
    >>> parse_object(b'{"score": NaN}')
    ({}, 'invalid JSON: NaN is not JSON')
    """
    try:
        value = DECODER.decode(line.decode())
    except (ValueError, RecursionError) as error:
        return {}, explain(error)
    if isinstance(value, dict):
        return value, ""
    return {}, f"a JSON {_KINDS[type(value)]}, not an object: one object per line is needed"


def explain(error: ValueError | RecursionError) -> str:
    """Say what is wrong with a JSON text, without quoting it."""
    if isinstance(error, UnicodeDecodeError):
        return f"invalid UTF-8 at byte {error.start + 1}"
    if isinstance(error, json.JSONDecodeError):
        return f"invalid JSON at column {error.colno}: {error.msg.lower()}"
    if isinstance(error, RecursionError):
        return "JSON nested too deeply"
    return f"invalid JSON: {error if isinstance(error, _NotJsonError) else 'an integer of thousands of digits'}"
