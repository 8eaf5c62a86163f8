"""A scaled surrogate: its scores, and what it costs."""

import numpy as np
import onnx
import onnx.parser
import pytest
from scipy.special import softmax

from tracer_spec.builtin.surrogates.dense import dense_graph
from tracer_spec.builtin.surrogates.learner import Layout
from tracer_spec.graph import Scorer
from tracer_spec.graph.scaled import scaled

K, D = 3, 4
RNG = np.random.default_rng(0)
WEIGHTS, BIASES = RNG.normal(size=(D, K)).astype(np.float32), RNG.normal(size=K).astype(np.float32)
FACTOR, OFFSETS = np.float32(1.7), np.array([0.0, 1.0, -1.0], np.float32)
X = RNG.normal(size=(50, D)).astype(np.float32)


def linear(stretch=1):
    return dense_graph([(WEIGHTS * stretch, BIASES)], Layout(D, np.arange(K), K))


def scores_of(graph):
    (found,) = Scorer(graph.SerializeToString()).run({"embedding": X}, outputs=["scores"])
    return found


def parsed(body):
    weights = ", ".join(map(repr, WEIGHTS.ravel().tolist()))
    constants = f"float[{D},{K}] W = {{{weights}}}, float[{K}] b = {{0.5, 0.0, -0.5}}"
    signature = f"(float[n,{D}] embedding) => (float[n,{K}] scores) <{constants}>"
    text = f'<ir_version: 8, opset_import: ["": 17]> g {signature} {{{body}}}'
    return onnx.parser.parse_model(text)


@pytest.mark.parametrize("stretch", [1, 60])
def test_scores_are_those_of_the_formula_also_where_a_plain_score_is_zero(stretch):
    sums = X.astype(np.float64) @ (WEIGHTS * stretch) + BIASES
    found = scores_of(scaled(linear(stretch).SerializeToString(), FACTOR, OFFSETS))
    assert found == pytest.approx(softmax(FACTOR * sums + OFFSETS, axis=1), abs=2e-5)


def test_behind_a_product_scaling_costs_no_operator():
    plain = linear()
    kinds = [node.op_type for node in scaled(plain.SerializeToString(), FACTOR, OFFSETS).graph.node]
    assert kinds == [node.op_type for node in plain.graph.node] == ["Gemm", "Softmax"]


@pytest.mark.parametrize(
    ("body", "n_added"),
    [
        ("z = Gemm<alpha = 1.0>(embedding, W, b) scores = Softmax<axis = -1>(z)", 0),
        ("z = Gemm<alpha = 2.0>(embedding, W, b) scores = Softmax<axis = 1>(z)", 2),
        ("z = Gemm(embedding, W) scores = Softmax<axis = 1>(z)", 2),
        ("m = MatMul(embedding, W) z = Add(m, b) scores = Softmax<axis = 1>(z)", 2),
        ("y = Gemm(embedding, W, b) r = Relu(y) c = Add(r, b) z = Mul(c, b) scores = Softmax<axis = 1>(z)", 2),
        ("y = Add(b, b) z = Gemm(embedding, W, y) scores = Softmax<axis = 1>(z)", 2),
        # who else reads a constant goes on to read what it was
        ("z = Gemm(embedding, W, b) y = Relu(z) c = Mul(y, b) d = Add(c, z) scores = Softmax<axis = 1>(d)", 2),
        ("m = ReduceMean<keepdims = 0>(b) a = Add(embedding, m) z = Gemm(a, W, b) scores = Softmax<axis = 1>(z)", 2),
        ("z = Gemm(embedding, W, b) scores = Sigmoid(z)", 4),
    ],
)  # fmt: skip
def test_the_scores_are_those_of_the_formula_whatever_makes_them(body, n_added):
    plain = parsed(body)
    before = scores_of(plain).astype(np.float64)
    made = scaled(plain.SerializeToString(), FACTOR, OFFSETS)
    assert scores_of(made) == pytest.approx(softmax(FACTOR * np.log(before) + OFFSETS, axis=1), abs=1e-5)
    assert len(made.graph.node) - len(plain.graph.node) == n_added


def test_scores_that_no_softmax_gave_are_scaled_too():
    surrogate = dense_graph([(WEIGHTS, BIASES)], Layout(D, np.array([0, 2, 3]), K + 1))
    offsets = np.append(OFFSETS, np.float32(0))
    plain, found = scores_of(surrogate), scores_of(scaled(surrogate.SerializeToString(), FACTOR, offsets))
    with np.errstate(divide="ignore"):
        assert found == pytest.approx(softmax(FACTOR * np.log(plain) + offsets, axis=1), abs=2e-5)
    assert not found[:, 1].any()
    assert surrogate.graph.node[-1].op_type != "Softmax"
