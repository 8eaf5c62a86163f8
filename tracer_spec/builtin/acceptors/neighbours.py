"""``neighbours``: the features of ``logistic``, and how near a request is to fit rows of the two labels with the best scores.

Where the nearest row of the second label is nearer than that of the first, the surrogate is likely to be wrong; where neither
is near, nobody has asked this before. docs/study.md measures what that adds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tracer_spec.builtin.acceptors.logistic import LogisticLearner, LogisticOptions
from tracer_spec.builtin.checked_rows import checked_vectors
from tracer_spec.plugin import Classes, Evidence, Vectors

if TYPE_CHECKING:
    from tracer_spec.builtin.acceptors.neighbours_graph import NeighboursAcceptor, Reference

# what the rows may take in a bundle; a byte a number
_MOST_BYTES = 4 << 20
# numbers that one decision may compare with a label: a batch holds twice as many for each of its rows
_MOST_COMPARED = 1 << 16
# of a label with more rows than are kept, so many times as many are looked through for distinct ones
_LOOKED_THROUGH = 4
_OWN_FOLDS = 4


class NeighboursOptions(LogisticOptions):
    """Options of ``neighbours``."""

    rows: int = Field(
        16,
        ge=1,
        le=256,
        description="fit rows kept of each label, in int8; fewer where more than 4 MiB would be kept in all, or 65,536 numbers "
        "of one label",
    )


@dataclass(frozen=True, slots=True)
class NeighboursLearner:
    """Trains :class:`NeighboursAcceptor`."""

    options: NeighboursOptions

    def fit(
        self, evidence: Evidence, *, seed: int, sample_weight: NDArray[np.float64] | None = None
    ) -> NeighboursAcceptor:
        """Train on out-of-fold evidence.

        Raises
        ------
        PluginError
            For no evidence, and scores, votes or vectors that are not finite.

        Notes
        -----
        The surrogate had not seen the fold of the row that it scored. Nor may the rows that it is compared with: they are of
        the other folds. Those that ship are of all folds. Weights count in the regression, and not in what is near.
        """
        from tracer_spec.builtin.acceptors.neighbours_graph import NeighboursAcceptor

        X = checked_vectors(evidence.X, "the acceptor")
        folds = _folds(X) if evidence.folds is None else evidence.folds
        near = np.empty((len(X), 2), np.float32)
        for fold in np.unique(folds):
            inside = folds == fold
            others = self._reference(evidence, X, ~inside, seed)
            near[inside] = others.similarities(X[inside], evidence.scores[inside])
        votes = near if evidence.votes is None else np.concatenate([evidence.votes, near], axis=1)
        logistic = LogisticLearner(self.options).fit(
            replace(evidence, votes=votes), seed=seed, sample_weight=sample_weight
        )
        return NeighboursAcceptor(logistic, self._reference(evidence, X, np.ones(len(X), bool), seed))

    def _reference(self, evidence: Evidence, X: Vectors, among: NDArray[np.bool_], seed: int) -> Reference:
        """Return rows of each label among some, distinct and as many as fit, drawn by the seed."""
        from tracer_spec.builtin.acceptors.neighbours_graph import Reference, normalised

        n_classes, dimension = evidence.scores.shape[1], X.shape[1]
        most = min(self.options.rows, _MOST_BYTES // (n_classes * dimension), _MOST_COMPARED // dimension)
        drawn = np.random.default_rng(seed).permutation(len(X))
        drawn = drawn[among[drawn] & X[drawn].any(axis=1)]
        kept = [_distinct(X, drawn[evidence.y[drawn] == label], max(1, most)) for label in range(n_classes)]
        return Reference.of([normalised(X[rows]) for rows in kept], dimension)


def _distinct(X: Vectors, rows: Classes, most: int) -> Classes:
    """Return the first rows that differ from one another, ``most`` of them."""
    looked_through = rows[: _LOOKED_THROUGH * most]
    _, first = np.unique(X[looked_through], axis=0, return_index=True)
    return looked_through[np.sort(first)[:most]]


def _folds(X: Vectors) -> Classes:
    """Deal rows into folds where nobody did: equal vectors into one."""
    _, number = np.unique(X, axis=0, return_inverse=True)
    folds: Classes = number.reshape(-1) % _OWN_FOLDS
    return folds
