"""A guard: the distance to the mean of the fit rows of the label that is predicted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from tracer_spec.errors import PluginError
from tracer_spec.plugin import Classes, GuardLearner, Options, Plugin, Scores, Vectors, hookimpl

if TYPE_CHECKING:
    from onnx import ModelProto


class RadiusOptions(Options):
    """Options of the guard."""

    quantile: float = Field(0.95, gt=0, lt=1, description="share of fit rows that lie within the limit")


class Radius:
    """A trained guard: one mean for each class."""

    def __init__(self, means: Vectors, limit: float) -> None:
        self.means, self.limit = means, limit

    def distances(self, X: Vectors, labels: Classes) -> Scores:
        """Return the distance of each row to the mean of its label, shape (n,)."""
        distances: Scores = np.sqrt(((X - self.means[labels]) ** 2).sum(axis=1))
        return distances

    def to_onnx(self) -> ModelProto:
        """Return ``embedding (n, d), label (n,) -> distance (n,)``."""
        from onnx import TensorProto, helper, numpy_helper

        from tracer_spec.graph import finished, tidy

        graph = helper.make_graph(
            [
                helper.make_node("Gather", ["means", "label"], ["mean"]),
                helper.make_node("Sub", ["embedding", "mean"], ["difference"]),
                helper.make_node("ReduceL2", ["difference", "axis"], ["distance"], keepdims=0),
            ],
            "radius",
            [
                helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", self.means.shape[1]]),
                helper.make_tensor_value_info("label", TensorProto.INT64, ["n"]),
            ],
            [helper.make_tensor_value_info("distance", TensorProto.FLOAT, ["n"])],
            [
                numpy_helper.from_array(self.means, "means"),
                numpy_helper.from_array(np.array([1], np.int64), "axis"),
            ],
        )
        return tidy(finished(graph), inputs=["embedding", "label"], outputs=["distance"])


class RadiusLearner:
    """Trains :class:`Radius`."""

    def __init__(self, options: RadiusOptions) -> None:
        self.quantile = options.quantile

    def fit(self, X: Vectors, y: Classes, *, n_classes: int, seed: int) -> Radius:  # noqa: ARG002 - nothing is drawn
        """Train on X (n, d) and y (n,); a class that is missing gets the mean of all rows."""
        if not np.isfinite(X).all():
            raise PluginError("the vectors are not finite", hint="fix the embedder")
        means = np.tile(X.mean(axis=0), (n_classes, 1)).astype(np.float32)
        for label in np.unique(y):
            means[label] = X[y == label].mean(axis=0)
        within = Radius(means, 0.0).distances(X, y)
        return Radius(means, float(np.quantile(within, self.quantile)))


@hookimpl
def tracer_spec_guards() -> Iterable[Plugin[GuardLearner]]:
    """Yield what this package provides."""
    yield Plugin("my-guard", "distance to the mean of the predicted label", RadiusLearner, RadiusOptions)
