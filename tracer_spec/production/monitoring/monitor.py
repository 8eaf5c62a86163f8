"""Whether a bundle's claim still holds, by the log of its decisions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from tracer_spec.errors import UsageError
from tracer_spec.production.monitoring.answer_form import AnswerForm
from tracer_spec.production.monitoring.claims import ClaimTally, LabelClaim
from tracer_spec.production.monitoring.course import Progress, late_progress, progress_of
from tracer_spec.production.monitoring.events import ANSWERED, AUDITED, NEW, event_of, has_id
from tracer_spec.production.monitoring.moved_labels import Moved, moved
from tracer_spec.production.monitoring.reference import AGREEMENT, Reference
from tracer_spec.production.monitoring.scores import Drift
from tracer_spec.production.monitoring.tally import (
    MOST_PERIODS,
    LabelTally,
    Moment,
    Tally,
    count,
    count_teacher,
    is_decision,
    time_of,
)
from tracer_spec.runtime.bundle import Bundle
from tracer_spec.runtime.decision import Reason
from tracer_spec.stats.anytime import anytime_interval, detect, gather, log_detector, log_e_value
from tracer_spec.stats.rate import Rate

HOLDS, WARNS, REFUTED = "holds", "warns", "refuted"
NOT_MEASURED, NOTHING_CLAIMED = "not measured", "nothing claimed"
DEFAULT_ALPHA = 0.05
WARNING_BAR: Final = 30_000
"""The e-detector's bar: at least so many outcomes pass, on average, until a warning without cause."""
WARNING_ENDS: Final = 300
"""A warning ends where the e-detector is no more than this, so that it does not come and go with each outcome."""
TEACHER, NOBODY = "teacher", "nobody"

NO_DECISION = "not a decision"
NO_BUNDLE = "recorded without a bundle"
NO_TIME = "without a time"
DUPLICATE, COPY = "duplicate id", "copy of another line"
_LARGEST = 690.0


class Monitor:
    """Follows the decisions of one bundle, and says whether its claim still holds.

    Parameters
    ----------
    bundle : Bundle or Reference
        From :func:`tracer_spec.runtime.read_bundle`.
    alpha : float or None
        How often a claim that is true may be refuted, in (0, 1), however often one looks; by default 1 minus the certificate's
        confidence, and .05 where nothing is certified.
    tally : Tally or None
        What an earlier monitor of the same bundle and alpha has counted.
    claims : sequence of ClaimTally
        What it has counted of the claims of single labels, in their order.

    Raises
    ------
    UsageError
        Where alpha is not in (0, 1).
    BundleError
        Where the bundle has no target that a log could be held against.

    Notes
    -----
    *Refuted* is the e-process of :func:`~tracer_spec.stats.anytime.gather` against the target at 1 / alpha, and stays so. Where
    labels have claims of their own, each has such a process, and alpha is shared evenly among all claims.
    *Warns* is the e-detector of :func:`~tracer_spec.stats.anytime.detect` at :data:`WARNING_BAR` against
    :attr:`Reference.warning_level`, and ends at :data:`WARNING_ENDS`. Both rest on audited rows alone, which a coin chose
    among all requests before anything was known of them. One thread adds at a time.
    """

    def __init__(
        self,
        bundle: Bundle | Reference,
        *,
        alpha: float | None = None,
        tally: Tally | None = None,
        claims: Sequence[ClaimTally] = (),
    ) -> None:
        self.reference = bundle if isinstance(bundle, Reference) else Reference.of(bundle)
        confidence = self.reference.confidence
        self.alpha = alpha if alpha is not None else DEFAULT_ALPHA if confidence is None else round(1 - confidence, 12)
        if not 0 < self.alpha < 1:
            raise UsageError(f"alpha must be between 0 and 1 (exclusive), got {alpha}")
        self.tally = tally if tally is not None else Tally()
        self.claims = tuple(claims) or tuple(ClaimTally() for _ in self.reference.label_claims)
        self._bins = self.reference.bins
        if not self.tally.scores:
            self.tally.scores = [0] * len(self._bins)
        self._is_of_handled = self.reference.measure == AGREEMENT
        self._known = frozenset(self.reference.labels)
        self._form = AnswerForm(self._known)

    def add(self, record: Mapping[str, Any]) -> None:
        """Count one line of the log.

        Parameters
        ----------
        record : mapping
            As ``schemas/decision.v1.json`` has it. What is no decision of this bundle is counted apart, by reason.
        """
        story = record.get("router", ())
        if story is None:
            count(self.tally.passed_over, NO_BUNDLE)
        elif not is_decision(story):
            count(self.tally.passed_over, NO_DECISION)
        elif story["version"] != self.reference.version:
            count(self.tally.versions, story["version"])
        else:
            self._add_own(record, story)

    def _add_own(self, record: Mapping[str, Any], story: Mapping[str, Any]) -> None:
        """Count a decision of this bundle, once for each request: what is made again may bring its first answer."""
        tally, time, audit, served = self.tally, time_of(record.get("time")), story["audit"], story.get("served")
        is_answered = served == TEACHER if audit else served != NOBODY
        day = 0 if time is None else time.toordinal()
        what = tally.events.meet(
            event_of(record, has_time=time is not None), day, is_audited=audit, is_answered=is_answered
        )
        said = "" if time is None else tally.see(time)
        if what == NEW:
            self._add_row(story, time)
            tally.audited += audit
            tally.unanswered += audit and not is_answered
            tally.failed += not is_answered
            is_asked = audit or served in (TEACHER, NOBODY)
            tally.answers.add(is_asked=is_asked, is_answered=served == TEACHER, time=said)
        else:
            count(tally.passed_over, DUPLICATE if has_id(record) else COPY)
        if what in (ANSWERED, AUDITED):
            tally.failed -= 1
            tally.unanswered -= what == AUDITED
            if served == TEACHER:
                tally.answers.add_late(said)
        if is_answered and (what == AUDITED or (what == NEW and audit)):
            self._add_answer(record, story, time, said)

    def _add_row(self, story: Mapping[str, Any], time: datetime | None) -> None:
        """Count what the router made of a request."""
        tally, handled = self.tally, story["handled"]
        tally.rows += 1
        tally.draws.add(story["audit_rate"])
        tally.handled += handled
        if not handled:
            count(tally.reasons, str(story.get("reason")))
        # there is no score where there was nothing to score
        if tally.scores and story.get("reason") != Reason.UNAVAILABLE:
            tally.scores[self._bins.of(story["score"])] += 1
        if handled and (label := story.get("label")) in self._known:
            self._label(label).router += 1
        if time is None:
            count(tally.passed_over, NO_TIME)
        else:
            period = tally.calendar.at(time.date())
            period.rows += 1
            period.handled += handled

    def _add_answer(
        self, record: Mapping[str, Any], story: Mapping[str, Any], time: datetime | None, said: str
    ) -> None:
        """Count what the teacher answered to an audited request, and take it into the tests."""
        outcome = self._outcome(record, story)
        if outcome is not None:
            if time is not None:
                period = self.tally.calendar.at(time.date())
                period.n += 1
                period.k += outcome
            self._test(outcome, said)
        count_teacher(self.tally.teachers, record.get("model"), said)
        self._test_labels(record.get("teacher"), story.get("label") if story["handled"] else None, said)

    def _outcome(self, record: Mapping[str, Any], story: Mapping[str, Any]) -> bool | None:
        """Count the answer; return whether it bears the claim out, None where it is no outcome of it."""
        tally, handled, teacher = self.tally, story["handled"], record.get("teacher")
        if isinstance(teacher, str) and teacher in self._known:
            self._label(teacher).teacher += 1
        else:
            tally.unknown += 1
            raw = record.get("teacher_raw")
            if (form := self._form.of(teacher if raw is None else raw)) is not None:
                count(tally.answer_forms, form)
        agrees = handled and teacher is not None and teacher == story.get("label")
        tally.compared += handled
        tally.agree += agrees
        if self._is_of_handled:
            return agrees if handled else None
        return agrees or not handled

    def _test(self, outcome: bool, time: str) -> None:
        """Take one more outcome into both tests."""
        tally, (n, _) = self.tally, self._counts
        tally.evidence = gather(tally.evidence, n - 1, outcome, self.reference.target)
        tally.log_peak = max(tally.log_peak, float(log_e_value(tally.evidence, n)))
        tally.detectors = detect(tally.detectors, outcome, self.reference.warning_level)
        if tally.refuted is None and tally.log_peak >= math.log(self.refutes_at):
            tally.refuted = Moment(n, time)
        if not tally.is_warning and self.detector >= WARNING_BAR:
            tally.is_warning = True
            tally.warned = tally.warned or Moment(n, time)
        elif tally.is_warning and self.detector <= WARNING_ENDS:
            tally.is_warning = False

    def _test_labels(self, teacher: Any, given: Any, time: str) -> None:
        """Take an audited row into the test of each claim of a label that it is a trial of."""
        log_bar = math.log(self.refutes_at)
        for claim, tally in self.label_claims:
            outcome = claim.outcome(teacher, given)
            if outcome is not None:
                tally.add(outcome, claim.level, log_bar, time)

    def _label(self, label: str) -> LabelTally:
        return self.tally.labels.setdefault(label, LabelTally())

    @property
    def _counts(self) -> tuple[int, int]:
        """Return the outcomes that the claim is about, and those of them that hold."""
        tally = self.tally
        if self._is_of_handled:
            return tally.compared, tally.agree
        asked = tally.audited - tally.unanswered
        return asked, asked - (tally.compared - tally.agree)

    @property
    def verdict(self) -> str:
        """Return ``holds``, ``warns`` or ``refuted``; ``not measured`` before any outcome; or ``nothing claimed``."""
        if self.reference.confidence is None:
            return NOTHING_CLAIMED
        if self.is_refuted:
            return REFUTED
        if not self._counts[0]:
            return NOT_MEASURED
        return WARNS if self.tally.is_warning else HOLDS

    @property
    def label_claims(self) -> Sequence[tuple[LabelClaim, ClaimTally]]:
        """Return the claims of single labels, each with what is counted of it."""
        return list(zip(self.reference.label_claims, self.claims, strict=True))

    @property
    def is_refuted(self) -> bool:
        """Return whether any of the claims has been refuted."""
        return self.tally.refuted is not None or any(each.refuted is not None for each in self.claims)

    @property
    def refutes_at(self) -> float:
        """Return the evidence that refutes a claim: 1 / alpha, alpha being shared where labels have claims of their own."""
        return (1 + len(self.claims)) / self.alpha

    @property
    def e_value(self) -> float:
        """Return the largest evidence against the claim so far; :attr:`refutes_at` or more refutes it."""
        return math.exp(min(self.tally.log_peak, _LARGEST))

    @property
    def e_value_now(self) -> float:
        """Return the evidence against the claim by now, which can be less than it was."""
        return math.exp(min(float(log_e_value(self.tally.evidence, self._counts[0])), _LARGEST))

    @property
    def detector(self) -> float:
        """Return the e-detector; :data:`WARNING_BAR` or more warns."""
        return math.expm1(min(float(log_detector(self.tally.detectors)), _LARGEST))

    @property
    def rate(self) -> Rate:
        """Return the rate that the claim is about, since release."""
        return self.rate_of(*self._counts)

    @property
    def agreement(self) -> Rate:
        """Return the agreement on audited rows that are handled."""
        return self.rate_of(self.tally.compared, self.tally.agree)

    @property
    def interval(self) -> tuple[float, float]:
        """Return the interval of :attr:`rate`: at all times together it misses the true one with probability alpha at most."""
        return self.rate.lower, self.rate.upper

    @property
    def coverage(self) -> Rate:
        """Return the share of all rows that are handled."""
        return self.rate_of(self.tally.rows, self.tally.handled)

    @property
    def drift(self) -> Drift | None:
        """Return how far the scores of all rows are from those at release; None where there is nothing to compare."""
        return self._bins.drift(self.tally.scores) if self.tally.scores else None

    @property
    def teachers_moved(self) -> list[Moved]:
        """Return the labels that the teacher gives more or less often than at release, on audited rows."""
        return moved(self.reference.teacher, {label: each.teacher for label, each in self.tally.labels.items()})

    @property
    def routers_moved(self) -> list[Moved]:
        """Return the labels that the router gives more or less often than at release, on handled rows."""
        return moved(self.reference.router, {label: each.router for label, each in self.tally.labels.items()})

    def progress(self, most: int = MOST_PERIODS) -> list[Progress]:
        """Return how the claim fared over time, in at most so many stretches of equal length, in the order of time."""
        return progress_of(self.tally.calendar, self.rate_of, most)

    @property
    def lately(self) -> Progress | None:
        """Return how the claim fared in the last days that hold enough outcomes together; None where all days are needed."""
        return late_progress(self.tally.calendar, self.rate_of, self.rate)

    def rate_of(self, n: int, k: int) -> Rate:
        """Return k of n with an interval as :attr:`interval`."""
        return Rate(n, k, *anytime_interval(n, k, 1 - self.alpha))
