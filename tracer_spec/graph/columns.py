"""Scores of the classes a model has seen, put where the classes of the whole problem are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tracer_spec.graph.inline import inline
from tracer_spec.graph.tidy import ROWS, finished, score_graph, tidy

if TYPE_CHECKING:
    from onnx import ModelProto


def spread_columns(model: ModelProto, seen: Sequence[int], n_classes: int) -> ModelProto:
    """Give a graph a zero column for each class that its model has never seen.

    Parameters
    ----------
    model : ModelProto
        ``embedding (n, d) -> scores (n, s)``, tidy.
    seen : sequence of int
        The class of each of the s columns: rising, each in [0, n_classes).
    n_classes : int
        k.

    Returns
    -------
    ModelProto
        ``embedding (n, d) -> scores (n, k)``; ``model`` itself where no class is missing.
    """
    if len(seen) == n_classes:
        return model
    body = inline(model, "seen.", {"embedding": "embedding"})
    columns = np.full(n_classes, len(seen), np.int64)
    columns[np.asarray(seen)] = np.arange(len(seen))
    nodes = [
        *body.nodes,
        helper.make_node("Pad", [body.outputs["scores"], "one_column"], ["padded"]),
        helper.make_node("Gather", ["padded", "columns"], ["scores"], axis=1),
    ]
    constants = [
        *body.initializers,
        numpy_helper.from_array(np.array([0, 0, 0, 1], np.int64), "one_column"),
        numpy_helper.from_array(columns, "columns"),
    ]
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [ROWS, n_classes])
    spread = helper.make_graph(nodes, "spread", [model.graph.input[0]], [scores], constants)
    return tidy(finished(spread), inputs=["embedding"], outputs=["scores"])


def constant_scores(row: Sequence[float], dimension: int) -> ModelProto:
    """Return a graph that gives every embedding the same scores; NaN where the embedding is not finite.

    ``row`` is of length k, one score for each class.
    """
    nodes = [
        # 0 times a number is 0, and 0 times anything else is NaN
        helper.make_node("ReduceSum", ["embedding", "last_axis"], ["sums"], keepdims=1),
        helper.make_node("Mul", ["sums", "zero"], ["zeros"]),
        helper.make_node("Add", ["zeros", "row"], ["scores"]),
    ]
    constants: dict[str, NDArray[Any]] = {
        "last_axis": np.array([1], np.int64),
        "zero": np.array(0, np.float32),
        "row": np.array([row], np.float32),
    }
    return score_graph(nodes, constants, dimension=dimension, n_targets=len(row))
