"""What rows that a build never saw say of its bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tracer_spec.flow.documents.certificate import AGREEMENT, Claim
from tracer_spec.flow.rates import LabelRate
from tracer_spec.flow.traces.by_rate import OfTraffic
from tracer_spec.flow.traces.traffic import Traffic
from tracer_spec.stats.rate import Rate, at_release_document

if TYPE_CHECKING:
    from tracer_spec.flow.traces.counts import Accounting

CONTRADICTED, NOT_CONTRADICTED, NOTHING_CLAIMED = "contradicted", "not contradicted", "nothing claimed"
NOT_MEASURED = "agreement not measured"


@dataclass(frozen=True, slots=True)
class LabelCount:
    """How one of the teacher's labels fares: rows, those handled, and those of them that agree."""

    label: str
    n: int
    handled: int
    agree: int


def macro_f1(labels: Sequence[LabelCount], wrong: Sequence[int]) -> float | None:
    """Return the mean of F1 over labels, the teacher answering what is deferred.

    Parameters
    ----------
    labels : sequence of LabelCount
    wrong : sequence of int
        To how many rows the router gives each of them against the teacher.

    Returns
    -------
    float or None
        In [0, 1], over the labels that either gives to any row; None where there is none.

    Examples
    --------
    >>> macro_f1([LabelCount("refund", 2, 1, 1), LabelCount("delivery", 1, 1, 1)], [1, 0])
    0.9
    """
    scores = []
    for each, n_wrong in zip(labels, wrong, strict=True):
        n_right = each.n - each.handled + each.agree
        if each.n + n_wrong:
            scores.append(2 * n_right / (each.n + n_right + n_wrong))
    return sum(scores) / len(scores) if scores else None


@dataclass(frozen=True, slots=True)
class Drift:
    """The acceptance scores of fresh rows against those of the certify rows (Kolmogorov-Smirnov).

    Parameters
    ----------
    distance : float
        The effect size: the largest difference of the two distribution functions, in [0, 1].
    p_value : float
        Of "both are one distribution". That it is large shows nothing: few rows see no difference.
    n_certify, n : int
        Rows on either side.
    """

    distance: float
    p_value: float
    n_certify: int
    n: int


@dataclass(frozen=True, slots=True)
class Verification:
    """What fresh rows say of a bundle.

    Parameters
    ----------
    verdict : str
        ``contradicted``, ``not contradicted``, ``nothing claimed``, or ``agreement not measured`` where no row has a teacher's
        label, or none that has one is handled. Rows can contradict a claim; they never prove one.
    claim : Claim
    confidence : float
        Of every interval here: the certificate's, else .95; where labels have claims, the doubt is shared among all claims
        (Bonferroni), so that any of those that are true is contradicted as seldom as one alone would be.
    coverage, agreement, end_to_end : Rate
        Handled of all rows; of the rows with a teacher's label that chance chose, agreeing of those handled, and those that get
        no label but the teacher's, of all.
    left_out : mapping of str to int
        Rows that were not measured, by reason.
    n_repeats : int
        Rows measured that ask, as events of their own, what the build has seen word for word.
    known_rows : bool
        Whether the bundle could tell which rows its build had seen.
    labels : tuple of LabelCount
        In the bundle's order. Descriptive.
    unknown : LabelCount
        Rows whose teacher's label the bundle does not know; each that is handled is a disagreement.
    unknown_labels : mapping of str to int
        Those labels, the most frequent of them.
    reasons : mapping of str to int
        Why rows were deferred.
    drift : Drift or None
        None where the bundle has no scores to compare with.
    with_known_texts : Rate or None
        The rate that is claimed, counted with the rows left out for their text alone; None where there are none.
    without_repeats : Rate or None
        The rate that is claimed, counted once for rows that say the same, which may be copies of one call; None where none do.
    of_traffic : OfTraffic or None
        The rate that is claimed over all requests, where rows were audited at several rates.
    traffic : Traffic
        What the rows are a sample of.
    label_claims : tuple of LabelRate
        What the rows say of the claims of single labels.
    macro_f1 : float or None
        End to end, as :func:`macro_f1` counts it on the rows of ``end_to_end``. Descriptive.
    """

    verdict: str
    claim: Claim
    confidence: float
    coverage: Rate
    agreement: Rate
    end_to_end: Rate
    left_out: Mapping[str, int]
    n_repeats: int
    known_rows: bool
    labels: tuple[LabelCount, ...]
    unknown: LabelCount
    unknown_labels: Mapping[str, int]
    reasons: Mapping[str, int]
    drift: Drift | None
    with_known_texts: Rate | None
    traffic: Traffic
    of_traffic: OfTraffic | None = None
    without_repeats: Rate | None = None
    label_claims: tuple[LabelRate, ...] = ()
    macro_f1: float | None = None

    @property
    def claimed(self) -> Rate:
        """Return the rate that the claim is about."""
        return self.agreement if self.claim.measure == AGREEMENT else self.end_to_end

    @property
    def at_release(self) -> Rate:
        """Return the same rate as the certify rows had it; 0 of 0 where none was tested."""
        return Rate.of(*self.claim.tested, self.confidence)

    def document(self, accounting: Accounting) -> dict[str, Any]:
        """Return the ``measured`` part of the document of ``verify --json``."""
        claim, unknown = self.claim, self.unknown
        return {
            **({"label_claims": [each.document() for each in self.label_claims]} if self.label_claims else {}),
            "verdict": self.verdict,
            "claim": {"measure": claim.measure, "target": claim.target, "confidence": claim.confidence},
            "confidence": self.confidence,
            "coverage": self.coverage.document(),
            "agreement": self.agreement.document(),
            "end_to_end": self.end_to_end.document(),
            "end_to_end_macro_f1": self.macro_f1,
            "at_release": at_release_document(self.claimed, self.at_release),
            "claimed_with_known_texts": self.with_known_texts.document() if self.with_known_texts else None,
            "claimed_without_repeats": self.without_repeats.document() if self.without_repeats else None,
            "traces": {"read": accounting.read, "kept": accounting.kept, "dropped": dict(accounting.dropped)},
            "left_out": dict(self.left_out),
            "repeats": self.n_repeats,
            "knows_its_rows": self.known_rows,
            "unlabelled": self.traffic.n_unlabelled,
            "deferred_not_audited": self.traffic.n_chosen,
            "coverage_of": "all rows" if self.traffic.is_whole else "audited rows",
            "audit_rates": self.traffic.rates,
            "claimed_of_traffic": asdict(self.of_traffic) if self.of_traffic else None,
            "deferred": dict(self.reasons),
            "unknown_labels": {"n": unknown.n, "handled": unknown.handled, "labels": dict(self.unknown_labels)},
            "drift": asdict(self.drift) if self.drift else None,
            "labels": [{"label": e.label, "n": e.n, "handled": e.handled, "agree": e.agree} for e in self.labels],
        }
