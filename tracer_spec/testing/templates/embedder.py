"""An embedder: counts of character trigrams, each hashed to one of ``dim`` places."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from pydantic import Field

from tracer_spec.plugin import Embedder, Options, Plugin, Vectors, hookimpl


class TrigramOptions(Options):
    """Options of the embedder."""

    dim: int = Field(256, ge=2, le=65_536, description="dimensions")


class Trigrams:
    """It learns nothing, so its options are all that brings it back: the state is empty."""

    def __init__(self, options: TrigramOptions) -> None:
        self.dim = options.dim

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row of length 1 for each text, shape (n, dim)."""
        X = np.zeros((len(texts), self.dim), np.float32)
        for row, text in zip(X, texts, strict=True):
            padded = f" {text.casefold()} "
            for start in range(len(padded) - 2):
                row[zlib.crc32(padded[start : start + 3].encode("utf-8", "replace")) % self.dim] += 1
            row /= max(float(np.linalg.norm(row)), 1.0)
        return X

    def fingerprint(self) -> str:
        """Identify the function from text to vector: change the number when the code above changes."""
        return hashlib.sha256(f"trigrams 1 {self.dim}".encode()).hexdigest()

    def state(self) -> Mapping[str, bytes]:
        """Return nothing: options say it all."""
        return {}


@hookimpl
def tracer_spec_embedders() -> Iterable[Plugin[Embedder]]:
    """Yield what this package provides."""
    yield Plugin("my-embedder", "hashed character trigrams", Trigrams, TrigramOptions)
