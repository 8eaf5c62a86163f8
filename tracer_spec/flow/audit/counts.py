"""Counts of the audit: where requests go, what is mixed up, what guards refuse, whether scores mean what they say."""

from __future__ import annotations

from collections import Counter

import numpy as np

from tracer_spec.flow.audit.decisions import Tried
from tracer_spec.flow.audit.rows import AuditedRows, shortened
from tracer_spec.flow.documents.audit import (
    TEACHER,
    Confusion,
    FlowLink,
    Guard,
    Histogram,
    RefusedLabel,
    ScoreBin,
    StageScores,
)
from tracer_spec.plugin import Mask, Scores

_MOST_CONFUSIONS = 50
_HISTOGRAM = 40
_BINS = 10


def flow(rows: AuditedRows) -> tuple[FlowLink, ...]:
    """Return how many rows of each label every stage handles, and how many are deferred; the counts sum to n."""
    decided = rows.decided
    links = []
    for label, among in rows.each_label():
        for stage in range(len(decided.tried)):
            handled = among & (decided.stages == stage)
            n, agree = int(handled.sum()), int((handled & decided.agrees).sum())
            links.append(FlowLink(label=label, to=f"stage {stage + 1}", n=n, agree=agree))
        links.append(FlowLink(label=label, to=TEACHER, n=int((among & ~decided.handled).sum())))
    return tuple(link for link in links if link.n)


def confusions(rows: AuditedRows) -> tuple[Confusion, ...]:
    """Return the commonest disagreements of the deciding stage with the teacher, and how many of them it handled.

    Labels off the list count as one: what they are may not be told, and hardly any occurs twice.
    """
    decided = rows.decided
    differ = np.flatnonzero(~decided.agrees)
    pairs = list(zip(rows.y[differ].tolist(), decided.predicted[differ].tolist(), strict=True))
    counts = Counter(pairs)
    handled = Counter(pair for pair, was in zip(pairs, decided.handled[differ], strict=True) if was)
    ordered = sorted(counts, key=lambda pair: (-counts[pair], -handled[pair], pair))
    return tuple(
        Confusion(
            teacher=rows.labels[teacher] if teacher >= 0 else rows.off_list,
            surrogate=rows.labels[surrogate],
            n=counts[teacher, surrogate],
            handled=handled[teacher, surrogate],
        )
        for teacher, surrogate in ordered[:_MOST_CONFUSIONS]
    )


def guards(rows: AuditedRows) -> tuple[Guard, ...]:
    """Return, for each guard of the spec, the deferred rows that the last stage tried refused because of it.

    Notes
    -----
    A row that two guards refuse counts for both. ``would_agree`` are those whose refused answer was the teacher's.
    ``otherwise_handled`` are those that this guard alone kept back: allowed, sure enough, and near by every other
    guard; ``otherwise_agree`` those of them that agree.
    """
    last = rows.decided.tried[-1]
    found = []
    for number, fence in enumerate(last.stage.fences):
        refused = ~rows.decided.handled & ~last.near[number]
        others = [near for other, near in enumerate(last.near) if other != number]
        alone = np.logical_and.reduce([refused, last.sure, last.allowed, *others])
        counts = [
            (label, int((refused & among).sum()), int((refused & among & last.agrees).sum()))
            for label, among in rows.each_label()
        ]
        guard = Guard(
            guard=fence.guard.name,
            refused=int(refused.sum()),
            would_agree=int((refused & last.agrees).sum()),
            otherwise_handled=int(alone.sum()),
            otherwise_agree=int((alone & last.agrees).sum()),
            labels=tuple(RefusedLabel(label=label, refused=n, would_agree=agree) for label, n, agree in counts if n),
        )
        found.append(guard)
    return tuple(found)


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
