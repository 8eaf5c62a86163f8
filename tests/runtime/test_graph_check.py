from __future__ import annotations

import collections
import itertools
import math
import sys
import time

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper, parser

from tracer_spec.errors import BundleError
from tracer_spec.runtime.graph_check import check_graph


def refuse(model, message):
    data = model if isinstance(model, bytes) else model.SerializeToString()
    with pytest.raises(BundleError, match=message) as caught:
        check_graph(data)
    assert caught.value.problems[0].address == "policy.onnx"
    assert caught.value.problems[0].hint


def model_with(*tensors, nodes=(), **options):
    """Return a model whose graph has these constants."""
    graph = helper.make_graph(list(nodes), "g", [], [], initializer=list(tensors))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], **options)


def length_delimited(number, content):
    size, out = len(content), bytearray([number << 3 | 2])
    while size > 0x7F:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*out, size]) + content


def computing(*nodes, constants=(), shape=("n", 4)):
    """Return a model, serialised, of a graph from the input x."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))
    graph = helper.make_graph(list(nodes), "g", [x], [], initializer=list(constants))
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets).SerializeToString()


def node(op="Identity", **attributes):
    return helper.make_node(op, ["x"], ["y"], **attributes)


def test_the_policies_of_these_tests_pass(bundles):
    check_graph(bundles.policy_onnx())


def test_every_way_to_store_a_constant_passes():
    for dtype in (np.float32, np.float64, np.float16, np.int8, np.uint16, np.int64, np.uint64, np.bool_):
        check_graph(model_with(numpy_helper.from_array(np.ones((2, 3), dtype), "c")).SerializeToString())
    for kind, values in (
        (TensorProto.FLOAT, [1.0, 2.0]),
        (TensorProto.DOUBLE, [1.0, 2.0]),
        (TensorProto.INT32, [-1, 2**31 - 1]),
        (TensorProto.INT64, [-1, 2**62]),
        (TensorProto.UINT64, [1, 2**63]),
        (TensorProto.BOOL, [True, False]),
    ):
        check_graph(model_with(helper.make_tensor("c", kind, [2], values)).SerializeToString())
    check_graph(model_with(helper.make_tensor("c", TensorProto.FLOAT, [], [1.0])).SerializeToString())
    check_graph(model_with(helper.make_tensor("c", TensorProto.FLOAT, [0], [])).SerializeToString())


def external(tensor):
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    return tensor


def plain():
    return numpy_helper.from_array(np.ones(3, np.float32), "weights")


def test_a_constant_in_another_file_is_refused():
    refuse(model_with(external(plain())), "keeps a constant in another file")
    hidden = plain()
    hidden.external_data.add().key = "location"
    refuse(model_with(hidden), "keeps a constant in another file")
    marked = plain()
    marked.data_location = TensorProto.EXTERNAL
    refuse(model_with(marked), "keeps a constant in another file")
    inside = node("Constant", value=external(plain()))
    refuse(model_with(nodes=[inside]), "keeps a constant in another file")


def test_a_constant_in_another_file_inside_a_branch_is_refused():
    branch = helper.make_graph([node("Constant", value=external(plain()))], "then", [], [])
    refuse(model_with(nodes=[node("If", then_branch=branch)]), "keeps a constant in another file")
    loose = helper.make_graph([], "then", [], [], initializer=[external(plain())])
    refuse(model_with(nodes=[node("If", then_branch=loose)]), "keeps a constant in another file")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_a_weight_that_is_not_finite_is_refused_wherever_it_is_kept(value, dtype):
    array = np.array([0, value, 0], dtype)
    raw = numpy_helper.from_array(array, "weights")
    refuse(model_with(raw), "not finite in the constant 'weights'")
    refuse(model_with(nodes=[node("Constant", value=raw)]), "not finite")
    if dtype is not np.float16:
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        refuse(
            model_with(helper.make_tensor("weights", kind, [3], array)),
            "not finite in the constant 'weights'",
        )
    refuse(model_with(nodes=[node("LeakyRelu", alpha=float(value))]), "not finite in an attribute")
    refuse(
        model_with(nodes=[node("TreeEnsembleRegressor", nodes_values=[1.0] * 50 + [value])]),
        "not finite in an attribute",
    )
    refuse(model_with(nodes=[node("TreeEnsembleRegressor", nodes_values=[value])]), "not finite in an attribute")


def test_a_bfloat16_that_is_not_finite_is_refused():
    good, bad = (
        TensorProto(name="w", data_type=TensorProto.BFLOAT16, dims=[1], raw_data=raw)
        for raw in (b"\x80\x3f", b"\x80\x7f")
    )
    check_graph(model_with(good).SerializeToString())
    refuse(model_with(bad), "not finite")


def test_operators_of_other_domains_are_refused():
    refuse(
        model_with(nodes=[node(domain="com.microsoft")]),
        "operators of the domain 'com.microsoft'; allowed: '', ai.onnx, ai.onnx.ml",
    )
    custom = helper.make_model(helper.make_graph([], "g", [], []), opset_imports=[helper.make_opsetid("my.ops", 1)])
    refuse(custom, "operators of the domain 'my.ops'")
    branch = helper.make_graph([node(domain="my.ops")], "then", [], [])
    refuse(model_with(nodes=[node("If", then_branch=branch)]), "operators of the domain 'my.ops'")
    check_graph(computing(helper.make_node("Normalizer", ["x"], ["y"], domain="ai.onnx.ml")))


def test_more_than_a_plain_computation_is_refused():
    function = helper.make_function("my.ops", "f", ["x"], ["y"], [node()], [helper.make_opsetid("", 18)])
    refuse(model_with(functions=[function]), "has local functions")
    trained = model_with()
    trained.training_info.add()
    refuse(trained, "has a training part")
    refuse(computing(node("RandomNormalLike")), "uses the operator 'RandomNormalLike', which a policy may not")
    sparse = helper.make_sparse_tensor(plain(), helper.make_tensor("i", TensorProto.INT64, [3], [0, 1, 2]), [9])
    with_sparse = model_with()
    with_sparse.graph.sparse_initializer.append(sparse)
    refuse(with_sparse, "has a sparse tensor")
    overloaded = node()
    overloaded.overload = "other"
    refuse(model_with(nodes=[overloaded]), "has an overloaded function")
    referring = node("LeakyRelu", alpha=1.0)
    referring.attribute[0].ref_attr_name = "alpha"
    refuse(model_with(nodes=[referring]), "a reference to a function's attribute")
    segmented = plain()
    segmented.segment.begin = 1
    refuse(model_with(segmented), "keeps a constant in segments")


def tensor(dims, data_type=TensorProto.FLOAT, **content):
    return TensorProto(name="weights", dims=dims, data_type=data_type, **content)


@pytest.mark.parametrize(
    ("lying", "message"),
    [
        (tensor([4], raw_data=bytes(12)), "says that the constant 'weights' has 4 elements; it has 3"),
        (tensor([2], raw_data=bytes(12)), "has 2 elements; it has 3"),
        (tensor([3], raw_data=bytes(11)), "has 3 elements; it has -1"),
        (tensor([3]), "has 3 elements; it has 0"),
        (tensor([], raw_data=bytes(8)), "has 1 elements; it has 2"),
        (tensor([2**62, 0], raw_data=b""), "impossible dimensions"),
        (tensor([2**31, 2**31], raw_data=b""), "has 4611686018427387904 elements; it has 0"),
        (tensor([-1], raw_data=b""), "impossible dimensions"),
        (tensor([1] * 17, raw_data=bytes(4)), "impossible dimensions"),
        (tensor([1] * 200, raw_data=bytes(4)), "dimensions of a tensor are malformed"),
        (tensor([2], float_data=[1.0]), "has 2 elements; it has 1"),
        (tensor([2], TensorProto.INT64, int64_data=[1, 2, 3]), "has 2 elements; it has 3"),
        (tensor([1], int64_data=[1]), "in a field that does not fit its type"),
        (tensor([1], TensorProto.STRING, raw_data=b"a"), "the element type 8, which a policy may not use"),
        (tensor([1], TensorProto.STRING, string_data=[b"a"]), "the element type 8, which a policy may not use"),
        (tensor([1], string_data=[b"a"]), "in a field that does not fit its type"),
        (tensor([1], TensorProto.FLOAT16, int32_data=[0x7C00]), "in a field that does not fit its type"),
        (tensor([1], TensorProto.COMPLEX64, raw_data=bytes(8)), "the element type 14"),
        (tensor([1], 99, raw_data=bytes(8)), "the element type 99"),
    ],
)
def test_a_constant_of_another_size_or_kind_than_it_says_is_refused(lying, message):
    refuse(model_with(lying), message)


def test_two_stores_for_one_constant_are_refused():
    refuse(model_with(tensor([1], raw_data=bytes(4), float_data=[1.0])), "given twice")


def test_values_given_twice_are_refused_since_readers_differ_in_which_counts():
    graph = model_with().SerializeToString()
    refuse(graph + graph[graph.index(b"\x3a") :], "given twice")
    refuse(graph + b"\x08\x0a", "field 1 of a model is given twice")


@pytest.mark.parametrize("levels", [17, 2000])
def test_graphs_nested_beyond_the_bound_are_refused(levels):
    def nested(depth):
        graph = b""
        for _ in range(depth - 1):  # two attributes, each with a graph, of a node of a graph
            branches = [length_delimited(1, b"then_branch") + length_delimited(6, graph)]
            branches.append(length_delimited(1, b"else_branch") + length_delimited(6, b""))
            graph = length_delimited(1, length_delimited(4, b"If") + b"".join(length_delimited(5, b) for b in branches))
        return length_delimited(7, graph)

    check_graph(nested(16))
    refuse(nested(levels), "nests graphs more than 16 deep")


@pytest.mark.parametrize(
    "data",
    [
        b"\0" * 50,
        b"PK\3\4",
        b"\x08",
        b"\x3a\xff\xff\xff\xff\x0f",
        bytes(4) + b"ORTM" + bytes(100),
        b"\x0a\x02hi",
    ],
)
def test_bytes_that_are_no_model_are_refused(data):
    refuse(data, "is not an ONNX model|does not know")


def test_fields_that_this_library_does_not_know_are_refused():
    refuse(
        model_with().SerializeToString() + b"\xf2\x01\x01a",
        "a model with field 30, which this library does not know",
    )


@given(st.data())
def test_any_change_of_a_model_passes_or_is_a_bundle_error(bundles, data):
    model = bytearray(bundles.policy_onnx())
    for _ in range(data.draw(st.integers(1, 3))):
        model[data.draw(st.integers(0, len(model) - 1))] = data.draw(st.integers(0, 255))
    try:
        check_graph(bytes(model))
    except BundleError:
        return


def trees(children, **changes):
    """Return a node of one tree for each list of children: (true, false) of a branch, None for a leaf."""
    flat = [(tree, own, each) for tree, nodes in enumerate(children) for own, each in enumerate(nodes)]
    lists = {
        "nodes_treeids": [tree for tree, _, _ in flat],
        "nodes_nodeids": [own for _, own, _ in flat],
        "nodes_truenodeids": [each[0] if each else 0 for _, _, each in flat],
        "nodes_falsenodeids": [each[1] if each else 0 for _, _, each in flat],
        "nodes_modes": ["BRANCH_LEQ" if each else "LEAF" for _, _, each in flat],
        "nodes_values": [0.5] * len(flat),
        "nodes_featureids": [0] * len(flat),
        "target_weights": [0.25] * len(flat),
        "n_targets": 3,
    }
    return node("TreeEnsembleRegressor", domain="ai.onnx.ml", **lists | changes)


def forest(n_trees):
    """Return a model with tree ensembles' lists of numbers and strings, all unpacked."""
    return computing(trees([[(1, 2), None, None]] * n_trees))


def path(depth):
    """Return a tree where every second node is a leaf."""
    nodes = []
    for level in range(depth):
        nodes += [(2 * level + 1, 2 * level + 2), None]
    return [*nodes, None]


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ([(1, 2), None, None], ""),
        ([(4, 2), None, (1, 3), None, None], ""),  # children before their parents
        ([None], ""),
        (path(1000), ""),
        (path(1001), "a tree deeper than 1000"),
        ([(0, 1), None], "leads back to itself"),
        ([(1, 2), (3, 4), None, (1, 5), None, None], "two parents"),
        ([(1, 2), None, None, (4, 5), (3, 6), None, None], "leads back to itself"),
        ([(1, 1), None], "two parents"),
        ([(1, 7), None], "leads nowhere"),
        ([(1, -1), None], "leads nowhere"),
    ],
)
def test_a_tree_is_a_tree_and_no_deeper_than_a_runtime_can_follow(tree, message):
    for ensemble in ([tree], [[(2, 1), None, None], tree]):
        if message:
            refuse(computing(trees(ensemble)), message)
        else:
            check_graph(computing(trees(ensemble)))


def test_trees_whose_lists_do_not_fit_are_refused():
    tree = [(1, 2), None, None]
    refuse(computing(trees([tree], nodes_truenodeids=[1])), "lists differ in length")
    refuse(computing(trees([tree], nodes_modes=["LEAF"])), "lists differ in length")
    refuse(computing(trees([tree], nodes_modes=["BRANCH_MEMBER", "LEAF", "LEAF"])), "of a kind that a policy may not")
    refuse(computing(trees([tree], n_targets=2**40)), "makes values too large to hold")


def constant(name, *shape, dtype=np.float32):
    return numpy_helper.from_array(np.zeros(shape, dtype), name)


def numbers(name, *values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


def chain(op, n, *more):
    """Return nodes that each take what the one before gives, twice where they are given no more."""
    names = ["c", *(f"v{i}" for i in range(n))]
    return [helper.make_node(op, [a, *(more or [a])], [b]) for a, b in itertools.pairwise(names)]


def input_type(dimensions):
    """Return field 2 of a description of a value: a type, of a tensor, of a shape."""
    return length_delimited(2, length_delimited(1, length_delimited(2, dimensions)))


HOSTILE = {
    "a loop": (computing(node("Loop")), "uses the operator 'Loop', which a policy may not"),
    "a scan": (computing(node("Scan")), "uses the operator 'Scan', which a policy may not"),
    "doubling by concatenation": (
        computing(
            *[helper.make_node("Concat", [f"v{i}"] * 2, [f"v{i + 1}"], axis=0) for i in range(40)],
            constants=[constant("v0", 8)],
        ),
        "makes values too large to hold, by a node of Concat that gives 'v2[0-9]'",
    ),
    "doubling by broadcasting": (
        computing(*chain("MatMul", 1, "r"), constants=[constant("c", 100_000, 1), constant("r", 1, 100_000)]),
        "makes values too large to hold, by a node of MatMul",
    ),
    "large products of constants": (
        computing(*chain("MatMul", 40), constants=[constant("c", 1500, 1500)]),
        "takes too long to compute, by a node of MatMul",
    ),
    "a constant read again and again": (
        computing(
            *[helper.make_node("ReduceSum", ["c"], [f"s{i}"]) for i in range(2000)],
            constants=[constant("c", 1000, 1000)],
        ),
        "takes too long to compute, by a node of ReduceSum",
    ),
    "expansion": (
        computing(*chain("Expand", 1, "to"), constants=[constant("c", 1), numbers("to", 2**20, 2**20)]),
        "too large to hold",
    ),
    "expansion to a size worked out": (
        computing(
            *chain("Mul", 1),
            helper.make_node("Expand", ["f", "v0"], ["e"]),
            constants=[numbers("c", 2**20), constant("f", 1)],
        ),
        "a node of Expand that gives 'e' whose shape cannot be told beforehand",
    ),
    "a constant of a shape": (
        computing(helper.make_node("ConstantOfShape", ["c"], ["y"]), constants=[numbers("c", 2**40)]),
        "too large to hold",
    ),
    "tiles": (
        computing(*chain("Tile", 1, "by"), constants=[constant("c", 8), numbers("by", 2**30)]),
        "too large to hold",
    ),
    "padding": (
        computing(*chain("Pad", 1, "by"), constants=[constant("c", 8), numbers("by", 0, 2**40)]),
        "too large to hold",
    ),
    "a negative size": (
        computing(*chain("Tile", 1, "by"), constants=[constant("c", 8), numbers("by", -(2**30))]),
        "a negative size",
    ),
    "all pairs of rows": (
        computing(
            helper.make_node("Transpose", ["x"], ["t"]),
            helper.make_node("MatMul", ["x", "t"], ["p"]),
            helper.make_node("Reshape", ["p", "flat"], ["f"]),
            helper.make_node("Transpose", ["f"], ["g"]),
            helper.make_node("Mul", ["f", "g"], ["y"]),
            constants=[numbers("flat", 1, -1)],
        ),
        "too large to hold",
    ),
    "a large input": (computing(node(), shape=("n", 2**40)), "too large"),
    "an input of a negative size": (computing(node(), shape=("n", -4)), "a negative size"),
    "an unknown axis": (computing(helper.make_node("ReduceSum", ["x", "x"], ["y"])), "whose axes are no constant"),
    "an axis out of range": (
        computing(helper.make_node("ReduceSum", ["x", "a"], ["y"]), constants=[numbers("a", 7)]),
        "whose inputs do not fit it",
    ),
    "a node without inputs": (computing(helper.make_node("MatMul", [], ["y"])), "whose inputs do not fit it"),
    "millions of empty nodes": (length_delimited(7, b"\x0a\0" * 3_000_000), "has more than 200000 nodes, names"),
    "millions of descriptions": (length_delimited(7, b"\x6a\0" * 3_000_000), "has more than 200000 nodes, names"),
    "millions of long descriptions": (
        length_delimited(7, length_delimited(13, length_delimited(1, b"." * 40)) * 300_000),
        "has more than 200000 nodes, names",
    ),
    "millions of inputs": (
        length_delimited(7, length_delimited(1, b"\x0a\0" * 3_000_000)),
        "more than 200000 nodes, names",
    ),
    "millions of operator sets": (b"\x42\0" * 3_000_000, "has more than 200000 nodes, names"),
    "millions of fields of a tensor": (
        length_delimited(7, length_delimited(5, (b"\x62\0\x82\x01\0" * 1_000_000))),
        "a tensor has more than 256 fields",
    ),
    "millions of dimensions": (
        length_delimited(7, length_delimited(5, length_delimited(1, b"\1" * 3_000_000))),
        "dimensions of a tensor are malformed",
    ),
    "millions of dimensions of an input": (
        length_delimited(7, length_delimited(11, input_type(b"\x0a\0" * 3_000_000))),
        "has more than 200000 nodes, names",
    ),
    "millions of texts of an attribute": (
        length_delimited(7, length_delimited(1, length_delimited(5, b"\x4a\0" * 3_000_000))),
        "has more than 2000000 texts in attributes",
    ),
    "millions of names in a quantization": (
        length_delimited(7, length_delimited(14, b"\x12\0" * 3_000_000)),
        "has a quantization annotation",
    ),
    "many nodes that concatenate shapes": (
        computing(
            helper.make_node("Shape", ["x"], ["s0"]),
            *[helper.make_node("Concat", [f"s{i}"] * 2000, [f"s{i + 1}"], axis=0) for i in range(4)],
        ),
        "makes values too large to hold, by a node of Concat",
    ),
    "an empty value of endless sizes": (
        computing(
            *[
                made
                for i in range(40)
                for made in (
                    helper.make_node("Unsqueeze", [f"c{i}", "last"], [f"a{i}"]),
                    helper.make_node("Unsqueeze", [f"c{i}", "middle"], [f"b{i}"]),
                    helper.make_node("Add", [f"a{i}", f"b{i}"], [f"s{i}"]),
                    helper.make_node("Flatten", [f"s{i}"], [f"c{i + 1}"], axis=1),
                )
            ],
            constants=[constant("c0", 0, 8), numbers("last", 2), numbers("middle", 1)],
        ),
        "makes values too large to hold, by a node of Flatten",
    ),
    "values of endless ranks": (
        computing(
            *[helper.make_node("Unsqueeze", [f"c{i}", "first"], [f"c{i + 1}"]) for i in range(20)],
            constants=[constant("c0"), numbers("first", 0)],
        ),
        "makes values too large to hold, by a node of Unsqueeze that gives 'c1[0-9]'",
    ),
}


def constant_node(*attributes, kind=None):
    made = helper.make_node("Constant", [], ["y"])
    made.attribute.extend(helper.make_attribute(name, value) for name, value in attributes)
    for each in made.attribute:
        each.type = kind or each.type
    return computing(
        made,
        helper.make_node("Expand", ["one", "y"], ["z"]),
        constants=[numpy_helper.from_array(np.float32([1]), "one")],
    )


MISLEADING = {
    "a cast that wraps": (
        computing(
            helper.make_node("Cast", ["m"], ["u"], to=TensorProto.UINT32),
            helper.make_node("Cast", ["u"], ["i"], to=TensorProto.INT64),
            helper.make_node("Expand", ["one", "i"], ["y"]),
            constants=[numbers("m", -1), constant("one", 1)],
        ),
        "a node of Expand that gives 'y' whose shape cannot be told beforehand",
    ),
    "a part of a shape": (
        computing(
            helper.make_node("Shape", ["x"], ["s"], start=1),
            helper.make_node("Concat", ["s", "s"], ["c"], axis=0),
            helper.make_node("ConstantOfShape", ["c"], ["y"]),
            shape=("n", 65_536),
        ),
        "makes values too large to hold, by a node of ConstantOfShape",
    ),
    "the places in a scalar": (
        computing(
            helper.make_node("NonZero", ["one"], ["y"]),
            helper.make_node("Tile", ["y", "by"], ["z"]),
            constants=[numpy_helper.from_array(np.array(1), "one"), numbers("by", 1, 2**30)],
        ),
        "makes values too large to hold, by a node of Tile",
    ),
    "padding of chosen axes": (
        computing(
            helper.make_node("Pad", ["c", "by", "", "axes"], ["y"]),
            constants=[constant("c", 1, 1_000_000), numbers("by", 0, 0, 0, 10_000), numbers("axes", 1, 0)],
        ),
        "a node of Pad that gives 'y' whose inputs do not fit it",
    ),
    "an axis inserted twice": (
        computing(helper.make_node("Unsqueeze", ["x", "axes"], ["y"]), constants=[numbers("axes", 0, 0)]),
        "a node of Unsqueeze that gives 'y' whose inputs do not fit it",
    ),
    "texts made of numbers": (
        computing(node("Cast", to=TensorProto.STRING)),
        "a node of Cast that gives 'y' that makes texts of numbers",
    ),
    "long texts": (
        computing(node("LabelEncoder", domain="ai.onnx.ml", keys_floats=[0.0], values_strings=["a" * 16])),
        "a text of more than 15 bytes in an attribute",
    ),
    "long texts, many": (
        computing(node("LabelEncoder", domain="ai.onnx.ml", keys_floats=[0.0] * 9, values_strings=["a" * 16] * 9)),
        "a text of more than 15 bytes in an attribute",
    ),
    "a long text": (
        computing(node("LabelEncoder", domain="ai.onnx.ml", default_string="a" * 16)),
        "a text of more than 15 bytes in an attribute",
    ),
    "a constant with two values": (
        constant_node(("value_int", 2**40), ("value_int", 2)),
        "has a node with two attributes 'value_int'",
    ),
    "a constant of another type than its name": (
        constant_node(("value_int", [2**40])),
        "a node of Constant that gives 'y' whose inputs do not fit it",
    ),
    "a constant of another type than its value": (
        constant_node(("value_int", 1), kind=onnx.AttributeProto.INTS),
        "a node of Constant that gives 'y' whose inputs do not fit it",
    ),
    "two constants of one name": (
        computing(constants=[numbers("c", 2**40), numbers("c", 2)]),
        "has two constants of one name",
    ),
    "a value given twice": (computing(node("Abs"), node("Abs")), "gives the value 'y' twice"),
    "a constant that is given again": (
        computing(node("Abs"), constants=[constant("y", 1)]),
        "gives the value 'y' twice",
    ),
    "a constant of two names": (
        length_delimited(7, length_delimited(5, numbers("c", 2).SerializeToString() + length_delimited(8, b"d"))),
        "given twice",
    ),
    "an input of two types": (
        length_delimited(7, length_delimited(11, input_type(b"") + input_type(b"\x0a\0"))),
        "field 2 of a description of a value is given twice",
    ),
    "a dimension of two sizes": (
        length_delimited(7, length_delimited(11, input_type(length_delimited(1, b"\x08\4\x08\5")))),
        "field 1 of a dimension is given twice",
    ),
    "a dimension of a size and a name": (
        length_delimited(7, length_delimited(11, input_type(length_delimited(1, b"\x08\4\x12\1n")))),
        "a dimension has a size and a name",
    ),
    "an input that is no tensor": (
        length_delimited(7, length_delimited(11, length_delimited(2, length_delimited(4, b"")))),
        "has a type other than a tensor's",
    ),
    "a product of scalars": (
        computing(helper.make_node("MatMul", ["c", "c"], ["y"]), constants=[constant("c")], shape=()),
        None,
    ),
}


@pytest.mark.parametrize("case", MISLEADING)
def test_a_graph_that_a_runtime_would_read_in_another_way_than_its_check_is_refused(case):
    model, message = MISLEADING[case]
    if message is None:  # it is ONNX Runtime's to refuse
        check_graph(model)
    else:
        refuse(model, message)


@pytest.mark.parametrize("case", HOSTILE)
def test_a_graph_that_would_take_much_time_or_memory_is_refused_at_once(case):
    model, message = HOSTILE[case]
    started = time.process_time()
    refuse(model, message)
    assert time.process_time() - started < 2


def test_branches_count_and_nest_within_the_same_bounds():
    def branching(depth):
        graph = None
        for level in range(depth):
            inner = (
                []
                if graph is None
                else [helper.make_node("If", ["b"], [f"i{level}"], then_branch=graph, else_branch=graph)]
            )
            outputs = [helper.make_tensor_value_info("o", TensorProto.FLOAT, None)]
            graph = helper.make_graph([*inner, helper.make_node("Abs", ["x"], ["o"])], f"g{level}", [], outputs)
        constants = [numpy_helper.from_array(np.array(True), "b")]
        return computing(
            helper.make_node("If", ["b"], ["y"], then_branch=graph, else_branch=graph), constants=constants
        )

    check_graph(branching(5))
    refuse(branching(15), "has more than 200000 nodes, names")


def calls_to_check(model):
    """Count what is called, Python's own functions included."""
    check_graph(model)  # what it imports is imported now
    events = collections.Counter()
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, called: events.update([event]))
    try:
        check_graph(model)
    finally:
        sys.setprofile(before)
    return events["call"] + events["c_call"]


def test_a_forest_s_numbers_are_checked_whole_and_not_one_by_one():
    small, large = (calls_to_check(forest(n_trees)) for n_trees in (1_000, 100_000))
    assert abs(large - small) <= 5  # numbers of more bytes are put together in more steps
    assert large < 2_500  # of what is no list: the node's names, the input's type and shape


def test_the_text_form_s_models_agree_with_onnx_s_checker(bundles):
    model = parser.parse_model(bundles.graph_text())
    onnx.checker.check_model(model, full_check=True)
