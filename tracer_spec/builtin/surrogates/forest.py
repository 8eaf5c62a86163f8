"""``dt``, ``rf`` and ``et``: a decision tree and two kinds of forest."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from tracer_spec.builtin.surrogates.learner import BoundedOptions, Layout, Recipe, Weights
from tracer_spec.plugin import Classes, Vectors

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


def _train_dt(options: DtOptions, X: Vectors, y: Classes, seed: int, weights: Weights | None) -> Any:
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(
        max_depth=options.max_depth, min_samples_leaf=options.min_samples_leaf, random_state=seed
    )
    return tree.fit(X, y, sample_weight=weights)


def _train_forest(
    classifier: str, options: RfOptions | EtOptions, X: Vectors, y: Classes, seed: int, weights: Weights | None
) -> Any:
    """Train one of scikit-learn's two classifiers of many trees."""
    from sklearn import ensemble

    forest = getattr(ensemble, classifier)(
        options.trees,
        max_depth=options.max_depth,
        min_samples_leaf=options.min_samples_leaf,
        max_leaf_nodes=options.max_leaf_nodes,
        random_state=seed,
        n_jobs=1,
    )
    return forest.fit(X, y, sample_weight=weights)


def _export(model: Any, layout: Layout) -> ModelProto:
    """Average the class shares of the leaves that a row falls into."""
    from tracer_spec.graph import Tree, tree_ensemble

    trees = [each.tree_ for each in getattr(model, "estimators_", [model])]

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
DT = Recipe(_train_dt, _export, _SMALLER)
RF = Recipe(partial(_train_forest, "RandomForestClassifier"), _export, _SMALLER)
ET = Recipe(partial(_train_forest, "ExtraTreesClassifier"), _export, _SMALLER)
