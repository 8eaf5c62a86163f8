"""``json``: files that hold one JSON document each, plain or gzip; a list of objects is streamed item by item."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from tracer_spec.builtin.sources import files
from tracer_spec.builtin.sources.json_lines import DECODER, explain
from tracer_spec.plugin import Options, Record

_SPACE = " \t\r\n"
_PIECE_BYTES = files.BUFFER_BYTES


class JsonOptions(Options):
    """Options of ``json``."""

    path: files.Paths = files.path_field(example="results.json")
    max_value_chars: int = Field(
        256 << 20,
        gt=0,
        description="a longer document, or item of a list, is a bad record, and ends the reading of its file",
    )


@dataclass(frozen=True, slots=True)
class JsonDocuments:
    """Gives the object that a JSON file holds, or streams the objects that it lists.

    A list is never held whole: memory is bounded by its largest item. Where JSON breaks off, the items before are
    read and the rest of the file is one bad record.
    """

    options: JsonOptions

    def records(self) -> Iterator[Record]:
        """Yield one record per file, or per item of its list; an item's address is ``file[3]``, counted from 0."""
        return files.read_each(self.options.path, self._read, example="*.json")

    def _read(self, stream: files.Stream, file: files.Input) -> Iterator[Record]:
        """Yield the records of one open file."""
        text = _Text(stream, self.options.max_value_chars)
        where = file.name
        try:
            files.refuse_utf16(stream, file)
            first = text.peek()
            if not first:
                return
            if first != "[":
                yield _record(where, text.value())
                if text.peek():
                    yield Record(
                        where, {}, "more than one JSON value; for one value per line there is the source 'jsonl'"
                    )
                return
            text.take()
            number = 0
            while text.peek() not in ("]", ""):
                where = f"{file.name}[{number}]"
                yield _record(where, text.value())
                number += 1
                if text.peek() != ",":
                    break
                text.take()
            if text.peek() != "]":
                yield Record(where, {}, "invalid JSON: the list breaks off here; nothing after it is read")
        except files.DAMAGE:
            yield Record(where, {}, files.CUT_SHORT)
        except _BrokenError as error:
            yield Record(where, {}, str(error))


class _BrokenError(Exception):
    """The file cannot be read on; the message says why and quotes nothing."""


class _Text:
    """The text of a stream, read as it is needed, and where the reader stands in what is held of it."""

    def __init__(self, stream: files.Stream, max_chars: int) -> None:
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8-sig")()
        self._max_chars = max_chars
        self._held = ""
        self._at = 0
        self._is_over = False

    def _more(self) -> None:
        """Hold more of the stream; ever more at a time, so that a long value is not scanned too often."""
        rest = self._held[self._at :]
        if len(rest) > self._max_chars:
            raise _BrokenError(
                f"longer than {self._max_chars} characters, the 'max_value_chars'; nothing after it is read"
            )
        try:
            piece = self._stream.read(max(_PIECE_BYTES, len(rest)))
            self._held, self._at = rest + self._decode.decode(piece, final=not piece), 0
        except UnicodeDecodeError:
            raise _BrokenError("invalid UTF-8; nothing after it is read") from None
        except files.DAMAGE:
            raise _BrokenError(files.CUT_SHORT) from None
        self._is_over = not piece

    def peek(self) -> str:
        """Return the next character that is no white space, empty at the end."""
        while True:
            while self._at < len(self._held):
                if self._held[self._at] not in _SPACE:
                    return self._held[self._at]
                self._at += 1
            if self._is_over:
                return ""
            self._more()

    def take(self) -> None:
        """Pass over one character."""
        self._at += 1

    def value(self) -> Any:
        """Return the JSON value that starts here, and pass over it."""
        self.peek()
        while True:
            try:
                value, end = DECODER.raw_decode(self._held, self._at)
            except (ValueError, RecursionError) as error:
                # more of the text can only complete what breaks off, and an end of the text is where that shows
                if self._is_over or not isinstance(error, json.JSONDecodeError):
                    raise _BrokenError(_explain(error)) from None
                self._more()
                continue
            if end < len(self._held) or self._is_over or not isinstance(value, (int, float)):
                self._at = end
                return value
            self._more()  # a number may go on


def _explain(error: ValueError | RecursionError) -> str:
    """Say what is wrong; the column counts from where the reader held the text, and says nothing."""
    said = f"invalid JSON: {error.msg.lower()}" if isinstance(error, json.JSONDecodeError) else explain(error)
    return f"{said}; nothing after it is read"


def _record(where: str, value: Any) -> Record:
    return Record(where, value) if isinstance(value, dict) else Record(where, {}, "not a JSON object")
