"""Trace set: the clean traces of a build, in columns."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tracer_spec.flow.traces.counts import Accounting
from tracer_spec.flow.traces.sampling import Sampling

Teacher: TypeAlias = tuple[str, str]


@dataclass(frozen=True, eq=False)
class TraceSet:
    """Clean traces, in columns of n rows.

    Parameters
    ----------
    texts : tuple of str
        As the teacher got them, but for the prompt that ``traces.extract`` takes them out of; empty where there is none
        and none is needed.
    labels : tuple of str
        The teacher's, cleaned; on the list of allowed ones or not; empty for an answer that is no label.
    ids : tuple of str or None
        Event ids, distinct.
    times : ndarray of shape (n,), float64
        Seconds since 1970 UTC; NaN where there is none.
    truths : tuple of str or None
        Humans' labels, cleaned.
    groups : tuple of str or None
        Keys of the grouped split.
    vectors : tuple or None
        What the records hold (lists of numbers as float32 arrays); None where vectors are not read.
    rows : ndarray of shape (n,), int64
        The position of each trace among those read, kept or not, from 0.
    sampling : Sampling or None
        How each came before the teacher; None where every trace may certify, and no router was there.
    teachers : tuple of (str, str)
        The teacher's model and the version of its prompt, each empty where a record does not say; none where that is so of all.
    accounting : Accounting
        What became of every record; of the whole set also where this is a part of it.
    flaws : mapping of int to str
        Why an answer is no label, by the position of its trace in ``rows``; of the whole set.
    answers : mapping of int to object
        The teacher's answers of the first traces as they were given, by the same; of the whole set.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    ids: tuple[str | None, ...]
    times: NDArray[np.float64]
    truths: tuple[str | None, ...]
    groups: tuple[str | None, ...]
    vectors: tuple[Any, ...] | None
    rows: NDArray[np.int64]
    accounting: Accounting = field(repr=False)
    sampling: Sampling | None = field(default=None, repr=False)
    teachers: tuple[Teacher, ...] = field(default=(), repr=False)
    flaws: Mapping[int, str] = field(default_factory=dict, repr=False)
    answers: Mapping[int, Any] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Sequence[int] | NDArray[np.integer[Any]]) -> TraceSet:
        """Return the traces at these positions, in this order."""
        at = [int(index) for index in indices]
        return TraceSet(
            texts=tuple(self.texts[i] for i in at),
            labels=tuple(self.labels[i] for i in at),
            ids=tuple(self.ids[i] for i in at),
            times=self.times[at],
            truths=tuple(self.truths[i] for i in at),
            groups=tuple(self.groups[i] for i in at),
            vectors=None if self.vectors is None else tuple(self.vectors[i] for i in at),
            rows=self.rows[at],
            accounting=self.accounting,
            sampling=None if self.sampling is None else self.sampling.take(at),
            teachers=tuple(self.teachers[i] for i in at) if self.teachers else (),
            flaws=self.flaws,
            answers=self.answers,
        )

    def contents(self) -> Iterator[bytes]:
        """Yield what each trace is about: its text, else its vector, else (neither is here) its position."""
        for i, text in enumerate(self.texts):
            if text or self.vectors is not None:
                yield content_of(text, self.vectors[i] if self.vectors is not None else None)
            else:
                yield b"row\0" + str(self.rows[i]).encode()

    @cached_property
    def digest(self) -> str:
        """Return the sha256, as hex, of every row in order: id, text, label, time, truth, group, vector, and its coin.

        It tells nothing of files: the same traces from other paths have the same digest.
        """
        digest = hashlib.sha256(b"tracer-spec traces 1\0")
        vectors = self.vectors if self.vectors is not None else (None,) * len(self)
        columns = zip(self.ids, self.texts, self.labels, self.truths, self.groups, strict=True)
        for strings, time, vector in zip(columns, self.times.tolist(), vectors, strict=True):
            parts = [None if part is None else part.encode("utf-8", "surrogatepass") for part in strings]
            parts.append(None if math.isnan(time) else time.hex().encode())
            parts.append(None if vector is None else vector_bytes(vector))
            # lengths first, so that no two rows can run into one another and look like a third
            digest.update(",".join("-" if part is None else str(len(part)) for part in parts).encode() + b":")
            digest.update(b"".join(part for part in parts if part is not None))
        if self.sampling is not None:
            for line in self.sampling.lines():
                digest.update(line)
        return digest.hexdigest()


def content_of(text: str, vector: Any) -> bytes:
    """Return what a trace is about, as bytes that are equal for equal texts, or vectors where there is no text."""
    return b"text\0" + text.encode() if text else b"vector\0" + vector_bytes(vector)


def vector_bytes(vector: Any) -> bytes:
    """Return bytes that are equal for equal vectors, whatever way a record holds them."""
    if isinstance(vector, np.ndarray):
        return vector.tobytes()
    if isinstance(vector, bytes):
        return vector
    return json.dumps(vector, sort_keys=True, default=str).encode()


def newest_time(traces: TraceSet) -> float | None:
    """Return the newest time of a trace, None where none has one."""
    known = traces.times[~np.isnan(traces.times)]
    return float(known.max()) if len(known) else None
