"""Whether scores mean what they say: of each stage, over the rows that reach it."""

from __future__ import annotations

import numpy as np

from tracer_spec.flow.audit.decisions import Tried
from tracer_spec.flow.audit.rows import AuditedRows, shortened
from tracer_spec.flow.documents.audit import Histogram, ScoreBin, StageScores
from tracer_spec.plugin import Mask, Scores

_HISTOGRAM = 40
_BINS = 10


def stages(rows: AuditedRows) -> tuple[StageScores, ...]:
    """Return what each stage is made of, how its scores lie, and how often it agrees where it is how sure."""
    return tuple(map(_stage, rows.decided.tried))


def _stage(tried: Tried) -> StageScores:
    scores, agrees = tried.scores[tried.reached], tried.agrees[tried.reached]
    acceptor = tried.stage.acceptor
    return StageScores(
        surrogate=tried.stage.surrogate.name,
        acceptor=acceptor.name if acceptor else None,
        threshold=tried.stage.threshold if acceptor else None,
        scores=histogram(scores, agrees),
        reliability=reliability(scores, agrees),
    )


def histogram(scores: Scores, agrees: Mask) -> Histogram:
    """Return the counts of scores in forty equal steps, agreeing and not.

    The steps go from 0 to 1, unless the scores of a plugin do not lie there. A score on an edge belongs to the step above.
    """
    inside = not len(scores) or (scores.min() >= 0 and scores.max() <= 1)
    low, high = (0.0, 1.0) if inside else (float(scores.min()), float(scores.max()))
    edges = np.linspace(low, high, _HISTOGRAM + 1)
    agree, disagree = (tuple(np.histogram(scores[which], edges)[0].tolist()) for which in (agrees, ~agrees))
    return Histogram(edges=tuple(map(shortened, edges)), agree=agree, disagree=disagree)


def reliability(scores: Scores, agrees: Mask) -> tuple[ScoreBin, ...]:
    """Return the mean score and the agreement of at most ten bins of about equally many rows, of rising score."""
    if not len(scores):
        return ()
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    # rows of one score share a bin, whatever their order
    cuts = np.searchsorted(ordered, ordered[[len(ordered) * part // _BINS for part in range(1, _BINS)]])
    return tuple(
        ScoreBin(
            low=shortened(scores[rows].min()),
            high=shortened(scores[rows].max()),
            n=len(rows),
            mean_score=shortened(scores[rows].astype(np.float64).mean()),
            agree=int(agrees[rows].sum()),
        )
        for rows in np.split(order, np.unique(cuts))
        if len(rows)
    )
