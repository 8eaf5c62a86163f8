"""The check of an encoder's graph: shapes as ONNX Runtime makes them, and what is refused."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from tracer_spec.errors import PluginError
from tracer_spec.runtime.encoder_check import MAX_BYTES, check_encoder
from tracer_spec.runtime.encoder_operators import CONTRIB, ENCODER_OPERATORS
from tracer_spec.runtime.onnx_runtime import open_session

TOKENS, WIDTH = 5, 4
REAL = Path(__file__).parents[3] / "shared" / "models" / "all-minilm-l6-v2-int8" / "model.onnx"
WORDS = np.arange(12 * WIDTH, dtype=np.float32).reshape(12, WIDTH) / 50


def constant(name, value, dtype=np.int64):
    return numpy_helper.from_array(np.asarray(value, dtype), name)


def node(op, inputs, outputs=("out",), domain="", **attributes):
    return helper.make_node(op, list(inputs), list(outputs), domain=domain, **attributes)


def model(nodes, constants=(), outputs=(("out", TensorProto.FLOAT),), shape=("n", "t"), opset=18):
    """Return an encoder, serialised: ids (n, t) become h (n, t, WIDTH), and the nodes go on from both."""
    graph = helper.make_graph(
        [node("Gather", ["words", "ids"], ["h"]), *nodes],
        "encoder",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, list(shape))],
        [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs],
        [numpy_helper.from_array(WORDS, "words"), *constants],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(CONTRIB, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


def shapes_of(data):
    """Return the shapes of a run by ONNX Runtime on one text."""
    session = open_session(data)
    ids = np.arange(TOKENS, dtype=np.int64)[None]
    return [np.shape(each) for each in session.run(None, {"ids": ids})]


ATTENTION_WEIGHTS = (
    constant("w", np.zeros((WIDTH, 3 * WIDTH)), np.float32),
    constant("b", np.zeros(3 * WIDTH), np.float32),
)
GAMMA = constant("g", np.ones(WIDTH), np.float32)
SQUARE = constant("q", np.ones((WIDTH, 6)), np.float32)
UPRIGHT = constant("q", np.ones((6, WIDTH)), np.float32)
SIZES = [node("Shape", ["h"], ["s"])]
SAID = {
    "slice of tokens": ([node("Slice", ["h", "a", "b", "x"])], [constant("a", [1]), constant("b", [99]), constant("x", [1])]),
    "slice with steps": (
        [node("Slice", ["h", "a", "b", "x", "y"])],
        [constant("a", [-1]), constant("b", [-(2**63)]), constant("x", [1]), constant("y", [-2])],
    ),
    "slice of a shape": (
        [*SIZES, node("Slice", ["s", "a", "b"], ["part"]), node("ConstantOfShape", ["part"])],
        [constant("a", [0]), constant("b", [-1])],
    ),
    "even split": ([node("Split", ["h"], ["out", "o2"], axis=2, num_outputs=2)], []),
    "given split": ([node("Split", ["h", "k"], ["out", "o2"], axis=-1)], [constant("k", [1, 3])]),
    "positions": (
        [*SIZES, node("Gather", ["s", "one"], ["t"]), node("Range", ["zero", "t", "one"], ["r"]), node("Cast", ["r"], to=1)],
        [constant("zero", 0), constant("one", 1)],
    ),
    "heads": (
        [
            *SIZES,
            node("Slice", ["s", "a", "b"], ["front"]),
            node("Concat", ["front", "heads"], ["wanted"], axis=0),
            node("Reshape", ["h", "wanted"], ["apart"]),
            node("Transpose", ["apart"], perm=[0, 2, 1, 3]),
        ],
        [constant("a", [0]), constant("b", [2]), constant("heads", [-1, 2])],
    ),
    "expand where a size is -1": (
        [
            *SIZES,
            node("Slice", ["s", "a", "b"], ["front"]),
            node("Concat", ["minus", "front"], ["asked"], axis=0),
            node("Equal", ["asked", "minus"], ["is_free"]),
            node("Where", ["is_free", "one", "asked"], ["wanted"]),
            node("Expand", ["g", "wanted"]),
        ],
        [constant("a", [1]), constant("b", [3]), constant("minus", [-1]), constant("one", [1]), GAMMA],
    ),
    "halves": (
        [
            *SIZES,
            node("Gather", ["s", "two"], ["d"]),
            node("Div", ["d", "two"], ["half"]),
            node("Unsqueeze", ["half", "x"], ["u"]),
            node("Concat", ["row", "u"], ["wanted"], axis=0),
            node("ConstantOfShape", ["wanted"]),
        ],
        [constant("two", 2), constant("x", [0]), constant("row", [3])],
    ),
    "squeeze of all that is one": ([node("Squeeze", ["h"])], []),
    "squeeze of one axis": ([node("Squeeze", ["h", "x"])], [constant("x", [0])]),
    "gather at places": ([node("GatherND", ["h", "p"])], [constant("p", [[0, 1], [0, 3]])]),
    "gather at places, in batches": ([node("GatherND", ["h", "p"], batch_dims=1)], [constant("p", [[[1], [3]]])]),
    "matmul": ([node("MatMul", ["h", "q"])], [SQUARE]),
    "mean": ([node("ReduceMean", ["h", "x"], keepdims=0)], [constant("x", [1])]),
    "fused matmul": ([node("FusedMatMul", ["h", "q"], domain=CONTRIB, transB=1)], [UPRIGHT]),
    "dynamic quantisation": (
        [
            node("DynamicQuantizeLinear", ["h"], ["hq", "hs", "hz"]),
            node("MatMulInteger", ["hq", "wq", "hz"], ["whole"]),
            node("Cast", ["whole"], ["wide"], to=1),
            node("Mul", ["wide", "hs"]),
        ],
        [constant("wq", np.ones((WIDTH, 6)), np.uint8)],
    ),
    "attention": (
        [node("Attention", ["h", "w", "b"], domain=CONTRIB, num_heads=2)],
        ATTENTION_WEIGHTS,
    ),
    "attention of many heads": ([node("MultiHeadAttention", ["h", "h", "h"], domain=CONTRIB, num_heads=2)], []),
    "skip and norm": ([node("SkipLayerNormalization", ["h", "h", "g", "g"], domain=CONTRIB)], [GAMMA]),
    "gelu with bias": ([node("BiasGelu", ["h", "g"], domain=CONTRIB)], [GAMMA]),
    "embeddings, summed and normed": (
        [
            node("Cast", ["ids"], ["ids32"], to=6),
            node("EmbedLayerNormalization", ["ids32", "", "words", "words", "", "g", "g"], ["out", "index"], domain=CONTRIB),
        ],
        [GAMMA],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
def test_shapes_are_those_that_onnx_runtime_makes(name):
    nodes, constants = SAID[name]
    data = model(nodes, constants)
    checked = check_encoder(data, n_tokens=TOKENS)
    assert list(checked.outputs.values()) == shapes_of(data)
    assert checked.inputs == ("ids",)
    assert checked.mixes_texts is (name == "dynamic quantisation")


def test_a_mask_may_hold_minus_infinity_and_no_other_number_that_is_not_finite():
    for value, passes in ((-np.inf, True), (np.inf, False), (np.nan, False)):
        data = model([node("Add", ["h", "m"])], [constant("m", value, np.float32)])
        if passes:
            check_encoder(data, n_tokens=TOKENS)
        else:
            with pytest.raises(PluginError, match="not finite in the constant 'm'"):
                check_encoder(data, n_tokens=TOKENS)


def external():
    tensor = constant("m", np.zeros(4), np.float32)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    return tensor


def doubling(times):
    names = ["h", *(f"h{i}" for i in range(times)), "out"]
    return [node("Concat", [a, a], [b], axis=1) for a, b in itertools.pairwise(names)]


def loop():
    body = helper.make_graph([], "body", [], [])
    return node("Loop", ["", ""], [], body=body)


HOSTILE = {
    "keeps a constant in another file": model([node("Add", ["h", "m"])], [external()]),
    "uses the operator 'Loop'": model([loop()]),
    "uses the operator 'If'": model([node("If", ["ids"])]),
    "uses the operator 'Shell' of com.acme": model([node("Shell", ["h"], domain="com.acme")]),
    "uses the operator 'StringNormalizer'": model([node("StringNormalizer", ["h"])]),
    "uses the operator 'NonZero'": model([node("NonZero", ["h"])]),
    "makes values too large to hold": model([node("Tile", ["h", "n"])], [constant("n", [1, 1, 1 << 28])]),
    "takes too long to compute, by a node of Concat": model(doubling(40)),
    "takes too long to compute, by a node of MatMul": model(
        [node("Identity", ["h"]), *(node("MatMul", ["w", "w"], [f"m{i}"]) for i in range(30))],
        [constant("w", np.zeros((1500, 1500)), np.float32)],
    ),
    "whose shape cannot be told beforehand": model([node("Expand", ["h", "ids"])]),
    "takes 'ids' of shape": model([node("Identity", ["h"])], shape=(1, 128)),
    "is not an ONNX model": b"\x0a\xff",
    "has a node of Div": model(
        [*SIZES, node("Div", ["s", "z"], ["d"]), node("Identity", ["h"])], [constant("z", [0, 0, 0])]
    ),
}


@pytest.mark.parametrize("said", HOSTILE)
def test_what_is_no_plain_encoder_is_refused_at_once(said):
    began = time.process_time()
    with pytest.raises(PluginError, match=said) as caught:
        check_encoder(HOSTILE[said], n_tokens=512, address="embedder/model.onnx")
    assert time.process_time() - began < 5
    assert caught.value.problems[0].address == "embedder/model.onnx"
    assert caught.value.problems[0].hint.startswith("export the model as one ONNX file")


def test_a_graph_larger_than_a_bundle_holds_is_not_read():
    with pytest.raises(PluginError, match=rf"has {MAX_BYTES + 1} bytes; at most {MAX_BYTES} are read"):
        check_encoder(bytes(MAX_BYTES + 1), n_tokens=1)


def test_no_operator_branches_loops_or_makes_texts():
    names = {name for _, name in ENCODER_OPERATORS}
    assert not names & {"If", "Loop", "Scan", "SequenceMap", "StringConcat", "RandomNormal", "NonZero", "Unique"}
    assert {domain for domain, _ in ENCODER_OPERATORS} == {"", CONTRIB}


def test_a_real_encoder_passes_with_its_shapes():
    if not REAL.exists():
        pytest.skip("needs the model in ../shared/models")
    data = REAL.read_bytes()
    for n_tokens in (1, 128, 512):
        checked = check_encoder(data, n_tokens=n_tokens)
        assert checked.inputs == ("input_ids", "attention_mask", "token_type_ids")
        assert checked.outputs == {"last_hidden_state": (1, n_tokens, 384)}
        assert not checked.mixes_texts
