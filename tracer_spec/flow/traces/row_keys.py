"""Keys that tell rows apart, and uniform hashes of them that decide the split."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from tracer_spec.flow.traces.near_copies import content_digest
from tracer_spec.flow.traces.trace_set import TraceSet

# changing it changes every split ever made: locks and certificates of earlier builds rest on it
_SALT = b"tracer-spec 1"
SPAN = float(1 << 64)


def row_keys(traces: TraceSet) -> Iterator[bytes]:
    """Yield what each row is told apart by: its id, or its content and how many rows before it have the same.

    Rows that have an id count for no other row: adding one moves nothing.
    """
    seen: Counter[bytes] = Counter()
    for event, content in zip(traces.ids, traces.contents(), strict=True):
        if event is not None:
            yield id_key(event)
        else:
            short = content_digest(content)
            yield b"content\0" + short + seen[short].to_bytes(8, "big")
            seen[short] += 1


def uniform_hash(key: bytes, salt: bytes = _SALT) -> int:
    """Return a number that is uniform on [0, 2^64) over keys."""
    return int.from_bytes(hashlib.blake2b(salt + b"\0" + key, digest_size=8).digest(), "big")


def uniform_hashes(keys: Iterable[bytes], salt: bytes = _SALT) -> NDArray[np.uint64]:
    """Return :func:`uniform_hash` of each key, shape (n,)."""
    return np.fromiter((uniform_hash(key, salt) for key in keys), dtype=np.uint64)


def group_mark(key: bytes) -> bytes:
    """Return what decides which row of a group a verification measures: the one whose key has the least."""
    return hashlib.blake2b(b"verify\0" + key, digest_size=8).digest()


def id_key(event: str) -> bytes:
    """Return the key of a row that has an id."""
    return b"id\0" + _bytes(event)


def group_key(group: str | None) -> bytes:
    """Return the key of a group."""
    return b"group\0" + _bytes(group)


def _bytes(text: str | None) -> bytes:
    return (text or "").encode("utf-8", "surrogatepass")
