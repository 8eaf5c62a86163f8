"""The operators that a policy may use, each with the rule that bounds the shapes of what it gives.

A rule takes upper bounds of its inputs' shapes and returns upper bounds of its outputs'. A shape that depends on more than
shapes and constants is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

from tracer_spec.runtime.graph_reader import MAX_ITEMS, Node, Shape, Value
from tracer_spec.runtime.tensor_check import GraphRefusedError

ML = "ai.onnx.ml"
PLAINER = "export it without this operator; docs/plugins.md lists the operators that a graph may use"

Inputs: TypeAlias = Sequence[Value]
Rule: TypeAlias = Callable[[Node, Inputs], "list[Value]"]

# onnx.proto's TensorProto.DataType, and AttributeProto.AttributeType of each attribute of Constant
_INT32, _INT64, _STRING, _INT32_END = 6, 7, 8, 1 << 31
_CONSTANTS = {
    "value": 4, "value_float": 1, "value_int": 2, "value_string": 3, "value_floats": 6, "value_ints": 7, "value_strings": 8,
}  # fmt: skip


def branch(_node: Node, _inputs: Inputs) -> list[Value]:
    """Stand for If, whose branches have to be followed first."""
    raise AssertionError("the branches of an If are followed by graph_cost")


def largest(*shapes: Shape) -> Shape:
    """Return bounds of shapes that are one another's alternatives."""
    if len({len(shape) for shape in shapes}) != 1:
        raise GraphRefusedError("has branches that give different numbers of dimensions", PLAINER)
    return tuple(map(max, zip(*shapes, strict=True)))


def _elementwise(_node: Node, inputs: Inputs) -> list[Value]:
    return [Value(_broadcast(*(each.shape for each in inputs)))]


def _as_first(_node: Node, inputs: Inputs) -> list[Value]:
    return [inputs[0]]


def _same_shape(_node: Node, inputs: Inputs) -> list[Value]:
    return [Value(inputs[0].shape)]


def _twice_same_shape(_node: Node, inputs: Inputs) -> list[Value]:
    return [Value(inputs[0].shape), Value(inputs[0].shape)]


def _axes(node: Node, inputs: Inputs, rank: int) -> list[int] | None:
    """Return the axes of a node, of its second input or its attribute; None where there are none."""
    if len(inputs) > 1:
        if inputs[1].items is None or not inputs[1].is_exact:
            raise GraphRefusedError(f"has {node_name(node)} whose axes are no constant", PLAINER)
        axes = list(inputs[1].items)
    elif "axes" in node.attributes:
        axes = node.integers("axes").tolist()
    else:
        return None
    return [_axis(axis, rank) for axis in axes]


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < max(rank, 1):
        raise IndexError(axis)
    return axis % max(rank, 1)


def _reduce(node: Node, inputs: Inputs) -> list[Value]:
    shape = inputs[0].shape
    axes = _axes(node, inputs, len(shape))
    if not axes and not node.integer("noop_with_empty_axes", 0):
        axes = list(range(len(shape)))
    return [Value(_without(shape, axes or [], keep=bool(node.integer("keepdims", 1))))]


def _arg(node: Node, inputs: Inputs) -> list[Value]:
    shape = inputs[0].shape
    axis = _axis(node.integer("axis", 0), len(shape))
    return [Value(_without(shape, [axis], keep=bool(node.integer("keepdims", 1))))]


def _without(shape: Shape, axes: Sequence[int], *, keep: bool) -> Shape:
    return tuple(1 if place in axes else size for place, size in enumerate(shape) if keep or place not in axes)


def _matmul(_node: Node, inputs: Inputs) -> list[Value]:
    left, right = (each.shape for each in inputs)
    rows, columns = (left[-2:-1] if len(left) > 1 else ()), (right[-1:] if len(right) > 1 else ())
    return [Value(_broadcast(left[:-2], right[:-2]) + rows + columns)]


def _gemm(node: Node, inputs: Inputs) -> list[Value]:
    left, right = inputs[0].shape, inputs[1].shape
    rows, columns = left[node.integer("transA", 0) != 0], right[node.integer("transB", 0) == 0]
    return [Value((rows, columns))]


def _gather(node: Node, inputs: Inputs) -> list[Value]:
    data, places = inputs[:2]
    axis = _axis(node.integer("axis", 0), len(data.shape))
    items: Shape | None = None
    if data.items is not None and places.is_exact and places.items is not None and len(data.shape) == 1:
        items = tuple(data.items[place] for place in places.items)
    return [Value(data.shape[:axis] + places.shape + data.shape[axis + 1 :], items, data.is_exact)]


def _as_second(_node: Node, inputs: Inputs) -> list[Value]:
    return [Value(inputs[1].shape)]


def _nonzero(_node: Node, inputs: Inputs) -> list[Value]:
    return [Value((max(len(inputs[0].shape), 1), math.prod(inputs[0].shape)))]


def _squeeze(node: Node, inputs: Inputs) -> list[Value]:
    value = inputs[0]
    axes = _axes(node, inputs, len(value.shape))
    if axes is None:
        raise GraphRefusedError(f"has {node_name(node)} without axes", PLAINER)
    return [Value(_without(value.shape, axes, keep=False), value.items, value.is_exact)]


def _unsqueeze(node: Node, inputs: Inputs) -> list[Value]:
    value = inputs[0]
    rank = len(value.shape) + len(inputs[1].items or ())
    axes = _axes(node, inputs, rank) or []
    if len(set(axes)) != len(axes):
        raise ValueError("axes")
    sizes = iter(value.shape)
    return [Value(tuple(1 if at in axes else next(sizes) for at in range(rank)), value.items, value.is_exact)]


def _flatten(node: Node, inputs: Inputs) -> list[Value]:
    shape, axis = inputs[0].shape, node.integer("axis", 1)
    return [Value((math.prod(shape[:axis]), math.prod(shape[axis:])))]


def _transpose(node: Node, inputs: Inputs) -> list[Value]:
    shape = inputs[0].shape
    order = node.integers("perm").tolist() if "perm" in node.attributes else list(reversed(range(len(shape))))
    return [Value(tuple(shape[place] for place in order))]


def _concat(node: Node, inputs: Inputs) -> list[Value]:
    shapes = [each.shape for each in inputs]
    axis = _axis(node.integer("axis", 0), len(shapes[0]))
    bounds = largest(*shapes)
    size = sum(shape[axis] for shape in shapes)
    lists = [each.items for each in inputs]
    is_known = len(bounds) == 1 and size <= MAX_ITEMS and None not in lists
    items = tuple(item for each in lists for item in each or ()) if is_known else None
    exact = all(each.is_exact for each in inputs)
    return [Value((*bounds[:axis], size, *bounds[axis + 1 :]), items, exact)]


def _split(node: Node, inputs: Inputs) -> list[Value]:
    return [Value(inputs[0].shape)] * len(node.outputs)


def _size(_node: Node, _inputs: Inputs) -> list[Value]:
    return [Value(())]


def _features(_node: Node, inputs: Inputs) -> list[Value]:
    data, places = (each.shape for each in inputs)
    return [Value((data[:-1] or (1,)) + (math.prod(places),))]


def _classifier(node: Node, inputs: Inputs) -> list[Value]:
    """Labels, and as many scores as there are classes; or, for some, pairs of them."""
    names = ("classlabels_int64s", "classlabels_ints", "classlabels_int64", "classlabels_strings")
    k = max(1, *(node.n_items(name) for name in names))
    n = n_rows(inputs)
    return [Value((n,)), Value((n, k * max(k - 1, 2) // 2 if node.op[1] == "SVMClassifier" else max(k, 2)))]


def _regressor(node: Node, inputs: Inputs) -> list[Value]:
    name = "n_targets" if node.op[1] == "TreeEnsembleRegressor" else "targets"
    return [Value((n_rows(inputs), max(node.integer(name, 1), 1)))]


def n_rows(inputs: Inputs) -> int:
    """Return the rows of the first input; a vector is one."""
    shape = inputs[0].shape
    return shape[0] if len(shape) > 1 else 1


def trees(node: Node, inputs: Inputs) -> list[Value]:
    """Bound what an ensemble of trees gives."""
    return _classifier(node, inputs) if node.op[1] == "TreeEnsembleClassifier" else _regressor(node, inputs)


def node_name(node: Node) -> str:
    """Name a node for a message."""
    return f"a node of {node.op[1]} that gives {', '.join(node.outputs)[:80]!r}"


def _broadcast(*shapes: Shape) -> Shape:
    rank = max(map(len, shapes))
    return tuple(map(max, zip(*((1,) * (rank - len(shape)) + shape for shape in shapes), strict=True)))


def _cast(node: Node, inputs: Inputs) -> list[Value]:
    """Keep whole numbers that no cast changes; numbers become no texts."""
    (value,), kind = inputs, node.integer("to", 0)
    if kind == _STRING:
        raise GraphRefusedError(f"has {node_name(node)} that makes texts of numbers", PLAINER)
    kept = kind in (_INT32, _INT64) and all(-_INT32_END <= item < _INT32_END for item in value.items or ())
    return [Value(value.shape, value.items if kept else None, value.is_exact)]


def _wanted(node: Node, value: Value) -> Shape:
    """Return a shape that an input holds."""
    if value.items is None:
        raise GraphRefusedError(f"has {node_name(node)} whose shape cannot be told beforehand", PLAINER)
    return value.items


def _reshape(node: Node, inputs: Inputs) -> list[Value]:
    value, wanted = inputs[0], _wanted(node, inputs[1])
    if not inputs[1].is_exact:
        n = math.prod(value.shape)
        return [Value(tuple(n if size < 0 else min(size, n) for size in wanted), value.items, value.is_exact)]
    copied = {at for at, size in enumerate(wanted) if size == 0}
    given = math.prod(size for size in wanted if size > 0)
    rest = math.prod(size for at, size in enumerate(value.shape) if at not in copied) // given
    shape = tuple(rest if size < 0 else value.shape[at] if at in copied else size for at, size in enumerate(wanted))
    return [Value(shape, value.items, value.is_exact)]


def _pad(node: Node, inputs: Inputs) -> list[Value]:
    pads, shape = _wanted(node, inputs[1]), inputs[0].shape
    if len(pads) != 2 * len(shape) or len(node.inputs) > 3:  # the fourth says which axes are padded
        raise ValueError("pads")
    before, after = pads[: len(shape)], pads[len(shape) :]
    return [Value(tuple(size + max(a, 0) + max(b, 0) for size, a, b in zip(shape, before, after, strict=True)))]


def _expand(node: Node, inputs: Inputs) -> list[Value]:
    return [Value(_broadcast(inputs[0].shape, _wanted(node, inputs[1])))]


def _tile(node: Node, inputs: Inputs) -> list[Value]:
    return [Value(tuple(a * b for a, b in zip(inputs[0].shape, _wanted(node, inputs[1]), strict=True)))]


def _constant_of_shape(node: Node, inputs: Inputs) -> list[Value]:
    return [Value(tuple(_wanted(node, inputs[0])))]


def _constant(node: Node, _inputs: Inputs) -> list[Value]:
    """Give a constant that is an attribute of its node; ONNX Runtime goes by the attribute's type, and not by its name."""
    (name,) = node.attributes
    attribute = node.attributes[name]
    if attribute.kind != _CONSTANTS.get(name):
        raise ValueError(name)
    if name == "value":
        value = attribute.tensor()
        if value is None:
            raise ValueError(name)
        return [value]
    if name == "value_ints":
        items = tuple(attribute.integers().tolist())
        return [Value((len(items),), items if len(items) <= MAX_ITEMS else None, is_exact=True)]
    if name == "value_int":
        return [Value((), (attribute.integer(),), is_exact=True)]
    return [Value(() if name in ("value_float", "value_string") else (attribute.n_items(),))]


def _shape(node: Node, inputs: Inputs) -> list[Value]:
    shape = inputs[0].shape
    part = shape[node.integer("start", 0) : node.integer("end", len(shape))]
    return [Value((len(part),), part)]


_BY_RULE: dict[Rule, tuple[str, str]] = {
    _elementwise: (
        "",
        "Add And BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Clip Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean "
        "Min Mod Mul Or PRelu Pow Sub Sum Where Xor",
    ),
    _same_shape: (
        "",
        "Abs Acos Asin Atan BatchNormalization Ceil Celu Cos CumSum Elu Erf Exp Floor HardSigmoid HardSwish Hardmax "
        "IsInf IsNaN LayerNormalization LeakyRelu Log LogSoftmax LpNormalization Mish Neg Not Reciprocal Relu Round "
        "ScatterElements Selu Sigmoid Sign Sin Slice Softmax Softplus Softsign Sqrt Tanh ThresholdedRelu",
    ),
    _reduce: (
        "",
        "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare",
    ),
    _arg: ("", "ArgMax ArgMin"),
    _features: (ML, "ArrayFeatureExtractor"),
    _classifier: (ML, "LinearClassifier SVMClassifier"),
    _regressor: (ML, "LinearRegressor SVMRegressor"),
    trees: (ML, "TreeEnsembleClassifier TreeEnsembleRegressor"),
}
_ALONE: dict[str, Rule] = {
    "Cast": _cast, "Concat": _concat, "Constant": _constant, "ConstantOfShape": _constant_of_shape, "Expand": _expand,
    "Flatten": _flatten, "Gather": _gather, "GatherElements": _as_second, "Gemm": _gemm, "Identity": _as_first,
    "If": branch, "MatMul": _matmul, "NonZero": _nonzero, "Pad": _pad, "Reshape": _reshape, "Shape": _shape, "Size": _size,
    "Split": _split, "Squeeze": _squeeze, "Tile": _tile, "TopK": _twice_same_shape, "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}  # fmt: skip
OPERATORS: dict[tuple[str, str], Rule] = {
    **{(domain, name): rule for rule, (domain, names) in _BY_RULE.items() for name in names.split()},
    **{("", name): rule for name, rule in _ALONE.items()},
    **{(ML, name): _same_shape for name in ("Binarizer", "Imputer", "LabelEncoder", "Normalizer", "Scaler")},
}
"""(domain, operator) to the rule that bounds what it gives: the operators of the compiler, and of plugins' converters."""
