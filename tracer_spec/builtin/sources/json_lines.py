"""``jsonl``: one JSON object per line, plain or gzip, streamed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic import Field

from tracer_spec.builtin.sources import files
from tracer_spec.plugin import Options, Record

BOM = b"\xef\xbb\xbf"
_KINDS = {list: "array", str: "string", int: "number", float: "number", bool: "boolean", type(None): "null"}


class JsonLinesOptions(Options):
    """Options of ``jsonl``."""

    path: files.Paths = files.path_field(example="traces/*.jsonl")
    max_line_bytes: int = Field(
        16 << 20, gt=0, description="a longer line is a bad record, and is passed over without being held in memory"
    )


@dataclass(frozen=True, slots=True)
class JsonLines:
    """Streams the objects of JSON Lines files.

    Blank lines, byte order marks and CRLF are passed over. A bad line is one bad record: reading goes on after it,
    up to where a compressed file is damaged.
    """

    options: JsonLinesOptions

    def records(self) -> Iterator[Record]:
        """Yield one record per line that is not blank, file by file."""
        return files.read_each(self.options.path, self._read, example="*.jsonl")

    def _read(self, stream: files.Stream, file: files.Input) -> Iterator[Record]:
        """Yield the records of one open file."""
        max_bytes = self.options.max_line_bytes
        # room for a mark at the start and CRLF at the end, and one byte more to tell that the line is too long
        limit = max_bytes + len(BOM) + 3
        for number in itertools.count(1):
            where = f"{file.name}:{number}"
            try:
                if number == 1:
                    files.refuse_utf16(stream, file)
                line = stream.readline(limit)
                is_cut = len(line) == limit and not line.endswith(b"\n")
                if is_cut:
                    _skip_rest(stream)
            except files.DAMAGE:
                yield Record(where, {}, files.CUT_SHORT)
                return
            if not line:
                return
            body = line.removeprefix(BOM).strip()
            if is_cut or len(body) > max_bytes:
                yield Record(where, {}, f"longer than {max_bytes} bytes, the 'max_line_bytes'")
            elif body:
                data, problem = parse_object(body)
                yield Record(where, data, problem)


def _skip_rest(stream: files.Stream) -> None:
    """Read on to the end of a line without holding it."""
    while True:
        piece = stream.readline(files.BUFFER_BYTES)
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
