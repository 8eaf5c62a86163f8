"""The trained guard ``prototypes``, and its graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tracer_spec.graph import check_export_size, finished, tidy
from tracer_spec.plugin import Classes, Scores, Vectors

if TYPE_CHECKING:
    from onnx import ModelProto


@dataclass(frozen=True, slots=True)
class PrototypesGuard:
    """A trained guard: the distance to the nearest prototype of the predicted label, in radii of that label.

    Parameters
    ----------
    prototypes : ndarray of shape (k, m, d), float32
        m for each label; a label with fewer repeats one.
    radii : ndarray of shape (k,), float32
        Above 0.
    """

    prototypes: NDArray[np.float32] = field(repr=False)
    radii: NDArray[np.float32] = field(repr=False)

    @property
    def limit(self) -> float:
        """Return the largest distance that passes: one radius."""
        return 1.0

    def distances(self, X: Vectors, labels: Classes) -> Scores:
        """Return the distance of each row under the label predicted for it, shape (n,), at least 0."""
        nearest = np.empty(len(X), np.float32)
        for label in np.unique(labels):
            rows = labels == label
            nearest[rows] = euclidean(X[rows], self.prototypes[label]).min(axis=1)
        return nearest / self.radii[labels]

    def to_onnx(self) -> ModelProto:
        """Return ``embedding (n, d) float32, label (n,) int64 -> distance (n,) float32``.

        Only the prototypes of the row's own label are looked at, so that a row costs m x d multiplications however many
        labels there are.

        Raises
        ------
        PluginError
            Where it would be larger than :data:`tracer_spec.graph.MAX_EXPORT_BYTES`.
        """
        node = helper.make_node
        nodes = [
            node("Gather", ["prototypes", "label"], ["near"], axis=0),
            node("Unsqueeze", ["embedding", "middle"], ["rows"]),
            node("Sub", ["near", "rows"], ["differences"]),
            node("ReduceSumSquare", ["differences", "last"], ["squares"], keepdims=0),
            node("ReduceMin", ["squares", "middle"], ["least"], keepdims=0),
            node("Sqrt", ["least"], ["nearest"]),
            node("Gather", ["radii", "label"], ["radius"], axis=0),
            node("Div", ["nearest", "radius"], ["distance"]),
        ]
        constants: dict[str, np.ndarray[Any, np.dtype[Any]]] = {
            "prototypes": self.prototypes,
            "radii": self.radii,
            "middle": np.array([1], np.int64),
            "last": np.array([2], np.int64),
        }
        graph = helper.make_graph(
            nodes,
            "prototypes",
            [
                helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", self.prototypes.shape[2]]),
                helper.make_tensor_value_info("label", TensorProto.INT64, ["n"]),
            ],
            [helper.make_tensor_value_info("distance", TensorProto.FLOAT, ["n"])],
            [numpy_helper.from_array(value, name) for name, value in constants.items()],
        )
        model = tidy(finished(graph), inputs=["embedding", "label"], outputs=["distance"])
        check_export_size(model, name="prototypes", remedy="lower 'prototypes'")
        return model


def euclidean(X: Vectors, points: Vectors) -> Scores:
    """Return Euclidean distances, shape (n, m), by difference: the shorter formula cancels where they are small."""
    return np.stack([np.sqrt(((X - point) ** 2).sum(axis=1)) for point in points], axis=1).astype(np.float32)
