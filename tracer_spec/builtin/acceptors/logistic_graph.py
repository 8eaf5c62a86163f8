"""The graph of the logistic acceptor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tracer_spec.builtin.acceptors.logistic import LARGEST_SUM, SMALLEST_SHARE
from tracer_spec.graph import finished, tidy

if TYPE_CHECKING:
    from onnx import ModelProto

    from tracer_spec.builtin.acceptors.logistic import LogisticAcceptor


def logistic_graph(acceptor: LogisticAcceptor) -> ModelProto:
    """Return ``embedding (n, d), scores (n, k) -> accept (n,)``, with ``votes (n, m)`` between where m > 0.

    Parameters
    ----------
    acceptor : LogisticAcceptor

    Returns
    -------
    ModelProto
        Tidy.
    """
    node = helper.make_node
    inputs = {"embedding": acceptor.dimension, "scores": acceptor.n_classes}
    constants = {
        "two": np.array([2], np.int64),
        "last_axis": np.array([1], np.int64),
        "top_weights": acceptor.top,
        "smallest_share": np.float64(SMALLEST_SHARE),
        "entropy_weight": np.float64(-acceptor.entropy),
        "bias": np.float64(acceptor.bias),
        "largest_sum": np.float64(LARGEST_SUM),
        "zero": np.float64(0),
    }
    nodes = [node("Cast", ["scores"], ["shares"], to=TensorProto.DOUBLE)]
    ranked, parts = "shares", ["by_top", "by_entropy", "bias"]
    if acceptor.n_classes == 1:
        ranked = "padded"
        constants["one_column"] = np.array([0, 0, 0, 1], np.int64)
        nodes.append(node("Pad", ["shares", "one_column"], [ranked]))
    if len(acceptor.votes):
        inputs["votes"] = len(acceptor.votes)
        constants["vote_weights"] = acceptor.votes
        parts.append("by_votes")
        nodes += [
            node("Cast", ["votes"], ["exact_votes"], to=TensorProto.DOUBLE),
            node("MatMul", ["exact_votes", "vote_weights"], ["by_votes"]),
        ]
    nodes += [
        node("TopK", [ranked, "two"], ["top", "classes"], axis=1),
        node("MatMul", ["top", "top_weights"], ["by_top"]),
        node("Max", ["shares", "smallest_share"], ["clipped"]),
        node("Log", ["clipped"], ["logarithms"]),
        node("Mul", ["shares", "logarithms"], ["terms"]),
        node("ReduceSum", ["terms", "last_axis"], ["negative_entropy"], keepdims=0),
        node("Mul", ["negative_entropy", "entropy_weight"], ["by_entropy"]),
        node("Sum", parts, ["sum"]),
        node("Sigmoid", ["sum"], ["agrees"]),
        # a test that NaN fails: what is not a number is not accepted
        node("Abs", ["sum"], ["size"]),
        node("Less", ["size", "largest_sum"], ["usable"]),
        node("Where", ["usable", "agrees", "zero"], ["exact_accept"]),
        node("Cast", ["exact_accept"], ["accept"], to=TensorProto.FLOAT),
    ]
    graph = helper.make_graph(
        nodes,
        "logistic",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width]) for name, width in inputs.items()],
        [helper.make_tensor_value_info("accept", TensorProto.FLOAT, ["n"])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return tidy(finished(graph), inputs=list(inputs), outputs=["accept"])
