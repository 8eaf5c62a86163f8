"""Verification of a bundle on rows that its build never saw: coverage, agreement, verdict, drift."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracer_spec.errors import DataError
from tracer_spec.flow.documents.certificate import AGREEMENT, END_TO_END, Claim
from tracer_spec.flow.rates import Judged, LabelRate, Rate, macro_f1, upper_of
from tracer_spec.flow.traces.by_rate import OfTraffic, of_traffic
from tracer_spec.flow.traces.label_space import LabelSpace
from tracer_spec.flow.traces.name_counts import N_LISTED, as_shown
from tracer_spec.flow.traces.one_per_group import one_per_group
from tracer_spec.flow.traces.out_of_prompts import out_of_prompts
from tracer_spec.flow.traces.row_hashes import KnownRows
from tracer_spec.flow.traces.trace_set import TraceSet
from tracer_spec.flow.traces.traffic import Traffic, sample_of
from tracer_spec.plugin import Mask, Vectors
from tracer_spec.runtime.router import Router
from tracer_spec.stats.two_samples import kolmogorov_smirnov

CONTRADICTED, NOT_CONTRADICTED, NOTHING_CLAIMED = "contradicted", "not contradicted", "nothing claimed"
NOT_MEASURED = "agreement not measured"
DEFAULT_CONFIDENCE = 0.95
# one score, alone and in a batch, differs by up to 5e-6
ROUNDING = 1e-5

SAME_EVENT = "known to the build by id and text"
SAME_CONTENT = "known to the build by text, without ids to tell a request made again"
KNOWN_GROUP = "of a group known to the build"
OTHER_OF_GROUP = "of a group that another row speaks for"
NO_MATCH = "not matched by 'traces.extract', of other prompts"


@dataclass(frozen=True, slots=True)
class LabelCount:
    """How one of the teacher's labels fares: rows, those handled, and those of them that agree."""

    label: str
    n: int
    handled: int
    agree: int


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
        label. Rows can contradict a claim; they never prove one.
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
    of_traffic : OfTraffic or None
        The rate that is claimed over all requests, where rows were audited at several rates.
    traffic : Traffic
        What the rows are a sample of.
    label_claims : tuple of LabelRate
        What the rows say of the claims of single labels.
    macro_f1 : float or None
        End to end, as :func:`~tracer_spec.flow.rates.macro_f1` counts it on the rows of ``end_to_end``. Descriptive.
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
    label_claims: tuple[LabelRate, ...] = ()
    macro_f1: float | None = None

    @property
    def claimed(self) -> Rate:
        """Return the rate that the claim is about."""
        return self.agreement if self.claim.measure == AGREEMENT else self.end_to_end


def verify(
    router: Router,
    claim: Claim,
    traces: TraceSet,
    *,
    known: KnownRows | None = None,
    vectors: Vectors | None = None,
    grouped: bool = False,
) -> Verification:
    """Measure a bundle on rows that its build never saw.

    Parameters
    ----------
    router : Router
    claim : Claim
        The certificate's, from :meth:`CertificateDocument.claimed`.
    traces : TraceSet
        With the teacher's labels, cleaned as the build cleaned them.
    known : KnownRows or None
        What the bundle says its build has seen; None where it does not say.
    vectors : ndarray of shape (n, d), float32, or None
        Where the app brings vectors.
    grouped : bool
        Whether the claim is per group: one row of each new group is measured.

    Returns
    -------
    Verification

    Raises
    ------
    DataError
        Where no row is left to measure; where every label is that of a request that a router deferred.

    Notes
    -----
    Rows of the build would flatter the bundle, and are left out. Where there is no id to tell a row of the build from the
    same request made again, rows of known content are left out too, though repeated requests are traffic, and often the
    easy part of it. So that this cannot contradict a claim that is true, the claim counts as contradicted only where it
    is so both without those rows and with them: if they are fresh, the rows with them are the traffic it speaks of.

    The upper bound of the interval is under a true rate at the target in at most (1 - confidence) / 2 of all
    verifications. That holds for one look at rows that took no part in anything before.
    """
    alone, at = out_of_prompts(traces, router.manifest.extract)
    n_others = len(traces) - len(alone)
    measured, unclear, left_out, n_repeats = _choose(alone, known, grouped)
    left_out |= {NO_MATCH: n_others} if n_others else {}
    if not measured.any():
        raise _nothing_new(traces, left_out)
    # as they were logged: the router takes texts out of their prompts itself
    traces = traces.take(at)
    sample = sample_of(traces, measured, seen=~(measured | unclear) if SAME_EVENT in left_out else None)
    judged, flow = sample.is_labelled & sample.is_audited, sample.is_traffic
    if not (measured & flow).any():
        raise _nothing_new(traces, left_out)
    batch = router.route_batch(list(traces.texts) if vectors is None else vectors[at])
    space = LabelSpace(router.labels)
    label, teacher = space.encode(each or "" for each in batch.labels), space.encode(traces.labels)
    handled, agree = batch.handled, batch.handled & (label == teacher)
    confidence = shared_confidence(claim)

    def rates(rows: Mask) -> dict[str, Rate]:
        n, n_handled, k = (int((rows & judged & each).sum()) for each in (judged, handled, agree))
        return {
            "coverage": Rate.of(int((rows & flow).sum()), int((rows & flow & handled).sum()), confidence),
            AGREEMENT: Rate.of(n_handled, k, confidence),
            END_TO_END: Rate.of(n, n - (n_handled - k), confidence),
        }

    def of_requests(rows: Mask) -> OfTraffic | None:
        counted, right = (handled, agree) if claim.measure == AGREEMENT else (handled | True, agree | ~handled)
        rate = None if traces.sampling is None else traces.sampling.rates
        return None if rate is None else of_traffic(rows & judged & counted, right, rate, confidence)

    found = rates(measured)
    by_requests = of_requests(measured)
    with_unclear = rates(measured | unclear)[claim.measure] if unclear.any() else None
    sampled = None if traces.sampling is None else traces.sampling.rates
    of_labels = Judged(space.classes, teacher, label, handled, sampled).of_labels(
        claim.labels, measured & judged, unclear & judged, confidence
    )
    unknown = measured & judged & (teacher < 0)
    return Verification(
        verdict=verdict_of(claim, found[claim.measure], with_unclear, by_requests, of_labels)
        if sample.is_labelled.any()
        else NOT_MEASURED,
        claim=claim,
        confidence=confidence,
        coverage=found["coverage"],
        agreement=found[AGREEMENT],
        end_to_end=found[END_TO_END],
        left_out=left_out,
        n_repeats=n_repeats,
        known_rows=known is not None,
        labels=_by_label(router.labels, teacher, measured & judged, handled, agree),
        unknown=LabelCount("", int(unknown.sum()), int((unknown & handled).sum()), 0),
        unknown_labels=dict(
            Counter(shown_label(traces.labels[row]) for row in np.flatnonzero(unknown)).most_common(N_LISTED)
        ),
        reasons=dict(sorted(Counter(map(str, batch.reasons[measured & flow & ~handled])).items())),
        drift=_drift(claim, batch.scores[measured & flow]),
        with_known_texts=with_unclear,
        traffic=sample.traffic(traces.sampling, measured),
        of_traffic=by_requests,
        label_claims=of_labels,
        macro_f1=macro_f1(teacher, label, handled, measured & judged),
    )


def _nothing_new(traces: TraceSet, left_out: Mapping[str, int]) -> DataError:
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
    return DataError(
        f"none of {len(traces):,} traces is new to this bundle: {reasons}",
        hint="verify on traces that were collected after those it was built on",
    )


def _choose(traces: TraceSet, known: KnownRows | None, grouped: bool) -> tuple[Mask, Mask, dict[str, int], int]:
    """Return the rows to measure, those left out for their content alone, the reasons, and the number of repeats."""
    measured = np.ones(len(traces), bool)
    unclear, repeat = ~measured, ~measured
    reasons: dict[str, Mask] = {}
    if known is not None:
        seen = known.find(traces)
        reasons = {SAME_EVENT: seen.event, KNOWN_GROUP: seen.group, SAME_CONTENT: seen.content}
        unclear, repeat = seen.content, seen.repeat
        measured = ~(seen.event | seen.group | seen.content)
    if grouped:
        first = one_per_group(traces, measured | unclear)
        reasons[OTHER_OF_GROUP] = measured & ~first
        measured, unclear = measured & first, unclear & first
    counts = {reason: int(rows.sum()) for reason, rows in reasons.items() if rows.any()}
    return measured, unclear, counts, int((repeat & measured).sum())


def shared_confidence(claim: Claim) -> float:
    """Return the confidence of each interval: the claim's, whose doubt is shared where labels have claims of their own."""
    confidence = claim.confidence or DEFAULT_CONFIDENCE
    return 1 - (1 - confidence) / (1 + len(claim.labels)) if claim.labels else confidence


def verdict_of(
    claim: Claim,
    found: Rate,
    with_unclear: Rate | None,
    by_requests: OfTraffic | None = None,
    of_labels: Sequence[LabelRate] = (),
) -> str:
    """Return what the rate that is claimed means for the claim, and so the rate with rows left out for their text alone.

    Where rows were audited at several rates, they count as the requests that they stand for. One claim of a label that is
    contradicted is enough.
    """
    if claim.confidence is None:
        return NOTHING_CLAIMED
    is_under = upper_of(found, with_unclear, by_requests) < claim.target
    is_contradicted = is_under or any(each.is_contradicted for each in of_labels)
    return CONTRADICTED if is_contradicted else NOT_CONTRADICTED


def shown_label(label: str) -> str:
    """Show a label on one line: what a teacher makes up can quote its input at length."""
    return as_shown(label) or "(no usable label)"


def _by_label(
    labels: Sequence[str], teacher: np.ndarray[Any, np.dtype[np.int64]], measured: Mask, handled: Mask, agree: Mask
) -> tuple[LabelCount, ...]:
    known = measured & (teacher >= 0)
    columns = [
        np.bincount(teacher[rows], minlength=len(labels)).tolist() for rows in (known, known & handled, known & agree)
    ]
    return tuple(LabelCount(label, *counts) for label, *counts in zip(labels, *columns, strict=True))


def _drift(claim: Claim, scores: np.ndarray[Any, np.dtype[np.float32]]) -> Drift | None:
    if not claim.scores:
        return None
    distance, p_value = kolmogorov_smirnov(claim.scores, claim.n_certify, scores, rounding=ROUNDING)
    return Drift(distance, p_value, claim.n_certify, len(scores))
