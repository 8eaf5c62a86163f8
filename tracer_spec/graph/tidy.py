"""The one form of graph that ships, and the way to it from a converter's.

Converters invent names, some of them random, repeat operator sets, keep outputs that nobody asked for, and
write notes. Two trainings that learn the same numbers must give the same bytes, so all of that goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnx.inliner
from onnx import AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from tracer_spec.errors import PluginError
from tracer_spec.graph.opsets import retarget
from tracer_spec.graph.target import GRAPH_NAME, IR_VERSION, OPSETS, PRODUCER
from tracer_spec.graph.walk import needed, reads, rename_node, subgraphs

if TYPE_CHECKING:
    from onnx import ModelProto, TypeProto

ROWS = "n"
_FLOATING = frozenset((TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16))


def tidy(
    model: ModelProto, *, inputs: Sequence[str], outputs: Sequence[str], keep: Sequence[str] | None = None
) -> ModelProto:
    """Rebuild a graph so that equal computations of equal numbers are equal bytes.

    Parameters
    ----------
    model : ModelProto
        Any converter's graph; left as it is.
    inputs : sequence of str
        New names of the graph's inputs, in their order.
    outputs : sequence of str
        New names of the outputs that are kept, in their order.
    keep : sequence of str, optional
        Present names of the outputs to keep; all by default. Whatever the others alone need is dropped.

    Returns
    -------
    ModelProto
        Its ``SerializeToString(deterministic=True)`` is the same for the same computation, in any process. Of
        the versions in :data:`~tracer_spec.graph.target.OPSETS`; the first dimension of inputs and outputs is
        called ``n``.

    Raises
    ------
    PluginError
        For operators of other domains, constants outside the file or not finite, outputs that are no tensors,
        names that do not fit the graph, and graphs that are not valid ONNX.
    """
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    model = retarget(model)
    graph = model.graph
    if graph.sparse_initializer:
        raise PluginError("the graph has sparse constants", hint="export dense ones")
    feeds = _feeds(graph, inputs)
    kept = _kept(graph, outputs, keep)
    # an output that is an input, a constant or another output too gets a name, and a node, of its own
    taken = {each.name for each in (*feeds, *graph.initializer)}
    copies: list[NodeProto] = []
    sources: dict[str, str] = {}
    for new, value in zip(outputs, kept, strict=True):
        if value.name in taken or value.name in sources:
            copies.append(NodeProto(op_type="Identity", input=[value.name], output=[f"\0{new}"]))
            sources[f"\0{new}"] = new
        else:
            sources[value.name] = new
    names = _Names(dict(zip((each.name for each in feeds), inputs, strict=True)) | sources)
    nodes, weights = _body([*graph.node, *copies], sources, graph.initializer, names)
    tidied = helper.make_graph(
        nodes,
        GRAPH_NAME,
        [_signature(each, name) for each, name in zip(feeds, inputs, strict=True)],
        [_signature(each, name) for each, name in zip(kept, outputs, strict=True)],
        weights,
    )
    return finished(tidied)


def finished(graph: GraphProto) -> ModelProto:
    """Return the model of a graph that is in its final form.

    Raises
    ------
    PluginError
        Where the graph is not valid ONNX.
    """
    opsets = [helper.make_opsetid(domain, version) for domain, version in sorted(OPSETS.items())]
    model = helper.make_model(graph, producer_name=PRODUCER, opset_imports=opsets, ir_version=IR_VERSION)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        reason = " ".join(str(error).split())[:300]
        raise PluginError(f"the graph is not valid ONNX: {reason}", hint="fix the export") from error
    return model


def score_graph(
    nodes: Sequence[NodeProto], constants: Mapping[str, np.ndarray[Any, Any]], *, dimension: int, n_targets: int
) -> ModelProto:
    """Return the tidy graph ``embedding (n, d) -> scores (n, k)`` of some nodes, with these constants."""
    graph = helper.make_graph(
        nodes,
        GRAPH_NAME,
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [ROWS, dimension])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [ROWS, n_targets])],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    return tidy(finished(graph), inputs=["embedding"], outputs=["scores"])


class _Names:
    """Hands out ``value_0``, ``value_1``, ... in the order in which values appear."""

    def __init__(self, given: dict[str, str]) -> None:
        self._new = dict(given)
        self._reserved = frozenset(given.values())
        self._counts = {kind: count() for kind in ("value", "weight", "node")}

    def _next(self, kind: str) -> str:
        return next(name for i in self._counts[kind] if (name := f"{kind}_{i}") not in self._reserved)

    def weight(self, old: str) -> str:
        return self._new.setdefault(old, "") or self._assign(old, "weight")

    def value(self, old: str) -> str:
        return self._new.setdefault(old, "") or self._assign(old, "value")

    def node(self, _old: str) -> str:
        return self._next("node")

    def _assign(self, old: str, kind: str) -> str:
        self._new[old] = self._next(kind)
        return self._new[old]


def _feeds(graph: GraphProto, inputs: Sequence[str]) -> list[ValueInfoProto]:
    """Return the inputs that a caller feeds: old graphs list constants among them."""
    constants = {each.name for each in graph.initializer}
    feeds = [each for each in graph.input if each.name not in constants]
    if len(feeds) != len(inputs):
        got = ", ".join(each.name for each in feeds) or "none"
        raise PluginError(f"the graph has {len(feeds)} inputs ({got}); {len(inputs)} are wanted: {', '.join(inputs)}")
    return feeds


def _kept(graph: GraphProto, outputs: Sequence[str], keep: Sequence[str] | None) -> list[ValueInfoProto]:
    """Return the outputs to keep, in the order asked for."""
    by_name = {each.name: each for each in graph.output}
    wanted = list(by_name) if keep is None else list(keep)
    missing = [name for name in wanted if name not in by_name]
    if missing or len(wanted) != len(outputs):
        raise PluginError(
            f"the graph has the outputs {', '.join(by_name)}; wanted: {', '.join(missing or outputs)}",
            hint="name the outputs to keep",
        )
    return [by_name[name] for name in wanted]


def _body(
    nodes: Sequence[NodeProto], outputs: Iterable[str], constants: Sequence[TensorProto], names: _Names
) -> tuple[list[NodeProto], list[TensorProto]]:
    """Return the nodes and constants that ``outputs`` need: stripped copies, renamed in order of use."""
    by_name = {each.name: each for each in constants}
    kept = [_stripped(node) for node in needed(nodes, outputs)]
    read = dict.fromkeys(name for node in kept for name in _read_in_order(node) if name in by_name)
    weights = []
    for name in read:
        weight = TensorProto()
        weight.CopyFrom(by_name[name])
        weights.append(_plain_tensor(weight, f"the constant '{name}'", names.weight(name)))
    for node in kept:
        rename_node(node, names.value, names.node)
    return kept, weights


def _read_in_order(node: NodeProto) -> list[str]:
    """Return what a node reads, its own inputs first: a set's order would differ between processes."""
    own = [name for name in node.input if name]
    return own + sorted(reads(node).difference(own))


def _stripped(node: NodeProto) -> NodeProto:
    """Copy a node: no notes, attributes sorted, constants checked, subgraphs reduced to what they need."""
    copy = NodeProto(op_type=node.op_type, domain=node.domain, name=node.name, input=node.input, output=node.output)
    for attribute in sorted(node.attribute, key=lambda each: each.name):
        if attribute.type in (AttributeProto.SPARSE_TENSOR, AttributeProto.SPARSE_TENSORS):
            raise PluginError(f"a {node.op_type} has a sparse constant", hint="export dense ones")
        added = copy.attribute.add()
        added.CopyFrom(attribute)
        added.ClearField("doc_string")
        where = f"the attribute {attribute.name} of a {node.op_type}"
        _check_finite(np.array([*added.floats, added.f], np.float32), where)
        for tensor in (*((added.t,) if added.HasField("t") else ()), *added.tensors):
            _plain_tensor(tensor, where, "")
    for graph in subgraphs(copy):
        _strip_subgraph(graph)
    return copy


def _strip_subgraph(graph: GraphProto) -> None:
    """Reduce a nested graph, in place, to what its outputs need."""
    if graph.sparse_initializer:
        raise PluginError("the graph has sparse constants", hint="export dense ones")
    nodes = [_stripped(node) for node in needed(graph.node, [each.name for each in graph.output])]
    read = {name for node in nodes for name in reads(node)} | {each.name for each in graph.output}
    weights = [each for each in graph.initializer if each.name in read]
    kept = GraphProto(
        name=GRAPH_NAME,
        node=nodes,
        input=[_signature(each, each.name, rows=False) for each in graph.input],
        output=[_signature(each, each.name, rows=False) for each in graph.output],
        initializer=[_plain_tensor(each, f"the constant '{each.name}'", each.name) for each in weights],
    )
    graph.CopyFrom(kept)


def _plain_tensor(tensor: TensorProto, where: str, name: str) -> TensorProto:
    """Name a constant and strip its notes, in place; refuse it where it is elsewhere or not finite."""
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise PluginError(f"{where} is kept outside the graph", hint="save the model with its data inside")
    if tensor.data_type in _FLOATING:
        _check_finite(np.asarray(numpy_helper.to_array(tensor), np.float64), where)
    for field in ("doc_string", "metadata_props", "data_location"):
        tensor.ClearField(field)
    tensor.name = name
    return tensor


def _check_finite(values: np.ndarray[tuple[int, ...], np.dtype[np.floating]], where: str) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        raise PluginError(
            f"{where} holds {int((~finite).sum())} numbers that are not finite",
            hint="train again; where a bound is meant, use the largest finite float",
        )


def _signature(value: ValueInfoProto, name: str, *, rows: bool = True) -> ValueInfoProto:
    """Return a value's name and type; where ``rows``, a first dimension that is not fixed is called n."""
    kind: TypeProto = value.type
    if not kind.HasField("tensor_type"):
        if rows:
            raise PluginError(
                f"'{value.name}' is no tensor", hint="with skl2onnx, convert with options={'zipmap': False}"
            )
        bare = ValueInfoProto(name=name)
        bare.type.CopyFrom(kind)
        return bare
    shape = None
    if kind.tensor_type.HasField("shape"):
        shape = [each.dim_value if each.HasField("dim_value") else None for each in kind.tensor_type.shape.dim]
    named: list[int | str | None] | None = None
    if shape is not None:
        named = [ROWS if rows and axis == 0 and size is None else size for axis, size in enumerate(shape)]
    return helper.make_tensor_value_info(name, kind.tensor_type.elem_type, named)
