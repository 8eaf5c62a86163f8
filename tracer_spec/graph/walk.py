"""Names inside a graph: which a node reads, which nodes are needed, and how to rename everything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto


def subgraphs(node: NodeProto) -> Iterator[GraphProto]:
    """Yield the graphs nested directly in a node: branches of ``If``, bodies of ``Loop`` or ``Scan``."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def all_nodes(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """Yield nodes and, after each, those nested in it at any depth."""
    for node in nodes:
        yield node
        for graph in subgraphs(node):
            yield from all_nodes(graph.node)


def reads(node: NodeProto) -> set[str]:
    """Return the names that a node takes from around it, those that its subgraphs capture included."""
    names = set(node.input)
    for graph in subgraphs(node):
        names |= _captured(graph)
    names.discard("")
    return names


def _captured(graph: GraphProto) -> set[str]:
    """Return the names that a subgraph reads but does not define."""
    defined = {each.name for each in graph.input} | {each.name for each in graph.initializer}
    read = {each.name for each in graph.output}
    for node in graph.node:
        read |= reads(node)
        defined.update(node.output)
    return read - defined


def needed(nodes: Sequence[NodeProto], outputs: Iterable[str]) -> list[NodeProto]:
    """Return, in their order, the nodes that ``outputs`` depend on."""
    wanted = set(outputs)
    kept = []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted |= reads(node)
    return kept[::-1]


def rename_node(node: NodeProto, value_name: Callable[[str], str], node_name: Callable[[str], str]) -> None:
    """Rename a node and every value in it and in its subgraphs, in place.

    ONNX forbids a subgraph to redefine a name of the graphs around it, so one ``value_name`` serves all depths. The empty
    name stays empty: it is an input or output left out.
    """
    node.name = node_name(node.name)
    node.input[:] = [value_name(name) if name else "" for name in node.input]
    node.output[:] = [value_name(name) if name else "" for name in node.output]
    for graph in subgraphs(node):
        for named in (*graph.input, *graph.initializer):
            named.name = value_name(named.name)
        for inner in graph.node:
            rename_node(inner, value_name, node_name)
        for value in (*graph.output, *graph.value_info):
            value.name = value_name(value.name)


def rename_captured(graph: GraphProto, old: str, new: str) -> None:
    """Rename, in place, a value of the graph around that a nested graph reads."""
    for node in graph.node:
        node.input[:] = [new if each == old else each for each in node.input]
        for inner in subgraphs(node):
            rename_captured(inner, old, new)
