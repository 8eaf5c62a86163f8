"""The graph of the guard ``prototypes``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tracer_spec.graph import check_export_size, finished, tidy

if TYPE_CHECKING:
    from onnx import ModelProto

    from tracer_spec.builtin.guards.prototypes import PrototypesGuard


def prototypes_graph(guard: PrototypesGuard) -> ModelProto:
    """Return ``embedding (n, d) float32, label (n,) int64 -> distance (n,) float32``.

    Parameters
    ----------
    guard : PrototypesGuard

    Returns
    -------
    ModelProto
        Tidy. Only the prototypes of the row's own label are looked at, so that a row costs m x d multiplications however
        many labels there are.

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
        "prototypes": guard.prototypes,
        "radii": guard.radii,
        "middle": np.array([1], np.int64),
        "last": np.array([2], np.int64),
    }
    graph = helper.make_graph(
        nodes,
        "prototypes",
        [
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", guard.prototypes.shape[2]]),
            helper.make_tensor_value_info("label", TensorProto.INT64, ["n"]),
        ],
        [helper.make_tensor_value_info("distance", TensorProto.FLOAT, ["n"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = tidy(finished(graph), inputs=["embedding", "label"], outputs=["distance"])
    check_export_size(model, name="prototypes", remedy="lower 'prototypes'")
    return model
