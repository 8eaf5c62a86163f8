"""What a bundle's certificate claims, read back with nothing taken on trust."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tracer_spec.errors import BundleError
from tracer_spec.runtime.bundle import CERTIFICATE

AGREEMENT, END_TO_END = "agreement", "end_to_end"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a certificate says, as far as rows can contradict it.

    Parameters
    ----------
    text : str
        Its sentence.
    measure : str
        ``agreement`` (of the rows handled) or ``end_to_end`` (of all).
    target : float
        In (0, 1).
    confidence : float or None
        None where nothing is claimed: a draft, or a calibrator that promises nothing.
    n_certify : int
    scores : tuple of float
        Quantiles of the acceptance scores on the certify rows, ascending; empty where the bundle has none.
    """

    text: str
    measure: str
    target: float
    confidence: float | None
    n_certify: int
    scores: tuple[float, ...] = field(repr=False)


def read_claim(certificate: Mapping[str, Any], status: str) -> Claim:
    """Return what a bundle's certificate claims.

    Parameters
    ----------
    certificate : mapping
        ``certificate.json``.
    status : str
        The manifest's: nothing is claimed about a draft.

    Raises
    ------
    BundleError
        Where a number that verification needs is missing or is none.
    """
    target, confidence = certificate.get("target"), certificate.get("confidence")
    if not isinstance(target, float) or not _is_rate(target):
        raise _refusal(f"target is {_shown(target)}, not a number between 0 and 1")
    if confidence is not None and not _is_rate(confidence):
        raise _refusal(f"confidence is {_shown(confidence)}, neither null nor a number between 0 and 1")
    by_calibrator = END_TO_END if certificate.get("calibrator") == "risk-control" else AGREEMENT
    measure = certificate.get("measure", by_calibrator)
    if measure not in (AGREEMENT, END_TO_END):
        raise _refusal(f"measure is {_shown(measure)}; allowed: {AGREEMENT}, {END_TO_END}")
    n_certify, scores = certificate.get("n_certify", 0), certificate.get("scores", [])
    if type(n_certify) is not int or n_certify < 0:
        raise _refusal(f"n_certify is {_shown(n_certify)}, not a count")
    if not isinstance(scores, list) or len(scores) > n_certify or not all(_is_number(each) for each in scores):
        raise _refusal("scores is no list of at most n_certify numbers")
    return Claim(
        text=str(certificate.get("claim", "")),
        measure=measure,
        target=target,
        confidence=None if confidence is None or status != "certified" else float(confidence),
        n_certify=n_certify,
        scores=tuple(float(each) for each in scores),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_rate(value: object) -> bool:
    return isinstance(value, float) and 0 < value < 1


def _shown(value: object) -> str:
    return repr(value)[:60] if value is not None else "missing"


def _refusal(what: str) -> BundleError:
    return BundleError(
        what, address=CERTIFICATE, hint="build it again with 'tracer-spec build': its certificate cannot be verified"
    )
