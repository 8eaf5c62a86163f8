"""A monitor: what counts and what does not, the verdicts, and numbers against independent oracles."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

import tracer_spec as ts
from tests.production.decisions import line, reference, traffic, watched
from tracer_spec.errors import UsageError
from tracer_spec.flow.documents.audit import AuditDocument
from tracer_spec.flow.documents.certificate import CertificateDocument
from tracer_spec.production.monitoring.monitor import WARNING_BAR, Monitor
from tracer_spec.production.monitoring.moved_labels import moved
from tracer_spec.production.monitoring.reference import Reference
from tracer_spec.production.monitoring.scores import ScoreBins
from tracer_spec.production.monitoring.tally import MOST_PERIODS, Draws
from tracer_spec.runtime import read_bundle
from tracer_spec.stats.anytime import detect, detectors, evidence, gather, log_detector, log_e_value

# --- what counts -------------------------------------------------------------------------------------------------------


def test_only_audited_rows_that_are_handled_tell_the_agreement_and_all_rows_tell_the_coverage():
    monitor = watched(
        [
            line(0),
            line(1, audit=True, teacher="a"),
            line(2, audit=True, teacher="b"),
            line(3, audit=True, teacher="b", handled=False),
            line(4, teacher="b", handled=False),
        ]
    )
    assert (monitor.agreement.n, monitor.agreement.k) == (2, 1)
    assert (monitor.coverage.n, monitor.coverage.k) == (5, 3)
    assert monitor.tally.reasons == {"low_score": 2}


@pytest.mark.parametrize("rate", [0.02, 0.5, 1.0])
def test_chance_explains_the_audited_rows_of_a_coin_and_not_those_of_a_log_that_lost_some(rate):
    rng = np.random.default_rng(0)
    for _ in range(200):
        draws, audited = Draws(), 0
        for chosen in (rng.random(500) < rate).tolist():
            draws.add(rate)
            audited += chosen
        assert draws.explain(audited)
    assert draws.expected == pytest.approx(500 * rate)
    assert draws.variance == pytest.approx(binom.var(500, rate))
    assert not draws.explain(round(500 * rate + 7 * binom.std(500, rate)) + 2)


def test_an_audited_answer_that_is_no_label_is_a_disagreement_and_one_that_never_came_is_nothing():
    monitor = watched(
        [
            line(0, audit=True, served="teacher"),
            line(1, audit=True, teacher="none of them"),
            line(2, audit=True, served="nobody"),
            line(3, handled=False, served="nobody"),
        ]
    )
    assert (monitor.agreement.n, monitor.agreement.k) == (2, 0)
    assert (monitor.tally.unknown, monitor.tally.unanswered, monitor.tally.failed) == (2, 1, 2)
    assert monitor.coverage.n == 4


def test_rows_of_other_versions_and_lines_that_are_no_decision_are_counted_apart():
    bad = [line(5) for _ in range(4)]
    bad[0]["router"]["handled"] = "yes"
    bad[1]["router"]["score"] = None
    bad[2]["router"]["score"] = math.nan
    del bad[3]["router"]["version"]
    lines = [
        line(0),
        line(1, version="other", audit=True, teacher="b"),
        {**line(2), "router": None},
        {"input": "x"},
        *bad,
    ]
    monitor = watched([*lines, {**line(3), "time": "yesterday"}])
    assert monitor.tally.versions == {"other": 1}
    assert monitor.tally.passed_over == {"recorded without a bundle": 1, "not a decision": 5, "without a time": 1}
    assert monitor.tally.rows == 2
    assert monitor.agreement.n == 0


def test_an_end_to_end_claim_counts_all_audited_rows_and_only_wrong_labels_against_it():
    lines = [
        line(0, audit=True, teacher="a"),
        line(1, audit=True, teacher="b"),
        line(2, audit=True, teacher="b", handled=False),
        line(3, audit=True, handled=False, served="nobody"),
        line(4),
    ]
    monitor = watched(lines, measure="end_to_end", target=0.98)
    assert (monitor.rate.n, monitor.rate.k) == (3, 2)
    assert (monitor.agreement.n, monitor.agreement.k) == (2, 1)
    assert monitor.e_value_now == pytest.approx(_e_value([True, False, True], 0.98))


def test_what_had_no_score_has_none_among_the_scores():
    monitor = watched([line(0), line(1, handled=False, reason="unavailable", score=0.0)])
    assert sum(monitor.tally.scores) == 1
    assert monitor.coverage.n == 2


# --- verdicts ----------------------------------------------------------------------------------------------------------


def _e_value(outcomes, target) -> float:
    now = evidence()
    for n, agrees in enumerate(outcomes):
        now = gather(now, n, agrees, target)
    return math.exp(log_e_value(now, len(outcomes)))


@given(st.lists(st.booleans(), max_size=60))
def test_its_tests_are_those_of_the_stream_of_audited_handled_rows(outcomes):
    monitor = watched([line(n, audit=True, teacher="a" if agrees else "b") for n, agrees in enumerate(outcomes)])
    warning = detectors()
    for agrees in outcomes:
        warning = detect(warning, agrees, 0.935)
    assert monitor.e_value_now == pytest.approx(_e_value(outcomes, 0.92))
    assert monitor.e_value == pytest.approx(max(_e_value(outcomes[:n], 0.92) for n in range(len(outcomes) + 1)))
    assert monitor.detector == pytest.approx(math.expm1(log_detector(warning)), abs=1e-9)


def test_without_an_audited_row_that_is_handled_nothing_is_measured():
    deferred = [line(n, handled=False, teacher="b") for n in range(500)]
    assert watched(deferred).verdict == "not measured"
    assert watched([*deferred, line(500, audit=True, handled=False, teacher="b")]).verdict == "not measured"
    assert watched([*deferred, line(500, audit=True, teacher="a")]).verdict == "holds"


def test_it_holds_then_warns_then_refutes_and_a_refuted_claim_stays_refuted():
    monitor = Monitor(reference())
    verdicts = []
    for each in [
        *traffic(3000, 0.95, seed=1),
        *traffic(4000, 0.88, seed=2, first=3000),
        *traffic(20000, 0.99, seed=3, first=7000),
    ]:
        monitor.add(each)
        if not verdicts or verdicts[-1] != monitor.verdict:
            verdicts.append(monitor.verdict)
    assert [each for each in verdicts if each != "not measured"] == ["holds", "warns", "refuted"]
    assert monitor.tally.warned.n < monitor.tally.refuted.n
    assert monitor.tally.warned.n > 2000
    assert monitor.e_value >= 20 > monitor.e_value_now
    assert monitor.tally.refuted.time > monitor.tally.warned.time


def test_a_warning_ends_when_its_evidence_is_gone_and_is_remembered():
    monitor = Monitor(reference(target=0.8))
    verdicts = []
    for each in [
        *traffic(1000, 0.95, seed=1),
        *traffic(1500, 0.82, seed=2, first=1000),
        *traffic(6000, 0.95, seed=3, first=2500),
    ]:
        monitor.add(each)
        if not verdicts or verdicts[-1] != monitor.verdict:
            verdicts.append(monitor.verdict)
    assert verdicts[-3:] == ["holds", "warns", "holds"]
    assert len(verdicts) <= 4
    assert monitor.tally.warned is not None
    assert monitor.detector < WARNING_BAR


def test_nothing_is_refuted_where_nothing_is_claimed():
    monitor = watched(traffic(3000, 0.3), confidence=None)
    assert monitor.verdict == "nothing claimed"
    assert monitor.alpha == 0.05
    assert monitor.e_value > 20


def test_alpha_is_what_the_certificate_leaves_unless_it_is_given():
    assert Monitor(reference(confidence=0.9)).alpha == pytest.approx(0.1)
    assert Monitor(reference(confidence=0.9), alpha=0.01).alpha == 0.01
    for alpha in (0.0, 1.0, -1.0, math.nan):
        with pytest.raises(UsageError, match="alpha must be between 0 and 1"):
            Monitor(reference(), alpha=alpha)


@pytest.mark.parametrize("target", [0.5, 0.7, 0.9, 0.95, 0.99])
def test_it_works_for_any_target(target):
    release = target + (1 - target) / 2
    good = watched(traffic(2000, release, seed=4), target=target, measured=release)
    bad = watched(
        traffic(4000, target - (1 - target), seed=5) if target > 0.5 else traffic(2000, 0.3),
        target=target,
        measured=release,
    )
    assert (good.verdict, bad.verdict) == ("holds", "refuted")


def test_the_warning_is_about_half_the_way_from_the_target_to_the_release():
    assert reference().warning_level == pytest.approx(0.935)
    assert reference(measured=None).warning_level == 0.92
    assert reference(measured=0.91).warning_level == 0.92


def test_a_certificates_own_luck_does_not_spoil_the_warning():
    """Releases at a true agreement of .95, each with the level that follows from what was measured; the fall is to .90."""
    draw = np.random.default_rng(6)
    n_certify = n_fit = 600
    warned = early = runs = 0
    while runs < 150:
        k = draw.binomial(n_certify, 0.95)
        if binom.sf(k - 1, n_certify, 0.92) > 0.1:
            continue  # not certified
        runs += 1
        measured = min(k / n_certify, draw.binomial(n_fit, 0.95) / n_fit)
        level = reference(measured=measured).warning_level
        now, first = detectors(), None
        outcomes = np.concatenate([draw.random(1000) < 0.95, draw.random(2000) < 0.90])
        for n, agrees in enumerate(outcomes):
            now = detect(now, agrees, level)
            if first is None and log_detector(now) >= math.log(WARNING_BAR + 1):
                first = n
        early += first is not None and first < 1000
        warned += first is not None
    assert warned >= 0.95 * runs
    assert early <= 0.02 * runs


# --- intervals, drift, labels, days ------------------------------------------------------------------------------------


def test_coverage_and_agreement_of_a_live_log_contain_the_truth_though_its_labelled_rows_do_not():
    lines = traffic(20_000, 0.95, audit=0.1, coverage=0.85, seed=7)
    monitor = watched(lines)
    assert monitor.coverage.lower <= 0.85 <= monitor.coverage.upper
    assert monitor.agreement.lower <= 0.95 <= monitor.agreement.upper
    labelled = [each for each in lines if each["teacher"] is not None]
    assert sum(each["router"]["handled"] for each in labelled) / len(labelled) < 0.6


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=60),
    st.lists(st.floats(0, 1), min_size=1, max_size=80),
)
def test_drift_is_kolmogorovs_distance_to_the_certify_scores(before, now):
    before, now = [round(each, 3) for each in before], [round(each, 3) for each in now]
    bins = ScoreBins(sorted(before), len(before))
    counts = [0] * len(bins)
    for each in now:
        counts[bins.of(each)] += 1
    drift = bins.drift(counts)
    places = np.array([*before, *now])
    shares = [(np.array(sample)[:, None] <= places).mean(axis=0) for sample in (before, now)]
    assert drift.distance == pytest.approx(np.abs(shares[0] - shares[1]).max())
    assert (drift.n_certify, drift.n) == (len(before), len(now))


def test_drift_is_seen_where_there_is_one_and_told_of_hardly_ever_where_there_is_none():
    draw = np.random.default_rng(8)
    seen = 0
    for _ in range(100):
        bins = ScoreBins(np.sort(draw.random(300))[::2], 300)
        counts = [0] * len(bins)
        for each in draw.random(1000):
            counts[bins.of(each)] += 1
        seen += bins.drift(counts).is_seen
    assert seen <= binom.isf(1e-5, 100, 0.05)
    moved_scores = draw.beta(2, 1, 3000)
    counts = np.bincount([bins.of(each) for each in moved_scores], minlength=len(bins)).tolist()
    assert bins.drift(counts).is_seen
    assert ScoreBins([], 0).drift([]) is None


def test_labels_that_moved_are_told_and_noise_is_not():
    draw = np.random.default_rng(9)
    before = {"a": 5000, "b": 3000, "c": 2000}
    as_before = dict(zip("abc", map(int, draw.multinomial(2000, [0.5, 0.3, 0.2])), strict=True))
    assert moved(before, as_before) == []
    found = moved(before, {"a": 1000, "b": 600, "c": 250, "d": 150})
    assert [each.label for each in found] == ["d", "c"]
    assert found[1].was == pytest.approx(0.2)
    assert found[1].now == pytest.approx(0.125)
    rare = {"a": 1461, "b": 7}
    assert moved(rare, {"a": 10, "b": 1}) == []
    assert {each.label for each in moved(rare, {"a": 6, "b": 5})} == {"a", "b"}
    assert moved({}, before) == moved(before, {}) == []


def test_the_teachers_labels_are_counted_on_audited_rows_and_the_routers_on_handled_ones():
    monitor = watched(
        [line(0), line(1, audit=True, teacher="b"), line(2, handled=False, teacher="c"), line(3, label="c")]
    )
    assert {label: (each.teacher, each.router) for label, each in monitor.tally.labels.items()} == {
        "a": (0, 2),
        "b": (1, 0),
        "c": (0, 1),
    }


def test_days_are_kept_apart_and_merged_where_there_are_many_without_losing_a_row():
    lines = traffic(3000, 0.95, minutes=60 * 24 / 10)
    monitor = watched(lines)
    days = monitor.progress()
    assert len(days) <= MOST_PERIODS < 300
    assert sum(each.rows for each in days) == 3000
    assert days[-1].since.n == monitor.rate.n == sum(each.own.n for each in days)
    assert days[-1].since.k == monitor.rate.k
    assert days == sorted(days, key=lambda each: each.day)
    assert days[0].day.isoformat() <= "2026-03-01" < days[1].day.isoformat()
    few = monitor.progress(10)
    assert len(few) <= 10
    assert sum(each.handled for each in few) == monitor.coverage.k


def test_times_at_the_ends_of_the_calendar_are_days_like_others():
    ends = [
        "0001-01-01T00:00:00+00:00",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+14:00",
        "2026-03-01",
        "1970-01-01T00:00:00",
    ]
    lines = [{**line(number), "time": end} for number, end in enumerate(ends)]
    monitor = watched([*lines, *traffic(200, 0.95, minutes=60 * 24, first=5)])
    assert monitor.tally.passed_over == {"without a time": 1}
    assert sum(each.rows for each in monitor.progress()) == 204
    assert monitor.progress()[0].day.year == 1
    assert (monitor.tally.first[:4], monitor.tally.last[:4]) == ("0001", "9999")


def test_names_that_others_made_up_are_cut_and_few_are_kept():
    monitor = watched([line(number, version=f"{number:03}" * 100, reason="x") for number in range(50)])
    assert len(monitor.tally.versions) == 21
    assert monitor.tally.versions["others"] == 30
    assert max(map(len, monitor.tally.versions)) == 40


def test_the_last_days_are_told_apart_once_they_hold_enough():
    assert watched(traffic(300, 0.95)).lately is None
    lines = [*traffic(3000, 0.98, seed=1), *traffic(6000, 0.90, seed=2)[3000:]]
    late = watched(lines).lately
    assert late.own.n >= 600
    assert late.own.lower <= 0.90 <= late.own.upper < watched(lines).rate.share


# --- what a bundle says ------------------------------------------------------------------------------------------------


def test_what_a_bundle_says_is_read_as_its_documents_have_it(bundle):
    opened = read_bundle(bundle)
    certificate, audit = CertificateDocument.of_bundle(opened), AuditDocument.of_bundle(opened)
    found = Reference.of(opened)
    assert (found.target, found.confidence, found.claim) == (
        certificate.target,
        certificate.confidence,
        certificate.claim,
    )
    assert (found.measure, found.labels) == (certificate.measure, opened.manifest.labels)
    assert found.measured == min(certificate.k / certificate.n, certificate.estimate.agreement)
    assert found.target < found.warning_level < found.measured
    assert found.teacher == {each.label: each.n for each in audit.labels}
    assert sum(found.router.values()) == audit.handled
    assert Monitor(opened).alpha == pytest.approx(1 - certificate.confidence)


def test_a_changed_teacher_is_warned_of_and_refuted_and_the_same_one_is_not(bundle, texts, tmp_path):
    from tests.production.conftest import rows

    world = {row["input"]: json.dumps({"intent": row["teacher"].strip()}) for row in rows()}

    def another(text):
        return '{"intent": "other"}' if "refund" in text or "return" in text else world[text]

    monitors = {}
    for name, teacher in (("same", world.get), ("another", another)):
        with ts.deploy(bundle, teacher=teacher, log=tmp_path / name, audit=0.5, secret=b"s") as deployed:
            for number, text in enumerate(world):
                deployed.classify(text, id=f"r{number}")
        monitors[name] = Monitor(read_bundle(bundle))
        for path in (tmp_path / name).iterdir():
            for each in path.read_text().splitlines():
                monitors[name].add(json.loads(each))
    assert monitors["same"].verdict == "holds"
    assert monitors["another"].verdict == "refuted"
    assert monitors["another"].teachers_moved[0].label == "other"
    assert monitors["same"].teachers_moved == []
    assert not monitors["same"].drift.is_seen
