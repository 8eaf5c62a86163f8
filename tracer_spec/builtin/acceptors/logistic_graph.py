"""The graph of the logistic acceptor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tracer_spec.builtin.acceptors.logistic import SMALLEST_SHARE
from tracer_spec.graph import finished, tidy

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

    from tracer_spec.builtin.acceptors.logistic import LogisticAcceptor

# beyond this sum of weights they cancel each other, and rounding in float32 would show in what is accepted
_MOST_IN_FLOAT32 = 100.0


def logistic_graph(acceptor: LogisticAcceptor) -> ModelProto:
    """Return ``embedding (n, d), scores (n, k) -> accept (n,)``, with ``votes (n, v)`` between where v > 0.

    Parameters
    ----------
    acceptor : LogisticAcceptor

    Returns
    -------
    ModelProto
        Tidy. Each operator costs a decision half a microsecond, so all features meet in one product.
    """
    node = helper.make_node
    inputs = {"embedding": acceptor.dimension, "scores": acceptor.n_classes}
    # the entropy twice, with weights of opposite signs: a score that is not finite makes it infinite, and their sum NaN
    above = abs(acceptor.entropy) + 1
    weights = [*acceptor.top, *acceptor.votes, above, -acceptor.entropy - above]
    exact = sum(map(abs, weights)) > _MOST_IN_FLOAT32
    number, kind = (np.float64, TensorProto.DOUBLE) if exact else (np.float32, TensorProto.FLOAT)
    constants: dict[str, Any] = {
        "two": np.array([2], np.int64),
        "last_axis": np.array([1], np.int64),
        "smallest_share": number(SMALLEST_SHARE),
        "weights": np.array(weights, number),
        "bias": number(acceptor.bias),
    }
    nodes: list[NodeProto] = []
    shares, votes, accept = ("exact_shares", "exact_votes", "exact_accept") if exact else ("scores", "votes", "accept")
    ranked, features = shares, ["top", "negative_entropy", "negative_entropy"]
    if acceptor.n_classes == 1:
        ranked = "padded"
        constants["one_column"] = np.array([0, 0, 0, 1], np.int64)
        nodes.append(node("Pad", [shares, "one_column"], [ranked]))
    if len(acceptor.votes):
        inputs["votes"] = len(acceptor.votes)
        features.insert(1, votes)
    if exact:
        given = {"scores": shares, "votes": votes}
        nodes[:0] = [node("Cast", [name], [given[name]], to=kind) for name in inputs if name in given]
    nodes += [
        node("TopK", [ranked, "two"], ["top", "classes"], axis=1),
        node("Max", [shares, "smallest_share"], ["clipped"]),
        node("Log", ["clipped"], ["logarithms"]),
        node("Mul", [shares, "logarithms"], ["terms"]),
        node("ReduceSum", ["terms", "last_axis"], ["negative_entropy"], keepdims=1),
        node("Concat", features, ["features"], axis=1),
        node("MatMul", ["features", "weights"], ["weighted"]),
        node("Add", ["weighted", "bias"], ["sum"]),
        node("Sigmoid", ["sum"], [accept]),
    ]
    if exact:
        nodes.append(node("Cast", [accept], ["accept"], to=TensorProto.FLOAT))
    graph = helper.make_graph(
        nodes,
        "logistic",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width]) for name, width in inputs.items()],
        [helper.make_tensor_value_info("accept", TensorProto.FLOAT, ["n"])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return tidy(finished(graph), inputs=list(inputs), outputs=["accept"])
