"""A surrogate with a factor and a bias for each label's log-score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from tracer_spec.graph.inline import inline
from tracer_spec.graph.tidy import finished, tidy

if TYPE_CHECKING:
    from onnx import ModelProto


def scaled(surrogate: bytes, factors: NDArray[np.float32], biases: NDArray[np.float32]) -> ModelProto:
    """Return the graph of a surrogate whose scores s become softmax(factors · ln s + biases).

    Parameters
    ----------
    surrogate : bytes
        ``embedding (n, d) -> scores (n, k)``; scores are 0 or more, and one of each row is above 0.
    factors : ndarray of shape (k,), float32
        Above 0, so that a score of 0 stays 0.
    biases : ndarray of shape (k,), float32

    Returns
    -------
    ModelProto
        ``embedding (n, d) -> scores (n, k)``, tidy.
    """
    model = onnx.load_from_string(surrogate)
    inner = inline(model, "surrogate.", {"embedding": "embedding"})
    *before, last = inner.nodes
    if last.op_type == "Softmax" and list(last.output) == [inner.outputs["scores"]]:
        # its logarithm, over the same axis, is one operator, and loses no small score
        logarithms = NodeProto()
        logarithms.CopyFrom(last)
        logarithms.op_type, logarithms.output[:] = "LogSoftmax", ["logarithms"]
    else:
        before.append(last)
        logarithms = helper.make_node("Log", [inner.outputs["scores"]], ["logarithms"])
    nodes = [
        logarithms,
        helper.make_node("Mul", ["logarithms", "factors"], ["stretched"]),
        helper.make_node("Add", ["stretched", "biases"], ["sums"]),
        helper.make_node("Softmax", ["sums"], ["scores"], axis=1),
    ]
    graph = helper.make_graph(
        [*before, *nodes],
        "scaled",
        [model.graph.input[0]],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", len(factors)])],
        [
            *inner.initializers,
            numpy_helper.from_array(factors, "factors"),
            numpy_helper.from_array(biases, "biases"),
        ],
    )
    return tidy(finished(graph), inputs=["embedding"], outputs=["scores"])
