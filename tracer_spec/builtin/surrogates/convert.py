"""scikit-learn to ONNX, for models whose usual export is as small as it can be."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tracer_spec.builtin.surrogates.learner import Layout
from tracer_spec.errors import PluginError
from tracer_spec.plugin import Vectors

if TYPE_CHECKING:
    from onnx import ModelProto


def predict_proba(estimator: Any, X: Vectors) -> NDArray[np.floating[Any]]:
    """Return a scikit-learn classifier's probabilities, shape (n, s)."""
    probabilities: NDArray[np.floating[Any]] = estimator.predict_proba(X)
    return probabilities


def convert(estimator: Any, layout: Layout) -> ModelProto:
    """Export a scikit-learn classifier of dense classes.

    Parameters
    ----------
    estimator : classifier
        Fitted.
    layout : Layout

    Returns
    -------
    ModelProto
        ``embedding (n, d) -> scores (n, k)``, tidy.

    Raises
    ------
    PluginError
        Where the converter does not know this version of scikit-learn.
    """
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    from tracer_spec.graph import OPSETS, spread_columns, tidy

    try:
        with warnings.catch_warnings():
            # the converter looks at every attribute, importances that divide by zero included, and uses few of them
            warnings.simplefilter("ignore")
            model = to_onnx(
                estimator,
                initial_types=[("embedding", FloatTensorType([None, layout.dimension]))],
                target_opset=OPSETS,
                options={"zipmap": False},
            )
    except (RuntimeError, NotImplementedError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise PluginError(
            f"skl2onnx cannot convert {type(estimator).__name__}: {reason}",
            hint="pip install --upgrade skl2onnx",
        ) from error
    probabilities = model.graph.output[1].name
    scores = tidy(model, inputs=["embedding"], outputs=["scores"], keep=[probabilities])
    return spread_columns(scores, layout.seen.tolist(), layout.n_classes)
