"""A scaled surrogate: its scores, and what it costs."""

import numpy as np
import onnx
import pytest
from scipy.special import log_softmax, softmax

from tracer_spec.builtin.surrogates.dense import dense_graph
from tracer_spec.builtin.surrogates.learner import Layout
from tracer_spec.graph import Scorer
from tracer_spec.graph.scaled import scaled

K, D = 3, 4
RNG = np.random.default_rng(0)
WEIGHTS, BIASES = RNG.normal(size=(D, K)).astype(np.float32), np.zeros(K, np.float32)
FACTORS, OFFSETS = np.array([0.5, 1.0, 2.0], np.float32), np.array([0.0, 1.0, -1.0], np.float32)
X = RNG.normal(size=(50, D)).astype(np.float32)


@pytest.mark.parametrize("stretch", [1, 60])
def test_scores_are_those_of_the_formula_also_where_a_plain_score_is_zero(stretch):
    surrogate = dense_graph([(WEIGHTS * stretch, BIASES)], Layout(D, np.arange(K), K)).SerializeToString()
    (found,) = Scorer(scaled(surrogate, FACTORS, OFFSETS).SerializeToString()).run({"embedding": X}, outputs=["scores"])
    sums = X.astype(np.float64) @ (WEIGHTS * stretch)
    assert found == pytest.approx(softmax(FACTORS * log_softmax(sums, axis=1) + OFFSETS, axis=1), abs=2e-5)


def test_a_softmax_and_its_logarithm_are_one_operator():
    surrogate = dense_graph([(WEIGHTS, BIASES)], Layout(D, np.arange(K), K)).SerializeToString()
    kinds = [node.op_type for node in scaled(surrogate, FACTORS, OFFSETS).graph.node]
    assert kinds == ["Gemm", "LogSoftmax", "Mul", "Add", "Softmax"]


def test_scores_that_no_softmax_gave_are_scaled_too():
    surrogate = dense_graph([(WEIGHTS, BIASES)], Layout(D, np.array([0, 2, 3]), K + 1)).SerializeToString()
    factors, offsets = np.append(FACTORS, np.float32(1)), np.append(OFFSETS, np.float32(0))
    (plain,) = Scorer(surrogate).run({"embedding": X}, outputs=["scores"])
    (found,) = Scorer(scaled(surrogate, factors, offsets).SerializeToString()).run({"embedding": X}, outputs=["scores"])
    with np.errstate(divide="ignore"):
        assert found == pytest.approx(softmax(factors * np.log(plain) + offsets, axis=1), abs=2e-5)
    assert not found[:, 1].any()
    assert onnx.load_from_string(surrogate).graph.node[-1].op_type != "Softmax"
