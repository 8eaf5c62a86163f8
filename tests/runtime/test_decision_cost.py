"""The estimate of what one row costs in a graph."""

from __future__ import annotations

import numpy as np
from onnx import numpy_helper, parser

from tracer_spec.graph import finished
from tracer_spec.runtime.graph_cost import decision_cost


def cost(graph: str, **constants: np.ndarray) -> int:
    parsed = parser.parse_graph(graph)
    parsed.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    return decision_cost(finished(parsed).SerializeToString())


def test_an_operator_costs_a_fixed_sum_and_what_it_reads_and_writes() -> None:
    relu = "g (float[n, 7] x) => (float[n, 7] y) { y = Relu(x) }"
    assert cost(relu) == 2000 + 7 + 7


def test_a_product_costs_a_quarter_of_its_multiplications_too() -> None:
    graph = "g (float[n, 8] x) => (float[n, 3] y) { y = MatMul(x, w) }"
    assert cost(graph, w=np.ones((8, 3), np.float32)) == 2000 + 8 + 24 + 3 + 3 * 8 // 4


def test_what_is_taken_from_a_table_costs_no_more_in_a_larger_table() -> None:
    graph = "g (int64[n, 2] x) => (float[n, 2, 5] y) { y = Gather(table, x) }"
    few, many = (cost(graph, table=np.ones((rows, 5), np.float32)) for rows in (3, 3000))
    assert few == many == 2000 + 10 + 10
