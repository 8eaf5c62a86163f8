"""One graph inside another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnx import NodeProto, TensorProto

from tracer_spec.errors import PluginError
from tracer_spec.graph.opsets import retarget
from tracer_spec.graph.walk import rename_node

if TYPE_CHECKING:
    from onnx import ModelProto


@dataclass(frozen=True, slots=True)
class Inlined:
    """The parts of a graph, ready to be added to a larger one; ``outputs`` is what each output is called now."""

    nodes: tuple[NodeProto, ...]
    initializers: tuple[TensorProto, ...]
    outputs: dict[str, str]


def inline(model: ModelProto, prefix: str, feeds: Mapping[str, str]) -> Inlined:
    """Return the parts of a graph: every name prefixed, inputs replaced by names of the surrounding graph.

    Parameters
    ----------
    model : ModelProto
        Left as it is.
    prefix : str
        Put before the name of every node, value and constant, in nested graphs too; different for each graph
        that goes into one model. Nodes without a name get one: the checker accepts several such, the runtime
        does not.
    feeds : mapping of str to str
        Each of the graph's inputs, to a name that the surrounding graph knows.
    """
    model = retarget(model)
    graph = model.graph
    constants = {each.name for each in graph.initializer}
    inputs = [each.name for each in graph.input if each.name not in constants]
    if set(feeds) != set(inputs):
        raise PluginError(
            f"the graph's inputs are {', '.join(inputs) or 'none'}; "
            f"feeds are given for {', '.join(sorted(feeds)) or 'none'}"
        )
    n_nodes = 0

    def value_name(name: str) -> str:
        return feeds.get(name) or prefix + name

    def node_name(name: str) -> str:
        nonlocal n_nodes
        n_nodes += 1
        return prefix + (name or f"unnamed_{n_nodes}")

    for node in graph.node:
        rename_node(node, value_name, node_name)
    for weight in graph.initializer:
        weight.name = prefix + weight.name
    return Inlined(
        nodes=tuple(graph.node),
        initializers=tuple(graph.initializer),
        outputs={each.name: value_name(each.name) for each in graph.output},
    )
