"""Pairs that show where the policy draws its line: the same label, nearly the same request, one handled and one deferred."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tracer_spec.flow.audit.rows import AuditedRows, one_per_row, shortened
from tracer_spec.flow.documents.audit import BoundaryPair

NEAR = 0.5
"""The cosine from which two requests count as neighbours."""

_MOST = 30
_PER_LABEL = 2


def boundary(rows: AuditedRows) -> tuple[BoundaryPair, ...]:
    """Return the nearest pairs of a handled and a deferred row of one label, at most two a label, nearest first.

    Near is a cosine of at least :data:`NEAR`. Both rows of a pair are of one fold: the same models judged them, so that what
    tells them apart is the request.
    """
    found = [pair for label in range(len(rows.labels)) for pair in _of_label(rows, label)]
    found.sort(key=lambda pair: (-pair[0], pair[1], pair[2]))
    return tuple(
        BoundaryPair(
            label=rows.label(handled),
            similarity=similarity,
            handled=rows.told(handled),
            deferred=rows.told(deferred),
        )
        for similarity, handled, deferred in found[:_MOST]
    )


def _of_label(rows: AuditedRows, label: int) -> list[tuple[float, int, int]]:
    """Return the nearest pairs of a label that share no row."""
    near = sorted(_nearest(rows, label), key=lambda pair: (-pair[0], pair[1], pair[2]))
    similarity = {(handled, deferred): value for value, handled, deferred in near}
    apart = list(one_per_row(similarity))[:_PER_LABEL]
    return [(similarity[pair], *pair) for pair in apart]


def _nearest(rows: AuditedRows, label: int) -> Iterator[tuple[float, int, int]]:
    """Yield each deferred row of a label with the handled row of its fold that is nearest to it."""
    at = rows.searched[rows.y[rows.searched] == label]
    for fold in np.unique(rows.folds[at]):
        here = at[rows.folds[at] == fold]
        handled, deferred = here[rows.decided.handled[here]], here[~rows.decided.handled[here]]
        if not len(handled) or not len(deferred):
            continue
        cosines = rows.unit[deferred] @ rows.unit[handled].T
        best = cosines.argmax(axis=1)
        for row, nearest, cosine in zip(deferred, best, cosines.max(axis=1), strict=True):
            if cosine >= NEAR:
                yield shortened(min(cosine, 1.0)), int(handled[nearest]), int(row)
