"""The guard 'prototypes': what it measures, what it refuses, and that its graph measures the same."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tracer_spec.builtin import tracer_spec_guards
from tracer_spec.errors import PluginError
from tracer_spec.graph import Scorer
from tracer_spec.plugin.registry import find_plugins

ROOT = Path(__file__).parents[2]
(PLUGIN,) = tracer_spec_guards()


def learner(**options):
    return PLUGIN.make(PLUGIN.options(**options))


def blobs(n=400, d=8, k=4, seed=0, spread=0.1):
    """Return rows around k corners, far from each other, with the corner of each."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, n)
    X = np.eye(d)[y] + rng.normal(size=(n, d)) * spread
    return X.astype(np.float32), y


def graph_distances(guard, X, labels):
    scorer = Scorer(guard.to_onnx().SerializeToString(deterministic=True))
    assert (scorer.inputs, scorer.outputs) == (("embedding", "label"), ("distance",))
    (distances,) = scorer.run({"embedding": X, "label": labels})
    return distances


def test_it_comes_through_the_same_door_as_everybodys():
    assert find_plugins().get("guard", "prototypes").distribution == "tracer-spec"


def test_fresh_rows_pass_as_often_as_asked_and_others_do_not():
    X, y = blobs(n=2000)
    fresh, labels = blobs(n=4000, seed=1)
    for quantile in (0.8, 0.95):
        guard = learner(quantile=quantile).fit(X, y, n_classes=4, seed=0)
        passed = (guard.distances(fresh, labels) <= guard.limit).mean()
        assert passed == pytest.approx(quantile, abs=0.03)
        assert (guard.distances(fresh + 1, labels) > 2 * guard.limit).all()
        assert (guard.distances(fresh, (labels + 1) % 4) > 2 * guard.limit).all()  # near, but to another label


def test_the_distance_is_that_to_the_nearest_mean_of_the_label_in_radii():
    X, y = blobs(k=2)
    guard = learner(prototypes=1, quantile=0.9).fit(X, y, n_classes=2, seed=0)  # one for each label: its mean
    labels = np.zeros(len(X), np.int64)
    mean = X[y == 0].mean(axis=0, dtype=np.float64)
    left_out = []
    for label in (0, 1):
        rows = X[y == label].astype(np.float64)
        left_out += [[np.linalg.norm(row - np.delete(rows, i, axis=0).mean(axis=0)) for i, row in enumerate(rows)]]
    radius = max(np.quantile(left_out[0], 0.9), np.quantile(left_out[0] + left_out[1], 0.9))
    expected = np.linalg.norm(X - mean, axis=1) / radius
    np.testing.assert_allclose(guard.distances(X, labels), expected, rtol=1e-5)


def test_no_label_has_a_smaller_radius_than_all_rows_have():
    X, y = blobs(k=2, spread=0.3)
    X[y == 0] = X[y == 0].mean(axis=0)  # all alike: of a radius of its own, it would refuse everything else
    guard = learner().fit(X, y, n_classes=2, seed=0)
    assert guard.radii[0] > 0.1
    assert guard.radii[1] >= guard.radii[0]


@pytest.mark.parametrize("n", [1, 3, 40, 1000])
def test_the_graph_measures_what_the_guard_measures(n):
    X, y = blobs(n=n, d=5, k=3)
    guard = learner().fit(X, y, n_classes=4, seed=0)
    query, labels = blobs(n=500, d=5, k=4, seed=1, spread=1.0)
    native = guard.distances(query, labels)
    np.testing.assert_allclose(graph_distances(guard, query, labels), native, rtol=1e-5)
    alone = [graph_distances(guard, query[i : i + 1], labels[i : i + 1])[0] for i in range(20)]
    np.testing.assert_allclose(alone, native[:20], rtol=1e-5)
    assert graph_distances(guard, query[:0], labels[:0]).shape == (0,)


def test_a_label_that_no_fit_row_has_is_refused():
    X, y = blobs(k=3)
    guard = learner().fit(X, y, n_classes=5, seed=0)
    for labels in (np.full(len(X), 3), np.full(len(X), 4)):
        distances = guard.distances(X, labels)
        assert np.isfinite(distances).all()
        assert (distances > 1e6).all()
        np.testing.assert_allclose(graph_distances(guard, X, labels), distances, rtol=1e-5)


def test_fewer_rows_than_prototypes_and_one_label_and_rows_all_alike_are_learned():
    rng = np.random.default_rng(0)
    few = rng.normal(size=(3, 4)).astype(np.float32)
    assert learner(prototypes=500).fit(few, np.zeros(3, np.int64), n_classes=1, seed=0).limit == 1.0
    alike = np.ones((50, 4), np.float32)
    guard = learner().fit(alike, np.zeros(50, np.int64), n_classes=1, seed=0)
    assert guard.distances(alike, np.zeros(50, np.int64)).max() <= guard.limit
    assert guard.distances(alike + 1, np.zeros(50, np.int64)).min() > guard.limit
    nearly = (alike + rng.normal(size=(50, 4)) * 1e-7).astype(np.float32)
    assert np.isfinite(learner().fit(nearly, np.zeros(50, np.int64), n_classes=1, seed=0).radii).all()
    alone = learner().fit(np.eye(4, dtype=np.float32), np.arange(4), n_classes=4, seed=0)
    np.testing.assert_array_equal(alone.distances(np.eye(4, dtype=np.float32), np.arange(4)), np.zeros(4))


def test_the_rows_are_left_as_they_are():
    X, y = blobs()
    before = X.copy(), y.copy()
    learner().fit(X, y, n_classes=4, seed=0).distances(X, y)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(y, before[1])


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.array([[np.nan, 0]], np.float32), np.array([0]), "the guard got 1 vectors that are not finite"),
        (np.empty((0, 2), np.float32), np.empty(0, np.int64), r"the guard got X of shape \(0, 2\)"),
        (np.zeros((2, 2), np.float32), np.array([0, 2]), "the guard got classes from 0 to 2; 0 to 1 are allowed"),
        (np.zeros((2, 2), np.float32), np.array([0, -1]), "the guard got classes from -1 to 0; 0 to 1 are allowed"),
        (np.zeros((2, 2), np.float32), np.array([0.0, 1.0]), r"the guard got y of shape \(2,\) and type float64"),
    ],
)
def test_what_cannot_be_learned_is_an_error_that_says_why(X, y, message):
    with pytest.raises(PluginError, match=message):
        learner().fit(X, y, n_classes=2, seed=0)


DIGEST = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from tracer_spec.builtin import tracer_spec_guards
rng = np.random.default_rng(0)
X, y = rng.normal(size=(600, 16)).astype(np.float32), rng.integers(0, 5, 600)
(plugin,) = tracer_spec_guards()
guard = plugin.make(plugin.options(prototypes=30)).fit(X, y, n_classes=5, seed=int(sys.argv[2]))
print(hashlib.sha256(guard.to_onnx().SerializeToString(deterministic=True)).hexdigest())
"""


def digest(seed, **env):
    command = [sys.executable, "-c", DIGEST, str(ROOT), str(seed)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def test_two_processes_give_the_same_bytes_on_one_thread_or_two_and_another_seed_others():
    first = digest(0, OMP_NUM_THREADS="1", PYTHONHASHSEED="1")
    assert len(first.strip()) == len(hashlib.sha256().hexdigest())
    assert first == digest(0, OMP_NUM_THREADS="2", OPENBLAS_NUM_THREADS="2", PYTHONHASHSEED="2")
    assert first != digest(1, OMP_NUM_THREADS="1", PYTHONHASHSEED="1")
