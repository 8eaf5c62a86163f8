"""Graphs of linear models and perceptrons: one product for each layer, as few operators as possible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tracer_spec.builtin.surrogates.learner import Layout

if TYPE_CHECKING:
    from onnx import ModelProto

Layer: TypeAlias = tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]
Ending: TypeAlias = Literal["softmax", "one-against-all"]


def dense_graph(layers: Sequence[Layer], layout: Layout, ending: Ending = "softmax") -> ModelProto:
    """Return the graph of layers with rectifiers between them.

    Parameters
    ----------
    layers : sequence of (ndarray of shape (a, b), ndarray of shape (b,))
        Weights and biases, at least one pair. The last gives a number for each class seen; for two classes it may give
        one, that of the second.
    layout : Layout
    ending : {"softmax", "one-against-all"}
        From these numbers to probabilities; one-against-all is a sigmoid each, divided by their sum.

    Returns
    -------
    ModelProto
        ``embedding (n, d) -> scores (n, k)``, tidy.
    """
    from onnx import TensorProto, helper, numpy_helper

    from tracer_spec.graph import finished, spread_columns, tidy

    *hidden, (weights, biases) = layers
    if weights.shape[1] == 1:
        # a sigmoid of one number is a softmax of it and 0
        weights, biases, ending = np.pad(weights, ((0, 0), (1, 0))), np.pad(biases, (1, 0)), "softmax"
    nodes, constants, given = [], [], "embedding"
    for position, parts in enumerate((*hidden, (weights, biases))):
        names = [f"weights_{position}", f"biases_{position}"]
        constants += [
            numpy_helper.from_array(np.ascontiguousarray(part, np.float32), name)
            for part, name in zip(parts, names, strict=True)
        ]
        nodes.append(helper.make_node("Gemm", [given, *names], [f"sums_{position}"]))
        given = f"sums_{position}"
        if position < len(hidden):
            given = f"hidden_{position}"
            nodes.append(helper.make_node("Relu", [f"sums_{position}"], [given]))
    if ending == "softmax":
        nodes.append(helper.make_node("Softmax", [given], ["scores"], axis=1))
    else:
        # by logarithms, log sigmoid(z) = -softplus(-z): a fast sigmoid is off by 1e-7, much where all of them are small
        nodes += [
            helper.make_node("Neg", [given], ["against"]),
            helper.make_node("Softplus", ["against"], ["lost"]),
            helper.make_node("Neg", ["lost"], ["logarithms"]),
            helper.make_node("Softmax", ["logarithms"], ["scores"], axis=1),
        ]
    graph = helper.make_graph(
        nodes,
        "dense",
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", layout.dimension])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", len(layout.seen)])],
        constants,
    )
    scores = tidy(finished(graph), inputs=["embedding"], outputs=["scores"])
    return spread_columns(scores, layout.seen.tolist(), layout.n_classes)
