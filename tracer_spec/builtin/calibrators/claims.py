"""Certificates of tested policies: their assumptions, what voids them, and their numbers in words."""

from __future__ import annotations

from collections.abc import Sequence

from tracer_spec.plugin import Certificate, CertifyRows, Target, WalkStep

EXCHANGEABLE = "future traffic and the certify rows are exchangeable: drawn alike, independent of one another"
SAME_TEACHER = "the teacher that labels future traffic is the one that labelled these traces"
SAME_EMBEDDER = "the embedder gives the vectors that it gave when the policy was built"
UNSEEN = "certify rows were chosen by a hash of their identity, and only the looks counted here have been taken at them"

ALL_TRAFFIC = "the traces are of all traffic, or of a share chosen blindly, not only of what an earlier router deferred"

ASSUMPTIONS = (EXCHANGEABLE, ALL_TRAFFIC, SAME_TEACHER, SAME_EMBEDDER, UNSEEN)
VOIDED_BY = (
    "a changed teacher: its model, its prompt or its labels",
    "a changed embedder",
    "any change of the bundle",
    "traffic that differs from the traces",
    "choosing this build among several by its certificate",
)


def tested_certificate(
    calibrator: str,
    target: Target,
    rows: CertifyRows,
    walk: Sequence[WalkStep],
    chosen: WalkStep | None,
    claim: str,
) -> Certificate:
    """Return the certificate of a walk whose tests were each at the whole of delta."""
    return Certificate(
        calibrator=calibrator,
        target=target.level,
        confidence=target.confidence,
        n_certify=len(rows),
        walk=tuple(walk),
        chosen=chosen,
        claim=claim,
        level=target.delta,
        assumptions=ASSUMPTIONS,
        voided_by=VOIDED_BY,
    )
