"""Texts to vectors: the embedder is fitted on fit rows, then used as production will use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer_spec.errors import PluginError
from tracer_spec.plugin import Embedder, Fittable, VectorReader, Vectors

if TYPE_CHECKING:
    from tracer_spec.flow.traces import TraceSet
    from tracer_spec.plan import Resolved

# neutral texts of many shapes: their vectors tell one embedder from another of the same dimension
PROBES = (
    "where is my card?",
    "I was charged twice for the same order, please refund 20.50 EUR",
    "Привет, как дела? 你好 مرحبا",
    "a",
    "UPPER lower 12345 _-#!? https://example.com/x?y=1",
)


@dataclass(frozen=True, slots=True)
class FittedEmbedder:
    """An embedder ready for use, with the name it goes by in the spec.

    Parameters
    ----------
    resolved : Resolved
        The plugin and its options.
    embedder : Embedder or VectorReader
    """

    resolved: Resolved
    embedder: Any

    @property
    def brings_text(self) -> bool:
        """Return whether it embeds texts; else the app brings vectors."""
        return not isinstance(self.embedder, VectorReader)

    def vectors(self, traces: TraceSet) -> Vectors:
        """Return the vectors of traces, shape (n, d), float32, finite.

        Raises
        ------
        PluginError
            Where the embedder gives something else.
        """
        with self.resolved.blamed():
            if isinstance(self.embedder, VectorReader):
                held = traces.vectors if traces.vectors is not None else (None,) * len(traces)
                X = self.embedder.read(traces.rows.tolist(), traces.ids, held)
            else:
                X = embed_in_batches(self.embedder, traces.texts)
        return _checked(X, len(traces), self.resolved.alias)

    def probe_vectors(self) -> Vectors:
        """Return the vectors of :data:`PROBES`."""
        return _checked(self.embedder.embed(PROBES), len(PROBES), self.resolved.alias)


def embed_in_batches(embedder: Embedder, texts: tuple[str, ...], size: int = 4096) -> Vectors:
    """Embed many texts, a bounded number at a time."""
    if not texts:
        return embedder.embed([])
    return np.concatenate([embedder.embed(texts[start : start + size]) for start in range(0, len(texts), size)])


def fit_embedder(resolved: Resolved, fit: TraceSet, seed: int) -> FittedEmbedder:
    """Make the embedder, and fit it on the texts of fit rows where it learns."""
    from threadpoolctl import threadpool_limits

    embedder = resolved.make()
    if isinstance(embedder, Fittable):
        with resolved.blamed(), threadpool_limits(1):
            embedder = embedder.fit(fit.texts, seed=seed)
    return FittedEmbedder(resolved, embedder)


def _checked(X: Vectors, n: int, name: str) -> Vectors:
    """Return X, or say how it breaks the contract of an embedder."""
    if not isinstance(X, np.ndarray) or X.ndim != 2 or len(X) != n or X.shape[1] < 1:
        shape = X.shape if isinstance(X, np.ndarray) else type(X).__name__
        raise PluginError(f"the embedder '{name}' gave {shape} for {n} texts, not ({n}, d)", address="embedder")
    if X.dtype != np.float32:
        raise PluginError(f"the embedder '{name}' gave {X.dtype}, not float32", address="embedder")
    if not np.isfinite(X).all():
        rows = np.flatnonzero(~np.isfinite(X).all(axis=1))
        raise PluginError(
            f"the embedder '{name}' gave vectors that are not finite, for {len(rows)} of {n} texts", address="embedder"
        )
    return X
