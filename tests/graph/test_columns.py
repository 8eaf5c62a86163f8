from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import parser

from tracer_spec.graph import constant_scores, score, spread_columns, tidy

X = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
IDENTITY = tidy(
    parser.parse_model('<ir_version: 8, opset_import: ["" : 18]> g (float[N,3] x) => (float[N,3] y) { y = Abs(x) }'),
    inputs=["embedding"],
    outputs=["scores"],
)


@pytest.mark.parametrize("seen", [[0, 1, 2], [1, 2, 4], [0, 3, 5], [3, 4, 5]])
def test_columns_go_where_their_classes_are(seen: list[int]) -> None:
    model = spread_columns(IDENTITY, seen, 6)
    onnx.checker.check_model(model, full_check=True)
    wanted = np.zeros((2, 6), np.float32)
    wanted[:, seen] = X
    np.testing.assert_array_equal(score(model.SerializeToString(), X), wanted)


def test_where_no_class_is_missing_nothing_is_added() -> None:
    assert spread_columns(IDENTITY, [0, 1, 2], 3) is IDENTITY


def test_constant_scores_are_the_same_for_every_finite_row_and_none_for_others() -> None:
    model = constant_scores([0, 1, 0], dimension=3)
    onnx.checker.check_model(model, full_check=True)
    rows = np.vstack([X, np.full((1, 3), np.nan, np.float32), np.full((1, 3), np.inf, np.float32)])
    scores = score(model.SerializeToString(), rows)
    np.testing.assert_array_equal(scores[:2], [[0, 1, 0], [0, 1, 0]])
    assert np.isnan(scores[2:]).all()
