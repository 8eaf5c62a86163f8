"""Verification: counts against an oracle, verdicts against a closed-form truth, rows of the build left out."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, binomtest

import tracer_spec as ts
from tests.flow.trace_sets import known_rows, trace_set
from tests.runtime import bundles
from tracer_spec.errors import DataError
from tracer_spec.flow.documents.certificate import CertificateDocument, Claim
from tracer_spec.flow.rates import LabelRate
from tracer_spec.flow.traces.optional_labels import NOT_ANSWERED
from tracer_spec.flow.traces.row_hashes import KnownRows
from tracer_spec.flow.traces.sampling import Sampling
from tracer_spec.flow.verify import shared_confidence, verify
from tracer_spec.plugin import LabelTarget
from tracer_spec.runtime.bundle import parse_bundle
from tracer_spec.runtime.load import open_router
from tracer_spec.stats.rate import Rate, is_far_above
from tracer_spec.stats.two_samples import sample_quantiles

EASY = np.float32([2, 0, 0, 0])  # handled as card_arrival
HARD = np.float32([0, 0, 0, 0])  # deferred


@pytest.fixture(scope="module")
def router():
    return open_router(parse_bundle(bundles.forge()))


def traces(labels, *, texts=None, ids=None, groups=None):
    return trace_set(texts or [f"text {i}" for i in range(len(labels))], labels, ids=ids, groups=groups)


def claim(target=0.9, confidence=0.95, measure="agreement", **more):
    return Claim(
        **{"text": "it agrees", "n_certify": 0, "scores": ()} | more,
        target=target,
        confidence=confidence,
        measure=measure,
    )


# --- counts ------------------------------------------------------------------------------------------------------------


def test_counts_and_intervals_are_those_of_an_oracle(router):
    rng = np.random.default_rng(0)
    X = rng.normal(scale=2, size=(500, 4)).astype(np.float32)
    teacher = rng.choice([*bundles.LABELS, "made_up"], size=500).tolist()
    found = verify(router, claim(confidence=0.9), traces(teacher), vectors=X)
    decided = bundles.oracle(X)
    handled = [d[1] for d in decided]
    agree = [d[0] == label for d, label in zip(decided, teacher, strict=True)]
    n_handled, k = sum(handled), sum(agree)
    assert (found.coverage.n, found.coverage.k) == (500, n_handled)
    assert (found.agreement.n, found.agreement.k) == (n_handled, k)
    assert (found.end_to_end.n, found.end_to_end.k) == (500, 500 - n_handled + k)
    for rate in (found.coverage, found.agreement, found.end_to_end):
        exact = binomtest(rate.k, rate.n).proportion_ci(0.9, method="exact")
        assert (rate.lower, rate.upper) == (pytest.approx(exact.low), pytest.approx(exact.high))
    for count in found.labels:
        rows = [i for i in range(500) if teacher[i] == count.label]
        assert (count.n, count.handled) == (len(rows), sum(handled[i] for i in rows))
        assert count.agree == sum(agree[i] for i in rows)
    assert sum(found.reasons.values()) == 500 - n_handled
    assert found.reasons["low_score"] == sum(d[4] == "low_score" for d in decided)


def test_a_label_unknown_to_the_bundle_is_a_disagreement_wherever_it_is_handled(router):
    found = verify(
        router, claim(), traces(["odd"] * 3 + ["card_arrival", ""]), vectors=np.array([EASY, EASY, HARD, EASY, EASY])
    )
    assert (found.unknown.n, found.unknown.handled, found.unknown.agree) == (4, 3, 0)
    assert found.unknown_labels == {"odd": 3, "(no usable label)": 1}
    assert (found.agreement.k, found.agreement.n) == (1, 4)


def test_long_labels_that_may_quote_the_input_are_cut():
    router = open_router(parse_bundle(bundles.forge()))
    found = verify(router, claim(), traces(["I think\nthat " + "x" * 100]), vectors=EASY[None])
    (label,) = found.unknown_labels
    assert label.startswith("I think that xx")
    assert (len(label), label[-1]) == (60, "…")


# --- the verdict -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("k", "verdict"), [(90, "not contradicted"), (84, "not contradicted"), (82, "contradicted")])
def test_a_claim_is_contradicted_where_the_upper_bound_is_under_the_target(router, k, verdict):
    found = verify(
        router, claim(), traces(["card_arrival"] * k + ["top_up"] * (100 - k)), vectors=np.tile(EASY, (100, 1))
    )
    upper = binomtest(k, 100).proportion_ci(0.95, method="exact").high
    assert (
        (found.verdict, found.agreement.upper < 0.9) == (verdict, upper < 0.9) == (verdict, verdict == "contradicted")
    )


def test_an_end_to_end_claim_is_judged_by_all_rows_and_not_by_the_handled_ones(router):
    labels, X = ["top_up"] * 5 + ["card_arrival"] * 95, np.array([EASY] * 10 + [HARD] * 90)
    assert verify(router, claim(0.9, measure="end_to_end"), traces(labels), vectors=X).verdict == "not contradicted"
    assert verify(router, claim(0.9), traces(labels), vectors=X).verdict == "contradicted"
    assert verify(router, claim(0.99, measure="end_to_end"), traces(labels), vectors=X).verdict == "contradicted"


def test_rows_of_a_high_audit_rate_do_not_outvote_the_requests_that_the_others_stand_for(router):
    # 400 of 400 requests of one app are right, and 70 of 100 rows of another, audited one in twenty: 2,000 requests
    labels = ["card_arrival"] * 400 + ["card_arrival"] * 70 + ["top_up"] * 30
    rates = np.array([1.0] * 400 + [0.05] * 100)
    X, yes, no = np.tile(EASY, (500, 1)), np.ones(500, bool), np.zeros(500, bool)
    ids = [f"id {i}" for i in range(500)]
    mixed = replace(traces(labels, ids=ids), sampling=Sampling(yes, yes, rates, no, yes, 0.0))
    found = verify(router, claim(0.9), mixed, vectors=X)
    assert found.agreement.share == 0.94
    assert found.of_traffic.share == pytest.approx((400 + 0.7 * 2000) / 2400)
    assert found.verdict == "contradicted"
    alike = replace(mixed, sampling=replace(mixed.sampling, rates=np.full(500, 0.05)))
    found = verify(router, claim(0.9), alike, vectors=X)
    assert (found.of_traffic, found.verdict) == (None, "not contradicted")
    found = verify(router, claim(0.9, measure="end_to_end"), mixed, vectors=X)
    assert found.of_traffic.share == pytest.approx((400 + 0.7 * 2000) / 2400)


def test_where_nothing_is_claimed_nothing_is_contradicted(router):
    found = verify(router, claim(0.9, None), traces(["top_up"] * 100), vectors=np.tile(EASY, (100, 1)))
    assert (found.verdict, found.confidence, found.agreement.upper < 0.1) == ("nothing claimed", 0.95, True)


def test_where_nothing_is_handled_nothing_is_contradicted(router):
    found = verify(router, claim(), traces(["top_up"] * 50), vectors=np.tile(HARD, (50, 1)))
    assert (found.verdict, found.agreement.share) == ("agreement not measured", None)


def test_a_true_claim_is_contradicted_in_no_more_runs_than_its_interval_allows(router):
    runs, n, target, confidence = 400, 300, 0.9, 0.9
    rng, false = np.random.default_rng(1), 0
    for _ in range(runs):
        labels = np.where(rng.uniform(size=n) < target, "card_arrival", "top_up").tolist()
        X = np.where(rng.uniform(size=(n, 1)) < 0.8, EASY, HARD)
        false += verify(router, claim(target, confidence), traces(labels), vectors=X).verdict == "contradicted"
    tail = (1 - confidence) / 2
    assert binom.ppf(0.001, runs, tail * 0.3) / runs <= false / runs <= binom.ppf(0.999, runs, tail) / runs


def test_leaving_out_requests_made_again_does_not_contradict_a_true_claim(router):
    # half of the traffic is one easy request that the build knows; without ids it is left out, and what is left is harder
    built = known_rows(traces(["card_arrival"], texts=["where is my card"]))
    runs, n, target, confidence = 200, 300, 0.9, 0.9
    rng, false, careless = np.random.default_rng(2), 0, 0
    for _ in range(runs):
        again = rng.uniform(size=n) < 0.5
        right = rng.uniform(size=n) < np.where(again, 0.98, 0.82)
        texts = ["where is my card" if each else f"text {i}" for i, each in enumerate(again)]
        labels = np.where(right, "card_arrival", "top_up").tolist()
        found = verify(
            router, claim(target, confidence), traces(labels, texts=texts), known=built, vectors=np.tile(EASY, (n, 1))
        )
        assert found.coverage.n == n - again.sum()
        false += found.verdict == "contradicted"
        careless += found.agreement.upper < target
    most = binom.ppf(0.999, runs, (1 - confidence) / 2)
    assert false <= most < careless


# --- rows of the build -------------------------------------------------------------------------------------------------


def test_rows_of_the_build_are_left_out_and_counted_and_repeats_with_ids_are_measured(router):
    built = known_rows(traces(["card_arrival"] * 2, texts=["a", "b"], ids=["1", "2"]))
    fresh = traces(["card_arrival"] * 4, texts=["a", "a", "c", "d"], ids=["1", "3", "4", "5"])
    found = verify(router, claim(), fresh, known=built, vectors=np.tile(EASY, (4, 1)))
    assert found.left_out == {"known to the build by id and text": 1}
    assert (found.coverage.n, found.n_repeats, found.known_rows) == (3, 1, True)


def test_where_no_row_is_new_there_is_nothing_to_measure(router):
    given = traces(["card_arrival"] * 3, texts=["a", "b", "a"])
    with pytest.raises(DataError, match="none of 3 traces is new to this bundle: 3 known to the build by text"):
        verify(router, claim(), given, known=known_rows(given), vectors=np.tile(EASY, (3, 1)))


def test_a_log_without_its_audited_rows_is_no_sample_of_the_traffic(router):
    yes, no = np.ones(200, bool), np.zeros(200, bool)
    given = replace(traces([NOT_ANSWERED] * 200), sampling=Sampling(no, yes, np.full(200, 0.3), no, yes, 0.0))
    with pytest.raises(DataError, match="none of 200 new rows is audited, and by their rates chance would have chosen"):
        verify(router, claim(), given, vectors=np.tile(EASY, (200, 1)))


def test_a_bundle_that_does_not_know_its_rows_measures_all_and_says_so(router):
    found = verify(router, claim(), traces(["card_arrival"] * 3), vectors=np.tile(EASY, (3, 1)))
    assert (found.known_rows, found.left_out, found.coverage.n) == (False, {}, 3)


def test_a_claim_per_group_is_measured_on_one_row_of_each_new_group(router):
    built = known_rows(traces(["card_arrival"], texts=["a"], groups=["old"]))
    groups = ["old", *["x"] * 6, *["y"] * 2, "z"]
    found = verify(
        router,
        claim(),
        traces(["card_arrival"] * 10, groups=groups),
        known=built,
        vectors=np.tile(EASY, (10, 1)),
        grouped=True,
    )
    assert found.coverage.n == 3
    assert found.left_out == {"of a group known to the build": 1, "of a group that another row speaks for": 6}


def test_without_a_claim_per_group_requests_of_known_groups_are_measured_and_known_texts_are_not(router):
    built = known_rows(traces(["card_arrival"], texts=["a"], groups=["old"]))
    given = traces(["card_arrival"] * 3, texts=["b", "a", "c"], groups=["old", "old", "new"])
    found = verify(router, claim(), given, known=built, vectors=np.tile(EASY, (3, 1)))
    assert found.coverage.n == 2
    assert found.left_out == {"known to the build by text, without ids to tell a request made again": 1}


def test_a_claim_per_group_needs_groups(router):
    with pytest.raises(DataError, match="claim is per group, and 2 of 2 traces have none"):
        verify(router, claim(), traces(["card_arrival"] * 2), vectors=np.tile(EASY, (2, 1)), grouped=True)


# --- drift -------------------------------------------------------------------------------------------------------------


def test_drift_is_measured_against_the_scores_of_the_certificate(router):
    rng = np.random.default_rng(3)
    before, after = rng.normal(size=(800, 4)).astype(np.float32), rng.normal(scale=3, size=(800, 4)).astype(np.float32)
    scores = router.route_batch(before).scores
    told = claim(n_certify=800, scores=tuple(sample_quantiles(scores).tolist()))
    same = verify(router, told, traces(["top_up"] * 800), vectors=before).drift
    other = verify(router, told, traces(["top_up"] * 800), vectors=after).drift
    assert (same.distance < 0.01, same.p_value > 0.99, same.n_certify, same.n) == (True, True, 800, 800)
    assert (other.distance > 0.2, other.p_value < 1e-6) == (True, True)
    assert verify(router, claim(), traces(["top_up"] * 800), vectors=after).drift is None


# --- what the build writes ---------------------------------------------------------------------------------------------


def test_the_build_writes_the_scores_of_the_certify_rows_and_every_row_it_saw(tmp_path):
    from tracer_spec.flow.prepare import part, read_traces
    from tracer_spec.plan import make_plan
    from tracer_spec.plugin.registry import find_plugins
    from tracer_spec.spec import load_spec

    rng = np.random.default_rng(4)
    words = {"card": ["card", "plastic", "chip", "visa"], "loan": ["loan", "borrow", "mortgage", "interest"]}
    rows = []
    for i in range(900):
        label = ["card", "loan"][rng.integers(2)]
        rows.append(
            {"id": f"e{i}", "input": " ".join(rng.choice(["my", "the", "please", *words[label]], 6)), "teacher": label}
        )
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec = {
        "version": 1,
        "name": "small",
        "traces": {"use": "jsonl", "with": {"path": str(tmp_path / "traces.jsonl")}},
        "embedder": {"use": "lsa", "with": {"dim": 8}},
        "zoo": ["logreg"],
        "families": ["l2d"],
        "target": {"agreement": 0.9},
    }
    result = ts.build(spec, out=tmp_path / "small.tracer", workers=1)
    router = ts.load(result.bundle)
    plan = make_plan(load_spec(spec), find_plugins())
    kept = read_traces(plan)
    scores = router.route_batch([kept.texts[i] for i in part(kept, plan.spec.split).certify]).scores
    assert np.abs(np.array(router.certificate["scores"]) - sample_quantiles(scores)).max() < 1e-5
    members = parse_bundle(result.bundle.read_bytes()).members
    read = CertificateDocument.read(members["certificate.json"]).claimed(router.manifest.status)
    assert (read.measure, read.target, read.confidence, read.n_certify) == ("agreement", 0.9, 0.95, result.n_certify)
    seen = KnownRows.read(members, router.manifest.provenance)
    assert seen.find(kept).event.all()


# --- claims of single labels -------------------------------------------------------------------------------------------

OTHER_LABEL = next(label for label in bundles.LABELS if label != "card_arrival")


def test_claims_of_labels_are_counted_as_they_are_worded_and_share_the_doubt(router):
    rng = np.random.default_rng(5)
    X = rng.normal(scale=2, size=(400, 4)).astype(np.float32)
    teacher = rng.choice(bundles.LABELS, size=400).tolist()
    decided = bundles.oracle(X)
    asked = (LabelTarget("card_arrival", "missed", 0.4), LabelTarget("card_arrival", "agreement", 0.1))
    found = verify(router, claim(confidence=0.9, labels=asked), traces(teacher), vectors=X)
    so = [i for i in range(400) if teacher[i] == "card_arrival"]
    missed = [i for i in so if decided[i][1] and decided[i][0] != "card_arrival"]
    called = [i for i in range(400) if decided[i][1] and decided[i][0] == "card_arrival"]
    first, second = (each.rate for each in found.label_claims)
    assert (first.n, first.k) == (len(so), len(so) - len(missed))
    assert (second.n, second.k) == (len(called), len(set(called) & set(so)))
    assert found.confidence == pytest.approx(1 - 0.1 / 3)
    exact = binomtest(first.k, first.n).proportion_ci(1 - 0.1 / 3, method="exact")
    assert (first.lower, first.upper) == (pytest.approx(exact.low), pytest.approx(exact.high))


def test_one_claim_of_a_label_that_is_contradicted_contradicts_the_certificate(router):
    """Of 40 rows that the teacher calls otherwise, all are answered card_arrival: 360 others are right."""
    teacher = ["card_arrival"] * 360 + [OTHER_LABEL] * 40
    X = np.array([EASY] * 400)
    asked = (LabelTarget(OTHER_LABEL, "missed", 0.5),)
    assert verify(router, claim(0.85), traces(teacher), vectors=X).verdict == "not contradicted"
    found = verify(router, claim(0.85, labels=asked), traces(teacher), vectors=X)
    assert found.verdict == "contradicted"
    assert (found.label_claims[0].is_contradicted, found.label_claims[0].rate.k) == (True, 0)
    draft = claim(0.85, confidence=None, labels=asked)
    assert verify(router, draft, traces(teacher), vectors=X).verdict == "nothing claimed"


def test_claims_that_are_just_true_are_contradicted_together_no_more_often_than_one():
    """Three exact tests, each at a third of the doubt: the chance that any of them errs is at most that of one."""
    shared = shared_confidence(claim(labels=(LabelTarget("a", "missed", 0.1), LabelTarget("a", "agreement", 0.9))))
    errs = [
        sum(binom.pmf(k, 200, 0.9) for k in range(201) if Rate.of(200, k, each).upper < 0.9) for each in (shared, 0.95)
    ]
    assert 3 * errs[0] <= (1 - 0.95) / 2
    assert errs[1] <= (1 - 0.95) / 2
    assert shared_confidence(claim()) == 0.95


def test_a_claim_of_a_label_is_contradicted_only_with_the_rows_left_out_for_their_text_too():
    rate, better = Rate.of(40, 20, 0.95), Rate.of(400, 380, 0.95)
    asked = LabelTarget("a", "missed", 0.2)
    assert LabelRate(asked, rate).is_contradicted
    assert not LabelRate(asked, rate, with_known_texts=better).is_contradicted


# --- rows that were taken out --------------------------------------------------------------------------------------------


def test_rows_of_which_far_fewer_are_wrong_than_at_release_are_told(router):
    told = claim(tested=(600, 570))
    whole = verify(router, told, traces(["card_arrival"] * 875 + ["top_up"] * 33), vectors=np.tile(EASY, (908, 1)))
    cut = verify(router, told, traces(["card_arrival"] * 875), vectors=np.tile(EASY, (875, 1)))
    for found, is_far in ((whole, False), (cut, True)):
        document = found.document(traces(["a"]).accounting)["at_release"]
        assert (document["n"], document["k"], document["is_far_exceeded"]) == (600, 570, is_far)
    assert cut.verdict == "not contradicted"


def test_rows_like_those_at_release_are_seldom_far_above_it():
    rng = np.random.default_rng(6)
    before, now = rng.binomial(400, 0.95, 2000), rng.binomial(900, 0.95, 2000)
    pairs = zip(before.tolist(), now.tolist(), strict=True)
    assert not any(is_far_above(Rate.of(900, late, 0.95), Rate.of(400, early, 0.95)) for early, late in pairs)


# --- rows that stand twice -----------------------------------------------------------------------------------------------


def twice(**more):
    """Return 100 calls, 82 of them right, whose records stand three times each."""
    labels = ["card_arrival"] * 82 + ["top_up"] * 18
    return traces(3 * labels, texts=3 * [f"{'abcdefghij'[i // 10]} {'klmnopqrst'[i % 10]}" for i in range(100)], **more)


def test_rows_that_may_be_copies_must_contradict_the_claim_as_one_call_too(router):
    X = np.tile(EASY, (300, 1))
    found = verify(router, claim(0.88), twice(), vectors=X)
    assert (found.agreement.k, found.agreement.n, found.agreement.upper < 0.88) == (246, 300, True)
    assert (found.without_repeats.k, found.without_repeats.n) == (82, 100)
    assert found.verdict == "not contradicted"
    assert verify(router, claim(0.95), twice(), vectors=X).verdict == "contradicted"


def test_rows_that_ids_tell_apart_or_that_the_spec_calls_traffic_count_each(router):
    X, ids = np.tile(EASY, (300, 1)), [f"r{i}" for i in range(300)]
    for found in (
        verify(router, claim(0.88), twice(ids=ids), vectors=X),
        verify(router, claim(0.88), twice(), vectors=X, repeats="traffic"),
    ):
        assert (found.without_repeats, found.verdict) == (None, "contradicted")


def test_a_claim_of_a_label_must_be_contradicted_by_rows_that_may_be_copies_as_one_call_too(router):
    asked = (LabelTarget("card_arrival", "agreement", 0.88),)
    found = verify(router, claim(0.5, labels=asked), twice(), vectors=np.tile(EASY, (300, 1)))
    (label,) = found.label_claims
    assert (label.without_repeats.n, label.rate.upper < 0.88, label.is_contradicted) == (100, True, False)
