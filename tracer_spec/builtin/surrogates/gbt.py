"""Gradient boosting by scikit-learn: for a handful of classes, since each round grows one tree a class."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from pydantic import Field

from tracer_spec.builtin.surrogates.bounds import Pace
from tracer_spec.builtin.surrogates.convert import convert, predict_proba
from tracer_spec.builtin.surrogates.learner import BoundedOptions, Learner, Recipe
from tracer_spec.plugin import Classes, Plugin, SurrogateLearner, Vectors


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


def _train(options: GbtOptions, X: Vectors, y: Classes, seed: int) -> Any:
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
    return boosted.fit(X, y, monitor=monitor)


_GBT: Recipe[GbtOptions, Any] = Recipe(_train, predict_proba, convert, "use fewer rounds or a smaller max_depth")


def gbt() -> list[Plugin[SurrogateLearner]]:
    """Return gradient boosting."""
    return [
        Plugin(
            "gbt",
            "gradient-boosted trees by scikit-learn; for a handful of classes (more: xgboost)",
            partial(Learner, "gbt", _GBT),
            GbtOptions,
        )
    ]
