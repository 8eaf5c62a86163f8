"""Tree ensembles as one sparse operator: a leaf lists only the classes it speaks for.

The usual converters write every class at every leaf: 428 MB instead of 31 for 200 trees on 77 classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from onnx import AttributeProto, NodeProto, helper

from tracer_spec.errors import PluginError
from tracer_spec.graph.tidy import score_graph

if TYPE_CHECKING:
    from onnx import ModelProto

Condition: TypeAlias = Literal["<=", "<"]
PostStep: TypeAlias = Literal["none", "softmax", "normalise"]

_MODES = {"<=": b"BRANCH_LEQ", "<": b"BRANCH_LT"}
_TINY = np.float32(1e-30)
NEVER = -1e30
"""A base value that softmax turns into 0: for a class that no tree speaks for."""


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """One tree. Node 0 is the root; a node without children is a leaf.

    Parameters
    ----------
    feature : ndarray of shape (m,), int
        What each of the m nodes looks at; ignored at leaves.
    threshold : ndarray of shape (m,), float
        What it compares with; ignored at leaves.
    left, right : ndarray of shape (m,), int
        The node to go to where the condition holds, and where it does not; -1 at leaves.
    leaf, target, weight : ndarray of shape (w,)
        Leaf ``leaf[i]`` adds ``weight[i]`` to target ``target[i]``.
    """

    feature: NDArray[np.integer[Any]] = field(repr=False)
    threshold: NDArray[np.floating[Any]] = field(repr=False)
    left: NDArray[np.integer[Any]] = field(repr=False)
    right: NDArray[np.integer[Any]] = field(repr=False)
    leaf: NDArray[np.integer[Any]] = field(repr=False)
    target: NDArray[np.integer[Any]] = field(repr=False)
    weight: NDArray[np.floating[Any]] = field(repr=False)


def float32_thresholds(thresholds: NDArray[np.floating[Any]], condition: Condition) -> NDArray[np.float32]:
    """Return float32 thresholds that split all float32 numbers as the given ones do.

    Parameters
    ----------
    thresholds : ndarray of shape (m,), float64
    condition : {"<=", "<"}

    Returns
    -------
    ndarray of shape (m,), float32

    Notes
    -----
    Between two neighbouring float32 numbers a < t < b, ``x <= t`` holds for a and not for b: t becomes a.
    ``x < t`` holds for a and not for b: t becomes b. Rounding to the nearest, as a cast does, may send a row
    the other way.

    Examples
    --------
    >>> exact = np.array([0.1])
    >>> below, above = (float(float32_thresholds(exact, condition)[0]) for condition in ("<=", "<"))
    >>> below < 0.1 < above
    True
    """
    exact = np.asarray(thresholds, np.float64)
    near = exact.astype(np.float32)
    wrong, towards = (near > exact, -np.inf) if condition == "<=" else (near < exact, np.inf)
    return np.where(wrong, np.nextafter(near, np.float32(towards)), near)


def tree_ensemble(
    trees: Sequence[Tree],
    n_targets: int,
    *,
    dimension: int,
    condition: Condition = "<=",
    base: NDArray[np.floating[Any]] | None = None,
    post: PostStep = "none",
) -> ModelProto:
    """Return the graph that sums what the leaves say.

    Parameters
    ----------
    trees : sequence of Tree
        At least one.
    n_targets : int
        k.
    dimension : int
        d.
    condition : {"<=", "<"}
        When a row goes left. Thresholds are rounded so that every float32 row goes where it went in training.
    base : ndarray of shape (k,), float, optional
        What each target starts from; 0 by default.
    post : {"none", "softmax", "normalise"}
        What happens to the sums; ``normalise`` divides each row by its sum.

    Returns
    -------
    ModelProto
        ``embedding (n, d) float32 -> scores (n, k) float32``, tidy.

    Raises
    ------
    PluginError
        Where there is no tree, or one that is not finite or points outside itself.
    """
    if not trees:
        raise PluginError("an ensemble of no trees")
    for number, tree in enumerate(trees):
        _check(tree, number, n_targets, dimension)
    ensemble = NodeProto(
        op_type="TreeEnsembleRegressor",
        domain="ai.onnx.ml",
        input=["embedding"],
        output=["leaves"],
        attribute=_attributes(trees, n_targets, condition),
    )
    nodes, constants, sums = [ensemble], {}, "leaves"
    if base is not None:
        # not the operator's own base_values: ONNX Runtime leaves them out where no leaf speaks for a target
        sums = "sums"
        nodes.append(helper.make_node("Add", ["leaves", "base"], [sums]))
        constants["base"] = np.asarray(base, np.float32).reshape(1, n_targets)
    if post == "softmax":
        nodes.append(helper.make_node("Softmax", [sums], ["scores"], axis=1))
    elif post == "normalise":
        nodes += [
            helper.make_node("ReduceSum", [sums, "last_axis"], ["totals"], keepdims=1),
            helper.make_node("Max", ["totals", "tiny"], ["divisors"]),
            helper.make_node("Div", [sums, "divisors"], ["scores"]),
        ]
        constants |= {"last_axis": np.array([1], np.int64), "tiny": np.array(_TINY)}
    else:
        nodes[-1].output[0] = "scores"
    return score_graph(nodes, constants, dimension=dimension, n_targets=n_targets)


def _check(tree: Tree, number: int, n_targets: int, dimension: int) -> None:
    """Refuse a tree that a runtime would read out of bounds, or not at all."""
    inner = tree.left >= 0
    children = np.concatenate([tree.left[inner], tree.right[inner]])
    fits = (
        len(tree.left) > 0
        and bool((inner == (tree.right >= 0)).all())
        and len(np.unique(children)) == len(children) == len(tree.left) - 1
        and bool(((children > 0) & (children < len(tree.left))).all())
        and bool(((tree.feature[inner] >= 0) & (tree.feature[inner] < dimension)).all())
        and bool(((tree.target >= 0) & (tree.target < n_targets)).all())
        and bool(np.isin(tree.leaf, np.flatnonzero(~inner)).all())
    )
    if not fits:
        raise PluginError(f"tree {number} is malformed: a node, a feature or a target is out of its range")
    if not (np.isfinite(tree.threshold[inner]).all() and np.isfinite(tree.weight).all()):
        raise PluginError(f"tree {number} has numbers that are not finite")


def _attributes(trees: Sequence[Tree], n_targets: int, condition: Condition) -> list[AttributeProto]:
    """Write all trees as the operator's flat lists."""
    sizes = [len(tree.left) for tree in trees]
    left = np.concatenate([tree.left for tree in trees])
    inner = left >= 0
    spoken = [_every_leaf_speaks(tree) for tree in trees]
    values = np.zeros(len(left), np.float32)
    values[inner] = float32_thresholds(np.concatenate([tree.threshold for tree in trees])[inner], condition)

    def at_inner(parts: Sequence[NDArray[np.integer[Any]]]) -> NDArray[np.integer[Any]]:
        return np.where(inner, np.concatenate(parts), 0)

    integers = {
        "nodes_falsenodeids": at_inner([tree.right for tree in trees]),
        "nodes_featureids": at_inner([tree.feature for tree in trees]),
        "nodes_nodeids": np.concatenate([np.arange(size) for size in sizes]),
        "nodes_treeids": np.repeat(np.arange(len(trees)), sizes),
        "nodes_truenodeids": at_inner([tree.left for tree in trees]),
        "target_ids": np.concatenate([target for _, target, _ in spoken]),
        "target_nodeids": np.concatenate([leaf for leaf, _, _ in spoken]),
        "target_treeids": np.repeat(np.arange(len(trees)), [len(leaf) for leaf, _, _ in spoken]),
    }
    floats = {"nodes_values": values, "target_weights": np.concatenate([weight for _, _, weight in spoken])}
    modes = [_MODES[condition] if each else b"LEAF" for each in inner.tolist()]
    # kinds are said: ``helper.make_attribute`` would look at every value to guess them
    return [
        AttributeProto(name="n_targets", type=AttributeProto.INT, i=n_targets),
        AttributeProto(name="nodes_modes", type=AttributeProto.STRINGS, strings=modes),
        *(AttributeProto(name=name, type=AttributeProto.INTS, ints=each.tolist()) for name, each in integers.items()),
        *(
            AttributeProto(name=name, type=AttributeProto.FLOATS, floats=each.astype(np.float32).tolist())
            for name, each in floats.items()
        ),
    ]


def _every_leaf_speaks(
    tree: Tree,
) -> tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]], NDArray[np.floating[Any]]]:
    """Return (leaf, target, weight) of weights that are not zero, sorted; runtimes want one for each leaf."""
    says = tree.weight.astype(np.float32) != 0
    silent = np.setdiff1d(np.flatnonzero(tree.left < 0), tree.leaf[says])
    leaf = np.concatenate([tree.leaf[says], silent])
    target = np.concatenate([tree.target[says], np.zeros_like(silent)])
    weight = np.concatenate([tree.weight[says], np.zeros(len(silent))])
    order = np.lexsort((target, leaf))
    return leaf[order], target[order], weight[order]
