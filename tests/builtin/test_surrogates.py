from __future__ import annotations

import importlib
import pickle
import re
import subprocess
import sys
from typing import Any

import numpy as np
import onnx
import pytest
from pydantic import ValidationError

from tracer_spec.builtin import tracer_spec_surrogates
from tracer_spec.errors import MissingDependencyError, PluginError
from tracer_spec.graph import score

PLUGINS = {plugin.name: plugin for plugin in tracer_spec_surrogates()}
SMALL: dict[str, dict[str, Any]] = {
    "dt": {},
    "et": {"trees": 20},
    "gbt": {"rounds": 6, "min_samples_leaf": 3},
    "logreg": {},
    "mlp": {"hidden": [16], "max_iter": 40, "batch_size": 16},
    "rf": {"trees": 20},
    "sgd": {"max_iter": 10},
    "xgboost": {"rounds": 6},
}
EVERY = pytest.mark.parametrize("name", sorted(PLUGINS))
K, D = 7, 24


def learner(name: str, **options: Any) -> Any:
    plugin = PLUGINS[name]
    return plugin.make(plugin.options(**{**SMALL[name], **options}))


def clusters(n: int = 240, *, seed: int = 0, missing: tuple[int, ...] = ()) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around one direction for each class, near enough to be confused."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(K, D))
    y = rng.choice([label for label in range(K) if label not in missing], size=n)
    X = centres[y] + rng.normal(scale=1.2, size=(n, D))
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32), y.astype(np.int64)


def exported(fitted: Any) -> bytes:
    model = fitted.to_onnx()
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def assert_graph_is_native(fitted: Any, X: np.ndarray) -> np.ndarray:
    native, graph = fitted.scores(X), score(exported(fitted), X)
    assert native.dtype == graph.dtype == np.float32
    assert native.shape == graph.shape == (len(X), K)
    np.testing.assert_allclose(graph, native, atol=1e-5)
    np.testing.assert_allclose(graph.sum(axis=1), 1, atol=1e-5)
    assert native.min() >= 0
    assert graph.min() >= 0
    return native


def test_the_zoo_is_the_one_of_the_design() -> None:
    assert sorted(PLUGINS) == ["dt", "et", "gbt", "logreg", "mlp", "rf", "sgd", "xgboost"]


@EVERY
def test_it_learns_and_its_graph_says_what_it_says(name: str) -> None:
    X, y = clusters()
    unseen, truth = clusters(500, seed=1)
    scores = assert_graph_is_native(learner(name).fit(X, y, n_classes=K, seed=1), unseen)
    assert (scores.argmax(axis=1) == truth).mean() > (0.35 if name == "dt" else 0.6)  # chance is 0.14


@EVERY
@pytest.mark.parametrize("missing", [(0,), (3,), (6,), (0, 2, 5, 6)], ids=str)
def test_a_class_never_met_gets_a_column_of_zeros(name: str, missing: tuple[int, ...]) -> None:
    X, y = clusters(missing=missing)
    scores = assert_graph_is_native(learner(name).fit(X, y, n_classes=K, seed=1), clusters(seed=2)[0])
    assert (scores[:, list(missing)] == 0).all()
    present = [label for label in range(K) if label not in missing]
    assert (scores[:, present].max(axis=0) > 0).all()


@EVERY
def test_two_classes_are_enough(name: str) -> None:
    X, y = clusters(missing=(0, 2, 3, 5, 6))
    unseen, truth = clusters(200, seed=3, missing=(0, 2, 3, 5, 6))
    scores = assert_graph_is_native(learner(name).fit(X, y, n_classes=K, seed=1), unseen)
    assert (scores.argmax(axis=1) == truth).mean() > 0.8


@EVERY
@pytest.mark.parametrize("y", [[1, 4], [4, 4]], ids=["of two classes", "of one class"])
def test_two_rows_are_enough(name: str, y: list[int]) -> None:
    X = clusters()[0][:2]
    scores = assert_graph_is_native(learner(name).fit(X, np.array(y), n_classes=K, seed=1), clusters(seed=2)[0])
    assert set(np.flatnonzero(scores.max(axis=0))) <= set(y)


@EVERY
def test_one_class_alone_is_always_the_answer(name: str) -> None:
    X, _ = clusters(30)
    fitted = learner(name).fit(X, np.full(30, 5), n_classes=K, seed=1)
    scores = assert_graph_is_native(fitted, X)
    assert (scores == np.eye(K)[5]).all()
    assert fitted.notes == ("the training rows have one class only",)
    broken = np.full((1, D), np.nan, np.float32)
    assert np.isnan(score(exported(fitted), broken)).all()


@EVERY
def test_a_problem_of_one_class_has_one_column(name: str) -> None:
    X, _ = clusters(30)
    fitted = learner(name).fit(X, np.zeros(30, np.int64), n_classes=1, seed=1)
    assert fitted.scores(X).tolist() == score(exported(fitted), X).tolist() == [[1.0]] * 30


@EVERY
def test_rows_of_training_fall_where_they_fell_in_training_when_splits_lie_between_float32_numbers(
    name: str,
) -> None:
    # pairs of neighbouring float32 numbers, one of each class: a threshold rounded up would swallow the upper one
    low = np.linspace(4, 8, 200, dtype=np.float32)
    X = np.concatenate([low, np.nextafter(low, np.float32(9))])[:, None]
    y = np.repeat([0, 1], 200)
    deep = {"min_samples_leaf": 1} if "min_samples_leaf" in PLUGINS[name].options.model_fields else {}
    fitted = learner(name, **deep).fit(X, y, n_classes=2, seed=1)
    np.testing.assert_allclose(score(exported(fitted), X), fitted.scores(X), atol=1e-5)


def test_a_tree_tells_neighbouring_float32_numbers_apart() -> None:
    # odd, so that halfway to the next number rounds up to it; and above 4, since nearer ones are one to scikit-learn
    low = np.nextafter(np.float32(4), np.float32(5))
    X = np.array([[low], [np.nextafter(low, np.float32(5))]])
    fitted = learner("dt", min_samples_leaf=1).fit(X, np.array([0, 1]), n_classes=2, seed=1)
    assert score(exported(fitted), X).tolist() == [[1, 0], [0, 1]]


@EVERY
def test_the_same_seed_gives_the_same_bytes_and_the_inputs_stay_as_they_were(name: str) -> None:
    X, y = clusters()
    before = X.tobytes(), y.tobytes()
    first = learner(name).fit(X, y, n_classes=K, seed=11)
    second = learner(name).fit(X.copy(), y.copy(), n_classes=K, seed=11)
    assert exported(first) == exported(first) == exported(second)
    assert (X.tobytes(), y.tobytes()) == before
    X.flags.writeable = y.flags.writeable = False
    assert exported(learner(name).fit(X, y, n_classes=K, seed=11)) == exported(first)


@pytest.mark.parametrize("name", ["et", "gbt", "mlp", "rf", "sgd", "xgboost"])
def test_another_seed_gives_another_model(name: str) -> None:
    X, y = clusters()
    one, other = (exported(learner(name).fit(X, y, n_classes=K, seed=seed)) for seed in (11, 2**63 + 12))
    assert one != other


@EVERY
def test_names_in_the_graph_tell_nothing_but_their_number(name: str) -> None:
    X, y = clusters(missing=(2,))
    model = learner(name).fit(X, y, n_classes=K, seed=1).to_onnx()
    assert (model.producer_name, model.graph.name, model.doc_string) == ("tracer-spec", "graph", "")
    assert [each.name for each in model.graph.input] == ["embedding"]
    assert [each.name for each in model.graph.output] == ["scores"]
    names = {name for node in model.graph.node for name in (node.name, *node.input, *node.output)}
    names |= {weight.name for weight in model.graph.initializer}
    assert all(re.fullmatch(r"(node|value|weight)_\d+|embedding|scores|", each) for each in names)


@EVERY
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_vectors_that_are_not_finite_are_refused(name: str, value: float) -> None:
    X, y = clusters(30)
    fitted = learner(name).fit(X, y, n_classes=K, seed=1)
    X[3, 4] = value
    with pytest.raises(PluginError, match=f"'{name}' got 1 vectors that are not finite"):
        learner(name).fit(X, y, n_classes=K, seed=1)
    with pytest.raises(PluginError, match=f"'{name}' got 1 vectors that are not finite"):
        fitted.scores(X)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (
            np.zeros((0, 3)),
            np.zeros(0, int),
            r"'logreg' got X of shape \(0, 3\); expected \(n, d\), both above 0",
        ),
        (np.zeros(3), np.zeros(3, int), r"'logreg' got X of shape \(3,\)"),
        (np.zeros((2, 3)), np.zeros(3, int), r"'logreg' got y of shape \(3,\) and type int64; .* shape \(2,\)"),
        (np.zeros((2, 3)), np.zeros(2), r"'logreg' got y of shape \(2,\) and type float64"),
        (np.zeros((2, 3)), np.array([0, 7]), "'logreg' got classes from 0 to 7; 0 to 6 are allowed"),
        (np.zeros((2, 3)), np.array([-1, 2]), "'logreg' got classes from -1 to 2; 0 to 6 are allowed"),
    ],
)
def test_rows_of_the_wrong_shape_are_refused(X: np.ndarray, y: np.ndarray, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        learner("logreg").fit(X, y, n_classes=K, seed=1)


def test_vectors_of_another_dimension_are_refused() -> None:
    X, y = clusters(30)
    fitted = learner("logreg").fit(X, y, n_classes=K, seed=1)
    with pytest.raises(PluginError, match="'logreg' was trained on 24 dimensions; X has 23"):
        fitted.scores(X[:, 1:])


@pytest.mark.parametrize(("name", "options"), [("logreg", {"max_iter": 2}), ("mlp", {"max_iter": 2, "tol": 0})])
def test_a_solver_that_has_not_converged_says_so_in_the_notes(name: str, options: dict[str, Any]) -> None:
    X, y = clusters()
    (note,) = learner(name, **options).fit(X, y, n_classes=K, seed=1).notes
    assert note.startswith("ConvergenceWarning: ")
    assert "\n" not in note


@pytest.mark.parametrize("hidden", [[8], [8, 6]])
def test_a_perceptron_has_the_layers_asked_for(hidden: list[int]) -> None:
    X, y = clusters()
    fitted = learner("mlp", hidden=hidden).fit(X, y, n_classes=K, seed=1)
    sizes = [weights.shape[1] for weights in fitted.model.coefs_]
    assert sizes == [*hidden, K]
    assert_graph_is_native(fitted, X)


def test_xgboost_nodes_that_pruning_cuts_off_are_left_out() -> None:
    from tracer_spec.builtin.surrogates.xgb import _converted

    # the root's left child was split, and its children pruned again: 3 and 4 are remains
    saved = {
        "left_children": [1, -1, -1, -1, -1],
        "right_children": [2, -1, -1, -1, -1],
        "split_indices": [5, 0, 0, 2147483647, 2147483647],
        "split_conditions": [0.1, -1.5, 2.5, 0.0, 0.0],
    }
    tree = _converted(saved, 3)
    assert tree.left.tolist() == [1, -1, -1]
    assert tree.right.tolist() == [2, -1, -1]
    assert tree.feature[0] == 5
    assert tree.threshold[0] == np.float32(0.1)
    assert (tree.leaf.tolist(), tree.target.tolist(), tree.weight.tolist()) == ([1, 2], [3, 3], [-1.5, 2.5])


def test_without_xgboost_the_message_is_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(MissingDependencyError) as refusal:
        learner("xgboost")
    (problem,) = refusal.value.problems
    assert problem.what.startswith("xgboost is not installed")
    assert problem.hint == ("pip install 'tracer-spec[xgboost]', or without its GPU libraries: pip install xgboost-cpu")


def test_an_export_over_the_limit_is_refused_with_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    target = importlib.import_module("tracer_spec.graph.target")
    X, y = clusters()
    fitted = learner("rf").fit(X, y, n_classes=K, seed=1)
    size = fitted.to_onnx().ByteSize()
    monkeypatch.setitem(target.check_export_size.__kwdefaults__, "limit_bytes", size - 1)
    with pytest.raises(PluginError, match=r"'rf' exports 0\.\d MiB; at most 0\.\d MiB are allowed") as refusal:
        fitted.to_onnx()
    assert "fewer trees" in refusal.value.problems[0].hint


@EVERY
def test_a_learner_and_its_surrogate_cross_process_boundaries(name: str) -> None:
    X, y = clusters(60)
    made = learner(name)
    fitted = pickle.loads(pickle.dumps(made)).fit(X, y, n_classes=K, seed=1)
    assert exported(pickle.loads(pickle.dumps(fitted))) == exported(made.fit(X, y, n_classes=K, seed=1))


@EVERY
def test_options_are_described_and_unknown_ones_refused(name: str) -> None:
    options = PLUGINS[name].options
    fields = options.model_json_schema()["properties"]
    assert {"max_seconds", "max_rows"} <= set(fields)
    assert all(field.get("description") for field in fields.values())
    with pytest.raises(ValidationError):
        options(rouns=3)
    with pytest.raises(ValidationError):
        options(max_seconds=0)


PRINT_DIGESTS = """
import hashlib, numpy as np
from tracer_spec.builtin import tracer_spec_surrogates
import sys
heavy = {"sklearn", "onnx", "onnxruntime", "skl2onnx", "xgboost", "scipy"} & set(sys.modules)
assert not heavy, heavy
rng = np.random.default_rng(0)
X, y = rng.normal(size=(150, 8)).astype(np.float32), rng.integers(0, 4, 150)
for plugin in tracer_spec_surrogates():
    if plugin.name in ("logreg", "mlp", "rf", "xgboost"):
        options = {"rf": {"trees": 5}, "xgboost": {"rounds": 3}, "mlp": {"max_iter": 3}}.get(plugin.name, {})
        model = plugin.make(plugin.options(**options)).fit(X, y, n_classes=5, seed=3).to_onnx()
        print(plugin.name, hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest())
"""


def test_two_processes_give_the_same_bytes_and_descriptors_import_nothing_heavy() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", PRINT_DIGESTS],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    (only,) = outputs
    assert len(only.splitlines()) == 4
