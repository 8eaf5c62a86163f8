"""A surrogate whose scores have a temperature, and a bias for each label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from tracer_spec.graph.inline import Inlined, inline
from tracer_spec.graph.tidy import finished, tidy
from tracer_spec.graph.walk import reads

if TYPE_CHECKING:
    from onnx import ModelProto


def scaled(surrogate: bytes, factor: np.float32, biases: NDArray[np.float32]) -> ModelProto:
    """Return the graph of a surrogate whose scores s become softmax(factor · ln s + biases).

    Parameters
    ----------
    surrogate : bytes
        ``embedding (n, d) -> scores (n, k)``; scores are 0 or more, and one of each row is above 0.
    factor : float32
        Above 0, so that a score of 0 stays 0.
    biases : ndarray of shape (k,), float32

    Returns
    -------
    ModelProto
        ``embedding (n, d) -> scores (n, k)``, tidy. Where the scores are the softmax of a product with constants, these change,
        and no operator is added.
    """
    model = onnx.load_from_string(surrogate)
    inner = inline(model, "surrogate.", {"embedding": "embedding"})
    nodes, logits = _logits(inner)
    constants = {each.name: each for each in inner.initializers}
    product = _product(inner.nodes, logits, constants)
    if product is None:
        changed = {"factor": np.array(factor), "biases": biases}
        nodes += [
            helper.make_node("Mul", [logits, "factor"], ["stretched"]),
            helper.make_node("Add", ["stretched", "biases"], ["sums"]),
        ]
        logits = "sums"
    else:
        W, b = (numpy_helper.to_array(constants[name]) for name in product)
        changed = dict(zip(product, (factor * W, factor * b + biases), strict=True))
    constants |= {name: numpy_helper.from_array(values, name) for name, values in changed.items()}
    graph = helper.make_graph(
        [*nodes, helper.make_node("Softmax", [logits], ["scores"], axis=1)],
        "scaled",
        [model.graph.input[0]],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", len(biases)])],
        list(constants.values()),
    )
    return tidy(finished(graph), inputs=["embedding"], outputs=["scores"])


def _logits(inner: Inlined) -> tuple[list[NodeProto], str]:
    """Return nodes, and the name of what they make: ln s, or what differs from it by one number a row."""
    *before, last = inner.nodes
    scores = inner.outputs["scores"]
    if last.op_type == "Softmax" and list(last.output) == [scores]:
        return before, last.input[0]
    return [*inner.nodes, helper.make_node("Log", [scores], ["logarithms"])], "logarithms"


def _product(nodes: Sequence[NodeProto], logits: str, constants: dict[str, TensorProto]) -> list[str] | None:
    """Name the weights and biases of the product that makes the logits; None where other constants would not do."""
    (made,) = [node for node in nodes if logits in node.output] or [NodeProto()]
    stretched = any(each.name in ("alpha", "beta") and each.f != 1 for each in made.attribute)
    if made.op_type != "Gemm" or len(made.input) != 3 or stretched:
        return None
    names = list(made.input[1:])
    read = [name for node in nodes for name in reads(node)]
    alone = all(read.count(name) == 1 for name in (logits, *names))
    return names if alone and all(name in constants for name in names) else None
