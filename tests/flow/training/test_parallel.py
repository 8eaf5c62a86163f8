import itertools
import os
from dataclasses import dataclass

import numpy as np
import pytest
from joblib.externals.loky import reusable_executor

from tracer_spec.errors import MissingDependencyError, PluginError
from tracer_spec.flow.training import parallel
from tracer_spec.flow.training.parallel import Task, derive_seed, learn, learn_all
from tracer_spec.graph import constant_scores
from tracer_spec.plugin.registry import find_plugins

X = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
Y = np.arange(30, dtype=np.int64) % 3


class Panic(BaseException):
    """What a library in Rust raises where it panics: no Exception."""


@dataclass
class Learner:
    """Learns the share of each class, or does what a broken learner does."""

    say: object = None
    graph: object = None
    notes: tuple = ()

    def fit(self, X, y, *, n_classes, seed):
        if isinstance(self.say, BaseException):
            raise self.say
        self.shares = np.bincount(y, minlength=n_classes) / len(X)
        return self

    def to_onnx(self):
        return self.graph or constant_scores(self.shares, 4)


def task(learner=None, key=("a", 0), train=range(20), score=range(20, 30), seed=0, n_classes=3):
    rows = (np.array(each, np.int64) for each in (train, score))
    return Task(key, lambda options: options, learner or Learner(), *rows, n_classes=n_classes, seed=seed)


def test_seeds_differ_by_seed_role_and_name_and_fit_every_library():
    cases = list(itertools.product(range(5), ["surrogate fold 0", "surrogate fold 1", "acceptor"], ["a", "b"]))
    seeds = [derive_seed(*case) for case in cases]
    assert len(set(seeds)) == len(cases)
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_seeds_are_pinned_for_all_time():
    assert derive_seed(0, "acceptor", "logreg") == 1817188579


def test_parts_of_a_seeds_name_never_run_into_one_another():
    assert derive_seed(1, "1", "a") != derive_seed(11, "", "a")
    assert derive_seed(0, "fold 1", "0") != derive_seed(0, "fold 10", "")


def test_a_learner_learns_from_its_rows_alone_and_scores_the_others():
    outcome = learn(task(train=[0, 3, 6, 1]), X, Y)  # three rows of class 0, one of class 1
    np.testing.assert_allclose(outcome.scores, np.tile([0.75, 0.25, 0], (10, 1)), atol=1e-7)
    assert (outcome.key, outcome.failure) == (("a", 0), "")


def test_notes_come_along():
    assert learn(task(Learner(notes=("did not converge",))), X, Y).notes == ("did not converge",)


def test_a_note_that_stands_alone_is_a_sentence_and_whatever_it_is_becomes_text():
    assert learn(task(Learner(notes="did not converge")), X, Y).notes == ("did not converge",)
    assert learn(task(Learner(notes=[1, "two"])), X, Y).notes == ("1", "two")


@pytest.mark.parametrize(
    ("learner", "reason"),
    [
        (Learner(ValueError("two\n  lines")), "ValueError: two lines"),
        (Learner(PluginError("one class alone", hint="more rows")), "one class alone"),
        (Learner(graph=constant_scores([0.5, 0.5], 4)), "its graph gives scores of shape (10, 2), not (10, 3)"),
        (Learner(ValueError("x" * 1000)), "ValueError: " + "x" * 300),
        (Learner(SystemExit("bye")), "SystemExit: bye"),
        (Learner(Panic("out of bounds")), "Panic: out of bounds"),
        (Learner(graph=b"graph"), "its to_onnx gave bytes, not an onnx.ModelProto"),
    ],
    ids=["any error", "one of ours", "a wrong shape", "a long text", "an end of the process", "a panic", "no graph"],
)
def test_a_learner_that_fails_comes_back_with_its_reason_and_no_graph(learner, reason):
    outcome = learn(task(learner), X, Y)
    assert (outcome.failure, outcome.onnx, outcome.scores) == (reason, b"", None)


def test_a_graph_that_no_bundle_may_hold_is_a_failure_of_its_learner(telling):
    graph = telling.exported(
        "tells (float[n, 4] embedding) => (float[n, 4] scores) { scores = RandomNormalLike(embedding) }"
    )
    outcome = learn(task(Learner(graph=graph), n_classes=4), X, Y)
    assert outcome.failure == "its graph uses the operator 'RandomNormalLike', which a policy may not"


@pytest.mark.parametrize(
    ("op", "reason"),
    [
        ("scores = Cast <to = 11> (embedding)", "its graph gives scores of type float64, not float32"),
        ("scores = Log(embedding)", "its graph gives scores that are not finite"),
    ],
)
def test_scores_must_be_finite_and_float32(telling, op, reason):
    kind = "double" if "Cast" in op else "float"
    graph = telling.exported(f"tells (float[n, 4] embedding) => ({kind}[n, 4] scores) {{ {op} }}")
    outcome = learn(task(Learner(graph=graph), n_classes=4), X, Y)
    assert (outcome.failure, outcome.onnx, outcome.scores) == (reason, b"", None)


def test_a_package_that_is_missing_ends_the_build():
    with pytest.raises(MissingDependencyError, match="needs the module 'gone'"):
        learn(task(Learner(MissingDependencyError("needs the module 'gone'"))), X, Y)


def test_tasks_come_home_each_under_its_key():
    tasks = [task(key=(name, fold), train=[fold]) for name in "ab" for fold in range(3)]
    outcomes = {outcome.key: outcome for outcome in learn_all(tasks, X, Y, workers=1)}
    assert list(outcomes) == [each.key for each in tasks]
    for (_, fold), outcome in outcomes.items():
        assert outcome.scores.argmax(axis=1).tolist() == [Y[fold]] * 10


def test_two_processes_come_to_the_same_as_one():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(1100, 3)).astype(np.float32), rng.integers(100, size=1100)
    (plugin,) = (each.plugin for each in find_plugins().provided if (each.kind, each.name) == ("surrogate", "dt"))
    options = plugin.options(max_depth=3)
    inside, outside = np.arange(1000), np.arange(1000, 1100)
    # as many rows times classes as it takes to be worth a second process
    tasks = [Task(("dt", fold), plugin.make, options, inside[fold:], outside, 100, seed=fold) for fold in range(5)]
    one, two = (sorted(learn_all(tasks, X, y, workers=n), key=lambda each: each.key) for n in (1, 2))
    assert [each.failure for each in one] == [""] * 5
    assert reusable_executor._executor._max_workers == 2
    for alone, beside in zip(one, two, strict=True):
        assert (alone.key, alone.onnx) == (beside.key, beside.onnx)
        assert np.array_equal(alone.scores, beside.scores)


class Leaves:
    """Ends the process that it is trained in."""

    def fit(self, X, y, *, n_classes, seed):
        os._exit(3)


def test_a_learner_that_ends_its_process_is_told_with_those_that_were_not_trained(monkeypatch):
    monkeypatch.setattr(parallel, "_WORTH_PROCESSES", 0)
    tasks = [task(Leaves(), key=("leaves", fold)) for fold in range(4)]
    with pytest.raises(PluginError, match="ended before it had an answer; not trained yet: leaves") as caught:
        list(learn_all(tasks, X, Y, workers=2))
    (problem,) = caught.value.problems
    assert problem.address == "zoo"
    assert "'--workers 1'" in problem.hint
