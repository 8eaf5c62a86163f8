"""Several surrogates as one: the mean of their scores, and how each of them voted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import onnx
from onnx import NodeProto, TensorProto, helper

from tracer_spec.graph.inline import inline
from tracer_spec.graph.tidy import finished

if TYPE_CHECKING:
    from onnx import ModelProto


def average(members: Sequence[bytes]) -> ModelProto:
    """Merge graphs ``embedding (n, d) -> scores (n, k)`` into one that averages them.

    Given m graphs of the same d and k, at least one, the result is ``embedding (n, d) -> scores (n, k), votes (n, m - 1)``.
    ``votes`` is what each member but the last gives to the class that the mean puts first. What the last one gives follows
    from these and the mean. One member has one vote.
    """
    models = [onnx.load_from_string(member) for member in members]
    nodes: list[NodeProto] = []
    weights: list[TensorProto] = []
    parts: list[str] = []
    for position, model in enumerate(models):
        inlined = inline(model, f"member_{position}.", {"embedding": "embedding"})
        nodes += inlined.nodes
        weights += inlined.initializers
        parts.append(inlined.outputs["scores"])
    nodes += [
        helper.make_node("Mean", parts, ["scores"], name="mean"),
        helper.make_node("ArgMax", ["scores"], ["first"], name="first", axis=1, keepdims=1),
    ]
    said = parts[: max(1, len(parts) - 1)]
    votes = ["votes"] if len(said) == 1 else [f"vote_{position}" for position in range(len(said))]
    for part, vote in zip(said, votes, strict=True):
        nodes.append(helper.make_node("GatherElements", [part, "first"], [vote], name=vote, axis=1))
    if len(said) > 1:
        nodes.append(helper.make_node("Concat", votes, ["votes"], name="votes", axis=1))
    k = models[0].graph.output[0].type.tensor_type.shape.dim[1].dim_value
    graph = helper.make_graph(
        nodes,
        "average",
        [models[0].graph.input[0]],
        [
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", k]),
            helper.make_tensor_value_info("votes", TensorProto.FLOAT, ["n", len(said)]),
        ],
        weights,
    )
    return finished(graph)
