"""The operators that a text encoder may use, each with the rule that gives the shapes of what it makes.

Unlike a policy's, these shapes are exact: a text's ids have one known length, and exporters compute shapes from it by
arithmetic, which is followed here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer_spec.runtime.graph_operators import OPERATORS, PLAINER, Inputs, Rule, node_name
from tracer_spec.runtime.graph_reader import MAX_ITEMS, Node, Shape, Value
from tracer_spec.runtime.tensor_check import GraphRefusedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONTRIB = "com.microsoft"
MIXING = frozenset((("", "DynamicQuantizeLinear"), (CONTRIB, "DynamicQuantizeMatMul")))
"""Operators that take a scale from the whole of a batch, so that a text's vector depends on the texts beside it."""

_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Max": np.maximum, "Min": np.minimum, "Equal": np.equal,
    "Greater": np.greater, "GreaterOrEqual": np.greater_equal, "Less": np.less, "LessOrEqual": np.less_equal,
    "And": np.logical_and, "Or": np.logical_or, "Where": np.where, "Div": lambda a, b: np.trunc(a / b),
}  # fmt: skip


def _known(shape: Shape, items: NDArray[Any] | None = None) -> Value:
    """Return a value of an exact shape, with its whole numbers where they are known and few."""
    kept = items is not None and items.size <= MAX_ITEMS
    return Value(
        shape, tuple(int(item) for item in items.ravel()) if kept and items is not None else None, is_exact=True
    )


def _items(node: Node, value: Value) -> NDArray[np.int64]:
    """Return the whole numbers of a value that decides a shape."""
    if value.items is None:
        raise GraphRefusedError(f"has {node_name(node)} whose shape cannot be told beforehand", PLAINER)
    return np.array(value.items, np.int64).reshape(value.shape)


def _elementwise(node: Node, inputs: Inputs) -> list[Value]:
    """Broadcast; whole numbers that are all known are computed."""
    shape = tuple(np.broadcast_shapes(*(each.shape for each in inputs)))
    operation = _ARITHMETIC.get(node.op[1])
    if operation is None or any(each.items is None for each in inputs):
        return [_known(shape)]
    given = [_items(node, each) for each in inputs]
    if node.op[1] == "Div" and not np.all(given[1]):
        raise ValueError("division by zero")
    return [_known(shape, np.asarray(operation(*given)))]


def _shape(node: Node, inputs: Inputs) -> list[Value]:
    part = inputs[0].shape[node.integer("start", 0) : node.integer("end", len(inputs[0].shape))]
    return [_known((len(part),), np.array(part, np.int64))]


def _constant_of_shape(node: Node, inputs: Inputs) -> list[Value]:
    shape = tuple(_items(node, inputs[0]).tolist())
    filled = node.attributes["value"].tensor() if "value" in node.attributes else None
    if filled is None or filled.items is None or math.prod(shape) > MAX_ITEMS:
        return [_known(shape)]
    return [_known(shape, np.full(shape, filled.items[0]))]


def _range(node: Node, inputs: Inputs) -> list[Value]:
    start, stop, step = (_items(node, each).item() for each in inputs)
    size = len(range(start, stop, step))
    return [_known((size,), np.arange(start, stop, step) if size <= MAX_ITEMS else None)]


def _slice(node: Node, inputs: Inputs) -> list[Value]:
    value, starts, stops = inputs[0], _items(node, inputs[1]), _items(node, inputs[2])
    axes = _items(node, inputs[3]) if len(inputs) > 3 else np.arange(len(starts))
    steps = _items(node, inputs[4]) if len(inputs) > 4 else np.ones(len(starts), np.int64)
    cuts = [slice(None)] * len(value.shape)
    for axis, start, stop, step in zip(*(each.ravel().tolist() for each in (axes, starts, stops, steps)), strict=True):
        # from the end to the start, both are often written as a number below all
        cuts[axis] = slice(start, None if step < 0 and stop < -value.shape[axis] else stop, step)
    shape = tuple(len(range(size)[cut]) for size, cut in zip(value.shape, cuts, strict=True))
    return [_known(shape, None if value.items is None else _items(node, value)[tuple(cuts)])]


def _split(node: Node, inputs: Inputs) -> list[Value]:
    shape, n = inputs[0].shape, len(node.outputs)
    axis = range(len(shape))[node.integer("axis", 0)]
    sizes = _items(node, inputs[1]).tolist() if len(inputs) > 1 else node.integers("split").tolist()
    if not sizes:
        size = -(-shape[axis] // n)
        sizes = [size] * (n - 1) + [shape[axis] - size * (n - 1)]
    if sum(sizes) != shape[axis] or len(sizes) != n:
        raise ValueError("split")
    return [_known((*shape[:axis], size, *shape[axis + 1 :])) for size in sizes]


def _gather_nd(node: Node, inputs: Inputs) -> list[Value]:
    data, places = (each.shape for each in inputs)
    return [_known(places[:-1] + data[node.integer("batch_dims", 0) + places[-1] :])]


def _unsqueeze(node: Node, inputs: Inputs) -> list[Value]:
    value = inputs[0]
    axes = _items(node, inputs[1]).ravel() if len(inputs) > 1 else node.integers("axes")
    rank = len(value.shape) + len(axes)
    places = {range(rank)[axis] for axis in axes.tolist()}
    sizes = iter(value.shape)
    return [Value(tuple(1 if at in places else next(sizes) for at in range(rank)), value.items, is_exact=True)]


def _squeeze(node: Node, inputs: Inputs) -> list[Value]:
    value, rank = inputs[0], len(inputs[0].shape)
    axes = (_items(node, inputs[1]).ravel() if len(inputs) > 1 else node.integers("axes")).tolist()
    places = {range(rank)[axis] for axis in axes} or {at for at, size in enumerate(value.shape) if size == 1}
    if any(value.shape[at] != 1 for at in places):
        raise ValueError("axes")
    return [Value(tuple(size for at, size in enumerate(value.shape) if at not in places), value.items, is_exact=True)]


def _matmul(node: Node, inputs: Inputs) -> list[Value]:
    """Multiply the last two axes, of the first and second input or, for QLinearMatMul, fourth."""
    left, right = inputs[0].shape, inputs[3 if node.op[1] == "QLinearMatMul" else 1].shape
    if node.integer("transA", 0):
        left = (*left[:-2], left[-1], left[-2])
    if node.integer("transB", 0):
        right = (*right[:-2], right[-1], right[-2])
    if node.integer("transBatchA", 0) or node.integer("transBatchB", 0) or len(left) < 2 or len(right) < 2:
        raise ValueError("axes")
    return [_known((*np.broadcast_shapes(left[:-2], right[:-2]), left[-2], right[-1]))]


def _matmul_bits(node: Node, inputs: Inputs) -> list[Value]:
    return [_known((*inputs[0].shape[:-1], node.integer("N", 0)))]


def _as_first(node: Node, inputs: Inputs) -> list[Value]:
    return [_known(inputs[0].shape) for _ in node.outputs]


def _quantized(_node: Node, inputs: Inputs) -> list[Value]:
    return [_known(inputs[0].shape), _known(()), _known(())]


def _normalized(_node: Node, inputs: Inputs) -> list[Value]:
    """Return the values, their means, deviations and, where there is a skip, the sum."""
    means = _known((*inputs[0].shape[:-1], 1))
    return [_known(inputs[0].shape), means, means, _known(inputs[0].shape)]


def _attention(_node: Node, inputs: Inputs) -> list[Value]:
    """Attend with weights of query, key and value side by side."""
    return [_known((*inputs[0].shape[:-1], inputs[1].shape[-1] // 3))]


def _many_heads(_node: Node, inputs: Inputs) -> list[Value]:
    """Attend with queries, keys and values (batch, tokens, width) that are given apart."""
    if any(len(each.shape) != 3 for each in inputs[:3]):
        raise ValueError("packed")
    return [_known((*inputs[0].shape[:-1], inputs[2].shape[-1]))]


def _embedded(_node: Node, inputs: Inputs) -> list[Value]:
    """Look up words and positions: ids (batch, tokens) first, the table of words, in float, among the rest."""
    width = inputs[-1].shape[-1] if inputs[-1].shape else 0
    tables = [each.shape[-1] for each in inputs if len(each.shape) == 2 and each.shape != inputs[0].shape]
    batch, tokens = inputs[0].shape
    summed = _known((batch, tokens, max([width, *tables])))
    return [summed, _known((batch,)), summed]


def extra_cost(node: Node, inputs: Inputs, outputs: Inputs) -> int:
    """Return a quarter of a node's multiplications; what attends is taken for dearer than it is."""
    name = node.op[1]
    if "MatMul" in name or name == "Gemm":
        return math.prod(outputs[0].shape) * max(inputs[0].shape[-2:], default=1) // 4
    if "Attention" in name:
        width, tokens = inputs[0].shape[-1], inputs[0].shape[-2]
        return math.prod(outputs[0].shape) * (3 * width + 2 * tokens) // 4
    return 0


_SHAPED = (
    "ArgMax ArgMin Cast Concat Constant Expand Flatten Gather GatherElements Gemm Identity Pad ReduceL2 ReduceMax "
    "ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Reshape Tile Transpose"
)
_BROADCAST = (
    "Add And Clip Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean Min Mod Mul Not Or PRelu Pow "
    "Sub Sum Where Xor"
)
_PLAIN = (
    "Abs Ceil Cos CumSum Dropout Elu Erf Exp Floor Gelu HardSigmoid HardSwish IsInf IsNaN LayerNormalization LeakyRelu Log "
    "LogSoftmax LpNormalization Mish Neg RMSNormalization Reciprocal Relu Round ScatterElements ScatterND Sigmoid Sign Sin "
    "Softmax Softplus Sqrt Tanh Trilu DequantizeLinear QuantizeLinear SimplifiedLayerNormalization"
)
ENCODER_OPERATORS: dict[tuple[str, str], Rule] = {
    **{("", name): OPERATORS["", name] for name in _SHAPED.split()},
    **{("", name): _elementwise for name in _BROADCAST.split()},
    **{("", name): _as_first for name in _PLAIN.split()},
    ("", "ConstantOfShape"): _constant_of_shape,
    ("", "DynamicQuantizeLinear"): _quantized,
    ("", "GatherND"): _gather_nd,
    ("", "LayerNormalization"): _normalized,
    ("", "Range"): _range,
    ("", "Shape"): _shape,
    ("", "Slice"): _slice,
    ("", "Split"): _split,
    ("", "Squeeze"): _squeeze,
    ("", "Unsqueeze"): _unsqueeze,
    **{("", name): _matmul for name in ("MatMul", "MatMulInteger", "QLinearMatMul")},
    **{(CONTRIB, name): _matmul for name in ("DynamicQuantizeMatMul", "FusedMatMul", "MatMulIntegerToFloat")},
    **{(CONTRIB, name): _elementwise for name in ("BiasGelu", "FastGelu", "Gelu", "QuickGelu")},
    **{(CONTRIB, name): _normalized for name in ("SkipLayerNormalization", "SkipSimplifiedLayerNormalization")},
    **{(CONTRIB, name): _attention for name in ("Attention", "QAttention")},
    (CONTRIB, "EmbedLayerNormalization"): _embedded,
    (CONTRIB, "MatMulNBits"): _matmul_bits,
    (CONTRIB, "MultiHeadAttention"): _many_heads,
    (CONTRIB, "RotaryEmbedding"): _as_first,
}
"""(domain, operator) to the rule of its shapes: what exporters and ONNX Runtime's own optimiser write for encoders."""
