"""JSON values of a stream, one after another or in lists, without holding the whole."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any

from tracer_spec.inputs.streams import BUFFER_BYTES, CUT_SHORT, DAMAGE, Stream
from tracer_spec.plugin import Record

_SPACE = " \t\r\n\ufeff"
_PIECE_BYTES = BUFFER_BYTES
# a literal or an escape that the end of the text cuts in two is reported no further from the end than this
_LONGEST_LITERAL = 12
_UNREAD = "nothing after it is read"
_BROKEN_LIST = "invalid JSON: the list breaks off here"


def _null(_literal: str) -> None:
    """Read NaN and Infinity, which JSON does not have, as no value: that is what their writers mean."""


# one decoder for all: json.loads with a hook would build one per call
DECODER = json.JSONDecoder(parse_constant=_null)


def explain(error: ValueError | RecursionError) -> str:
    """Say what is wrong with a JSON text, without quoting it."""
    if isinstance(error, UnicodeDecodeError):
        return f"invalid UTF-8 at byte {error.start + 1}"
    if isinstance(error, json.JSONDecodeError):
        return f"invalid JSON at column {error.colno}: {error.msg.lower()}"
    if isinstance(error, RecursionError):
        return "JSON nested too deeply"
    return "invalid JSON: an integer of thousands of digits"


def breaks_off(error: json.JSONDecodeError) -> bool:
    """Return whether more text could complete what breaks off."""
    is_at_end = error.pos >= len(error.doc.rstrip(_SPACE)) - _LONGEST_LITERAL
    return is_at_end or error.msg.startswith("Unterminated string")


def read_values(stream: Stream, name: str, *, max_chars: int, option: str, start: bytes = b"") -> Iterator[Record]:
    """Yield the objects of a stream: those that stand in it one after another, and those that its lists hold.

    The address is ``name`` where the file is one object, ``name[3]`` in a list, else ``name:line``. A value that breaks off is
    one bad record, and reading goes on at the next line that starts with ``{``.

    Parameters
    ----------
    stream, name
        What to read, and what messages call it.
    max_chars : int
        The longest value; ``option`` is its name in messages.
    start : bytes
        What was read of the stream before.
    """
    text = _Text(stream, max_chars, option, start)
    is_first = True
    while first := text.peek():
        where = f"{name}:{text.line()}"
        if first == "[":
            yield from _items(text, name if is_first else where)
        else:
            value, problem = text.value()
            text.pass_over(",")
            yield _record(name if is_first and not text.peek() else where, value, problem)
        is_first = False
    if text.is_damaged and not text.gave_up:
        yield Record(f"{name}:{text.line()}", {}, CUT_SHORT)


def _items(text: _Text, name: str) -> Iterator[Record]:
    """Yield the items of the list that starts here, and pass over it."""
    text.pass_over("[")
    item, is_whole = 0, True
    while text.peek() not in ("]", ""):
        value, problem = text.value()
        yield _record(f"{name}[{item}]", value, problem)
        item, is_whole = item + 1, is_whole and not problem
        if not problem and not text.pass_over(",") and text.peek() not in ("]", "{", ""):
            yield Record(f"{name}[{item}]", {}, text.skip(_BROKEN_LIST))
            item, is_whole = item + 1, False
    # its end may be in what was passed over
    if not text.pass_over("]") and is_whole:
        yield Record(f"{name}[{item}]", {}, text.skip(_BROKEN_LIST))
    text.pass_over(",")


def _record(where: str, value: Any, problem: str) -> Record:
    if not problem and isinstance(value, dict):
        return Record(where, value)
    return Record(where, {}, problem or "not a JSON object")


class _Text:
    """The text of a stream, read as it is needed, and where the reader stands in what is held of it."""

    def __init__(self, stream: Stream, max_chars: int, option: str, start: bytes) -> None:
        self._stream = stream
        self._max_chars = max_chars
        self._option = option
        self._decode = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self._held = self._decode.decode(start)
        self._at = 0
        self._counted = 0
        self._n_lines = 1
        self._is_over = False
        self.is_damaged = False
        self.gave_up = False

    def line(self) -> int:
        """Return the number of the line on which the reader stands, from 1."""
        self._n_lines += self._held.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._n_lines

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

    def pass_over(self, character: str) -> bool:
        """Pass over a character where it comes next."""
        is_next = self.peek() == character
        self._at += is_next
        return is_next

    def value(self) -> tuple[Any, str]:
        """Return the JSON value that starts here, pass over it, and say what is wrong with it."""
        while True:
            try:
                value, end = DECODER.raw_decode(self._held, self._at)
            except json.JSONDecodeError as error:
                if self._is_over or not breaks_off(error):
                    return None, self.skip(f"invalid JSON: {error.msg.lower()}")
            except (ValueError, RecursionError) as error:
                return None, self.skip(explain(error))
            else:
                # a number may go on
                if end < len(self._held) or self._is_over or not isinstance(value, (int, float)):
                    start, self._at = self._at, end
                    return value, "" if self._is_unicode(start, end) else "invalid UTF-8"
            if len(self._held) - self._at > self._max_chars:
                return None, self.skip(f"longer than {self._max_chars} characters, the '{self._option}'")
            self._more()

    def skip(self, problem: str) -> str:
        """Go on to the next line that starts with an object, and return the problem with whether there is one."""
        while (found := self._held.find("\n{", self._at)) < 0 and not self._is_over:
            self._at = max(self._at, len(self._held) - 1)
            self._more()
        self._at = found + 1 if found >= 0 else len(self._held)
        if found >= 0:
            return problem
        self.gave_up = True
        return CUT_SHORT if self.is_damaged else f"{problem}; {_UNREAD}"

    def _is_unicode(self, start: int, end: int) -> bool:
        """Return whether what was decoded was UTF-8: what was not has become half a surrogate pair."""
        try:
            self._held[start:end].encode()
        except UnicodeEncodeError:
            return False
        return True

    def _more(self) -> None:
        """Hold more of the stream; ever more at a time, so that a long value is not scanned too often."""
        self.line()
        rest = self._held[self._at :]
        wanted, pieces = max(_PIECE_BYTES, len(rest)), list[bytes]()
        while wanted > 0 and not self._is_over:
            try:
                piece = self._stream.read1(wanted)
            except DAMAGE:
                self.is_damaged, piece = True, b""
            pieces.append(piece)
            wanted -= len(piece)
            self._is_over = not piece
        more = self._decode.decode(b"".join(pieces), final=self._is_over)
        self._held, self._at, self._counted = rest + more, 0, 0
