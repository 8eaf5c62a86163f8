"""A surrogate: each class is the mean of its rows, and a row belongs to the classes whose means it is near."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from tracer_spec.errors import PluginError
from tracer_spec.plugin import Classes, Options, Plugin, Scores, SurrogateLearner, Vectors, hookimpl

if TYPE_CHECKING:
    from onnx import ModelProto


class CentroidOptions(Options):
    """Options of the surrogate."""

    sharpness: float = Field(10.0, gt=0, le=1000, description="how fast scores fall with distance")


class Centroid:
    """A trained surrogate: scores are the softmax of ``X @ weights + bias``."""

    def __init__(self, weights: Vectors, bias: Scores) -> None:
        self.weights, self.bias = weights, bias

    def scores(self, X: Vectors) -> Scores:
        """Return class probabilities, shape (n, k)."""
        sums = X @ self.weights + self.bias
        powers = np.exp(sums - sums.max(axis=1, keepdims=True))
        shares: Scores = powers / powers.sum(axis=1, keepdims=True)
        return shares

    def to_onnx(self) -> ModelProto:
        """Return ``embedding (n, d) -> scores (n, k)``."""
        from onnx import TensorProto, helper, numpy_helper

        from tracer_spec.graph import finished, tidy

        d, k = self.weights.shape
        graph = helper.make_graph(
            [
                helper.make_node("Gemm", ["embedding", "weights", "bias"], ["sums"]),
                helper.make_node("Softmax", ["sums"], ["scores"], axis=1),
            ],
            "centroid",
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", d])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", k])],
            [numpy_helper.from_array(self.weights, "weights"), numpy_helper.from_array(self.bias, "bias")],
        )
        return tidy(finished(graph), inputs=["embedding"], outputs=["scores"])


class CentroidLearner:
    """Trains :class:`Centroid`."""

    def __init__(self, options: CentroidOptions) -> None:
        self.sharpness = options.sharpness

    def fit(self, X: Vectors, y: Classes, *, n_classes: int, seed: int) -> Centroid:  # noqa: ARG002 - nothing is drawn
        """Train on X (n, d) and y (n,), of which some classes may be missing."""
        if not np.isfinite(X).all():
            raise PluginError("the vectors are not finite", hint="fix the embedder")
        weights = np.zeros((X.shape[1], n_classes), np.float32)
        bias = np.full(n_classes, -1e30, np.float32)  # softmax makes it 0: a class never met is never given
        for label in np.unique(y):
            mean = X[y == label].mean(axis=0)
            weights[:, label] = self.sharpness * mean
            bias[label] = -self.sharpness * (mean @ mean) / 2
        return Centroid(weights, bias)


@hookimpl
def tracer_spec_surrogates() -> Iterable[Plugin[SurrogateLearner]]:
    """Yield what this package provides."""
    yield Plugin("my-surrogate", "nearest class mean", CentroidLearner, CentroidOptions)
