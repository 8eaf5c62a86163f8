"""An upper bound of what a graph costs to load and to run.

Shapes are followed from the inputs and the constants through every node, as upper bounds for a number of rows. A graph
whose values or computations are too many is refused. ONNX Runtime computes what depends on constants alone when it
loads a graph, so that a small file could keep it busy, or fill the memory, before anything is routed.
"""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from tracer_spec.runtime import limits
from tracer_spec.runtime.graph_operators import (
    ML,
    OPERATORS,
    PLAINER,
    Inputs,
    Rule,
    branch,
    largest,
    n_rows,
    node_name,
    trees,
)
from tracer_spec.runtime.graph_reader import Graph, Node, Value, read_model
from tracer_spec.runtime.tensor_check import MAX_ELEMENTS, MAX_RANK, GraphRefusedError
from tracer_spec.runtime.tree_check import check_trees

_SMALLER = "rebuild it from smaller surrogates"
_OPERATOR = 2_000  # what it spends on any operator when it runs one row
_NODE = 50_000  # what ONNX Runtime spends on any node when it loads a graph


def check_cost(model: bytes) -> None:
    """Refuse a graph with an operator that is not in :data:`OPERATORS`, or that costs too much.

    Parameters
    ----------
    model : bytes
        A serialised model whose fields have been checked.

    Raises
    ------
    GraphRefusedError
    """
    graph = read_model(model)
    # what does not depend on rows is bounded by the first; what grows faster than they do is refused by the second
    for rows, elements in ((limits.ROWS_AT_LOAD, limits.GRAPH_ELEMENTS), (limits.CHUNK_ROWS, limits.BATCH_ELEMENTS)):
        operations = limits.GRAPH_OPERATIONS * rows // limits.ROWS_AT_LOAD
        budget = Budget(elements, operations, checks_trees=rows == limits.ROWS_AT_LOAD)
        inputs = {
            name: Value(tuple(rows if dim is None else dim for dim in shape)) for name, shape in graph.inputs.items()
        }
        walk(graph, ChainMap({}, inputs), budget)


def _extra_cost(node: Node, inputs: Inputs, outputs: Inputs) -> int:
    """Return what a node costs beyond reading its inputs and writing its outputs."""
    name = node.op[1]
    if name in ("MatMul", "Gemm"):
        left = inputs[0].shape
        inner = left[0 if node.integer("transA", 0) else -1] if left else 1
        return math.prod(outputs[0].shape) * inner // 4
    if name == "If":
        return 10 * _NODE
    if name == "TopK":
        return 8 * math.prod(inputs[0].shape)
    if node.op[0] == ML:
        size = node.n_items("nodes_nodeids") if name.startswith("TreeEnsemble") else node.n_bytes // 4
        return n_rows(inputs) * size
    return 0


def decision_cost(model: bytes) -> int:
    """Estimate what one row costs in a graph, for a comparison of graphs.

    Parameters
    ----------
    model : bytes
        A serialised model that :func:`check_cost` lets pass.

    Returns
    -------
    int
        Items read and written, a quarter of the multiplications, and 2,000 for each operator: about half a microsecond.

    Notes
    -----
    What depends on constants alone is computed when a graph is loaded, and is counted all the same. Of what Gather takes
    items from, only these are counted.
    """
    graph = read_model(model)
    meter = _Meter()
    inputs = {name: Value(tuple(1 if dim is None else dim for dim in shape)) for name, shape in graph.inputs.items()}
    walk(graph, ChainMap({}, inputs), meter)
    return meter.spent


@dataclass(slots=True)
class _Meter:
    """What one row has cost so far."""

    spent: int = 0
    operators: Mapping[tuple[str, str], Rule] = field(default_factory=lambda: OPERATORS)
    user: str = "a policy"
    checks_trees: bool = False

    def spend(self, node: Node, inputs: Inputs, outputs: Inputs) -> None:
        """Add what a node costs."""
        written = sum(math.prod(each.shape) for each in outputs)
        read = written if node.op[1] == "Gather" else sum(math.prod(each.shape) for each in inputs)
        self.spent += _OPERATOR + read + written + _extra_cost(node, inputs, outputs)


ExtraCost: TypeAlias = Callable[[Node, Inputs, Inputs], int]


@dataclass(slots=True)
class Budget:
    """What a graph may still spend, and by which operators."""

    elements: int
    operations: int
    operators: Mapping[tuple[str, str], Rule] = field(default_factory=lambda: OPERATORS)
    extra_cost: ExtraCost = _extra_cost
    user: str = "a policy"
    checks_trees: bool = False

    def spend(self, node: Node, inputs: Inputs, outputs: Inputs) -> None:
        """Take off what a node costs, and refuse one that is more than is left."""
        for each in (*inputs, *outputs):
            if any(size < 0 for size in each.shape):
                raise GraphRefusedError(f"has {node_name(node)} of a negative size", PLAINER)
            # an empty value may have any size along its other axes, and numbers without end take time too
            if len(each.shape) > MAX_RANK or any(size > MAX_ELEMENTS for size in each.shape):
                raise GraphRefusedError(f"makes values too large to hold, by {node_name(node)}", _SMALLER)
        written = sum(math.prod(each.shape) for each in outputs)
        self.elements -= written
        read = sum(math.prod(each.shape) for each in inputs)
        self.operations -= _NODE + read + written + self.extra_cost(node, inputs, outputs)
        if self.elements < 0:
            raise GraphRefusedError(f"makes values too large to hold, by {node_name(node)}", _SMALLER)
        if self.operations < 0:
            raise GraphRefusedError(f"takes too long to compute, by {node_name(node)}", _SMALLER)


def walk(graph: Graph, outer: ChainMap[str, Value], budget: Budget | _Meter) -> list[Value]:
    """Follow shapes through a graph, and return those of its outputs."""
    _check_new(graph.constants.keys() - graph.inputs.keys(), outer)
    known = outer.new_child(dict(graph.constants))
    for node in graph.nodes:
        rule = budget.operators.get(node.op)
        if rule is None:
            where = f" of {node.op[0]}" if node.op[0] else ""
            raise GraphRefusedError(
                f"uses the operator {node.op[1][:80]!r}{where}, which {budget.user} may not", PLAINER
            )
        inputs = [_known(known, name) for name in node.inputs if name]
        if rule is branch:
            outputs = _branches(node, known, budget)
        else:
            if rule is trees and budget.checks_trees:
                check_trees(node)
            outputs = _fitting(node, rule, inputs)
        budget.spend(node, inputs, outputs)
        given = dict(zip(node.outputs, outputs, strict=False))
        _check_new(given, known)
        known.update(given)
    return [_known(known, name) for name in graph.outputs]


def _fitting(node: Node, rule: Rule, inputs: Inputs) -> list[Value]:
    """Apply a rule."""
    try:
        return rule(node, inputs)
    except (IndexError, ValueError, KeyError):
        raise GraphRefusedError(f"has {node_name(node)} whose inputs do not fit it", PLAINER) from None


def _check_new(names: Iterable[str], known: Mapping[str, Value]) -> None:
    """Refuse a second value of one name: readers differ in which of them counts."""
    twice = sorted(name for name in names if name in known and name)
    if twice:
        raise GraphRefusedError(f"gives the value {twice[0][:80]!r} twice", PLAINER)


def _known(values: Mapping[str, Value], name: str) -> Value:
    if name not in values:
        raise GraphRefusedError(f"uses the value {name[:80]!r}, which nothing before it gives", PLAINER)
    return values[name]


def _branches(node: Node, known: ChainMap[str, Value], budget: Budget | _Meter) -> list[Value]:
    """Follow both branches of an If."""
    graphs = [node.attributes[name].graph() for name in ("then_branch", "else_branch") if name in node.attributes]
    given = [walk(graph, known, budget) for graph in graphs if graph is not None]
    if len(given) != 2 or len(given[0]) != len(given[1]):
        raise GraphRefusedError(f"has {node_name(node)} whose branches do not give the same", PLAINER)
    return [Value(largest(one.shape, other.shape)) for one, other in zip(*given, strict=True)]
