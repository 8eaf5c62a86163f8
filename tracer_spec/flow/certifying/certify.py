"""Open the certify rows, once, and let the calibrator test its frozen order on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tracer_spec.plugin import Candidate, Certificate, CertifyRows, Target

if TYPE_CHECKING:
    from tracer_spec.flow.lock.ledger import Look
    from tracer_spec.flow.prepared import Prepared
    from tracer_spec.plan import Resolved


def certify(
    calibrator: Resolved, ordered: Sequence[Candidate], prepared: Prepared, target: Target, look: Look | None
) -> Certificate:
    """Write the look down, break the seal, and let the calibrator test its frozen order.

    Where there is nothing to test, the seal holds and no look is spent.
    """
    if not ordered:
        return _tested(calibrator, ordered, prepared.certify, target)
    if look is not None:
        look.write_down()
    rows = prepared.certify.open(prepared.embedder, prepared.labels, prepared.denied)
    certificate = _tested(calibrator, ordered, rows, target)
    scores = rows.score_quantiles(certificate.chosen.candidate.policy) if certificate.chosen else ()
    return replace(
        certificate,
        look=look.number if look else None,
        scores=scores,
        assumptions=(*certificate.assumptions, *prepared.split_notes),
    )


def _tested(calibrator: Resolved, ordered: Sequence[Candidate], rows: CertifyRows, target: Target) -> Certificate:
    """Let the calibrator test; who tested, and what the target is a rate of, are the build's to say."""
    with calibrator.attribute_errors():
        certificate: Certificate = calibrator.make().certify(ordered, rows, target)
    return replace(certificate, calibrator=calibrator.provided.name, measure=target.measure)
