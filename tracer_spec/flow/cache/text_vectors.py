"""Cache of text vectors, keyed by embedder fingerprint and text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from tracer_spec.errors import PluginError
from tracer_spec.flow.cache.store import Entry, Store, key_of
from tracer_spec.plugin import Vectors
from tracer_spec.runtime.same_vectors import apart, is_same

# neutral texts of many shapes: their vectors tell one embedder from another of the same dimension
PROBES = (
    "where is my card?",
    "I was charged twice for the same order, please refund 20.50 EUR",
    "Привет, как дела? 你好 مرحبا",
    "a",
    "UPPER lower 12345 _-#!? https://example.com/x?y=1",
)
# texts embedded, and written down, at a time: what a build that dies half-way loses at most
BATCH = 512


@dataclass(slots=True, eq=False)
class KnownVectors:
    """Embeds what the store does not hold; ``embed`` turns texts into checked vectors, and is the slow part.

    Notes
    -----
    A service may change its model under the same name. So vectors belong to a *vintage*: the vectors that the probe texts had
    when they were made. Before new texts join an old vintage, the probes are embedded again; where they have moved, everything
    is embedded anew. The bundle carries the probes of the vintage it was trained on, so that ``load`` notices a change too.
    """

    store: Store
    embed: Callable[[Sequence[str]], Vectors]
    fingerprint: str
    _probes: Vectors | None = field(default=None, init=False)
    _is_fresh: bool = field(default=False, init=False)

    def probes(self) -> Vectors:
        """Return the probes' vectors, of the vintage in use."""
        if self._probes is None:
            self._probes = self._remembered_probes()
        return self._begin_vintage(self.embed(PROBES)) if self._probes is None else self._probes

    def vectors(self, texts: Sequence[str], progress: Callable[[int], None]) -> Vectors:
        """Return one row per text, shape (n, d); ``progress`` hears how many more distinct texts have theirs."""
        distinct = list(dict.fromkeys(texts))
        probes = self.probes()
        X, missing = self._look_up(distinct, probes)
        if missing and not self._is_fresh:
            probes = self._with_care(probes)
            X, missing = self._look_up(distinct, probes)
        progress(len(distinct) - len(missing))
        for start in range(0, len(missing), BATCH):
            rows = missing[start : start + BATCH]
            some = [distinct[row] for row in rows]
            vectors = self.embed(some)
            check_width(vectors, X)
            X[rows] = vectors
            entries = [(self._key(text, probes), Entry(X[row].tobytes())) for text, row in zip(some, rows, strict=True)]
            self.store.put_many("vector", entries)
            progress(len(rows))
        if len(distinct) == len(texts):
            return X
        place = {text: row for row, text in enumerate(distinct)}
        return X[[place[text] for text in texts]]

    def count(self, texts: Sequence[str]) -> int:
        """Return how many distinct texts have their vectors here; nothing is embedded."""
        distinct = list(dict.fromkeys(texts))
        probes = self._remembered_probes()
        return 0 if probes is None else len(distinct) - len(self._look_up(distinct, probes)[1])

    def _look_up(self, texts: Sequence[str], probes: Vectors) -> tuple[Vectors, list[int]]:
        """Return the rows there are, and the places of those there are not."""
        X = np.empty((len(texts), probes.shape[1]), np.float32)
        missing: list[int] = []
        for start in range(0, len(texts), BATCH):
            keys = [self._key(text, probes) for text in texts[start : start + BATCH]]
            found = self.store.get_many(keys)
            for row, key in enumerate(keys, start):
                held = found.get(key)
                if held is None or len(held.value) != X.shape[1] * X.itemsize:
                    missing.append(row)
                else:
                    X[row] = np.frombuffer(held.value, np.float32)
        return X, missing

    def _with_care(self, probes: Vectors) -> Vectors:
        """Return the probes of a vintage that new texts may join: the old one, where the embedder is still the same."""
        live = self.embed(PROBES)
        self._is_fresh = True
        if is_same(apart(live, probes), probes):
            return probes
        self.store.notes += (
            "the embedder gives other vectors than when those in the cache were made, under the same fingerprint: every text "
            "is embedded anew",
        )
        return self._begin_vintage(live)

    def _remembered_probes(self) -> Vectors | None:
        held = self.store.get(self._probe_key())
        row_bytes = len(PROBES) * np.dtype(np.float32).itemsize
        if held is None or not held.value or len(held.value) % row_bytes:
            return None
        return np.frombuffer(held.value, np.float32).reshape(len(PROBES), -1).copy()

    def _begin_vintage(self, probes: Vectors) -> Vectors:
        self._is_fresh = True
        self._probes = probes
        self.store.put(self._probe_key(), "probes", Entry(probes.tobytes()))
        return probes

    def _probe_key(self) -> bytes:
        return key_of("probes", self.fingerprint.encode(), *_encoded(PROBES))

    def _key(self, text: str, probes: Vectors) -> bytes:
        return key_of("vector", self.fingerprint.encode(), probes.tobytes(), *_encoded([text]))


def check_width(X: Vectors, before: Vectors) -> None:
    """Raise PluginError where rows of an embedder are of another length than those that it gave before."""
    if X.shape[1] != before.shape[1]:
        raise PluginError(
            f"the embedder gave vectors of shape {X.shape}, and before of shape (n, {before.shape[1]})",
            address="embedder",
            hint="an embedder has one dimension, whatever the texts and however many; where the model was replaced under its "
            "name, build with --no-cache",
        )


def _encoded(texts: Sequence[str]) -> Iterator[bytes]:
    return (text.encode("utf-8", "surrogatepass") for text in texts)
