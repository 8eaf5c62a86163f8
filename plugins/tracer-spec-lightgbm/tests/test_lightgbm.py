from __future__ import annotations

import importlib.util
import re

import numpy as np
import pytest
from tracer_spec.errors import PluginError
from tracer_spec.graph import Scorer
from tracer_spec.testing import SurrogateContract

if importlib.util.find_spec("lightgbm") is None:
    pytest.skip("lightgbm is not installed", allow_module_level=True)

import lightgbm

from tracer_spec_lightgbm import LightgbmOptions
from tracer_spec_lightgbm.learner import LightgbmLearner


class TestContract(SurrogateContract):
    plugin = "lightgbm"
    options = {"rounds": 8}


class TestContractOfDeepTrees(SurrogateContract):
    plugin = "lightgbm"
    options = {"rounds": 5, "leaves": 40, "min_rows_in_leaf": 1, "row_share": 1.0, "dimension_share": 1.0}


def spirals(n, seed):
    """Two classes that no line parts."""
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=n)
    angle = rng.uniform(0, 3 * np.pi, size=n)
    X = np.column_stack([angle * np.cos(angle + np.pi * y), angle * np.sin(angle + np.pi * y)])
    return (X + rng.normal(scale=0.2, size=X.shape)).astype(np.float32), y.astype(np.int64)


def graph_scores(surrogate, X):
    (scores,) = Scorer(surrogate.to_onnx().SerializeToString()).run({"embedding": X})
    return scores


def test_it_learns_what_no_line_parts():
    X, y = spirals(1500, 0)
    fresh, truth = spirals(500, 1)
    learned = LightgbmLearner(LightgbmOptions(dimension_share=1.0)).fit(X, y, n_classes=2, seed=0)
    assert (graph_scores(learned, fresh).argmax(axis=1) == truth).mean() > 0.9


def test_the_graph_is_lightgbms_own_prediction_on_rows_at_the_very_thresholds():
    X, y = spirals(800, 2)
    learned = LightgbmLearner(LightgbmOptions(rounds=20, dimension_share=1.0)).fit(X, y, n_classes=2, seed=0)
    edges = np.unique(
        [float(each) for each in re.findall(r"'threshold': ([-0-9.e]+)", str(learned.booster.dump_model()))]
    )
    assert len(edges) > 30
    edges = edges.astype(np.float32)
    rows = np.concatenate([np.nextafter(edges, np.float32(-99)), edges, np.nextafter(edges, np.float32(99))])
    at = np.stack([rows, rows], axis=1)
    np.testing.assert_allclose(graph_scores(learned, at), learned.booster.predict(at), atol=1e-5)


def test_rows_too_few_to_split_give_the_classes_shares():
    X = np.eye(4, dtype=np.float32)
    learned = LightgbmLearner(LightgbmOptions(row_share=1.0)).fit(X, np.array([2, 2, 2, 5]), n_classes=6, seed=0)
    scores = graph_scores(learned, X)
    np.testing.assert_allclose(scores[:, [2, 5]], np.tile([0.75, 0.25], (4, 1)), atol=1e-5)
    assert not scores[:, [0, 1, 3, 4]].any()


def test_what_lightgbm_cannot_learn_is_a_reason(monkeypatch):
    def refuse(*args, **named):
        raise lightgbm.basic.LightGBMError("no\n rows")

    monkeypatch.setattr(lightgbm, "train", refuse)
    with pytest.raises(PluginError, match="'lightgbm' cannot learn these rows: no rows"):
        LightgbmLearner(LightgbmOptions()).fit(np.eye(2, dtype=np.float32), np.array([0, 1]), n_classes=2, seed=0)
