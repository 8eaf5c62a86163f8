from __future__ import annotations

import collections
import math
import sys

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
        (TensorProto.STRING, [b"a", b"b"]),
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
    check_graph(model_with(nodes=[node(domain="ai.onnx.ml")]).SerializeToString())


def test_more_than_a_plain_computation_is_refused():
    function = helper.make_function("my.ops", "f", ["x"], ["y"], [node()], [helper.make_opsetid("", 18)])
    refuse(model_with(functions=[function]), "has local functions")
    trained = model_with()
    trained.training_info.add()
    refuse(trained, "has a training part")
    refuse(model_with(nodes=[node("RandomNormalLike")]), "uses the random operator RandomNormalLike")
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
        (tensor([1], TensorProto.STRING, raw_data=b"a"), "in a field that does not fit its type"),
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


def length_delimited(number, content):
    size, out = len(content), bytearray([number << 3 | 2])
    while size > 0x7F:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*out, size]) + content


@pytest.mark.parametrize("levels", [17, 2000])
def test_graphs_nested_beyond_the_bound_are_refused(levels):
    def nested(depth):
        graph = b""
        for _ in range(depth - 1):  # the graph of an attribute of a node of a graph
            graph = length_delimited(1, length_delimited(5, length_delimited(6, graph)))
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


def forest(n_nodes):
    """Return a model with tree ensembles' lists of numbers and strings, all unpacked."""
    numbers = list(range(n_nodes))
    return model_with(
        nodes=[
            node(
                "TreeEnsembleRegressor",
                domain="ai.onnx.ml",
                nodes_values=[0.5] * n_nodes,
                nodes_featureids=numbers,
                nodes_truenodeids=numbers,
                nodes_falsenodeids=numbers,
                nodes_nodeids=numbers,
                nodes_treeids=numbers,
                nodes_modes=["BRANCH_LEQ", "LEAF"] * (n_nodes // 2),
                target_weights=[0.25] * n_nodes,
            )
        ]
    ).SerializeToString()


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
    small, large = (calls_to_check(forest(n_nodes)) for n_nodes in (2_000, 200_000))
    assert small == large < 1_000


def test_the_text_form_s_models_agree_with_onnx_s_checker(bundles):
    model = parser.parse_model(bundles.graph_text())
    onnx.checker.check_model(model, full_check=True)
