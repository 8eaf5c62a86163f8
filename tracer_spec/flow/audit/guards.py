"""What each guard kept back, and what that cost."""

from __future__ import annotations

import numpy as np

from tracer_spec.flow.audit.decisions import Tried
from tracer_spec.flow.audit.rows import AuditedRows
from tracer_spec.flow.documents.audit import Guard, RefusedLabel
from tracer_spec.plugin import Mask


def guards(rows: AuditedRows) -> tuple[Guard, ...]:
    """Return, for each guard of the spec, the deferred rows that the last stage tried refused because of it.

    Notes
    -----
    A row that two guards refuse counts for both. ``would_agree`` are those whose refused answer was the teacher's.
    ``otherwise_handled`` are those that this guard alone kept back: allowed, sure enough, and near by every other
    guard; ``otherwise_agree`` those of them that agree.
    """
    last = rows.decided.tried[-1]
    deferred = ~rows.decided.handled
    return tuple(
        _guard(fence.guard.name, rows, deferred, last, number) for number, fence in enumerate(last.stage.fences)
    )


def _guard(name: str, rows: AuditedRows, deferred: Mask, last: Tried, number: int) -> Guard:
    refused = deferred & ~last.near[number]
    others = [near for other, near in enumerate(last.near) if other != number]
    alone = np.logical_and.reduce([refused, last.sure, last.allowed, *others])
    counts = [
        (label, int((refused & among).sum()), int((refused & among & last.agrees).sum()))
        for label, among in rows.each_label()
    ]
    return Guard(
        guard=name,
        refused=int(refused.sum()),
        would_agree=int((refused & last.agrees).sum()),
        otherwise_handled=int(alone.sum()),
        otherwise_agree=int((alone & last.agrees).sum()),
        labels=tuple(RefusedLabel(label=label, refused=n, would_agree=agree) for label, n, agree in counts if n),
    )
