import dataclasses
import gc
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import tracer_spec as ts
from tracer_spec.errors import DataError, PluginError
from tracer_spec.flow.certifying.pareto import propose
from tracer_spec.flow.prepare import part, prepare, read_traces
from tracer_spec.flow.prepared import Parted
from tracer_spec.flow.progress import LearnerDone, StageDone, StageStarted, StepDone
from tracer_spec.flow.traces.trace_set import TraceSet
from tracer_spec.flow.train import train
from tracer_spec.plan import make_plan
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.runtime import read_bundle
from tracer_spec.spec import load_spec

WORDS = {
    "card": ["card", "plastic", "debit", "visa", "chip"],
    "loan": ["loan", "borrow", "credit", "mortgage", "interest"],
    "app": ["app", "login", "phone", "screen", "update"],
    "fee": ["fee", "charge", "cost", "price", "statement"],
}
FILLER = [
    "please",
    "can",
    "you",
    "tell",
    "me",
    "about",
    "my",
    "the",
    "a",
    "for",
    "with",
    "today",
    "now",
    "again",
    "why",
    "when",
    "how",
    "is",
    "it",
    "not",
]


# a net trains longest of all: it is asked for where the same bytes, or the same decisions, are to come out of it too
NET = ["logreg", {"use": "mlp", "with": {"hidden": [16]}}]


def traces(n, seed=0, noise=0.02, ids=True):
    """Draw n traces of a world with four labels: a few telling words among filler, and a teacher that slips."""
    rng = np.random.default_rng(seed)
    labels = sorted(WORDS)
    rows = []
    for i in range(n):
        label = labels[rng.integers(4)]
        words = [*rng.choice(FILLER, 5), *rng.choice(WORDS[label], rng.integers(2, 4))]
        if rng.uniform() < 0.1:  # a hard one: words of another label too
            words += list(rng.choice(WORDS[labels[rng.integers(4)]], 2))
        rng.shuffle(words)
        said = labels[rng.integers(4)] if rng.uniform() < noise else label
        rows.append({"input": " ".join(words), "teacher": said} | ({"id": f"e{i}"} if ids else {}))
    return rows


@pytest.fixture
def spec(tmp_path):
    """Write traces and return a spec over them."""

    def make(rows, **changes):
        path = tmp_path / "traces.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return {
            "version": 1,
            "name": "small",
            "traces": {"use": "jsonl", "with": {"path": str(path)}},
            "embedder": {"use": "lsa", "with": {"dim": 16}},
            "zoo": ["logreg", "dt"],
            "target": {"agreement": 0.9},
        } | changes

    return make


def proposals(spec):
    """Go through the flow up to the frozen order, and return it with everything that made it."""
    plan = make_plan(load_spec(spec), find_plugins())
    rows = read_traces(plan)
    prepared = prepare(plan, Parted.of(rows, part(rows, plan.spec.split)))
    workshop = train(plan, prepared.fit, prepared.denied, workers=1)
    chains = propose(plan.families, workshop)
    ordered = plan.calibrator.make().order(chains, len(prepared.certify), plan.target)
    return plan, rows, prepared, chains, ordered


def identity(chains, ordered):
    """Reduce chains and their order to plain values, models by their digest."""

    def of(candidate):
        stages = [(s.surrogate.digest, s.acceptor.digest if s.acceptor else "", s.threshold) for s in candidate.policy]
        return candidate.family, candidate.n_handled, candidate.n_agree, stages

    return [[of(c) for c in chain.candidates] for chain in chains], [of(c) for c in ordered]


@pytest.mark.parametrize("names", ["never", "always"])
@pytest.mark.parametrize("bound", [100_000, 400])
def test_certify_rows_replaced_whole_change_no_candidate_and_no_order(spec, bound, names):
    rows, asked = traces(900), {"zoo": NET, "target": {"agreement": 0.97}, "split": {"max_fit": bound}}
    asked["traces"] = spec(rows)["traces"] | {"labels": {"train": names}}
    plan, kept, prepared, chains, ordered = proposals(spec(rows, **asked))
    assert (len(prepared.fit.y) == 400) == (bound == 400)
    certify = {kept.ids[i] for i in part(kept, plan.spec.split).certify}
    assert 250 < len(certify) < 470
    rng = np.random.default_rng(9)
    changed = [
        {"id": row["id"], "input": f"other words {' '.join(rng.choice(list('xyzzy'), 6))}", "teacher": "unheard-of"}
        if row["id"] in certify
        else row
        for row in rows
    ]
    *_, other_chains, other_ordered = proposals(spec(changed, **asked))
    assert identity(chains, ordered) == identity(other_chains, other_ordered)
    assert len(ordered) > 5


def test_certify_rows_replaced_whole_change_no_byte_of_the_audit(spec, tmp_path):
    rows = [row | {"time": 1_767_225_600 + 3_600 * i} for i, row in enumerate(traces(500))]
    settings = spec(rows, zoo=["logreg"], report={"text": True}, guards=["prototypes"])
    settings["traces"]["format"] = {"text": "input", "label": "teacher", "id": "id", "time": "time"}
    plan = make_plan(load_spec(settings), find_plugins())
    kept = read_traces(plan)
    certify = {kept.ids[i] for i in part(kept, plan.spec.split).certify}
    changed = [
        {"id": row["id"], "input": f"{'z' * 500} {i}", "teacher": f"unheard-of {i}", "time": -9e8}
        if row["id"] in certify
        else row
        for i, row in enumerate(rows)
    ]
    audits = []
    for written in (rows, changed, rows[::-1]):
        Path(settings["traces"]["with"]["path"]).write_text("".join(json.dumps(row) + "\n" for row in written))
        draft = ts.build(settings, out=tmp_path / "b.tracer", draft=True)
        audits.append(read_bundle(draft.bundle).members["audit.json"])
    assert audits[0] == audits[1] != audits[2]
    assert b"time" in audits[0]
    assert b"zzz" not in audits[0]


def test_certify_rows_are_counted_alike_in_one_block_or_many(spec, tmp_path, monkeypatch):
    world = spec(traces(900, noise=0.05), target={"agreement": 0.93})
    whole = ts.build(world, out=tmp_path / "whole.tracer")
    monkeypatch.setattr("tracer_spec.flow.certify_rows.ROWS_PER_BLOCK", 64)
    in_blocks = ts.build(world, out=tmp_path / "blocks.tracer")
    assert len(whole.certificate.walk) > 1
    assert in_blocks.sha256 == whole.sha256


def test_a_bound_on_fit_rows_is_told_and_takes_no_certify_row(spec, tmp_path):
    free = ts.build(spec(traces(900)), out=tmp_path / "free.tracer")
    bound = ts.build(spec(traces(900), split={"max_fit": 400}), out=tmp_path / "bound.tracer")
    assert (bound.n_fit, bound.n_certify) == (400, free.n_certify)
    assert [each for each in bound.warnings if "400 of" in each and "split.max_fit" in each]
    assert not any("max_fit" in each for each in (*free.warnings, *bound.certificate.assumptions))


def test_a_change_of_one_fit_row_is_noticed_by_the_same_measure(spec):
    rows = traces(900)
    plan, kept, _, chains, ordered = proposals(spec(rows))
    position = int(part(kept, plan.spec.split).fit[0])
    changed = [*rows[:position], rows[position] | {"input": "mortgage mortgage"}, *rows[position + 1 :]]
    *_, other_chains, other_ordered = proposals(spec(changed))
    assert identity(chains, ordered) != identity(other_chains, other_ordered)


def test_adding_a_surrogate_disturbs_no_other(spec):
    rows = traces(600)
    alone = proposals(spec(rows, zoo=["mlp"], average=False))[3]
    beside = proposals(spec(rows, zoo=["logreg", "dt", "mlp"], average=False))[3]

    def digests(chains):
        return {
            stage.surrogate.digest
            for chain in chains
            for candidate in chain.candidates
            for stage in candidate.policy
            if stage.surrogate.name == "mlp"
        }

    assert digests(alone) <= digests(beside)


def test_the_families_asked_for_are_those_proposed(spec):
    chains = proposals(spec(traces(600), families=["l2d"]))[3]
    assert {chain.family for chain in chains} == {"l2d"}
    chains = proposals(spec(traces(1500, noise=0.05), target={"agreement": 0.93}))[3]
    assert {chain.family for chain in chains} == {"global", "l2d", "rsb"}
    for chain in chains:
        handled = [candidate.n_handled for candidate in chain.candidates]
        assert handled == sorted(handled), chain.family


def test_a_build_certifies_and_its_bundle_decides_as_certified(spec, tmp_path):
    rows = traces(1500)
    out = tmp_path / "dist" / "small.tracer"
    result = ts.build(spec(rows, zoo=NET), out=out)
    assert (result.status, result.bundle) == ("certified", out)
    assert hashlib.sha256(out.read_bytes()).hexdigest() == result.sha256
    plan, kept, *_ = proposals(spec(rows, zoo=NET))
    certify = [kept.texts[i] for i in part(kept, plan.spec.split).certify]
    labels = [kept.labels[i] for i in part(kept, plan.spec.split).certify]
    batch = ts.load(out).route_batch(certify)
    k = sum(ours == theirs for ours, theirs in zip(batch.labels, labels, strict=True))
    assert (int(batch.handled.sum()), k) == (result.certificate.chosen.n, result.certificate.chosen.k)


def test_on_fresh_rows_the_bundle_agrees_as_often_as_it_promises(spec, tmp_path):
    result = ts.build(spec(traces(2000), zoo=NET), out=tmp_path / "b.tracer")
    fresh = traces(3000, seed=77)
    batch = ts.load(result.bundle).route_batch([row["input"] for row in fresh])
    agrees = np.array([ours == row["teacher"] for ours, row in zip(batch.labels, fresh, strict=True)])
    assert batch.handled.mean() > 0.6
    assert agrees[batch.handled].mean() > 0.9


def test_noise_is_refused_with_advice_and_an_earlier_bundle_stays(spec, tmp_path):
    out = tmp_path / "b.tracer"
    before = ts.build(spec(traces(1500)), out=out)
    rng = np.random.default_rng(0)
    noise = [row | {"teacher": str(rng.choice(list(WORDS)))} for row in traces(600)]
    result = ts.build(spec(noise), out=out)
    assert (result.status, result.bundle, result.sha256, result.policy) == ("refused", None, "", ())
    assert result.advice.traces_needed is None
    assert hashlib.sha256(out.read_bytes()).hexdigest() == before.sha256


def test_too_few_traces_are_refused_with_the_number_it_would_take(spec, tmp_path):
    result = ts.build(spec(traces(60, noise=0.0), target={"agreement": 0.95}), out=tmp_path / "b.tracer")
    assert result.status == "refused"
    assert result.certificate.walk == ()
    assert result.advice.fewest_handled == 59  # ceil(ln .05 / ln .95)
    assert result.advice.n_certify < 59
    assert not (tmp_path / "b.tracer").exists()


def test_a_refused_draft_asks_for_as_many_rows_as_the_build_that_would_follow(spec, tmp_path):
    settings = spec(traces(60, noise=0.0), target={"agreement": 0.95}, zoo=["logreg"])
    (tmp_path / "router.yaml").write_text(json.dumps(settings))
    draft = ts.build(tmp_path / "router.yaml", out=tmp_path / "b.tracer", draft=True)
    build = ts.build(tmp_path / "router.yaml", out=tmp_path / "b.tracer")
    assert (draft.status, build.status) == ("refused", "refused")
    assert draft.advice == build.advice
    assert draft.advice.fewest_handled == 61  # ceil(ln .045 / ln .95): a first look spends .9 of the error


def test_a_label_off_the_list_is_counted_and_counts_against_agreement(spec, tmp_path):
    rows = traces(1500, noise=0.0)
    for row in rows[::25]:
        row["teacher"] = "made_up"
    result = ts.build(
        spec(rows, traces=spec(rows)["traces"] | {"labels": {"allowed": sorted(WORDS)}}), out=tmp_path / "b"
    )
    assert result.accounting.unknown_labels == {"made_up": 60}
    open_policy = next(chain for chain in result.chains if chain.family == "global").candidates[0]
    assert open_policy.agreement < 0.965
    assert result.labels == tuple(sorted(WORDS))


def test_a_denied_label_is_never_answered(spec, tmp_path):
    result = ts.build(spec(traces(1500), defer_labels=["loan"]), out=tmp_path / "b.tracer")
    batch = ts.load(result.bundle).route_batch([row["input"] for row in traces(1000, seed=5)])
    assert "loan" not in batch.labels
    assert (batch.reasons == "denied_label").sum() > 150


def test_whoever_watches_sees_every_stage_begin_and_end_and_every_learner(spec, tmp_path):
    events = []
    ts.build(spec(traces(900), zoo=NET), out=tmp_path / "b.tracer", observe=events.append)
    stages = ["plan", "read", "split", "embed", "train", "propose", "certify", "audit", "write"]
    assert list(dict.fromkeys(each.stage for each in events if isinstance(each, StageStarted))) == stages
    (steps,) = {each.steps for each in events if isinstance(each, StageStarted) and each.steps}
    assert steps == sum(isinstance(each, StepDone) and each.stage == "train" for each in events)
    assert [each.stage for each in events if isinstance(each, StageDone)] == stages
    learners = {each.name: each.agreement for each in events if isinstance(each, LearnerDone)}
    assert {"logreg", "mlp"} <= set(learners)
    assert all(0.3 < agreement <= 1 for agreement in learners.values())


def test_a_surrogate_that_cannot_train_is_a_row_of_the_report(spec, tmp_path, no_collector):
    zoo = ["logreg", {"use": "gbt", "with": {"max_seconds": 0.01}}]
    result = ts.build(spec(traces(900), zoo=zoo), out=tmp_path / "b.tracer")
    rows = {row.name: row for row in result.zoo}
    assert (rows["logreg"].status, rows["gbt"].status) == ("trained", "skipped")
    assert "max_seconds" in rows["gbt"].reason
    with pytest.raises(PluginError, match="no surrogate of the zoo could be trained"):
        ts.build(spec(traces(900), zoo=zoo[1:]), out=tmp_path / "b.tracer")


def test_a_handful_of_traces_is_a_clear_error(spec):
    with pytest.raises(DataError, match="folds cannot share"):
        ts.build(spec(traces(8)))


def test_too_few_traces_since_most_records_were_left_out_are_not_answered_by_collecting_more(spec):
    with pytest.raises(DataError) as caught:
        ts.build(spec([row | {"id": "conversation"} for row in traces(200)]))
    (problem,) = caught.value.problems
    assert problem.what.endswith("; 199 of 200 records were left out: duplicate id (199)")
    assert problem.hint.startswith("is 'traces.format.id' the id of one event?")
    settings = spec([row | {"status": "ok" if n < 8 else "failed"} for n, row in enumerate(traces(200))])
    settings["traces"]["format"] = {"preset": "native", "where": "status == 'ok'"}
    with pytest.raises(DataError) as caught:
        ts.build(settings)
    (problem,) = caught.value.problems
    assert problem.what.endswith("; 192 of 200 records were left out: excluded by where (192)")
    assert "'traces.format'" in problem.hint


def test_label_names_that_are_asked_for_train_and_the_bundle_says_so(spec, tmp_path):
    settings = spec(traces(200))
    described = {label: " ".join(words) for label, words in WORDS.items()}
    settings["traces"]["labels"] = {"train": "always", "describe": described}
    result = ts.build(settings, out=tmp_path / "small.tracer", draft=True)
    assert result.names_gain.weight > 0
    frontier = json.loads(read_bundle(tmp_path / "small.tracer").members["frontier.json"])
    assert frontier["label_names"] == result.document()["label_names"] | {"unable": []}
    assert frontier["label_names"]["agreement"] == result.names_gain.agreement


def test_where_labels_have_rows_enough_a_build_is_that_without_names_byte_for_byte(spec, tmp_path):
    rows = traces(400)
    settings = spec(rows)
    made = ts.build(settings, out=tmp_path / "auto.tracer", draft=True)
    assert made.names_gain is None
    settings["traces"]["labels"] = {"train": "never"}
    ts.build(settings, out=tmp_path / "never.tracer", draft=True)
    auto, never = (read_bundle(tmp_path / f"{name}.tracer") for name in ("auto", "never"))
    for member in ("policy.onnx", "frontier.json", "audit.json", "certificate.json"):
        assert auto.members[member] == never.members[member]


def test_two_workers_give_the_bundle_that_one_gives(spec, tmp_path, monkeypatch):
    monkeypatch.setattr("tracer_spec.flow.training.parallel._WORTH_PROCESSES", 0)
    rows = traces(700)
    one = ts.build(spec(rows, zoo=NET), out=tmp_path / "one.tracer", workers=1)
    two = ts.build(spec(rows, zoo=NET), out=tmp_path / "two.tracer", workers=2)
    assert one.sha256 == two.sha256 != ""
    assert dataclasses.replace(one.certificate, walk=()) == dataclasses.replace(two.certificate, walk=())


def test_a_cascade_is_certified_whole(spec, tmp_path):
    rows = traces(3000, noise=0.05)
    target = {"agreement": 0.92}
    result = ts.build(spec(rows, families=["rsb"], target=target), out=tmp_path / "b.tracer")
    assert result.status == "certified"
    assert len(result.policy) == 2
    plan, kept, *_ = proposals(spec(rows, families=["rsb"], target=target))
    certify = kept.take(part(kept, plan.spec.split).certify)
    batch = ts.load(result.bundle).route_batch(list(certify.texts))
    assert {0, 1} <= set(batch.stages[batch.handled].tolist())
    k = sum(ours == theirs for ours, theirs in zip(batch.labels, certify.labels, strict=True))
    assert (int(batch.handled.sum()), k) == (result.certificate.chosen.n, result.certificate.chosen.k)


@pytest.mark.parametrize("where", ["column", "npy", "npz"])
def test_vectors_that_come_with_the_traces_need_no_text_and_route_as_vectors(spec, tmp_path, where):
    rng = np.random.default_rng(4)
    centres = rng.normal(size=(3, 12)) * 2
    y = rng.integers(3, size=900)
    X = (centres[y] + rng.normal(size=(900, 12))).astype(np.float32)
    rows = [{"id": f"e{i}", "teacher": "abc"[label]} for i, label in enumerate(y)]
    options = {"column": "vector"} if where == "column" else {"path": str(tmp_path / f"v.{where}")}
    if where == "column":
        rows = [row | {"vector": x.tolist()} for row, x in zip(rows, X, strict=True)]
    elif where == "npy":
        np.save(tmp_path / "v.npy", X)
    else:
        order = rng.permutation(900)
        np.savez(tmp_path / "v.npz", ids=np.array([rows[i]["id"] for i in order]), vectors=X[order])
    embedder = {"use": "precomputed", "with": options}
    result = ts.build(spec(rows, embedder=embedder, zoo=["logreg"]), out=tmp_path / "b.tracer")
    assert result.status == "certified"
    router = ts.load(result.bundle)
    fresh = rng.integers(3, size=500)
    batch = router.route_batch((centres[fresh] + rng.normal(size=(500, 12))).astype(np.float32))
    agrees = np.array([ours == "abc"[label] for ours, label in zip(batch.labels, fresh, strict=True)])
    assert agrees[batch.handled].mean() > 0.9
    with pytest.raises(TypeError, match="pass vectors"):
        router.route("a text")


@pytest.mark.parametrize("told", [False, True])
def test_a_bundle_holds_no_text_of_a_trace_and_no_path_unless_the_spec_says_so(spec, tmp_path, told):
    rows = traces(1500, noise=0.0)
    for i, row in enumerate(rows[::50]):
        row["teacher"] = f"I think that customer {i} means: {row['input'][:20]}"
    settings = spec(rows, report={"text": told})
    settings["traces"]["labels"] = {"allowed": sorted(WORDS)}
    path = settings["traces"]["with"].pop("path")
    result = ts.build(settings, out=tmp_path / "b.tracer", overrides=[f"traces.with.path={path}", "seed=3"])
    assert result.status == "certified"
    held = result.bundle.read_bytes()
    assert (b"I think that customer" in held) == told
    assert str(tmp_path).encode() not in held
    assert b"seed=3" in held
    assert any(row["input"].encode() in held for row in rows) == told


def test_the_cost_projection_is_the_handled_share_of_what_the_teacher_costs(spec, tmp_path):
    rows = traces(1500)
    result = ts.build(spec(rows, cost={"teacher_usd_per_1k": 2.5, "requests_per_day": 8000}), out=tmp_path / "b.tracer")
    assert result.teacher_usd_per_day == 20.0
    assert result.saved_usd_per_day == pytest.approx(20.0 * result.estimate.coverage)
    assert ts.build(spec(rows), out=tmp_path / "b.tracer").saved_usd_per_day is None


def test_a_draft_tells_nothing_of_the_labels_of_certify_rows(spec, tmp_path):
    rows = traces(900)
    settings = spec(rows)
    settings["traces"]["labels"] = {"allowed": sorted(WORDS)}
    plan, kept, *_ = proposals(settings)
    certify = {kept.ids[i] for i in part(kept, plan.spec.split).certify}
    changed = [row | {"teacher": "made_up"} if row["id"] in certify else row for row in rows]
    path = settings["traces"]["with"]["path"]
    before = ts.build(settings, out=tmp_path / "b.tracer", draft=True).document()
    Path(path).write_text("".join(json.dumps(row) + "\n" for row in changed))
    after = ts.build(settings, out=tmp_path / "b.tracer", draft=True).document()
    for document in (before, after):
        for key in ("seconds", "version", "sha256", "zoo"):
            document.pop(key)
    assert before == after


def test_a_package_that_a_named_surrogate_needs_is_fatal_when_it_is_missing(spec, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(PluginError, match="xgboost"):
        ts.build(spec(traces(300), zoo=["logreg", "xgboost"]), out=tmp_path / "b.tracer", workers=1)


def test_rows_that_neither_train_nor_certify_are_not_held_while_others_are_embedded(spec):
    held = {}

    def observe(event):
        if isinstance(event, StageStarted):
            sets = [each for each in gc.get_objects() if isinstance(each, TraceSet)]
            held[event.stage] = {event for each in sets for event in each.ids if event and event.startswith("mine-")}

    rows = [row | {"id": f"mine-{row['id']}"} for row in traces(900)]
    result = ts.build(spec(rows, split={"max_fit": 300}), observe=observe, cache=False)
    assert len(held["split"]) == 900
    assert result.n_fit == 300
    assert len(held["embed"]) == len(held["train"]) == 300 + result.n_certify < 900
