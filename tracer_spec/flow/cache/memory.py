"""Memory of trainings: the outcome of each is kept by the digest of all its inputs."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tracer_spec.flow.cache.learner_identity import identity, own_identity
from tracer_spec.flow.cache.store import Entry, Store, key_of

if TYPE_CHECKING:
    from tracer_spec.plan import Resolved

Input = bytes | NDArray[Any] | int | str


@dataclass(frozen=True, slots=True)
class Kept:
    """The outcome of a training: graphs and arrays of numbers as ``parts``, and what else is known of it as JSON ``facts``.

    ``seconds`` is what it took when it was made, ``is_reused`` whether an earlier build made it.
    """

    parts: Mapping[str, Any] = field(repr=False)
    facts: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    is_reused: bool = False


class Memory:
    """Keeps trainings in a store, and counts those that were made and those that were there.

    Without ``recalls`` it trains everything, and remembers nothing of it: ``build --check`` is there to find out whether
    training comes to the same.
    """

    def __init__(self, store: Store | None = None, *, recalls: bool = True) -> None:
        self.store = store or Store(None)
        self._recalls = recalls and self.store.is_on
        self.n_fits = 0
        self.n_reused = 0

    def key(self, role: str, learner: Resolved, *inputs: Input) -> bytes | None:
        """Return the key of a training; None where it is not to be remembered."""
        mark = identity(learner) if self._recalls else None
        return None if mark is None else key_of(role, mark, *map(_digest, inputs))

    def recall(self, key: bytes | None) -> Kept | None:
        """Return what a training came to; None where it is not known."""
        entry = self.store.get(key) if key is not None else None
        try:
            return None if entry is None else _unpacked(entry)
        except (KeyError, TypeError, ValueError):  # whole, and not written by us
            return None

    def keep(self, kind: str, key: bytes | None, kept: Kept) -> None:
        """Remember what a training came to."""
        if key is not None:
            self.store.put(key, kind, _packed(kept))

    def count(self, *, is_reused: bool) -> None:
        """Count one training."""
        self.n_fits += 1
        self.n_reused += is_reused

    def remembered(self, kind: str, key: bytes | None, make: Callable[[], Kept]) -> Kept:
        """Return what a training came to, from the store or by doing it; one that fails is not remembered."""
        kept = self.recall(key)
        if kept is None:
            started = time.perf_counter()
            made = make()
            kept = replace(made, seconds=time.perf_counter() - started)
            self.keep(kind, key, kept)
        self.count(is_reused=kept.is_reused)
        return kept

    def derived(
        self, kind: str, make: Callable[[], Mapping[str, NDArray[Any]]], *inputs: Input
    ) -> Mapping[str, NDArray[Any]]:
        """Return arrays that our own code makes of ``inputs`` alone, from the store or by making them."""
        key = key_of(kind, own_identity(), *map(_digest, inputs)) if self._recalls else None
        kept = self.recall(key)
        if kept is None:
            kept = Kept(make())
            self.keep(kind, key, kept)
        return kept.parts

    @property
    def progress_note(self) -> str:
        """Return how much was reused, for a line of progress; empty where nothing was."""
        return f" ({self.n_reused} of {self.n_fits} fits reused)" if self.n_reused else ""


def digest_of(array: NDArray[Any]) -> bytes:
    """Return a digest of an array's numbers, type and shape."""
    whole = np.ascontiguousarray(array)
    digest = hashlib.sha256(f"{whole.dtype.str}{whole.shape}".encode())
    digest.update(whole.data if whole.size else b"")
    return digest.digest()


def _digest(part: Input) -> bytes:
    if isinstance(part, np.ndarray):
        return digest_of(part)
    return part if isinstance(part, bytes) else str(part).encode()


def _packed(kept: Kept) -> Entry:
    """Lay parts end to end; the header says where each begins and what it is."""
    rows, chunks = [], []
    for name, part in kept.parts.items():
        chunk = part if isinstance(part, bytes) else np.ascontiguousarray(part).tobytes()
        shape = None if isinstance(part, bytes) else [part.dtype.str, *part.shape]
        rows.append([name, len(chunk), shape])
        chunks.append(chunk)
    return Entry(b"".join(chunks), {"parts": rows, "facts": dict(kept.facts), "seconds": round(kept.seconds, 3)})


def _unpacked(entry: Entry) -> Kept:
    parts: dict[str, Any] = {}
    at = 0
    for name, size, shape in entry.header["parts"]:
        chunk = entry.value[at : at + size]
        # a copy, since what others train on may be written to
        parts[name] = chunk if shape is None else np.frombuffer(chunk, shape[0]).reshape(shape[1:]).copy()
        at += size
    return Kept(parts, entry.header["facts"], entry.header["seconds"], is_reused=True)
