"""Regions of the embedding space, found without labels: clusters of similar requests."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from tracer_spec.flow.audit.rows import AuditedRows
from tracer_spec.flow.training.parallel import derive_seed
from tracer_spec.plugin import Classes, Vectors
from tracer_spec.plugin.one_thread import one_thread

# an interval of agreement says little on fewer rows, and nobody reads more parts
_ROWS_PER_REGION = 100
_MOST_REGIONS = 24
# centres settle on far fewer rows than there may be
_MOST_CLUSTERED = 10_000
_ROUNDS = 50


@dataclass(frozen=True, eq=False)
class Regions:
    """k-means over directions: m regions, largest first.

    ``of_row`` is the region of each row, in [0, m); ``nearness`` its cosine with the mean of its region.
    """

    of_row: Classes = field(repr=False)
    nearness: Vectors = field(repr=False)

    @cached_property
    def n(self) -> int:
        """Return the number of regions."""
        return int(self.of_row.max()) + 1 if len(self.of_row) else 0

    def most_typical(self, region: int) -> Classes:
        """Return the rows of a region, those nearest to its centre first."""
        rows = np.flatnonzero(self.of_row == region)
        typical: Classes = rows[np.argsort(-self.nearness[rows].round(4), kind="stable")]
        return typical


def n_regions(n_rows: int) -> int:
    """Return how many regions so many rows are cut into.

    Examples
    --------
    >>> [n_regions(n) for n in (50, 350, 6000)]
    [1, 3, 24]
    """
    return max(1, min(_MOST_REGIONS, n_rows // _ROWS_PER_REGION))


def find_regions(rows: AuditedRows) -> Regions:
    """Cluster the directions of the embeddings, or take the clusters of an earlier audit of the same rows.

    Notes
    -----
    Lloyd's algorithm from one k-means++ start, on at most 10,000 rows drawn by the seed; then every row goes to the
    nearest centre. It must run on one thread: centres differ between one and two.
    """
    seed = derive_seed(rows.seed, "audit", "regions")
    found = rows.memory.derived("regions", lambda: _clustered(rows, seed), rows.fit.X, seed)
    return Regions(found["of_row"], found["nearness"])


def _clustered(rows: AuditedRows, seed: int) -> dict[str, npt.NDArray[Any]]:
    """Return the region of each row, and its cosine with the mean of its region."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    drawn = rows.unit
    if len(drawn) > _MOST_CLUSTERED:
        chosen = np.random.default_rng(seed).choice(len(drawn), _MOST_CLUSTERED, replace=False)
        drawn = drawn[np.sort(chosen)]
    kmeans = KMeans(n_regions(len(rows)), n_init=1, max_iter=_ROUNDS, random_state=seed)
    # a limit binds the libraries that are loaded by then, and k-means brings some of its own
    with warnings.catch_warnings(), one_thread():
        # fewer distinct vectors than regions: some stay empty, and are left out below
        warnings.simplefilter("ignore", ConvergenceWarning)
        centres = np.asarray(kmeans.fit(drawn).cluster_centers_, np.float32)
    nearest = (rows.unit @ centres.T - (centres**2).sum(axis=1) / 2).argmax(axis=1)
    sizes = np.bincount(nearest, minlength=len(centres))
    order = np.argsort(-sizes, kind="stable")
    place = np.argsort(order, kind="stable")
    lengths = np.linalg.norm(centres, axis=1, keepdims=True)
    directions = centres / np.maximum(lengths, np.finfo(np.float32).tiny)
    nearness = np.asarray((rows.unit * directions[nearest]).sum(axis=1), np.float32)
    return {"of_row": place[nearest], "nearness": nearness}
