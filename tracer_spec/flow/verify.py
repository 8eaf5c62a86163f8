"""Verification of a bundle on rows that its build never saw: coverage, agreement, verdict, drift."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tracer_spec.errors import DataError
from tracer_spec.flow.documents.certificate import AGREEMENT, END_TO_END, Claim
from tracer_spec.flow.rates import Counted, Judged, LabelRate, upper_of
from tracer_spec.flow.traces.by_rate import OfTraffic
from tracer_spec.flow.traces.label_space import LabelSpace
from tracer_spec.flow.traces.name_counts import N_LISTED, as_shown
from tracer_spec.flow.traces.one_per_group import one_per_group
from tracer_spec.flow.traces.out_of_prompts import out_of_prompts
from tracer_spec.flow.traces.repeats import EITHER, TRAFFIC, distinct
from tracer_spec.flow.traces.row_hashes import KnownRows
from tracer_spec.flow.traces.trace_set import TraceSet
from tracer_spec.flow.traces.traffic import Sample, sample_of
from tracer_spec.flow.verification import (
    CONTRADICTED,
    NOT_CONTRADICTED,
    NOT_MEASURED,
    NOTHING_CLAIMED,
    Drift,
    LabelCount,
    Verification,
    macro_f1,
)
from tracer_spec.plugin import Mask, Vectors
from tracer_spec.runtime.decision import Batch
from tracer_spec.runtime.router import Router
from tracer_spec.stats.rate import Rate
from tracer_spec.stats.two_samples import kolmogorov_smirnov

DEFAULT_CONFIDENCE = 0.95
# one score, alone and in a batch, differs by up to 5e-6
ROUNDING = 1e-5

SAME_EVENT = "known to the build by id and text"
SAME_CONTENT = "known to the build by text, without ids to tell a request made again"
KNOWN_GROUP = "of a group known to the build"
OTHER_OF_GROUP = "of a group that another row speaks for"
NO_MATCH = "not matched by 'traces.extract', of other prompts"


def verify(
    router: Router,
    claim: Claim,
    traces: TraceSet,
    *,
    known: KnownRows | None = None,
    vectors: Vectors | None = None,
    grouped: bool = False,
    repeats: str = EITHER,
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
    repeats : {'either', 'traffic'}
        What rows are that say the same, within moments or without an id to tell them apart.

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
    is so both without those rows and with them: if they are fresh, the rows with them are the traffic it speaks of. By the
    same reason, rows that may be copies of one call must contradict it both as requests of their own and as one.

    The upper bound of the interval is under a true rate at the target in at most (1 - confidence) / 2 of all
    verifications. That holds for one look at rows that took no part in anything before.
    """
    alone, at = out_of_prompts(traces, router.manifest.extract)
    chosen = _choose(alone, known, grouped, n_others=len(traces) - len(alone))
    if not chosen.measured.any():
        raise _nothing_new(traces, chosen)
    # as they were logged: the router takes texts out of their prompts itself
    rows = traces.take(at)
    sample = sample_of(rows, chosen.measured, seen=chosen.seen)
    if not (chosen.measured & sample.is_traffic).any():
        raise _no_sample(int(chosen.measured.sum()))
    batch = router.route_batch(list(rows.texts) if vectors is None else vectors[at])
    judged = _judge(LabelSpace(router.labels), rows, batch, shared_confidence(claim))
    return _verification(claim, rows, chosen, sample, batch, judged, repeats)


@dataclass(frozen=True, slots=True, eq=False)
class _Chosen:
    """Rows to measure, and those left out for their content alone; the numbers of those left out, and of repeats."""

    measured: Mask
    unclear: Mask
    left_out: Mapping[str, int]
    n_repeats: int
    known_rows: bool

    @property
    def seen(self) -> Mask | None:
        """Return which rows the build has seen by their ids; None where it has seen none."""
        return ~(self.measured | self.unclear) if SAME_EVENT in self.left_out else None


def _judge(space: LabelSpace, rows: TraceSet, batch: Batch, confidence: float) -> Judged:
    label, teacher = space.encode(each or "" for each in batch.labels), space.encode(rows.labels)
    rates = None if rows.sampling is None else rows.sampling.rates
    return Judged(space.classes, teacher, label, batch.handled, rates, confidence)


def _verification(
    claim: Claim, rows: TraceSet, chosen: _Chosen, sample: Sample, batch: Batch, judged: Judged, repeats: str
) -> Verification:
    """Count what the rows say."""
    tells = sample.is_labelled & sample.is_audited
    counted, unclear, flow = chosen.measured & tells, chosen.unclear & tells, chosen.measured & sample.is_traffic
    what = Counted(counted, unclear, _own(rows, counted | unclear, repeats))
    claimed = judged.outcomes(claim.measure)
    with_unclear, without_repeats = judged.otherwise(what, claimed)
    by_requests = judged.of_requests(counted, claimed)
    of_labels = judged.of_labels(claim.labels, what)
    found = judged.rate(counted, claimed)
    is_measured = sample.is_labelled.any() and (found.n > 0 or bool(of_labels))
    verdict = verdict_of(claim, found, with_unclear, by_requests, of_labels, without_repeats)
    unknown, wrong = counted & (judged.teacher < 0), counted & judged.handled & (judged.label != judged.teacher)
    labels = _by_label(judged, counted)
    names = Counter(shown_label(rows.labels[row]) for row in np.flatnonzero(unknown))
    return Verification(
        verdict=verdict if is_measured or (verdict != NOT_CONTRADICTED and sample.is_labelled.any()) else NOT_MEASURED,
        claim=claim,
        confidence=judged.confidence,
        coverage=judged.rate(flow, (flow, judged.handled)),
        agreement=judged.rate(counted, judged.outcomes(AGREEMENT)),
        end_to_end=judged.rate(counted, judged.outcomes(END_TO_END)),
        left_out=chosen.left_out,
        n_repeats=chosen.n_repeats,
        known_rows=chosen.known_rows,
        labels=labels,
        unknown=LabelCount("", int(unknown.sum()), int((unknown & judged.handled).sum()), 0),
        unknown_labels=dict(names.most_common(N_LISTED)),
        reasons=dict(sorted(Counter(map(str, batch.reasons[flow & ~judged.handled])).items())),
        drift=_drift(claim, batch.scores[flow]),
        with_known_texts=with_unclear,
        traffic=sample.traffic(rows.sampling, chosen.measured),
        of_traffic=by_requests,
        without_repeats=without_repeats,
        label_claims=of_labels,
        macro_f1=macro_f1(labels, np.bincount(judged.label[wrong], minlength=len(labels)).tolist()),
    )


def _own(rows: TraceSet, among: Mask, repeats: str) -> Mask:
    """Return which rows are rows of their own even if those ``among`` them that say the same are copies of one call."""
    own = np.ones(len(rows), bool)
    if repeats != TRAFFIC:
        at = np.flatnonzero(among)
        if (found := distinct(rows.take(at.tolist()), rows.take([]))) is not None:
            own[at] = found
    return own


def _nothing_new(traces: TraceSet, chosen: _Chosen) -> DataError:
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in chosen.left_out.items())
    return DataError(
        f"none of {len(traces):,} traces is new to this bundle: {reasons}",
        hint="verify on traces that were collected after those it was built on",
    )


def _no_sample(n: int) -> DataError:
    return DataError(
        f"none of {n:,} new rows is audited, and by their rates chance would have chosen some for the teacher: rows are "
        "missing from the log, and those that are here are no sample of the traffic",
        hint="give every line that the app logged, and nothing that it did not",
    )


def _choose(traces: TraceSet, known: KnownRows | None, grouped: bool, n_others: int) -> _Chosen:
    """Choose the rows to measure, beside which ``n_others`` do not match."""
    measured = np.ones(len(traces), bool)
    unclear, repeat = ~measured, ~measured
    reasons: dict[str, Mask] = {}
    if known is not None:
        # without a claim per group, those who asked before are traffic like any other
        seen = known.find(traces if grouped else replace(traces, groups=(None,) * len(traces)))
        reasons = {SAME_EVENT: seen.event, KNOWN_GROUP: seen.group, SAME_CONTENT: seen.content}
        unclear, repeat = seen.content, seen.repeat
        measured = ~(seen.event | seen.group | seen.content)
    if grouped:
        first = one_per_group(traces, measured | unclear)
        reasons[OTHER_OF_GROUP] = measured & ~first
        measured, unclear = measured & first, unclear & first
    counts = {reason: int(rows.sum()) for reason, rows in reasons.items() if rows.any()}
    counts |= {NO_MATCH: n_others} if n_others else {}
    return _Chosen(measured, unclear, counts, int((repeat & measured).sum()), known is not None)


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
    without_repeats: Rate | None = None,
) -> str:
    """Return what the rate that is claimed means for the claim, with rows left out for their text and without repeats too.

    Where rows were audited at several rates, they count as the requests that they stand for. One claim of a label that is
    contradicted is enough.
    """
    if claim.confidence is None:
        return NOTHING_CLAIMED
    is_under = upper_of(found, by_requests, with_unclear, without_repeats) < claim.target
    is_contradicted = is_under or any(each.is_contradicted for each in of_labels)
    return CONTRADICTED if is_contradicted else NOT_CONTRADICTED


def shown_label(label: str) -> str:
    """Show a label on one line: what a teacher makes up can quote its input at length."""
    return as_shown(label) or "(no usable label)"


def _by_label(judged: Judged, counted: Mask) -> tuple[LabelCount, ...]:
    known, (_, agree) = counted & (judged.teacher >= 0), judged.outcomes(AGREEMENT)
    columns = [
        np.bincount(judged.teacher[rows], minlength=len(judged.classes)).tolist()
        for rows in (known, known & judged.handled, known & agree)
    ]
    return tuple(LabelCount(label, *counts) for label, *counts in zip(judged.classes, *columns, strict=True))


def _drift(claim: Claim, scores: np.ndarray[Any, np.dtype[np.float32]]) -> Drift | None:
    if not claim.scores:
        return None
    distance, p_value = kolmogorov_smirnov(claim.scores, claim.n_certify, scores, rounding=ROUNDING)
    return Drift(distance, p_value, claim.n_certify, len(scores))
