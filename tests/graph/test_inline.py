from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, parser

from tracer_spec.errors import PluginError
from tracer_spec.graph import Inlined, Scorer, finished, inline, score, tidy

HEAD = '<ir_version: 8, opset_import: ["" : 18]>'
FIRST = f"""{HEAD} g (float[N,2] x) => (float[N,2] y) <float[2] k={{1,2}}, bool go={{1}}> {{
    y = If (go) <
        then_branch = t () => (float[N,2] r) {{ m = Mul(x, k) r = Add(m, x) }},
        else_branch = e () => (float[N,2] r) {{ r = Neg(x) }}
    >
}}"""
SECOND = f"""{HEAD} g (float[N,2] x) => (float[N,2] y) <float[2] k={{3,5}}> {{ m = Mul(x, k) y = Sub(m, k) }}"""


def tidied(text: str) -> onnx.ModelProto:
    return tidy(parser.parse_model(text), inputs=["embedding"], outputs=["scores"])


def merged(*parts: Inlined, extra: list[onnx.NodeProto], output: str) -> bytes:
    nodes = [node for part in parts for node in part.nodes]
    graph = helper.make_graph(
        [*nodes, *extra],
        "both",
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", 2])],
        [weight for part in parts for weight in part.initializers],
    )
    return finished(graph).SerializeToString(deterministic=True)


X = np.arange(8, dtype=np.float32).reshape(4, 2)


def test_two_graphs_side_by_side_give_what_each_gives_alone() -> None:
    first, second = tidied(FIRST), tidied(SECOND)
    one = inline(first, "one.", {"embedding": "embedding"})
    two = inline(second, "two.", {"embedding": "embedding"})
    add = helper.make_node("Add", [one.outputs["scores"], two.outputs["scores"]], ["sum"], name="sum")
    alone = score(first.SerializeToString(), X) + score(second.SerializeToString(), X)
    np.testing.assert_array_equal(score(merged(one, two, extra=[add], output="sum"), X), alone)


def test_one_graph_fed_with_another_is_their_composition() -> None:
    first, second = tidied(FIRST), tidied(SECOND)
    one = inline(first, "one.", {"embedding": "embedding"})
    two = inline(second, "two.", {"embedding": one.outputs["scores"]})
    chained = score(second.SerializeToString(), score(first.SerializeToString(), X))
    np.testing.assert_array_equal(score(merged(one, two, extra=[], output=two.outputs["scores"]), X), chained)


def test_every_name_is_prefixed_in_nested_graphs_too() -> None:
    part = inline(tidied(FIRST), "p.", {"embedding": "outside"})
    names = {name for node in part.nodes for name in (node.name, *node.input, *node.output)}
    for attribute in part.nodes[0].attribute:
        graph = attribute.g
        names |= {name for node in graph.node for name in (node.name, *node.input, *node.output)}
        names |= {each.name for each in graph.output}
    assert {name for name in names if not name.startswith("p.")} == {"outside"}
    assert part.outputs == {"scores": "p.scores"}


def test_nodes_without_a_name_get_one_each() -> None:
    part = inline(parser.parse_model(SECOND), "p.", {"x": "x"})
    assert [node.name for node in part.nodes] == ["p.unnamed_1", "p.unnamed_2"]


def test_an_output_that_is_an_input_is_called_by_its_feed() -> None:
    model = parser.parse_model(f"{HEAD} g (float[N,2] x) => (float[N,2] x) {{ }}")
    assert inline(model, "p.", {"x": "outside"}).outputs == {"x": "outside"}


def test_the_model_given_is_not_changed() -> None:
    model = tidied(FIRST)
    before = model.SerializeToString(deterministic=True)
    inline(model, "p.", {"embedding": "outside"})
    assert model.SerializeToString(deterministic=True) == before


def test_feeds_must_name_the_inputs() -> None:
    with pytest.raises(PluginError, match="the graph's inputs are embedding; feeds are given for x"):
        inline(tidied(FIRST), "p.", {"x": "x"})


def test_optional_inputs_left_out_stay_left_out() -> None:
    model = parser.parse_model(
        f'{HEAD} g (float[N,2] x) => (float[N,2] y) <float high={{2}}> {{ y = Clip(x, "", high) }}'
    )
    part = inline(tidy(model, inputs=["embedding"], outputs=["scores"]), "p.", {"embedding": "embedding"})
    assert list(part.nodes[0].input) == ["embedding", "", "p.weight_0"]
    got = Scorer(merged(part, extra=[], output="p.scores")).run({"embedding": X})[0]
    np.testing.assert_array_equal(got, np.minimum(X, 2))
