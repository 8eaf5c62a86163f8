"""The out-of-fold law: no surrogate, acceptor or guard has seen the input that it scores.

The learners spell out which inputs taught them, so each assertion is on the whole truth: who taught whom.
"""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from tracer_spec.flow.cache.memory import Memory
from tracer_spec.flow.cache.store import Store
from tracer_spec.flow.prepare import part, prepare, read_traces
from tracer_spec.flow.prepared import Parted
from tracer_spec.flow.train import train
from tracer_spec.plan import make_plan
from tracer_spec.plugin import Options
from tracer_spec.plugin.registry import Registry, find_plugins
from tracer_spec.spec import load_spec

N = 24


@pytest.fixture(scope="module")
def rows(telling):
    return telling.fit_rows(N)


@pytest.fixture(scope="module")
def workshop(telling, rows):
    made = telling.workshop(rows)
    assert {each.name for each in made.trained} == {"first", "second", "average(first, second)"}
    return made


@pytest.fixture(scope="module")
def teachers(telling, rows):
    """Return who may teach whom: which inputs (columns) lie outside the fold of each row, and which of those have a label."""
    inputs = telling.inputs_of(rows.X)
    outside = np.zeros((N, N), bool)
    labelled = np.zeros(N, bool)
    for row in range(N):
        labelled[inputs[row]] = rows.y[row] >= 0
        for other in range(N):
            outside[row, inputs[other]] = rows.folds[row] != rows.folds[other]
    return outside, labelled


def test_no_surrogate_has_seen_the_row_that_it_scores(telling, rows, workshop, teachers):
    outside, labelled = teachers
    for each in workshop.trained:
        assert not each.scores[np.arange(N), telling.inputs_of(rows.X)].any()
        assert np.array_equal(each.scores > 0, outside & labelled)


def test_no_acceptor_has_seen_the_row_that_it_scores(telling, rows, workshop, teachers):
    outside, _ = teachers
    for each in workshop.trained:
        said = telling.spelled(each.accept)
        assert not said[np.arange(N), telling.inputs_of(rows.X)].any()
        assert np.array_equal(said, outside)  # rows off the list teach it too: the surrogate agrees with none of them


def test_no_guard_has_seen_the_row_that_it_judges(telling, rows, workshop):
    for each in workshop.trained:
        assert [near.sum() for near in workshop.guarded(each)] == [0]  # it lets pass what it has seen alone
        assert not each.eligible.any()


def test_what_ships_was_taught_by_all_rows_so_the_learners_do_tell(telling, workshop, teachers):
    _, labelled = teachers
    for each in workshop.trained:
        assert np.array_equal(telling.taught(each.surrogate, "surrogate"), labelled)
        assert telling.taught(each.acceptor, "acceptor").all()
        assert np.array_equal(telling.taught(each.fences[0].guard, "guard"), labelled)


@pytest.mark.parametrize("name", ["first", "average(first, second)"])
def test_a_second_stage_learns_from_deferred_rows_alone_and_scores_none_it_has_seen(
    telling, rows, workshop, teachers, name
):
    outside, labelled = teachers
    deferred = np.arange(N) % 3 > 0
    among = np.isin(np.arange(N), telling.inputs_of(rows.X)[deferred])
    (first,) = (each for each in workshop.trained if each.name == name)
    second = workshop.residual(first, deferred)
    assert np.array_equal(second.scores > 0, outside & labelled & among)
    assert np.array_equal(telling.spelled(second.accept), outside & among)
    assert not second.eligible.any()
    assert np.array_equal(telling.taught(second.surrogate, "surrogate"), labelled & among)
    assert np.array_equal(telling.taught(second.acceptor, "acceptor"), among)


def test_what_is_remembered_of_other_folds_is_never_recalled(telling, rows, workshop, tmp_path):
    store = Store(tmp_path)
    other = replace(rows, folds=(rows.folds + rows.X[:, 0].astype(np.int64)) % 4)
    fresh = telling.workshop(other)
    telling.workshop(rows, memory=Memory(store))
    for again, expected in [(rows, workshop), (other, fresh)]:
        memory = Memory(store)
        found = telling.workshop(again, memory=memory)
        assert memory.n_reused == (memory.n_fits if again is rows else 2)  # what learned from all rows, twice
        for one, same in zip(found.trained, expected.trained, strict=True):
            assert np.array_equal(one.scores, same.scores)
            assert np.array_equal(one.accept, same.accept)
            assert np.array_equal(one.eligible, same.eligible)
            assert (one.surrogate, one.acceptor, one.fences) == (same.surrogate, same.acceptor, same.fences)


class Recognises:
    """An embedder that learns texts by heart: a vector is the input's number, and whether the text was learned."""

    def __init__(self, options):
        self.known = frozenset()

    def fit(self, texts, *, seed):
        fitted = Recognises(None)
        fitted.known = frozenset(texts)
        return fitted

    def embed(self, texts):
        return np.array([[int(text.split()[0]), text in self.known] for text in texts], np.float32).reshape(-1, 2)

    def fingerprint(self):
        return hashlib.sha256(", ".join(sorted(self.known)).encode()).hexdigest()

    def state(self):
        return {"known.json": json.dumps(sorted(self.known)).encode()}

    def restore(self, state):
        restored = Recognises(None)
        restored.known = frozenset(json.loads(state["known.json"]))
        return restored


@pytest.fixture
def flow(telling, tmp_path):
    """Return how to read, split, embed and train on traces of 24 inputs, some of which occur often."""

    def run(strategy, text):
        lines = []
        for number in range(96):
            which = number % N if number < 48 else number % 5
            row = {"id": f"e{number}", "input": text(which, number), "who": f"group {which}", "teacher": str(which)}
            lines.append(json.dumps(row))
        (tmp_path / "traces.jsonl").write_text("\n".join(lines))
        spec = {
            "version": 1,
            "name": "law",
            "traces": {
                "use": "jsonl",
                "with": {"path": str(tmp_path / "traces.jsonl")},
                "labels": {"allowed": [str(which) for which in range(N)]},
            },
            "embedder": {"use": "telling"},
            "zoo": ["telling"],
            "acceptor": {"use": "telling"},
            "guards": ["telling"],
            "split": {"strategy": strategy, **({"key": "who"} if strategy == "grouped" else {})},
            "target": {"agreement": 0.8},
        }
        ours = [telling.provided(kind) for kind in ("surrogate", "acceptor", "guard")]
        embedder = telling.provided("embedder", Recognises, Options)
        plan = make_plan(load_spec(spec), Registry((*find_plugins().provided, *ours, embedder), ()))
        traces = read_traces(plan)
        sides = part(traces, plan.spec.split)
        prepared = prepare(plan, Parted.of(traces, sides))
        return traces.take(sides.certify), prepared, train(plan, prepared.fit, prepared.denied, workers=1)

    return run


@pytest.mark.parametrize(
    ("strategy", "text"),
    [
        ("random", lambda which, number: f"{which} is asked often"),
        ("grouped", lambda which, number: f"{which} {number}"),
    ],
    ids=["one text many times", "one group of many texts"],
)
def test_nothing_is_scored_by_what_its_twin_has_taught(telling, flow, strategy, text):
    _, prepared, workshop = flow(strategy, text)
    inputs = telling.inputs_of(prepared.fit.X)
    assert len(set(inputs.tolist())) < len(inputs)
    (one,) = workshop.trained
    everyone = np.arange(len(inputs))
    assert not one.scores[everyone, inputs].any()
    assert not telling.spelled(one.accept)[everyone, inputs].any()
    assert not one.eligible.any()
    # and yet what ships has seen them all
    assert np.array_equal(np.flatnonzero(telling.taught(one.surrogate, "surrogate")), np.unique(inputs))


def test_no_certify_row_teaches_the_embedder_or_anything_else(telling, flow):
    certify, prepared, workshop = flow("grouped", lambda which, number: f"{which} {number}")
    assert len(certify) > 3
    X = prepared.embedder.vectors(certify)
    assert not X[:, 1].any()
    assert prepared.fit.X[:, 1].all()
    (one,) = workshop.trained
    sealed = telling.inputs_of(X)
    assert not one.scores[:, sealed].any()
    assert not telling.spelled(one.accept)[:, sealed].any()
    for model, kind in [(one.surrogate, "surrogate"), (one.acceptor, "acceptor"), (one.fences[0].guard, "guard")]:
        assert not telling.taught(model, kind)[sealed].any()
