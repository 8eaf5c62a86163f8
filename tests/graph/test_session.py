from __future__ import annotations

import pickle

import numpy as np
import pytest
from onnx import parser

from tracer_spec.errors import PluginError
from tracer_spec.graph import Scorer, score

HEAD = '<ir_version: 8, opset_import: ["" : 18]>'
TWO = parser.parse_model(
    f"""{HEAD} g (float[N,3] x, float[N] w) => (float[N,3] y, float[N] total)
    <int64[1] axes={{1}}, float bias={{0}}> {{
        shifted = Add(x, bias) y = Neg(shifted) sums = ReduceSum<keepdims=0>(x, axes) total = Mul(sums, w) }}"""
)
TWO.graph.input.add().CopyFrom(parser.parse_graph("g (float bias) => (float bias) {}").input[0])
MODEL = TWO.SerializeToString()
X = np.arange(30, dtype=np.float32).reshape(10, 3)
W = np.linspace(1, 2, 10, dtype=np.float32)


@pytest.mark.parametrize("rows_per_run", [1, 3, 10, 4096])
def test_batches_of_any_size_give_the_same_rows(rows_per_run: int) -> None:
    y, total = Scorer(MODEL, rows_per_run).run({"x": X, "w": W})
    np.testing.assert_array_equal(y, -X)
    np.testing.assert_array_equal(total, X.sum(axis=1) * W)


def test_outputs_come_in_the_order_asked_for() -> None:
    total, y = Scorer(MODEL).run({"x": X, "w": W}, outputs=["total", "y"])
    assert (total.shape, y.shape) == ((10,), (10, 3))


def test_no_rows_give_no_rows() -> None:
    y, total = Scorer(MODEL).run({"x": X[:0], "w": W[:0]})
    assert (y.shape, total.shape) == ((0, 3), (0,))


def test_a_constant_can_be_overridden_for_every_batch() -> None:
    (y,) = Scorer(MODEL, 3).run({"x": X, "w": W}, outputs=["y"], constants={"bias": np.array(1, np.float32)})
    np.testing.assert_array_equal(y, -X - 1)


def test_a_scorer_survives_pickling() -> None:
    again = pickle.loads(pickle.dumps(Scorer(MODEL, 3)))
    assert (again.inputs, again.outputs) == (("x", "w"), ("y", "total"))
    np.testing.assert_array_equal(again.run({"x": X, "w": W})[0], -X)


def test_score_returns_the_first_output() -> None:
    one = parser.parse_model(f"{HEAD} g (float[N,3] x) => (float[N,3] y, float[N,3] z) {{ y = Neg(x) z = Abs(x) }}")
    np.testing.assert_array_equal(score(one.SerializeToString(), X), -X)


def test_inputs_of_different_lengths_are_refused() -> None:
    with pytest.raises(PluginError, match=r"inputs differ in their number of rows: \{'x': 10, 'w': 9\}"):
        Scorer(MODEL).run({"x": X, "w": W[:9]})


def test_what_the_runtime_refuses_is_one_of_our_errors() -> None:
    with pytest.raises(PluginError, match="the graph does not load"):
        Scorer(b"not a graph")
    with pytest.raises(PluginError, match=r"the graph does not run: .*double"):
        Scorer(MODEL).run({"x": X.astype(np.float64), "w": W})
