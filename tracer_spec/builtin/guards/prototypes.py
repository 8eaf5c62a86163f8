"""``prototypes``: the distance to the nearest prototype of the predicted label."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from tracer_spec.builtin.checked_rows import checked_classes, checked_vectors
from tracer_spec.plugin import Classes, Options, Scores, Vectors
from tracer_spec.plugin.one_thread import one_thread

if TYPE_CHECKING:
    from tracer_spec.builtin.guards.prototypes_graph import PrototypesGuard

# fewer rows than this for each prototype, and their mean is one of the rows
_ROWS_PER_PROTOTYPE = 4
# each decision looks at all prototypes of one label, and a batch holds them for every row
_MOST_PER_LABEL = 8
# where the prototypes of a label without fit rows are: far from everything, and its square is still a float32
_NOWHERE = np.float32(1e15)
_SMALLEST_RADIUS = np.float32(1e-6)
_ROUNDS = 50


class PrototypesOptions(Options):
    """Options of ``prototypes``."""

    prototypes: int = Field(
        600, ge=1, le=10_000, description="k-means prototypes in all, shared evenly by the labels, at most 8 each"
    )
    quantile: float = Field(
        0.95, gt=0, lt=1, description="share of fit rows within their label's radius; what lies beyond is refused"
    )


@dataclass(frozen=True, slots=True)
class PrototypesLearner:
    """Trains :class:`PrototypesGuard`."""

    options: PrototypesOptions

    def fit(self, X: Vectors, y: Classes, *, n_classes: int, seed: int) -> PrototypesGuard:
        """Cluster the rows of each label, and measure how far from its prototypes a label's rows lie.

        Raises
        ------
        PluginError
            For no rows, vectors that are not finite, or classes out of range.

        Notes
        -----
        A row pulls its prototype towards itself, so that fit rows lie nearer than fresh ones do. Each is therefore
        measured against the means *without it*: for the mean of m rows, the distance times m / (m - 1). A label's radius is
        the quantile of its own rows' distances, but no less than that of all rows: a label with few rows knows too little
        of how far they may lie. A label that no fit row has is refused always.
        """
        from tracer_spec.builtin.guards.prototypes_graph import PrototypesGuard

        X = checked_vectors(X, "the guard")
        y = checked_classes(y, len(X), n_classes, "the guard")
        seen = np.unique(y)
        per_label = min(max(1, self.options.prototypes // len(seen)), _MOST_PER_LABEL)
        prototypes = np.full((n_classes, per_label, X.shape[1]), _NOWHERE, np.float32)
        left_out = np.empty(len(X), np.float32)
        with one_thread():
            for label in seen:
                rows = np.flatnonzero(y == label)
                means, left_out[rows] = _cluster(X[rows], per_label, (seed + int(label)) % 2**31)
                prototypes[label] = means[np.arange(per_label) % len(means)]
        # a row that is alone with its label has nothing to be measured against
        known = np.isfinite(left_out)
        floor = self._radius(left_out[known])
        radii = np.full(n_classes, floor, np.float32)
        for label in seen:
            radii[label] = max(floor, self._radius(left_out[known & (y == label)]))
        return PrototypesGuard(prototypes, radii)

    def _radius(self, distances: Scores) -> np.float32:
        """Return the quantile of distances."""
        radius = np.float32(np.quantile(distances, self.options.quantile)) if len(distances) else np.float32(0)
        return max(radius, _SMALLEST_RADIUS)


def _cluster(rows: Vectors, n_prototypes: int, seed: int) -> tuple[Vectors, Scores]:
    """Return k-means prototypes of some rows, and how far each row is from the nearest that it has no part in."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    from tracer_spec.builtin.guards.prototypes_graph import euclidean

    m = max(1, min(n_prototypes, len(np.unique(rows, axis=0)), len(rows) // _ROWS_PER_PROTOTYPE))
    part = np.zeros(len(rows), np.int64)
    if m > 1:
        with warnings.catch_warnings():
            # rows that differ by next to nothing make fewer clusters than asked for, which is as well
            warnings.simplefilter("ignore", ConvergenceWarning)
            clusters = KMeans(m, n_init=1, max_iter=_ROUNDS, random_state=seed).fit(rows).labels_
        part, sizes = np.unique(clusters, return_inverse=True, return_counts=True)[1:]
    else:
        sizes = np.array([len(rows)])
    means = np.stack([rows[part == each].mean(axis=0, dtype=np.float64) for each in range(len(sizes))])
    means = means.astype(np.float32)
    distances = euclidean(rows, means)
    mine = np.arange(len(rows)), part
    stretch = np.where(sizes > 1, sizes / np.maximum(sizes - 1, 1), np.inf)[part]
    distances[mine] = np.where(stretch < np.inf, distances[mine] * np.minimum(stretch, 2), np.inf)
    return means, distances.min(axis=1)
