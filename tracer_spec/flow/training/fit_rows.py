"""Rows that everything learns from, and their folds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tracer_spec.flow.cache.memory import digest_of
from tracer_spec.plugin import Classes, Mask, Vectors


@dataclass(frozen=True, eq=False)
class FitRows:
    """The rows that everything learns from.

    ``y`` is the teacher's class, -1 where its label is off the list: such a row trains no surrogate and agrees with none.
    ``folds`` is the fold that holds each row out.
    """

    X: Vectors = field(repr=False)
    y: Classes = field(repr=False)
    folds: Classes = field(repr=False)
    n_classes: int

    def __len__(self) -> int:
        return len(self.y)

    @cached_property
    def digest(self) -> bytes:
        """Return a digest of vectors and classes, row by row in order."""
        return digest_of(self.X) + digest_of(self.y)

    @cached_property
    def known(self) -> Mask:
        """Return which rows the embedder knows something of: the others' vector is zero, and no policy handles them."""
        return self.X.any(axis=1).astype(bool, copy=False)

    @property
    def n_folds(self) -> int:
        """Return the number of folds."""
        return int(self.folds.max()) + 1 if len(self) else 0

    def splits(self, among: Mask) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
        """Yield (rows of ``among`` outside a fold, all rows of that fold)."""
        for fold in range(self.n_folds):
            yield np.flatnonzero(among & (self.folds != fold)), np.flatnonzero(self.folds == fold)
