"""``xgboost``: gradient boosting by XGBoost, an optional dependency."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tracer_spec.builtin.surrogates.bounds import Pace
from tracer_spec.builtin.surrogates.learner import BoundedOptions, Layout, Learner, Recipe, Weights
from tracer_spec.errors import MissingDependencyError
from tracer_spec.plugin import Classes, Vectors

if TYPE_CHECKING:
    from onnx import ModelProto

    from tracer_spec.graph import Tree


class XgboostOptions(BoundedOptions):
    """Options of ``xgboost``."""

    rounds: int = Field(40, ge=1, le=10_000, description="rounds of boosting, each one tree a class")
    learning_rate: float = Field(0.2, gt=0, le=1, description="how far each round goes")
    max_depth: int = Field(3, ge=1, le=32, description="splits from the root to a leaf at most")
    min_child_weight: float = Field(1.0, ge=0, description="a leaf holds at least so much curvature of the loss")
    subsample: float = Field(0.7, gt=0, le=1, description="share of the rows each tree sees")
    colsample: float = Field(0.2, gt=0, le=1, description="share of the dimensions each tree sees")
    max_bin: int = Field(64, ge=2, le=65_536, description="candidates for a split in each dimension")


def make(options: XgboostOptions) -> Learner[XgboostOptions]:
    """Return the learner; needs xgboost."""
    try:
        import xgboost  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f"xgboost is not installed: {error}",
            hint="pip install 'tracer-spec[xgboost]', or without its GPU libraries: pip install xgboost-cpu",
        ) from error
    return Learner("xgboost", XGBOOST, options)


def _train(options: XgboostOptions, X: Vectors, y: Classes, seed: int, weights: Weights | None) -> Any:
    import xgboost

    class Watch(xgboost.callback.TrainingCallback):
        pace = Pace(options.rounds, options.max_seconds, "xgboost")

        def after_iteration(self, _model: Any, epoch: int, _evals_log: Any) -> bool:
            self.pace.check(epoch + 1)
            return False

    parameters = {
        "objective": "multi:softprob",
        "num_class": int(y.max()) + 1,
        # the same for all classes, so that softmax does not feel it and no tree needs it
        "base_score": 0.5,
        "tree_method": "hist",
        "eta": options.learning_rate,
        "max_depth": options.max_depth,
        "min_child_weight": options.min_child_weight,
        "subsample": options.subsample,
        "colsample_bytree": options.colsample,
        "max_bin": options.max_bin,
        "seed": seed,
        "nthread": 1,
        "verbosity": 0,
    }
    rows = xgboost.DMatrix(X, label=y, weight=weights, nthread=1)
    return xgboost.train(parameters, rows, num_boost_round=options.rounds, callbacks=[Watch()])


def _predict(model: Any, X: Vectors) -> NDArray[np.float32]:
    import xgboost

    probabilities: NDArray[np.float32] = model.predict(xgboost.DMatrix(X, nthread=1))
    return probabilities


def _export(model: Any, layout: Layout) -> ModelProto:
    """Sum the margins of each class's trees and take their softmax."""
    from tracer_spec.graph import NEVER, tree_ensemble

    learned = json.loads(bytes(model.save_raw("json")))["learner"]["gradient_booster"]["model"]
    trees = [
        _converted(tree, int(layout.seen[dense]))
        for tree, dense in zip(learned["trees"], learned["tree_info"], strict=True)
    ]
    base = np.full(layout.n_classes, NEVER)
    base[layout.seen] = 0.0
    return tree_ensemble(trees, layout.n_classes, dimension=layout.dimension, condition="<", base=base, post="softmax")


def _converted(tree: dict[str, Any], target: int) -> Tree:
    """Return one tree of a saved model, without the nodes that pruning has cut off."""
    from tracer_spec.graph import Tree

    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    reached = [0]
    for node in reached:
        if left[node] >= 0:
            reached += [int(left[node]), int(right[node])]
    number = np.full(len(left) + 1, -1)  # the last one answers for -1, no child
    number[reached] = np.arange(len(reached))
    # these are float32, written in the fewest digits that name them: read as float64 they would be other numbers
    threshold = np.array(tree["split_conditions"]).astype(np.float32)[reached]
    leaf = np.flatnonzero(left[reached] < 0)
    return Tree(
        feature=np.array(tree["split_indices"])[reached],
        threshold=threshold,
        left=number[left[reached]],
        right=number[right[reached]],
        leaf=leaf,
        target=np.full(len(leaf), target),
        weight=threshold[leaf],  # a leaf keeps its value where others keep their threshold
    )


XGBOOST = Recipe(_train, _export, "use fewer rounds or a smaller max_depth", _predict)
