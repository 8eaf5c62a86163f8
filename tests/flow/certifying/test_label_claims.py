"""Claims of single labels: every candidate passes all its tests, under every reading, and every net holds them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.flow.certifying.test_certify import PARETO
from tests.validity.labelled_world import AGREES, MISSED, Labelled, Rows, propose
from tracer_spec.errors import PluginError
from tracer_spec.flow.blocks import Blocks
from tracer_spec.flow.certify_rows import EmbeddedRows, OpenedRows, Reading
from tracer_spec.flow.certifying.certify import certify, refuse_untested
from tracer_spec.flow.certifying.draft import draft_certificate
from tracer_spec.flow.certifying.proposal import test_digest as digest_of_test
from tracer_spec.flow.documents.certificate import CertificateDocument
from tracer_spec.plan import Resolved
from tracer_spec.plugin import Candidate, LabelEstimate, LabelTarget, Options, Target, foresee
from tracer_spec.plugin.contracts import Provided
from tracer_spec.stats.binomial import p_value

LABELS = (replace(MISSED, limit=0.1), replace(AGREES, limit=0.9))
TARGET = Target(0.9, 0.95, labels=LABELS)
GOOD = Labelled(missed=0.03, false_alarms=0.002)


@dataclass(frozen=True)
class Opened:
    """Rows of a world, as if they had been embedded and opened."""

    rows: Rows
    own: np.ndarray | None = None
    since: np.ndarray | None = None
    rates: np.ndarray | None = None

    def _of(self, among):
        return Rows(self.rows.score[among], self.rows.teacher[among], self.rows.given[among])

    def count(self, policy, among):
        return self._of(among).count(policy)

    def count_label(self, policy, asked, among):
        return self._of(among).count_label(policy, asked)

    def open(self):
        return self, (self.rows,) if self.own is None else (self.rows, self._of(self.own))

    def score_quantiles(self, policy):
        return ()


def not_asked(family, policy):
    raise AssertionError("beside targets of labels thresholds stay")


def outcome(fit, rows, *, target=TARGET, own=None, since=None, rates=None, **named):
    ordered = PARETO.make().order(propose(fit, target.labels), len(rows), target)
    opened = Opened(rows, own, since, rates)
    return certify(PARETO, ordered, opened, target, None, estimate=not_asked, **named)


def draw(world, n, seed):
    return world.draw(n, np.random.default_rng(seed))


def joined(first, second):
    return Rows(
        *(np.concatenate([getattr(each, name) for each in (first, second)]) for name in ("score", "teacher", "given"))
    )


def test_a_certificate_says_what_is_claimed_of_labels_and_the_tests_of_every_candidate():
    rows = draw(GOOD, 1000, 1)
    certificate = outcome(draw(GOOD, 1500, 0), rows)
    assert certificate.status == "certified"
    assert certificate.labels == LABELS
    assert certificate.claim == (
        "with 95 % confidence, this router agrees with the teacher on at least 90 % of the traffic it handles, and at most "
        "10 % of what the teacher calls 'fraud' gets another label from it, and at least 90 % of what it calls 'fraud' is "
        "so by the teacher"
    )
    for step in certificate.walk:
        for asked, test in zip(LABELS, step.labels, strict=True):
            n, k = rows.count_label(step.candidate.policy, asked)
            assert (test.target, test.n, test.k, test.p_value) == (asked, n, k, p_value(n, k, asked.level))
    written = CertificateDocument.of(certificate)
    assert [(each.label, each.measure, each.limit) for each in written.labels] == [
        ("fraud", "missed", 0.1),
        ("fraud", "agreement", 0.9),
    ]
    assert CertificateDocument.read(written.to_json()) == written
    assert written.claimed("certified").labels == LABELS


def test_a_label_that_falls_short_refuses_what_agrees_often_enough():
    fit, rows = draw(Labelled(missed=0.08), 1500, 2), draw(Labelled(missed=0.2), 1000, 3)
    refused = outcome(fit, rows)
    assert (refused.status, len(refused.walk)) == ("refused", 1)
    (step,) = refused.walk
    assert step.p_value <= TARGET.delta < step.labels[0].p_value
    assert refused.claim.endswith(
        "to agree with the teacher on 90 % of what it handles, and to keep the targets of 'fraud'"
    )
    assert outcome(fit, rows, target=Target(0.9, 0.95)).status == "certified"


def test_what_is_not_tested_says_what_was_asked_all_the_same():
    assert refuse_untested(PARETO, draw(GOOD, 10, 0), TARGET).labels == LABELS
    draft = draft_certificate(propose(draw(GOOD, 1500, 0), LABELS)[0].candidates, 1000, TARGET)
    assert [each.n for each in CertificateDocument.of(draft).labels] == [None, None]


def test_without_targets_of_labels_a_certificate_has_no_such_key():
    plain = Target(0.9, 0.95)
    written = CertificateDocument.of(outcome(draw(GOOD, 1500, 0), draw(GOOD, 1000, 1), target=plain)).document()
    assert "labels" not in written
    assert all("labels" not in step for step in written["walk"])


def test_a_label_must_pass_under_every_reading_of_the_rows():
    """Rows that repeat are those of a label that was learned by heart."""
    own = np.arange(1400) < 1000
    rows = joined(draw(Labelled(missed=0.15), 1000, 4), draw(Labelled(missed=0.0, share=0.9), 400, 5))
    fit = draw(Labelled(missed=0.05), 1500, 6)
    assert outcome(fit, rows, believes_repeats=True).status == "certified"
    refused = outcome(fit, rows, own=own, believes_repeats=True)
    assert refused.status == "refused"
    assert refused.walk[0].labels[0].n == int((rows.teacher[own] == 1).sum())


def test_a_label_far_above_its_own_estimate_is_not_believed():
    fit = draw(Labelled(missed=0.3, false_alarms=0.15, above="fraud"), 3000, 7)
    rows = draw(Labelled(missed=0.0, false_alarms=0.15, above="fraud"), 1000, 8)
    target = Target(0.75, 0.95, labels=(replace(MISSED, limit=0.35),))
    doubted = outcome(fit, rows, target=target)
    assert doubted.status == "refused"
    assert "certify rows that the teacher calls 'fraud' get no other label (1.000) where fit rows" in doubted.claim
    assert outcome(fit, rows, target=target, believes_repeats=True).status == "certified"
    assert outcome(fit, rows, target=Target(0.75, 0.95)).status == "certified"


def test_rows_from_behind_a_router_may_contradict_a_claim_of_a_label():
    """The new teacher calls more of the traffic fraud than the old one did, too little of it to move the whole."""
    rows = joined(draw(GOOD, 1200, 9), draw(Labelled(missed=0.3, share=0.1), 150, 10))
    since, fit = np.arange(1350) >= 1200, draw(GOOD, 1500, 11)
    assert outcome(fit, rows).status == "certified"
    refused = outcome(fit, rows, since=since)
    assert refused.status == "refused"
    assert "certify rows from behind a router that the teacher calls 'fraud' get no other label" in refused.claim
    assert "too few for 0.9" in refused.claim
    assert outcome(fit, joined(draw(GOOD, 1200, 9), draw(GOOD, 150, 12)), since=since).status == "certified"


def test_rows_of_a_high_rate_may_not_outvote_the_rest_on_a_label():
    rates = np.where(np.arange(1350) < 1200, 1.0, 0.05)
    rows, fit = joined(draw(GOOD, 1200, 13), draw(Labelled(missed=0.3, share=0.1), 150, 14)), draw(GOOD, 1500, 15)
    assert outcome(fit, rows).status == "certified"
    refused = outcome(fit, rows, rates=rates)
    assert refused.status == "refused"
    assert "of those that the teacher calls 'fraud' get no other label, too few for 0.9" in refused.claim


def test_a_calibrator_that_leaves_out_a_test_that_it_promised_is_named():
    class Forgets:
        def certify(self, ordered, rows, target):
            return PARETO.make().certify(ordered, rows, replace(target, labels=()))

    plugin = replace(PARETO.provided.plugin, name="forgets", make=lambda options: Forgets(), tests_labels=True)
    other = Resolved("forgets", Provided("calibrator", plugin, "tests", "1"), Options())
    ordered = PARETO.make().order(propose(draw(GOOD, 1500, 0), LABELS), 1000, TARGET)
    with pytest.raises(
        PluginError, match="'forgets' of tests 1 did not test every candidate for each of the target's labels"
    ):
        certify(other, ordered, Opened(draw(GOOD, 1000, 1)), TARGET, None, estimate=not_asked)


# --- counts ------------------------------------------------------------------------------------------------------------


def test_a_label_is_counted_by_its_class_on_the_rows_of_a_reading():
    y = np.array([0, 1, 1, -1, 1])
    opened = OpenedRows(Blocks([np.zeros((5, 2), np.float32)]), y, [False, False], {"ok": 0, "fraud": 1})
    opened._decide = lambda policy: (np.array([1, 1, 0, 1, 0]), np.array([True, True, True, True, False]), None)
    some = Reading(opened, np.array([False, True, True, True, False]))
    missed, agrees = LabelTarget("fraud", "missed", 0.1), LabelTarget("fraud", "agreement", 0.9)
    assert [opened.count_label((), each) for each in (missed, agrees)] == [(3, 2), (3, 1)]
    assert [some.count_label((), each) for each in (missed, agrees)] == [(2, 1), (2, 1)]


def test_tests_are_foreseen_at_the_number_of_certify_rows():
    candidate = Candidate("l2d", (), 600, 300, 290, (LabelEstimate(600, 30, 28), LabelEstimate(600, 0, 0)))
    own, missed, agrees = foresee(candidate, 400, TARGET)
    assert (own.n_test, own.n_fit, own.k_fit, own.level) == (200, 300, 290, 0.9)
    assert (missed.n_test, missed.n_fit, missed.k_fit, missed.level) == (20, 30, 28, 0.9)
    assert (agrees.n_test, agrees.share) == (0, 0.0)


def test_a_candidate_that_was_not_counted_for_the_labels_is_told_of_its_family():
    with pytest.raises(
        PluginError, match="a candidate of the family 'mine' has no counts of the labels that have targets"
    ):
        foresee(Candidate("mine", (), 600, 300, 290), 400, TARGET)


def test_what_is_asked_of_a_label_is_part_of_what_a_look_is_known_by():
    ordered, digests = (), set()
    rows = EmbeddedRows(
        Blocks([np.ones((3, 2), np.float32)]), np.zeros(3, int), np.zeros(2, bool), classes={"fraud": 1, "ok": 0}
    )
    for labels in ((), LABELS, LABELS[:1], (replace(MISSED, limit=0.2),)):
        digest = rows.digest([each.label for each in labels])
        digests.add(digest_of_test(ordered, digest, PARETO, replace(TARGET, labels=labels), ()))
    swapped = replace(rows, classes={"fraud": 0, "ok": 1}).digest(["fraud", "fraud"])
    digests.add(digest_of_test(ordered, swapped, PARETO, TARGET, ()))
    assert len(digests) == 5
