"""The teacher's response, watched as it passes: put together from its pieces, and read when it is over."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tracer_spec.chat.api import Api
from tracer_spec.chat.events import EventReader
from tracer_spec.chat.json_text import parse_json
from tracer_spec.chat.reading import answered, refused, truncated
from tracer_spec.chat.said_nothing import said_nothing
from tracer_spec.production.plain_answer import unanswered

# those that the standard library reads
_READABLE = ("gzip", "x-gzip", "deflate", "identity")
_MOST_BYTES = 16 << 20
_EVENTS = "text/event-stream"


def readable_encodings(accepted: str | None) -> str:
    """Return what a request may accept whose response is watched: of the encodings it accepts, those that are read here.

    Examples
    --------
    >>> readable_encodings("gzip, deflate, br, zstd"), readable_encodings("br"), readable_encodings(None)
    ('gzip, deflate', 'identity', 'identity')
    """
    listed = (each.strip() for each in (accepted or "").split(","))
    return ", ".join(each for each in listed if each.partition(";")[0].strip().lower() in _READABLE) or "identity"


class Observation(NamedTuple):
    """What came of a request.

    Parameters
    ----------
    body : mapping or None
        The response, events added up; None where it is not whole, is no JSON object, or is an error.
    status : int or None
        None where nothing came.
    """

    body: Mapping[str, Any] | None
    status: int | None

    @property
    def answer(self) -> Any:
        """Return what the teacher answered, None where it did not; an answer cut short or refused says so, and is no label."""
        if self.body is None:
            return None
        raw = answered(self.body)
        flaw = "truncated" if truncated(self.body) else "refused" if refused(self.body) else ""
        if raw is None and not flaw and said_nothing(self.body):
            flaw = "none"
        return unanswered(flaw, raw) if flaw else raw

    @property
    def model(self) -> str | None:
        """Return the model that the response names."""
        model = None if self.body is None else self.body.get("model")
        return model if isinstance(model, str) and model else None


class Observed:
    """Watches one response.

    Parameters
    ----------
    api : Api
    on_end : callable
        ``on_end(observation)`` is called once, when the response is over or is given up.

    Notes
    -----
    A response that was broken off is none, unless all that says the answer had come: clients close a stream when they have read
    the last event.
    """

    def __init__(self, api: Api, on_end: Callable[[Observation], None]) -> None:
        self._api, self._on_end = api, on_end
        self._status: int | None = None
        self._events: EventReader | None = None
        self._decoder: zlib._Decompress | None = None
        self._data: list[Mapping[str, Any]] = []
        self._body = bytearray()
        self._room = _MOST_BYTES
        self._is_readable, self._is_over = False, False

    def begin(self, status: int, content_type: str, content_encoding: str) -> None:
        """Take what the head of the response says."""
        self._status = status
        self._events = EventReader() if _EVENTS in content_type.lower() else None
        encoding = content_encoding.strip().lower()
        if encoding not in ("", "identity"):
            self._decoder = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._is_readable = 200 <= status < 300 and (not encoding or encoding in _READABLE)

    def feed(self, piece: bytes) -> None:
        """Take a piece of the body, as it comes over the wire."""
        if not self._is_readable:
            return
        try:
            plain = piece if self._decoder is None else self._decoder.decompress(piece, self._room)
        except zlib.error:
            self._is_readable = False
            return
        self._room -= len(plain)
        if self._room <= 0:
            self._is_readable = False  # no label is as long as that
        elif self._events is None:
            self._body += plain
        else:
            parsed = (parse_json(data) for data in self._events.feed(plain))
            self._data += [each for each in parsed if isinstance(each, Mapping)]

    def end(self) -> None:
        """Say what came, once: the response is over, or nobody reads on."""
        if self._is_over:
            return
        self._is_over = True
        self._on_end(Observation(self._whole(), self._status))

    def _whole(self) -> Mapping[str, Any] | None:
        if not self._is_readable:
            return None
        if self._events is not None:
            return self._api.join(self._data)
        body = parse_json(self._body.decode("utf-8", "replace"))
        return body if isinstance(body, Mapping) else None
