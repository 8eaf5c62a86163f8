"""What a bundle says of itself: the certificate and the frontier, as JSON documents; the audit has a package of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tracer_spec.plugin import Candidate, Certificate, Chain, Policy, Target, WalkStep

if TYPE_CHECKING:
    from tracer_spec.flow.training.zoo import LearnerReport


def as_json(document: Any) -> bytes:
    """Return a document as stable UTF-8 JSON: sorted keys, no NaN, one line feed at the end."""
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode() + b"\n"


def policy_document(candidate: Candidate) -> dict[str, Any]:
    """Describe a policy by its family and its stages."""
    return {
        "family": candidate.family,
        "stages": [
            {
                "surrogate": stage.surrogate.name,
                "acceptor": stage.acceptor.name if stage.acceptor else None,
                "guards": [fence.guard.name for fence in stage.fences],
                "threshold": stage.threshold if stage.acceptor else None,
            }
            for stage in candidate.policy
        ],
    }


def certificate_document(certificate: Certificate, target: Target) -> dict[str, Any]:
    """Return ``certificate.json``: the claim, the numbers behind it, and what it rests on."""
    chosen = certificate.chosen
    return {
        "schema_version": 1,
        "status": certificate.status,
        "calibrator": certificate.calibrator,
        "claim": certificate.claim,
        "measure": "agreement" if target.agreement is not None else "end_to_end",
        "target": certificate.target,
        "confidence": certificate.confidence,
        "look": certificate.look,
        "level": certificate.level,
        "n_certify": certificate.n_certify,
        "n": chosen.n if chosen else None,
        "k": chosen.k if chosen else None,
        "p_value": chosen.p_value if chosen else None,
        "estimate": _estimate(certificate.shipped) if certificate.shipped else None,
        "walk": [_step(step) for step in certificate.walk],
        "assumptions": list(certificate.assumptions),
        "voided_by": list(certificate.voided_by),
        "scores": list(certificate.scores),
    }


def _step(step: WalkStep) -> dict[str, Any]:
    return {
        **_estimate(step.candidate),
        "thresholds": _thresholds(step.candidate.policy),
        "n": step.n,
        "k": step.k,
        "p_value": step.p_value,
        "passed": step.passed,
    }


def _estimate(candidate: Candidate) -> dict[str, Any]:
    return {"coverage": candidate.coverage, "agreement": candidate.agreement}


def _thresholds(policy: Policy) -> list[float | None]:
    return [stage.threshold if stage.acceptor else None for stage in policy]


def frontier_document(
    chains: Sequence[Chain], front: Sequence[Candidate], chosen: Candidate | None, zoo: Sequence[LearnerReport]
) -> dict[str, Any]:
    """Return ``frontier.json``: every candidate by chain, which are on the front, and what became of the zoo."""
    on_front = {id(candidate) for candidate in front}
    return {
        "schema_version": 1,
        "chains": [
            {
                "family": chain.family,
                "surrogates": list(chain.surrogates),
                "candidates": [
                    {
                        **_estimate(candidate),
                        "thresholds": _thresholds(candidate.policy),
                        "front": id(candidate) in on_front,
                        "chosen": candidate is chosen,
                    }
                    for candidate in chain.candidates
                ],
            }
            for chain in chains
        ],
        "zoo": [
            {
                "name": row.name,
                "status": row.status,
                "agreement": row.agreement,
                "reason": row.reason,
                "bytes": row.n_bytes,
                "notes": list(row.notes),
            }
            for row in zoo
        ],
    }
