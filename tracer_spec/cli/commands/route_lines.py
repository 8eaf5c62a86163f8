"""Requests in, decisions out: streamed in chunks, in order, with every bad line answered in its place.

Imports the runtime alone, like an app that routes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from tracer_spec.cli.console import inert_json
from tracer_spec.text_format import one_line, plural

if TYPE_CHECKING:
    from tracer_spec.runtime import Decision, Router

CHUNK_LINES = 1024
LINE_BYTES = 8 * 1024 * 1024
# as in the native format of traces, so that a log can be routed as it is
TEXT_KEYS = ("input", "query", "text", "prompt", "question")
_BLOCK_BYTES = 1 << 18
_BOM = b"\xef\xbb\xbf"


class ByteStream(Protocol):
    """What lines are read from: whatever has come so far, without waiting for more."""

    def read1(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes, at least one unless the stream is at its end."""
        ...


@dataclass(frozen=True, slots=True)
class Reader:
    """What turns a record into requests, each with ``id``, and ``input`` or ``embedding``.

    A record in which it finds neither stays as it is. ``text`` and ``vector`` are where it looks for them; empty where that is
    under those keys.
    """

    read: Callable[[Mapping[str, Any]], Sequence[Mapping[str, Any]]]
    text: str = ""
    vector: str = ""

    def requests(self, where: str, record: Mapping[str, Any], dimension: int) -> list[Request]:
        """Return what a record asks, whose vectors must be of this dimension."""
        return [to_request(where, asked, dimension, self, is_read=asked is not record) for asked in self.read(record)]


NATIVE = Reader(lambda record: [record])


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the input; ``data`` is None where it is longer than :data:`LINE_BYTES`."""

    number: int
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of the input of a name."""

    name: str
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Request:
    """What a line asks; ``head`` is ``{"id": ...}`` where it has one, ``problem`` why it cannot be decided."""

    where: str
    head: dict[str, Any]
    text: str | None = None
    vector: np.ndarray[tuple[int, ...], np.dtype[np.float32]] | None = None
    problem: str = ""


@dataclass(slots=True)
class Counts:
    """What became of the lines so far."""

    handled: int = 0
    deferred: int = 0
    errors: int = 0
    first_error: str = ""

    def __iadd__(self, other: Counts) -> Self:
        """Add what became of the lines after these."""
        self.handled += other.handled
        self.deferred += other.deferred
        self.errors += other.errors
        self.first_error = self.first_error or other.first_error
        return self

    @property
    def lines(self) -> int:
        """Return the number of lines answered."""
        return self.handled + self.deferred + self.errors


def read_chunks(stream: ByteStream) -> Iterator[list[Line]]:
    """Yield lines as they come, up to :data:`CHUNK_LINES` at a time; blank ones are passed over, and counted.

    Notes
    -----
    A chunk ends where the stream has nothing more to give at the moment, so that a reader at the end of a
    pipe is answered at once; and however long a line is, no more than :data:`LINE_BYTES` of it are held.
    """
    number, tail, overlong = 0, b"", False
    while block := stream.read1(_BLOCK_BYTES):
        *complete, tail = (tail + block).split(b"\n")
        lines = []
        for data in complete:
            number += 1
            lines.append(_line(number, data, overlong))
            overlong = False
        if len(tail) > LINE_BYTES:
            tail, overlong = b"", True
        wanted = [line for line in lines if line is not None]
        for start in range(0, len(wanted), CHUNK_LINES):
            yield wanted[start : start + CHUNK_LINES]
    last = _line(number + 1, tail, overlong)
    if last is not None:
        yield [last]


def _line(number: int, data: bytes, overlong: bool) -> Line | None:
    if number == 1:
        data = data.removeprefix(_BOM)
    if overlong or len(data) > LINE_BYTES:
        return Line(number, None)
    return Line(number, data) if data.strip() else None


def read_request(line: Line, name: str, dimension: int) -> Request:
    """Read one line of an input of this name, whose vectors must be of this dimension."""
    record = read_record(line, name)
    return record if isinstance(record, Request) else to_request(f"{name}:{line.number}", record, dimension)


def read_requests(chunk: Lines, dimension: int, read: Reader | None) -> list[Request]:
    """Read lines; ``read`` says what a record asks, None where its own keys do."""
    if read is None:
        return [read_request(line, chunk.name, dimension) for line in chunk.lines]
    found: list[Request] = []
    for line in chunk.lines:
        record = read_record(line, chunk.name)
        if isinstance(record, Request):
            found.append(record)
        else:
            found += read.requests(f"{chunk.name}:{line.number}", record, dimension)
    return found


def read_record(line: Line, name: str) -> dict[str, Any] | Request:
    """Return the object that a line holds, or the request that cannot be decided."""
    where = f"{name}:{line.number}"
    if line.data is None:
        return Request(where, {}, problem=f"the line is longer than {LINE_BYTES} bytes")
    try:
        record = json.loads(line.data)
    except UnicodeDecodeError:
        return Request(where, {}, problem="the line is not UTF-8")
    except json.JSONDecodeError as error:
        return Request(
            where, {}, problem=f"the line is not JSON: {error.msg.lower().removesuffix(' at')} at column {error.colno}"
        )
    except (ValueError, RecursionError):
        return Request(where, {}, problem="the line is not JSON that can be read: too deep, or a number too long")
    if not isinstance(record, dict):
        return Request(where, {}, problem=f"the line holds {_kind(record)}, not an object")
    return record


def to_request(
    where: str, record: Mapping[str, Any], dimension: int, read: Reader = NATIVE, *, is_read: bool = False
) -> Request:
    """Return what a record asks, whose vector must be of this dimension; ``is_read`` where it is ``read``'s own words."""
    head = {} if record.get("id") is None else {"id": record["id"]}
    if not _is_json(head):
        return Request(where, {}, problem="'id' holds NaN or Infinity, which JSON has no word for")
    key, text = next(((key, record[key]) for key in TEXT_KEYS if record.get(key) is not None), ("", None))
    values = record.get("embedding")
    if text is not None and not isinstance(text, str):
        return Request(where, head, problem=f"{_shown((is_read and read.text) or key)} is {_kind(text)}, not a string")
    if text is not None and not _is_unicode(text):
        found = _shown((is_read and read.text) or key)
        return Request(where, head, problem=f"{found} is not valid Unicode: it holds half of a surrogate pair")
    if text is None and values is None:
        return Request(where, head, problem=f"the record has {_neither(read)}")
    if values is None:
        return Request(where, head, text)
    vector = _vector(values)
    if vector is not None and len(vector) == dimension:
        return Request(where, head, text, vector)
    numbers = (
        "is not a list of numbers" if vector is None else f"has {len(vector)} numbers; this bundle takes {dimension}"
    )
    problem = f"{_shown((is_read and read.vector) or 'embedding')} {numbers}"
    # a text beside a vector of some other model still has its answer
    return Request(where, head, text) if text is not None else Request(where, head, problem=problem)


def _neither(read: Reader) -> str:
    """Say where neither a text nor a vector was found."""
    keys = dict.fromkeys(filter(None, (read.text, "input", read.vector, "embedding")))
    return f"neither {' nor '.join(map(_shown, keys))}"


def _shown(expression: str) -> str:
    return f"'{one_line(expression)}'"


def _is_json(head: dict[str, Any]) -> bool:
    """Tell whether an id, as read, can be written again."""
    if isinstance(head.get("id"), str | int | None):
        return True
    try:
        json.dumps(head, allow_nan=False)
    except ValueError:
        return False
    return True


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _vector(values: Any) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]] | None:
    if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
        return None
    try:
        with np.errstate(over="ignore"):
            return np.array(values, np.float64).astype(np.float32)
    except OverflowError:
        return None


def _kind(value: Any) -> str:
    """Name a JSON value's type."""
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return names.get(type(value), "null")


def answer(router: Router, read: Reader | None, chunk: Lines | Sequence[Request]) -> tuple[bytes, Counts]:
    """Decide on lines, or on requests read of another kind of file; return the lines of output, and what became of them."""
    requests = read_requests(chunk, router.dimension, read) if isinstance(chunk, Lines) else chunk
    counts, takes_text = Counts(), router.manifest.embedder.probe is not None
    texts: list[int] = []
    vectors: list[int] = []
    for at, request in enumerate(requests):
        if takes_text and request.text is not None and not request.problem:
            texts.append(at)
        elif request.vector is not None:
            vectors.append(at)
    decided: dict[int, Decision] = {}
    if texts:
        decided |= zip(texts, router.route_batch([str(requests[at].text) for at in texts]), strict=True)
    if vectors:
        matrix = np.stack([vector for at in vectors if (vector := requests[at].vector) is not None])
        decided |= zip(vectors, router.route_batch(matrix), strict=True)
    place = _shown((read and read.vector) or "embedding")
    return b"".join(_output(request, decided.get(at), counts, place) for at, request in enumerate(requests)), counts


def _output(request: Request, decision: Decision | None, counts: Counts, vector: str) -> bytes:
    if decision is None:
        problem = request.problem or f"this bundle takes vectors, and the record has no {vector}"
        counts.errors += 1
        counts.first_error = counts.first_error or f"{request.where}: {problem}"
        return to_line({**request.head, **error_document(f"{request.where}: {problem}")})
    if decision.handled:
        counts.handled += 1
    else:
        counts.deferred += 1
    return to_line({**request.head, **decision.to_dict()})


def error_document(error: str) -> dict[str, Any]:
    """Return the answer to a line that cannot be decided: deferred, with the error."""
    return {"label": None, "handled": False, "score": None, "stage": None, "reason": "error", "error": error}


def to_line(document: dict[str, Any]) -> bytes:
    """Return a document as one line of UTF-8; what UTF-8 cannot say is escaped."""
    try:
        return inert_json(json.dumps(document, ensure_ascii=False)).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(document).encode() + b"\n"


def describe(counts: Counts) -> str:
    """Say on one line what became of the lines."""
    decided = counts.handled + counts.deferred
    share = f" (coverage {counts.handled / decided:.3f})" if decided else ""
    told = f"{plural(counts.lines, 'line')}: {counts.handled:,} handled{share}, {counts.deferred:,} deferred"
    return ", ".join(filter(None, (told, describe_errors(counts))))


def describe_errors(counts: Counts) -> str:
    """Say how many lines could not be decided, and why the first; empty where all were."""
    if not counts.errors:
        return ""
    noun = "error" if counts.errors == 1 else "errors, the first"
    return f"{counts.errors:,} {noun}: {counts.first_error}"
