from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import parser

from tracer_spec.graph import Scorer, score, tidy
from tracer_spec.graph.average import average

X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)


def member(scale: float) -> bytes:
    model = parser.parse_model(
        f"""<ir_version: 8, opset_import: ["" : 18]> g (float[N,3] x) => (float[N,3] y) <float s={{{scale}}}>
        {{ z = Mul(x, s) y = Softmax(z) }}"""
    )
    return tidy(model, inputs=["embedding"], outputs=["scores"]).SerializeToString(deterministic=True)


@pytest.mark.parametrize("scales", [[2.0], [2.0, -1.0], [0.5, 3.0, -1.0]], ids=str)
def test_an_average_is_the_mean_of_its_members_and_the_votes_of_all_but_the_last(scales: list[float]) -> None:
    members = [member(scale) for scale in scales]
    model = average(members)
    onnx.checker.check_model(model, full_check=True)
    scores, votes = Scorer(model.SerializeToString()).run({"embedding": X})
    each = np.stack([score(one, X) for one in members])
    np.testing.assert_allclose(scores, each.mean(axis=0), atol=1e-6)
    said = each[: max(1, len(each) - 1), np.arange(len(X)), scores.argmax(axis=1)]
    np.testing.assert_array_equal(votes, said.T)
