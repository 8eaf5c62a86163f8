"""The certify rows, opened once: counts of whole policies, scored by the very graph that ships."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tracer_spec.plugin import Calibrator, Candidate, Certificate, Target

if TYPE_CHECKING:
    from tracer_spec.flow.lock.ledger import Look
    from tracer_spec.flow.prepared import Prepared


def certify(
    calibrator: Calibrator, ordered: Sequence[Candidate], prepared: Prepared, target: Target, look: Look | None
) -> Certificate:
    """Write the look down, break the seal, and let the calibrator test its frozen order.

    Where there is nothing to test, the seal holds and no look is spent.
    """
    if not ordered:
        return calibrator.certify(ordered, prepared.certify, target)
    if look is not None:
        look.write_down()
    rows = prepared.certify.open(prepared.embedder, prepared.labels, prepared.denied)
    certificate = calibrator.certify(ordered, rows, target)
    scores = rows.score_quantiles(certificate.chosen.candidate.policy) if certificate.chosen else ()
    return replace(
        certificate,
        look=look.number if look else None,
        scores=scores,
        assumptions=(*certificate.assumptions, *prepared.split_notes),
    )
