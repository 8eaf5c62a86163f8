"""Trains a booster on one thread, and gives its trees to :func:`tracer_spec.graph.tree_ensemble`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np
from tracer_spec.errors import PluginError
from tracer_spec.graph import NEVER, Tree, check_export_size, constant_scores, tree_ensemble
from tracer_spec.plugin import Classes, Scores, Vectors

if TYPE_CHECKING:
    from onnx import ModelProto

    from tracer_spec_lightgbm import LightgbmOptions


@dataclass(frozen=True, slots=True)
class LightgbmSurrogate:
    """A trained surrogate.

    Parameters
    ----------
    booster : lightgbm.Booster or None
        Over the classes that were met; None where that was one.
    seen : ndarray of shape (s,), int64
        Those classes, rising.
    n_classes, dimension : int
        k and d.
    """

    booster: lightgbm.Booster | None = field(repr=False)
    seen: Classes
    n_classes: int
    dimension: int

    def scores(self, X: Vectors) -> Scores:
        """Return class probabilities, shape (n, k)."""
        scores = np.zeros((len(X), self.n_classes), np.float32)
        if self.booster is None:
            scores[:, self.seen] = 1.0
        else:
            predicted: Any = self.booster.predict(X, num_threads=1)
            scores[:, self.seen] = predicted
        return scores

    def to_onnx(self) -> ModelProto:
        """Return ``embedding (n, d) -> scores (n, k)``: the sums of each class's trees, and their softmax."""
        if self.booster is None:
            row = np.zeros(self.n_classes)
            row[self.seen] = 1.0
            return constant_scores(row.tolist(), self.dimension)
        dumped = self.booster.dump_model()["tree_info"]
        trees = [_tree(each["tree_structure"], int(self.seen[at % len(self.seen)])) for at, each in enumerate(dumped)]
        base = np.full(self.n_classes, NEVER)
        base[self.seen] = 0.0
        graph = tree_ensemble(trees, self.n_classes, dimension=self.dimension, base=base, post="softmax")
        check_export_size(graph, name="lightgbm", remedy="use fewer rounds or leaves")
        return graph


@dataclass(frozen=True, slots=True)
class LightgbmLearner:
    """Trains :class:`LightgbmSurrogate`."""

    options: LightgbmOptions

    def fit(self, X: Vectors, y: Classes, *, n_classes: int, seed: int) -> LightgbmSurrogate:
        """Train.

        Parameters
        ----------
        X : ndarray of shape (n, d), float32
        y : ndarray of shape (n,), int64
            In [0, n_classes); classes may be missing.
        n_classes, seed : int

        Raises
        ------
        PluginError
            For vectors that are not finite, and rows that LightGBM cannot learn.
        """
        if not np.isfinite(X).all():
            raise PluginError("'lightgbm' got vectors that are not finite", hint="fix the embedder")
        seen, dense = np.unique(y, return_inverse=True)
        if len(seen) == 1:
            return LightgbmSurrogate(None, seen, n_classes, X.shape[1])
        asked = self.options
        parameters = {
            "objective": "multiclass",
            "num_class": len(seen),
            "learning_rate": asked.learning_rate,
            "num_leaves": asked.leaves,
            "min_data_in_leaf": asked.min_rows_in_leaf,
            "bagging_fraction": asked.row_share,
            "bagging_freq": 1,
            "feature_fraction": asked.dimension_share,
            "lambda_l2": asked.l2,
            "max_bin": asked.bins,
            "min_data_in_bin": 1,
            "feature_pre_filter": False,
            # rows that are not finite never come this far, and the graph knows no other way for them
            "use_missing": False,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        try:
            booster = lightgbm.train(parameters, lightgbm.Dataset(X, dense, params=parameters), asked.rounds)
        except lightgbm.basic.LightGBMError as error:
            raise PluginError(f"'lightgbm' cannot learn these rows: {' '.join(str(error).split())[:200]}") from error
        return LightgbmSurrogate(booster, seen, n_classes, X.shape[1])


# LightGBM takes numbers this near to 0 for 0: between them there is no split, but there may be one just below
_ZERO = float(np.float32(1e-35))


def _exact(threshold: float) -> float:
    """Return the threshold that sends every float32 number where LightGBM sends it."""
    return float(np.nextafter(np.float32(-_ZERO), np.float32(-1))) if threshold == -_ZERO else threshold


def _tree(root: dict[str, Any], target: int) -> Tree:
    """Return one tree of a dump, its nodes numbered as they are met."""
    nodes = [root]
    left, right = [], []
    for node in nodes:  # grows while it is walked
        if "leaf_value" in node:
            left.append(-1)
            right.append(-1)
            continue
        left.append(len(nodes))
        right.append(len(nodes) + 1)
        nodes += [node["left_child"], node["right_child"]]
        if node["decision_type"] != "<=":
            raise PluginError(f"'lightgbm' made a split of the type {node['decision_type']!r}; expected '<='")
    leaf = np.flatnonzero(np.array(left) < 0)
    return Tree(
        feature=np.array([node.get("split_feature", 0) for node in nodes]),
        threshold=np.array([_exact(node.get("threshold", 0.0)) for node in nodes], np.float64),
        left=np.array(left),
        right=np.array(right),
        leaf=leaf,
        target=np.full(len(leaf), target),
        weight=np.array([nodes[at]["leaf_value"] for at in leaf], np.float64),
    )
