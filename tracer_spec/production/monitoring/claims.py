"""Claims of single labels, followed through a log: an e-process for each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tracer_spec.errors import BundleError
from tracer_spec.production.monitoring.tally import Moment
from tracer_spec.runtime.archive import CERTIFICATE
from tracer_spec.stats.anytime import Floats, evidence, gather, log_e_value

_LARGEST = 690.0
MISSED: Final = "missed"
AGREEMENT: Final = "agreement"


@dataclass(frozen=True, slots=True)
class LabelClaim:
    """What a certificate claims of one label.

    Parameters
    ----------
    label : str
    measure : str
        ``missed``: of what the teacher calls so, at most ``limit`` gets another label; ``agreement``: of what the router calls
        so, at least ``limit`` is so by the teacher.
    limit : float
        In (0, 1).
    """

    label: str
    measure: str
    limit: float

    @property
    def level(self) -> float:
        """Return the rate of successes that is claimed, in (0, 1)."""
        return self.limit if self.measure == AGREEMENT else round(1 - self.limit, 12)

    def outcome(self, teacher: Any, given: Any) -> bool | None:
        """Return whether an audited row bears the claim out, None where it is no trial of it.

        ``given`` is the label that the router gives, None where it defers.
        """
        if self.measure == MISSED:
            return given in (None, self.label) if teacher == self.label else None
        return teacher == self.label if given == self.label else None


@dataclass(slots=True)
class ClaimTally:
    """What has been read of one label's claim.

    Parameters
    ----------
    n, k : int
        Outcomes, and those of them that hold.
    log_peak : float
        The largest value so far of the logarithm of the e-process.
    evidence : ndarray of shape (20,), float64
        See :func:`~tracer_spec.stats.anytime.gather`.
    refuted : Moment or None
        When the bar was reached first, in outcomes of this claim.
    """

    n: int = 0
    k: int = 0
    log_peak: float = 0.0
    evidence: Floats = field(default_factory=evidence)
    refuted: Moment | None = None

    def add(self, outcome: bool, level: float, log_bar: float, time: str) -> None:
        """Take one more outcome into the test."""
        self.evidence = gather(self.evidence, self.n, outcome, level)
        self.n, self.k = self.n + 1, self.k + outcome
        self.log_peak = max(self.log_peak, float(log_e_value(self.evidence, self.n)))
        if self.refuted is None and self.log_peak >= log_bar:
            self.refuted = Moment(self.n, time)


def e_value_of(claim: ClaimTally) -> float:
    """Return the largest evidence against a claim so far."""
    return math.exp(min(claim.log_peak, _LARGEST))


def read_label_claims(certificate: Mapping[str, Any], labels: tuple[str, ...]) -> Iterator[LabelClaim]:
    """Yield what a certificate claims of single labels.

    Raises
    ------
    BundleError
        Where a value is not of its kind, or the bundle does not know the label.
    """
    claims = certificate.get("labels") or []
    for each in claims if isinstance(claims, list) else [None]:
        claim = each if isinstance(each, dict) else {}
        label, measure, limit = (claim.get(key) for key in ("label", "measure", "limit"))
        if label not in labels or measure not in (MISSED, AGREEMENT) or type(limit) is not float or not 0 < limit < 1:
            raise BundleError(
                "holds a claim of a label that a log cannot be held against",
                address=f"{CERTIFICATE} labels",
                hint="build it again with 'tracer-spec build'",
            )
        yield LabelClaim(str(label), str(measure), limit)
