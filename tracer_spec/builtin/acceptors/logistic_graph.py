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
    ranked = "scores" if acceptor.n_classes > 1 else "padded"
    nodes = [
        node("TopK", [ranked, "two"], ["top", "classes"], axis=1),
        node("MatMul", ["top", "top_weights"], ["by_top"]),
        node("Max", ["scores", "smallest_share"], ["shares"]),
        node("Log", ["shares"], ["logarithms"]),
        node("Mul", ["scores", "logarithms"], ["terms"]),
        node("ReduceSum", ["terms", "last_axis"], ["negative_entropy"], keepdims=0),
        node("Mul", ["negative_entropy", "entropy_weight"], ["by_entropy"]),
        node("Add", ["by_top", "by_entropy"], ["weighted"]),
        node("Add", ["weighted", "bias"], ["sum"]),
        node("Sigmoid", ["sum"], ["agrees"]),
        # a test that NaN fails: what is not a number is not accepted
        node("Abs", ["sum"], ["size"]),
        node("Less", ["size", "largest_sum"], ["usable"]),
        node("Where", ["usable", "agrees", "zero"], ["accept"]),
    ]
    constants = {
        "two": np.array([2], np.int64),
        "last_axis": np.array([1], np.int64),
        "top_weights": acceptor.top,
        "smallest_share": SMALLEST_SHARE,
        "entropy_weight": np.float32(-acceptor.entropy),
        "bias": np.float32(acceptor.bias),
        "largest_sum": LARGEST_SUM,
        "zero": np.float32(0),
    }
    inputs = {"embedding": acceptor.dimension, "scores": acceptor.n_classes}
    if len(acceptor.votes):
        inputs["votes"] = len(acceptor.votes)
        constants["vote_weights"] = acceptor.votes
        at = next(position for position, each in enumerate(nodes) if each.output[0] == "sum")
        nodes[at].input[0] = "with_votes"
        nodes[at:at] = [
            node("MatMul", ["votes", "vote_weights"], ["by_votes"]),
            node("Add", ["weighted", "by_votes"], ["with_votes"]),
        ]
    if ranked == "padded":
        nodes.insert(0, node("Pad", ["scores", "one_column"], ["padded"]))
        constants["one_column"] = np.array([0, 0, 0, 1], np.int64)
    graph = helper.make_graph(
        nodes,
        "logistic",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width]) for name, width in inputs.items()],
        [helper.make_tensor_value_info("accept", TensorProto.FLOAT, ["n"])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return tidy(finished(graph), inputs=list(inputs), outputs=["accept"])
