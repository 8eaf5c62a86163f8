"""What a bundle says of itself: the certificate, the frontier and the audit, as JSON documents."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer_spec.plugin import Candidate, Certificate, Chain, Classes, Mask, Policy, Target, WalkStep

if TYPE_CHECKING:
    from tracer_spec.flow.zoo import LearnerReport


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


def audit_document(
    labels: Sequence[str], y: Classes, handled: Mask, agrees: Mask, n_unknown: int, unknown: dict[str, int]
) -> dict[str, Any]:
    """Return ``audit.json``: how the policy treats each label, on fit rows, out of fold.

    Parameters
    ----------
    labels : sequence of str, length k
    y : ndarray of shape (n,), int64
        The teacher's class of each fit row, -1 off the list.
    handled, agrees : ndarray of shape (n,), bool
        The policy's decisions, each made by models that had not seen the row.
    n_unknown : int
        Traces whose label is off the list.
    unknown : dict
        Those labels with their counts, where they may be told.
    """
    known = y >= 0

    def by_label(rows: Mask) -> list[int]:
        return [int(count) for count in np.bincount(y[rows & known], minlength=len(labels))]

    columns = zip(labels, by_label(known), by_label(handled), by_label(handled & agrees), strict=True)
    return {
        "schema_version": 1,
        "rows": "fit, out of fold",
        "n": len(y),
        "handled": int(handled.sum()),
        "agree": int((handled & agrees).sum()),
        "labels": [
            {"label": label, "n": n, "handled": n_handled, "agree": n_agree} for label, n, n_handled, n_agree in columns
        ],
        "n_unknown_labels": n_unknown,
        "unknown_labels": unknown,
    }
