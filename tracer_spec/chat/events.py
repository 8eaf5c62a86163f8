"""Server-sent events: written, and read from a response that comes in pieces.

References
----------
WHATWG, "HTML Living Standard", section 9.2, html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from typing import Any

DONE = b"data: [DONE]\n\n"


def event(data: Mapping[str, Any], name: str = "") -> bytes:
    """Return one event whose data is JSON."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a list; none of what is no list."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


class EventReader:
    r"""Reads the data of events out of pieces of a stream, wherever the pieces end.

    Examples
    --------
    >>> reader = EventReader()
    >>> reader.feed(b'data: {"a":'), reader.feed(b"1}\n\nda"), reader.feed(b"ta: [DONE]\r\n\r\n")
    ([], ['{"a":1}'], ['[DONE]'])
    """

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._rest = ""
        self._data: list[str] = []

    def feed(self, piece: bytes) -> list[str]:
        """Return the data of the events that are whole with this piece."""
        text = self._rest + self._decode(piece)
        held = "\r" if text.endswith("\r") else ""  # half of a line's end, perhaps
        lines = text.removesuffix(held).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._rest = lines.pop() + held
        found: list[str] = []
        for line in lines:
            if line.startswith("data:"):
                self._data.append(line[5:].removeprefix(" "))
            elif not line and self._data:
                found.append("\n".join(self._data))
                self._data = []
        return found
