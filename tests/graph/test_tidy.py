from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, parser

from tracer_spec.errors import PluginError
from tracer_spec.graph import IR_VERSION, Scorer, score, tidy

HEAD = '<ir_version: 8, opset_import: ["" : 18, "ai.onnx.ml" : 3]>'


def parsed(text: str, head: str = HEAD) -> onnx.ModelProto:
    return parser.parse_model(f"{head} {text}")


def as_bytes(model: onnx.ModelProto) -> bytes:
    return model.SerializeToString(deterministic=True)


ONE_WAY = """agraph (float[N,3] x) => (float[N,3] p) <float[3] scale={1,2,3}, float[3] shift={4,5,6}>
    { scaled = Mul(x, scale) p = Add(scaled, shift) }"""


def test_names_notes_and_unused_parts_do_not_change_the_bytes() -> None:
    plain = tidy(parsed(ONE_WAY), inputs=["embedding"], outputs=["scores"])
    noisy = parsed(
        """Ob0a3fe58 (float[rows,3] feats) => (float[rows,3] out7, int64[rows] which)
        <float[3] unused={9,9,9}, float[3] zz={4,5,6}, float[3] aa={1,2,3}> {
            t9 = Mul(feats, aa)
            out7 = Add(t9, zz)
            dead = Neg(t9)
            which = ArgMax<axis=1, keepdims=0>(out7)
        }""",
        '<ir_version: 10, opset_import: ["ai.onnx.ml" : 3, "" : 18], producer_name: "someone", doc_string: "notes">',
    )
    noisy.opset_import.append(helper.make_opsetid("", 18))
    noisy.metadata_props.add(key="trained", value="yesterday")
    noisy.graph.doc_string = "more notes"
    noisy.graph.value_info.append(helper.make_tensor_value_info("t9", TensorProto.FLOAT, [None, 3]))
    for number, node in enumerate(noisy.graph.node):
        node.name, node.doc_string = f"N{number}", "notes"
    noisy.graph.initializer[1].doc_string = "notes"
    assert as_bytes(tidy(noisy, inputs=["embedding"], outputs=["scores"], keep=["out7"])) == as_bytes(plain)


def test_a_tidy_graph_is_left_as_it_is_by_tidying_again() -> None:
    once = tidy(parsed(ONE_WAY), inputs=["embedding"], outputs=["scores"])
    assert as_bytes(tidy(once, inputs=["embedding"], outputs=["scores"])) == as_bytes(once)


def test_the_model_given_is_not_changed() -> None:
    model = parsed(ONE_WAY)
    before = as_bytes(model)
    tidy(model, inputs=["embedding"], outputs=["scores"])
    assert as_bytes(model) == before


def test_a_tidy_graph_has_the_fixed_header_and_sequential_names() -> None:
    model = tidy(parsed(ONE_WAY), inputs=["embedding"], outputs=["scores"])
    assert model.ir_version == IR_VERSION
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 18), ("ai.onnx.ml", 3)]
    assert (model.producer_name, model.producer_version, model.graph.name) == ("tracer-spec", "", "graph")
    assert [node.name for node in model.graph.node] == ["node_0", "node_1"]
    assert [list(node.output) for node in model.graph.node] == [["value_0"], ["scores"]]
    assert [weight.name for weight in model.graph.initializer] == ["weight_0", "weight_1"]
    onnx.checker.check_model(model, full_check=True)


def test_outputs_that_are_an_input_a_constant_or_kept_twice_all_get_their_names() -> None:
    model = parsed(
        """g (float[N,2] x) => (float[N,2] same, float[N,2] y, float[2] k) <float[2] k={1,2}>
        { y = Add(x, k) same = Identity(x) }"""
    )
    tidied = tidy(model, inputs=["embedding"], outputs=["a", "b", "c"], keep=["y", "y", "k"])
    a, b, c = Scorer(as_bytes(tidied)).run({"embedding": np.zeros((1, 2), np.float32)})
    assert (a.tolist(), b.tolist(), c.tolist()) == ([[1, 2]], [[1, 2]], [1, 2])


def test_a_caller_may_use_names_that_look_like_ours() -> None:
    tidied = tidy(parsed(ONE_WAY), inputs=["value_0"], outputs=["weight_1"])
    got = Scorer(as_bytes(tidied)).run({"value_0": np.ones((1, 3), np.float32)})[0]
    assert got.tolist() == [[5, 7, 9]]


BRANCHES = """g (float[N,2] x, bool c) => (float[N,2] y) <float[2] k={{10,20}}, float[2] dead={{0,0}}> {{
    y = If (c) <
        then_branch = {t} () => (float[N,2] {t}out) {{ {t}in = Mul(x, k) {t}dead = Neg(x) {t}out = Add({t}in, x) }},
        else_branch = {e} () => (float[N,2] {e}out) {{ {e}out = Sub(x, k) }}
    >
}}"""


def test_nested_graphs_are_renamed_and_reduced_too() -> None:
    one, other = (
        tidy(parsed(BRANCHES.format(t=t, e=e)), inputs=["embedding", "flag"], outputs=["scores"])
        for t, e in (("aa", "bb"), ("zz", "b0b"))
    )
    assert as_bytes(one) == as_bytes(other)
    graphs = [attribute.g for attribute in one.graph.node[0].attribute]
    assert [graph.name for graph in graphs] == ["graph", "graph"]
    assert sorted(len(graph.node) for graph in graphs) == [1, 2]
    assert b"dead" not in as_bytes(one)
    scorer = Scorer(as_bytes(one), rows_per_run=1)
    x = np.ones((1, 2), np.float32)
    assert scorer.run({"embedding": x, "flag": np.array([True])})[0].tolist() == [[11, 21]]
    assert scorer.run({"embedding": x, "flag": np.array([False])})[0].tolist() == [[-9, -19]]


def test_a_loop_body_keeps_its_own_inputs() -> None:
    model = parsed(
        """g (float[N,2] x) => (float[N,2] y) <int64 trips={3}, bool go={1}, float[2] step={1,2}> {
            y = Loop (trips, go, x) <body = b (int64 i, bool again, float[N,2] carried)
                => (bool again_out, float[N,2] more) { again_out = Identity(again) more = Add(carried, step) }>
        }"""
    )
    tidied = tidy(model, inputs=["embedding"], outputs=["scores"])
    assert score(as_bytes(tidied), np.zeros((2, 2), np.float32)).tolist() == [[3, 6], [3, 6]]


@pytest.mark.parametrize(("version", "axes"), [(11, "<axes=[1]>(p0)"), (13, "(p0, axes)")])
def test_older_operators_are_brought_to_the_version_that_ships(version: int, axes: str) -> None:
    axis = ", int64[1] axes={1}" if version == 13 else ""
    model = parsed(
        f"""g (float[N,3] x) => (float[N,1] y) <float[3] k={{1,2,3}}{axis}> {{ p0 = Mul(x, k) y = ReduceSum{axes} }}""",
        f'<ir_version: 6, opset_import: ["" : {version}]>',
    )
    tidied = tidy(model, inputs=["embedding"], outputs=["scores"])
    assert score(as_bytes(tidied), np.ones((2, 3), np.float32)).tolist() == [[6], [6]]


def test_newer_operators_are_brought_down_where_they_mean_the_same() -> None:
    model = parsed(ONE_WAY, '<ir_version: 10, opset_import: ["" : 21]>')
    assert as_bytes(tidy(model, inputs=["embedding"], outputs=["scores"])) == as_bytes(
        tidy(parsed(ONE_WAY), inputs=["embedding"], outputs=["scores"])
    )


def test_local_functions_are_written_out() -> None:
    model = parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 18, "local" : 1]>
        g (float[N,2] x) => (float[N,2] y) { y = local.twice(x) }
        <domain: "local", opset_import: ["" : 18]> twice (a) => (b) { b = Add(a, a) }"""
    )
    tidied = tidy(model, inputs=["embedding"], outputs=["scores"])
    assert score(as_bytes(tidied), np.ones((1, 2), np.float32)).tolist() == [[2, 2]]
    assert not tidied.functions


def with_constant(value: np.ndarray) -> onnx.ModelProto:
    model = parsed("g (float[N,2] x) => (float[N,2] y) { y = Add(x, k) }")
    model.graph.initializer.append(numpy_helper.from_array(value, "k"))
    return model


def external() -> onnx.ModelProto:
    model = with_constant(np.ones(2, np.float32))
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="/etc/passwd")
    return model


def no_tensor() -> onnx.ModelProto:
    model = parsed("g (float[N,2] x) => (float[N,2] y) { y = ai.onnx.ml.ZipMap<classlabels_int64s=[0,1]>(x) }")
    key_value = helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    model.graph.output[0].type.CopyFrom(helper.make_sequence_type_proto(key_value))
    return model


def conflicting() -> onnx.ModelProto:
    model = parsed(ONE_WAY)
    model.opset_import.append(helper.make_opsetid("", 17))
    return model


def sparse() -> onnx.ModelProto:
    model = parsed(ONE_WAY)
    tensor = helper.make_sparse_tensor(
        numpy_helper.from_array(np.ones(1, np.float32), "s"), numpy_helper.from_array(np.zeros(1, np.int64)), [3]
    )
    model.graph.sparse_initializer.append(tensor)
    return model


REFUSED = {
    "another domain": (
        parsed(
            "g (float[N,2] x) => (float[N,2] y) { y = com.microsoft.Gelu(x) }",
            '<ir_version: 8, opset_import: ["" : 18, "com.microsoft" : 1]>',
        ),
        "the graph uses Gelu of the domain 'com.microsoft'; allowed: ai.onnx, ai.onnx.ml",
    ),
    "external data": (external(), "the constant 'k' is kept outside the graph"),
    "a constant NaN": (
        with_constant(np.array([1, np.nan], np.float32)),
        "the constant 'k' holds 1 numbers that are not finite",
    ),
    "a NaN in an attribute": (
        parsed("g (float[N,2] x) => (float[N,2] y) { y = LeakyRelu<alpha = nan>(x) }"),
        "the attribute alpha of a LeakyRelu holds 1 numbers that are not finite",
    ),
    "an infinite Constant": (
        parsed("g (float[N,2] x) => (float[N,2] y) { k = Constant<value = float[2] {1, -inf}>() y = Add(x, k) }"),
        "the attribute value of a Constant holds 1 numbers that are not finite",
    ),
    "no tensor": (no_tensor(), "'y' is no tensor"),
    "two versions": (conflicting(), "the graph imports ai.onnx as version 18 and as 17"),
    "a sparse constant": (sparse(), "the graph has sparse constants"),
    "two inputs": (
        parsed("g (float[N,2] x, float[N,2] z) => (float[N,2] y) { y = Add(x, z) }"),
        "the graph has 2 inputs (x, z); 1 are wanted: embedding",
    ),
    "two outputs": (
        parsed("g (float[N,2] x) => (float[N,2] y, float[N,2] z) { y = Neg(x) z = Abs(x) }"),
        "the graph has the outputs y, z; wanted: scores",
    ),
    "an operator that is not": (
        parsed("g (float[N,2] x) => (float[N,2] y) { y = Frobnicate(x) }"),
        "the graph imports ai.onnx 18: no Frobnicate",
    ),
    "a name that is not": (
        parsed("g (float[N,2] x) => (float[N,2] y) { y = Add(x, nowhere) }"),
        "the graph is not valid ONNX",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_may_not_ship_is_refused(case: str) -> None:
    model, message = REFUSED[case]
    with pytest.raises(PluginError) as refusal:
        tidy(model, inputs=["embedding"], outputs=["scores"])
    assert message in refusal.value.problems[0].what


def test_an_output_that_is_not_there_is_named() -> None:
    with pytest.raises(PluginError, match="the graph has the outputs p; wanted: probabilities"):
        tidy(parsed(ONE_WAY), inputs=["embedding"], outputs=["scores"], keep=["probabilities"])
