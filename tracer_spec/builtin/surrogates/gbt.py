"""``gbt``, gradient boosting by scikit-learn: for a handful of classes, since each round grows one tree a class."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tracer_spec.builtin.surrogates.bounds import Pace
from tracer_spec.builtin.surrogates.learner import BoundedOptions, Layout, Recipe, Weights
from tracer_spec.errors import PluginError
from tracer_spec.plugin import Classes, Vectors

if TYPE_CHECKING:
    from onnx import ModelProto


class GbtOptions(BoundedOptions):
    """Options of ``gbt``."""

    rounds: int = Field(100, ge=1, le=10_000, description="rounds of boosting, each one tree a class")
    learning_rate: float = Field(0.1, gt=0, le=1, description="how far each round goes")
    max_depth: int = Field(4, ge=1, le=32, description="splits from the root to a leaf at most")
    min_samples_leaf: int = Field(
        20, ge=1, description="a leaf holds at least so many rows; with few, many classes diverge"
    )
    max_features: int | Literal["sqrt"] = Field(
        "sqrt", description="features tried at each split: a number of them, or sqrt"
    )


def _train(options: GbtOptions, X: Vectors, y: Classes, seed: int, weights: Weights | None) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    pace = Pace(options.rounds, options.max_seconds, "gbt")

    def monitor(round_number: int, _estimator: Any, _locals: Any) -> bool:
        pace.check(round_number + 1)
        return False

    boosted = GradientBoostingClassifier(
        n_estimators=options.rounds,
        learning_rate=options.learning_rate,
        max_depth=options.max_depth,
        min_samples_leaf=options.min_samples_leaf,
        max_features=options.max_features if options.max_features == "sqrt" else min(options.max_features, X.shape[1]),
        random_state=seed,
    )
    return boosted.fit(X, y, sample_weight=weights, monitor=monitor)


def _export(estimator: Any, layout: Layout) -> ModelProto:
    """Convert by skl2onnx, whose export of this model is as small as it can be."""
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


GBT = Recipe(_train, _export, "use fewer rounds or a smaller max_depth")
