"""What a bundle says of itself that the log of its decisions is held against; read without the packages of a build."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tracer_spec.errors import BundleError
from tracer_spec.production.monitoring.claims import LabelClaim, read_label_claims
from tracer_spec.production.monitoring.scores import ScoreBins
from tracer_spec.production.monitoring.tally import is_finite
from tracer_spec.runtime.archive import AUDIT, CERTIFICATE
from tracer_spec.runtime.bundle import Bundle, naming
from tracer_spec.runtime.strict_json import check_strings, read_json

AGREEMENT: Final = "agreement"
END_TO_END: Final = "end_to_end"
# a float counts no further
_MOST_ROWS = 2**53
_REBUILD = "build it again with 'tracer-spec build'"


@dataclass(frozen=True, slots=True)
class Reference:
    """What is claimed of a bundle, and what was measured at its release.

    Parameters
    ----------
    name, version, sha256 : str
        The bundle's.
    labels : tuple of str
    claim : str
        What is certified, in one sentence.
    measure : str
        What the target is a rate of: ``agreement`` of handled requests, or, ``end_to_end``, all requests that get no label but
        the teacher's.
    target : float
        In (0, 1).
    confidence : float or None
        None where nothing is certified.
    measured : float or None
        The rate at release: the smaller of what the certify rows and the fit rows, out of fold, say; None where neither does.
    bins : ScoreBins
        Of the acceptance scores of the certify rows.
    teacher, router : mapping of str to int
        Fit rows by the teacher's label, and those handled by the router's; empty where the bundle does not tell.
    label_claims : tuple of LabelClaim
        What is certified of single labels.
    tested : (int, int)
        The trials and the successes of the test that shipped; 0 of 0 where there was none.
    """

    name: str
    version: str
    sha256: str
    labels: tuple[str, ...]
    claim: str
    measure: str
    target: float
    confidence: float | None
    measured: float | None
    bins: ScoreBins = field(repr=False)
    teacher: Mapping[str, int] = field(default_factory=dict, repr=False)
    router: Mapping[str, int] = field(default_factory=dict, repr=False)
    label_claims: tuple[LabelClaim, ...] = ()
    tested: tuple[int, int] = (0, 0)

    @property
    def warning_level(self) -> float:
        """Return the rate that the warning is about: halfway from the target to what was measured at release.

        Notes
        -----
        Against the target itself a fall from .95 to .90 under a target of .92 is warned of within 2,000 outcomes in 73 of 100
        cases; against this level, in 99.
        """
        return self.target if self.measured is None else (self.target + max(self.measured, self.target)) / 2

    @classmethod
    def of(cls, bundle: Bundle) -> Reference:
        """Read what a bundle says.

        Raises
        ------
        BundleError
            Where its certificate names no target, or a value is not of its kind.
        """
        manifest = bundle.manifest
        with naming(bundle.where):
            certificate = read_json(bundle.members[CERTIFICATE], member=CERTIFICATE)
            check_strings(certificate, member=CERTIFICATE)
            audit = read_json(bundle.members[AUDIT], member=AUDIT)
            target = _number(certificate, "target")
            if target is None or not 0 < target < 1:
                raise _refusal("target", "is no rate that a log could be held against")
            confidence = _number(certificate, "confidence") if manifest.status == "certified" else None
            measure = _measure(certificate)
            scores = _scores(certificate)
            return cls(
                name=manifest.name,
                version=manifest.version,
                sha256=bundle.sha256,
                labels=manifest.labels,
                claim=str(certificate.get("claim") or ""),
                measure=measure,
                target=target,
                confidence=confidence if confidence is not None and 0 < confidence < 1 else None,
                measured=_measured(certificate, measure),
                bins=ScoreBins(scores, max(int(_number(certificate, "n_certify") or 0), len(scores))),
                teacher=dict(_teachers_labels(audit)),
                router=_routers_labels(audit),
                label_claims=tuple(read_label_claims(certificate, manifest.labels)),
                tested=_tested(certificate),
            )


def _measure(certificate: Mapping[str, Any]) -> str:
    """Return what the target is a rate of; a certificate of an early release goes by its calibrator."""
    early = END_TO_END if certificate.get("calibrator") == "risk-control" else AGREEMENT
    measure = certificate.get("measure", early)
    if measure not in (AGREEMENT, END_TO_END):
        raise _refusal("measure", f"is {str(measure)[:80]!r}; a log tells 'agreement' and 'end_to_end'")
    return str(measure)


def _measured(certificate: Mapping[str, Any], measure: str) -> float | None:
    """Return the smaller rate of two: that of the certify rows, which chose the policy, and that of fit rows, out of fold."""
    n, k = _tested(certificate)
    estimate = _part(certificate, "estimate")
    coverage, agreement = _number(estimate, "coverage"), _number(estimate, "agreement")
    rates = [k / n] if n else []
    if agreement is not None and coverage is not None:
        rates.append(agreement if measure == AGREEMENT else 1 - coverage * (1 - agreement))
    return min(rates, default=None)


def _tested(certificate: Mapping[str, Any]) -> tuple[int, int]:
    n, k = _number(certificate, "n"), _number(certificate, "k")
    return (int(n), int(k)) if n is not None and k is not None and k <= n < _MOST_ROWS else (0, 0)


def _scores(certificate: Mapping[str, Any]) -> list[float]:
    scores = certificate.get("scores") or []
    if not isinstance(scores, list) or not all(map(is_finite, scores)):
        raise _refusal("scores", "is no list of numbers")
    return sorted(map(float, scores))


def _teachers_labels(audit: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for each in _parts(audit, "labels"):
        yield str(each.get("label")), int(_number(each, "n", AUDIT) or 0)


def _routers_labels(audit: Mapping[str, Any]) -> dict[str, int]:
    """Count handled fit rows by the router's label: those that agree, and the commonest that do not."""
    counts = Counter(
        {str(each.get("label")): int(_number(each, "agree", AUDIT) or 0) for each in _parts(audit, "labels")}
    )
    for each in _parts(audit, "confusions"):
        counts[str(each.get("surrogate"))] += int(_number(each, "handled", AUDIT) or 0)
    return dict(counts)


def _part(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _parts(document: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = document.get(key)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _number(document: Mapping[str, Any], key: str, member: str = CERTIFICATE) -> float | None:
    """Return a number; None where there is none."""
    value = document.get(key)
    if value is None:
        return None
    if not is_finite(value) or value < 0:
        raise _refusal(key, f"is {str(value)[:80]!r}, no number of 0 or more", member)
    return float(value)


def _refusal(key: str, what: str, member: str = CERTIFICATE) -> BundleError:
    return BundleError(what, address=f"{member} {key}", hint=_REBUILD)
