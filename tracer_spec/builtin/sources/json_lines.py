"""``jsonl``: one JSON object per line, plain or compressed, streamed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from tracer_spec.builtin.sources.json_values import DECODER, breaks_off, explain, read_values
from tracer_spec.builtin.sources.named_files import Paths, path_field, read_each
from tracer_spec.inputs import files
from tracer_spec.inputs.streams import BUFFER_BYTES, CUT_SHORT, DAMAGE, Stream
from tracer_spec.plugin import Options, Record

BOM = b"\xef\xbb\xbf"
_KINDS = {list: "array", str: "string", int: "number", float: "number", bool: "boolean", type(None): "null"}


class JsonLinesOptions(Options):
    """Options of ``jsonl``."""

    path: Paths = path_field(example="traces/*.jsonl")
    max_line_bytes: int = Field(
        16 << 20, gt=0, description="a longer line is a bad record, and is passed over without being held in memory"
    )


@dataclass(frozen=True, slots=True)
class JsonLines:
    """Streams the objects of JSON Lines files.

    Blank lines, byte order marks and CRLF are passed over. A bad line is one bad record: reading goes on after it,
    up to where a compressed file is damaged. A file whose first line is no object of its own, but the start of a list or of an
    object over several lines, is read as the source ``json`` would.
    """

    options: JsonLinesOptions

    def records(self) -> Iterator[Record]:
        """Yield one record per line that is not blank, file by file."""
        return read_each(self.options.path, self._read, example="*.jsonl")

    def _read(self, stream: Stream, file: files.Input) -> Iterator[Record]:
        """Yield the records of one open file."""
        max_bytes = self.options.max_line_bytes
        # room for a mark at the start and CRLF at the end, and one byte more to tell that the line is too long
        limit = max_bytes + len(BOM) + 3
        number, is_first = 0, True
        while True:
            number += 1
            where = f"{file.name}:{number}"
            try:
                if number == 1:
                    files.refuse_utf16(stream, file)
                line = stream.readline(limit)
                body = line.removeprefix(BOM).strip()
                if body and is_first:
                    is_first = False
                    if _starts_a_document(body):
                        blank = b"\n" * (number - 1)
                        yield from read_values(
                            stream, file.name, max_chars=max_bytes, option="max_line_bytes", start=blank + line
                        )
                        return
                is_cut = len(line) == limit and not line.endswith(b"\n")
                if is_cut:
                    _skip_rest(stream)
            except DAMAGE:
                yield Record(where, {}, CUT_SHORT)
                return
            if not line:
                return
            if is_cut or len(body) > max_bytes:
                yield Record(where, {}, f"longer than {max_bytes} bytes, the 'max_line_bytes'")
            elif body:
                data, problem = parse_object(body)
                yield Record(where, data, problem)


def _starts_a_document(line: bytes) -> bool:
    """Return whether a file's first line starts a list, an object over several lines, or several objects on one."""
    if line.startswith(b"["):
        return True
    try:
        DECODER.decode(line.decode(errors="replace"))
    except json.JSONDecodeError as error:
        is_cut = breaks_off(error) and not error.msg.startswith("Unterminated string")
        return line.startswith(b"{") and (is_cut or error.msg == "Extra data")
    except (ValueError, RecursionError):
        return False
    return False


def _skip_rest(stream: Stream) -> None:
    """Read on to the end of a line without holding it."""
    while True:
        piece = stream.readline(BUFFER_BYTES)
        if not piece or piece.endswith(b"\n"):
            return


def parse_object(line: bytes) -> tuple[dict[str, Any], str]:
    """Return the JSON object of a line and an empty string, or an empty object and the problem.

    The problem quotes nothing of the line: it may be private.

    Examples
    --------
    >>> parse_object(b'{"input": "hello", "score": NaN}')
    ({'input': 'hello', 'score': None}, '')
    >>> parse_object(b'"hello"')
    ({}, 'a JSON string, not an object: one object per line is needed')
    """
    try:
        value = DECODER.decode(line.decode())
    except (ValueError, RecursionError) as error:
        return {}, explain(error)
    if isinstance(value, dict):
        return value, ""
    return {}, f"a JSON {_KINDS[type(value)]}, not an object: one object per line is needed"
