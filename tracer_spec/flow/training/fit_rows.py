"""Rows that everything learns from, and their folds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tracer_spec.flow.cache.memory import digest_of
from tracer_spec.flow.traces.fit_weights import FitWeights, effective
from tracer_spec.flow.training.label_rows import LabelRows, NamesGain
from tracer_spec.plugin import Classes, Mask, Vectors


@dataclass(frozen=True, eq=False)
class FitRows:
    """The rows that everything learns from.

    ``y`` is the teacher's class, -1 where its label is off the list: such a row trains no surrogate and agrees with none.
    ``folds`` is the fold that holds each row out. ``weights`` is None where all rows weigh the same. ``names`` are rows
    of label names, on which surrogates train too; all else is about the rows of traces alone.
    """

    X: Vectors = field(repr=False)
    y: Classes = field(repr=False)
    folds: Classes = field(repr=False)
    n_classes: int
    weights: FitWeights | None = field(default=None, repr=False)
    names: LabelRows | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.y)

    @cached_property
    def digest(self) -> bytes:
        """Return a digest of vectors, classes and weights, row by row in order, those of label names too."""
        plain = digest_of(self.X) + digest_of(self.y)
        weighted = b"" if self.weights is None else digest_of(self.weights.learning)
        return plain + weighted + (b"" if self.names is None else self.names.digest)

    @cached_property
    def known(self) -> Mask:
        """Return which rows the embedder knows something of: the others' vector is zero, and no policy handles them."""
        return self.X.any(axis=1).astype(bool, copy=False)

    def take(self, at: Classes) -> FitRows:
        """Return the rows at these positions, of which all weigh the same."""
        return FitRows(self.X[at], self.y[at], self.folds[at], self.n_classes)

    def representative(self, seed: int) -> Classes:
        """Return rows that are a sample of the traffic, ascending; where they are weighted, each as likely as it weighs."""
        if self.weights is None:
            return np.arange(len(self))
        chance = self.weights.counting / self.weights.counting.max()
        return np.flatnonzero(np.random.default_rng(seed).uniform(size=len(self)) < chance)

    def share(self, chosen: Mask, among: Mask | None = None) -> float:
        """Return the share of some rows in the traffic that all rows, or those ``among``, speak for; in [0, 1]."""
        whole = np.ones(len(self), bool) if among is None else among
        if self.weights is None:
            return float(chosen[whole].mean())
        total = float(self.weights.counting[whole].sum())
        # sums of other rows may round otherwise
        return min(1.0, float(self.weights.counting[whole & chosen].sum()) / total) if total else 0.0

    def counts(self, handled: Mask, agrees: Mask) -> tuple[float, float, float]:
        """Return rows, those handled, and those of them that agree: as many of equal weight as tell as much."""
        if self.weights is None:
            return len(self), int(handled.sum()), int(agrees.sum())
        weights = self.weights.counting
        n_all, of_handled, sum_handled = effective(weights), weights[handled], float(weights[handled].sum())
        if not sum_handled:
            return n_all, 0.0, 0.0
        coverage = min(1.0, sum_handled / float(weights.sum()))
        n_rows = min(n_all, effective(of_handled) / coverage)
        share = min(1.0, float(weights[agrees].sum()) / sum_handled)
        return n_rows, n_rows * coverage, n_rows * coverage * share

    @property
    def names_gain(self) -> NamesGain | None:
        """Return what label names brought; None where that was not tried."""
        return None if self.names is None else self.names.gain

    @property
    def n_folds(self) -> int:
        """Return the number of folds."""
        return int(self.folds.max()) + 1 if len(self) else 0

    def splits(self, among: Mask) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
        """Yield (rows of ``among`` outside a fold, all rows of that fold)."""
        for fold in range(self.n_folds):
            yield np.flatnonzero(among & (self.folds != fold)), np.flatnonzero(self.folds == fold)
