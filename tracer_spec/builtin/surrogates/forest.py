"""Trees, and forests of them, exported with what each leaf has to say and nothing more."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from tracer_spec.builtin.surrogates.convert import predict_proba
from tracer_spec.builtin.surrogates.learner import BoundedOptions, Layout, Learner, Recipe
from tracer_spec.plugin import Classes, Plugin, SurrogateLearner, Vectors

if TYPE_CHECKING:
    from onnx import ModelProto

_DEPTH = "splits from the root to a leaf at most"
_LEAF = "a leaf holds at least so many rows"
_LEAVES = "leaves of a tree at most, the best first; null for as many as it takes"


class DtOptions(BoundedOptions):
    """Options of ``dt``."""

    max_depth: int = Field(20, ge=1, le=200, description=_DEPTH)
    min_samples_leaf: int = Field(2, ge=1, description=_LEAF)


class RfOptions(BoundedOptions):
    """Options of ``rf``."""

    trees: int = Field(100, ge=1, le=10_000, description="how many trees")
    max_depth: int = Field(24, ge=1, le=200, description=_DEPTH)
    min_samples_leaf: int = Field(2, ge=1, description=_LEAF)
    max_leaf_nodes: int | None = Field(None, ge=2, description=_LEAVES)


class EtOptions(BoundedOptions):
    """Options of ``et``."""

    trees: int = Field(100, ge=1, le=10_000, description="how many trees")
    max_depth: int | None = Field(None, ge=1, le=200, description=_DEPTH)
    min_samples_leaf: int = Field(2, ge=1, description=_LEAF)
    max_leaf_nodes: int | None = Field(1024, ge=2, description=_LEAVES)


def _train_dt(options: DtOptions, X: Vectors, y: Classes, seed: int) -> Any:
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(
        max_depth=options.max_depth, min_samples_leaf=options.min_samples_leaf, random_state=seed
    )
    return tree.fit(X, y)


def _train_rf(options: RfOptions, X: Vectors, y: Classes, seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(
        options.trees,
        max_depth=options.max_depth,
        min_samples_leaf=options.min_samples_leaf,
        max_leaf_nodes=options.max_leaf_nodes,
        random_state=seed,
        n_jobs=1,
    )
    return forest.fit(X, y)


def _train_et(options: EtOptions, X: Vectors, y: Classes, seed: int) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier

    forest = ExtraTreesClassifier(
        options.trees,
        max_depth=options.max_depth,
        min_samples_leaf=options.min_samples_leaf,
        max_leaf_nodes=options.max_leaf_nodes,
        random_state=seed,
        n_jobs=1,
    )
    return forest.fit(X, y)


def _export_tree(estimator: Any, layout: Layout) -> ModelProto:
    return _export([estimator.tree_], layout)


def _export_forest(estimator: Any, layout: Layout) -> ModelProto:
    return _export([each.tree_ for each in estimator.estimators_], layout)


def _export(trees: Sequence[Any], layout: Layout) -> ModelProto:
    """Average the class shares of the leaves that a row falls into."""
    from tracer_spec.graph import Tree, tree_ensemble

    def converted(tree: Any) -> Tree:
        leaves = np.flatnonzero(tree.children_left < 0)
        counts = tree.value[leaves, 0, :]
        shares = counts / counts.sum(axis=1, keepdims=True) / len(trees)
        row, column = np.nonzero(shares)
        return Tree(
            feature=tree.feature,
            threshold=tree.threshold,
            left=tree.children_left,
            right=tree.children_right,
            leaf=leaves[row],
            target=layout.seen[column],
            weight=shares[row, column],
        )

    return tree_ensemble([converted(tree) for tree in trees], layout.n_classes, dimension=layout.dimension)


_SMALLER = "use fewer trees, a smaller max_depth or max_leaf_nodes, or a larger min_samples_leaf"
_DT: Recipe[DtOptions, Any] = Recipe(_train_dt, predict_proba, _export_tree, _SMALLER)
_RF: Recipe[RfOptions, Any] = Recipe(_train_rf, predict_proba, _export_forest, _SMALLER)
_ET: Recipe[EtOptions, Any] = Recipe(_train_et, predict_proba, _export_forest, _SMALLER)


def forest() -> list[Plugin[SurrogateLearner]]:
    """Return the decision tree and the forests."""
    return [
        Plugin("dt", "one decision tree", partial(Learner, "dt", _DT), DtOptions),
        Plugin("et", "a forest of extremely randomised trees", partial(Learner, "et", _ET), EtOptions),
        Plugin("rf", "a random forest", partial(Learner, "rf", _RF), RfOptions),
    ]
