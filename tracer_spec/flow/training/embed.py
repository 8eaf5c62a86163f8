"""Embedding: an embedder is fitted on fit rows, then used as production will use it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer_spec.errors import PluginError
from tracer_spec.flow.cache.memory import Kept, Memory
from tracer_spec.flow.cache.store import Store, key_of
from tracer_spec.flow.cache.text_vectors import PROBES, KnownVectors, check_width
from tracer_spec.flow.progress import Observer, StepDone, no_observer
from tracer_spec.flow.training.carried import carried
from tracer_spec.plugin import Fittable, Restorable, Vectors
from tracer_spec.plugin.one_thread import one_thread

if TYPE_CHECKING:
    from tracer_spec.flow.traces.trace_set import TraceSet
    from tracer_spec.plan import Resolved

_BATCH = 4096


@dataclass(frozen=True, slots=True)
class FittedEmbedder:
    """An embedder ready for use.

    Parameters
    ----------
    known : KnownVectors or None
        What remembers its vectors; None where it learns from the traces itself, or reads vectors.
    memory : Memory
        Remembers the vectors of an embedder that was fitted, all at once.
    parts : tuple of FittedEmbedder
        What it is made of: each part's vectors are remembered by themselves. Empty but for one that joins others.
    """

    resolved: Resolved
    embedder: Any
    known: KnownVectors | None = None
    observe: Observer = no_observer
    memory: Memory = field(default_factory=Memory)
    parts: tuple[FittedEmbedder, ...] = ()

    @property
    def brings_text(self) -> bool:
        """Return whether it embeds texts; else the app brings vectors."""
        return not self.resolved.reads_vectors

    @property
    def learns_texts(self) -> bool:
        """Return whether it, or a part of it, was fitted on the texts of fit rows."""
        if self.parts:
            return any(part.learns_texts for part in self.parts)
        return self.brings_text and self.known is None

    def vectors(self, traces: TraceSet, stage: str = "embed") -> Vectors:
        """Return the vectors of traces, shape (n, d), float32, finite; raise PluginError where the embedder gives others."""
        if self.parts:
            return self.joined([part.vectors(traces, stage) for part in self.parts], len(traces))
        with self.resolved.attribute_errors():
            if self.resolved.reads_vectors:
                held = traces.vectors if traces.vectors is not None else (None,) * len(traces)
                X = self.embedder.read(traces.rows.tolist(), traces.ids, held, traces.texts or ("",) * len(traces))
            elif not traces.texts:
                X = self.embedder.embed([])
            elif self.known is not None:
                X = self.known.vectors(traces.texts, _Progress(self.observe, stage, len(set(traces.texts))))
            else:
                X = self._remembered(traces.texts, stage)
            return checked(X, len(traces), self.resolved.alias)

    def vectors_of(self, texts: tuple[str, ...], stage: str = "embed") -> Vectors:
        """Return the vectors of texts that are no traces', shape (n, d), float32, finite."""
        if self.parts:
            return self.joined([part.vectors_of(texts, stage) for part in self.parts], len(texts))
        with self.resolved.attribute_errors():
            if self.known is None:
                return self._remembered(texts, stage)
            X = self.known.vectors(texts, _Progress(self.observe, stage, len(set(texts))))
            return checked(X, len(texts), self.resolved.alias)

    def probe_vectors(self) -> Vectors:
        """Return the vectors of :data:`PROBES`."""
        if self.parts:
            return self.joined([part.probe_vectors() for part in self.parts], len(PROBES))
        if self.known is not None:
            return self.known.probes()
        return checked(self.embedder.embed(PROBES), len(PROBES), self.resolved.alias)

    def joined(self, vectors: Sequence[Vectors], n: int) -> Vectors:
        """Return the vectors of n texts, from those of each part."""
        with self.resolved.attribute_errors():
            return checked(self.embedder.join(vectors), n, self.resolved.alias)

    def _remembered(self, texts: tuple[str, ...], stage: str) -> Vectors:
        """Embed texts, or take their vectors from a build that had the same embedder and the same texts."""
        key = vectors_key(self.resolved, self.embedder, texts, self.memory)
        kept = self.memory.recall(key)
        if kept is not None:
            return np.asarray(kept.parts["X"])
        parts, progress = [], _Progress(self.observe, stage, len(texts))
        for start in range(0, len(texts), _BATCH):
            some = texts[start : start + _BATCH]
            parts.append(checked(self.embedder.embed(some), len(some), self.resolved.alias))
            check_width(parts[-1], parts[0])
            progress(len(some))
        X = np.concatenate(parts)
        self.memory.keep("vectors", key, Kept({"X": X}))
        return X


class _Progress:
    """Tells an observer how far embedding has come, how fast it goes, and how long the rest will take."""

    def __init__(self, observe: Observer, stage: str, n: int) -> None:
        self._observe, self._stage, self._n = observe, stage, n
        self._done = 0
        self._began: float | None = None
        self._first = 0
        self._last = time.perf_counter()

    def __call__(self, more: int) -> None:
        now = time.perf_counter()
        self._done += more
        step = f"{self._done:,} of {self._n:,} texts embedded"
        if self._began is None:  # what was there already says nothing of the speed
            self._began, self._first = now, self._done
        elif now > self._began and self._done > self._first:
            rate = (self._done - self._first) / (now - self._began)
            step += f", {rate:,.0f} a second, {(self._n - self._done) / rate:,.0f} s to go"
        self._observe(StepDone(self._stage, step, now - self._last))
        self._last = now


def make_embedder(resolved: Resolved) -> Any:
    """Return what the reference makes, which may be yet to be fitted; what each part makes, of one that joins others."""
    return tuple(part.make() for part in resolved.parts) or resolved.make()


def fit_embedder(
    resolved: Resolved,
    fit: TraceSet,
    seed: int,
    memory: Memory,
    observe: Observer = no_observer,
    made: Any = None,
) -> FittedEmbedder:
    """Make the embedder, unless it was ``made`` before, and fit it on the texts of fit rows where it learns."""
    embedder = make_embedder(resolved) if made is None else made
    if resolved.parts:
        parts = zip(resolved.parts, embedder, strict=True)
        fitted_parts = tuple(fit_embedder(part, fit, seed, memory, observe, each) for part, each in parts)
        return joined_embedder(resolved, fitted_parts, memory)
    if not isinstance(embedder, Fittable):
        with resolved.attribute_errors():
            carried(resolved, embedder, embedder)
        return FittedEmbedder(resolved, embedder, known_vectors(resolved, embedder, memory.store), observe, memory)
    with resolved.attribute_errors(), one_thread():
        key = fitted_key(resolved, fit.texts, seed, memory)
        fitted = recall_fitted(embedder, key, memory)
        if fitted is None:
            fitted = embedder.fit(fit.texts, seed=seed)
            state = carried(resolved, embedder, fitted)
            if isinstance(embedder, Restorable) and key is not None:
                memory.keep("embedder", key, Kept(state))
    return FittedEmbedder(resolved, fitted, None, observe, memory)


def joined_embedder(resolved: Resolved, parts: tuple[FittedEmbedder, ...], memory: Memory) -> FittedEmbedder:
    """Return the embedder that is made of these, which are fitted."""
    return FittedEmbedder(resolved, resolved.make_of([part.embedder for part in parts]), memory=memory, parts=parts)


def recall_fitted(learner: Any, key: bytes | None, memory: Memory) -> Any | None:
    """Return the embedder that an earlier build fitted; None where it is not known."""
    kept = memory.recall(key) if isinstance(learner, Restorable) else None
    return None if kept is None else learner.restore(kept.parts)


def fitted_key(resolved: Resolved, texts: Sequence[str], seed: int, memory: Memory) -> bytes | None:
    """Return the key of an embedder fitted on these texts."""
    return memory.key("embedder", resolved, texts_digest(texts), seed)


def vectors_key(resolved: Resolved, fitted: Any, texts: Sequence[str], memory: Memory) -> bytes | None:
    """Return the key of the vectors that a fitted embedder gives these texts."""
    return memory.key("vectors", resolved, str(fitted.fingerprint()), texts_digest(texts))


def texts_digest(texts: Sequence[str]) -> bytes:
    """Return a digest of texts in their order."""
    return key_of("texts", *(text.encode("utf-8", "surrogatepass") for text in texts))


def known_vectors(resolved: Resolved, embedder: Any, store: Store) -> KnownVectors | None:
    """Return what remembers an embedder's vectors; None for one that is fitted on the traces, or brings vectors."""
    if resolved.reads_vectors or isinstance(embedder, Fittable):
        return None

    def embed(texts: Sequence[str]) -> Vectors:
        return checked(embedder.embed(texts), len(texts), resolved.alias)

    with resolved.attribute_errors():
        return KnownVectors(store, embed, str(embedder.fingerprint()))


def checked(X: Vectors, n: int, name: str) -> Vectors:
    """Return X, or say how it breaks the contract of an embedder."""
    breach = ""
    if not isinstance(X, np.ndarray) or X.ndim != 2 or len(X) != n or X.shape[1] < 1:
        breach = f"{X.shape if isinstance(X, np.ndarray) else type(X).__name__} for {n} texts, not ({n}, d)"
    elif X.dtype != np.float32:
        breach = f"{X.dtype}, not float32"
    elif not np.isfinite(X).all():
        breach = f"vectors that are not finite, for {(~np.isfinite(X).all(axis=1)).sum():,} of {n:,} texts"
    elif n_long := int((~np.isfinite(_squares(X))).sum()):
        breach = f"vectors whose length is not finite in float32, for {n_long:,} of {n:,} texts"
    if breach:
        raise PluginError(f"the embedder '{name}' gave {breach}", address="embedder")
    return X


def _squares(X: Vectors) -> Vectors:
    """Return the squared length of each vector; infinite where it is beyond float32."""
    with np.errstate(over="ignore"):
        lengths: Vectors = np.einsum("nd,nd->n", X, X)
    return lengths
