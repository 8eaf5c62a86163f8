"""What the surrogates mix up: their label against the teacher's."""

from __future__ import annotations

from collections import Counter

import numpy as np

from tracer_spec.flow.audit.rows import AuditedRows
from tracer_spec.flow.documents.audit import Confusion

_MOST = 50


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
        for teacher, surrogate in ordered[:_MOST]
    )
