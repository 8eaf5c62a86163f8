"""Tree ensembles: every tree is one, and no deeper than ONNX Runtime can follow, which is by recursion."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from tracer_spec.runtime import limits
from tracer_spec.runtime.protobuf_wire import BYTES
from tracer_spec.runtime.tensor_check import GraphRefusedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tracer_spec.runtime.graph_reader import Node

_HINT = "train the surrogate again with a bound on the depth of its trees"
_TEXTS = 9
_MODES = (b"LEAF", *(b"BRANCH_" + each for each in (b"LEQ", b"LT", b"GTE", b"GT", b"EQ", b"NEQ")))
_MODE = re.compile(b"|".join(re.escape(bytes([_TEXTS << 3 | BYTES, len(each)]) + each) for each in _MODES))


def check_trees(node: Node) -> None:
    """Refuse trees with a node that has two parents or none that leads to a root, and trees that are too deep."""
    tree, own, yes, no = (
        node.integers(f"nodes_{name}") for name in ("treeids", "nodeids", "truenodeids", "falsenodeids")
    )
    n = len(own)
    if n > limits.TREE_NODES:
        raise GraphRefusedError(f"has an ensemble of {n} tree nodes; at most {limits.TREE_NODES} are read", _HINT)
    is_leaf = _leaves(node)
    if not n or not len(tree) == len(yes) == len(no) == len(is_leaf) == n:
        raise GraphRefusedError("has an ensemble of trees whose lists differ in length", _HINT)
    order = np.lexsort((own, tree))
    place = _Places(tree[order], own[order])
    branches = np.flatnonzero(~is_leaf[order])
    children = np.stack([place.of(tree[order][branches], side[order][branches]) for side in (yes, no)])
    if (children < 0).any():
        raise GraphRefusedError("has a tree with a branch that leads nowhere", _HINT)
    parents = np.bincount(children.ravel(), minlength=n)
    if (parents > 1).any():
        raise GraphRefusedError("has a tree with a node that has two parents", _HINT)
    below = np.full((2, n), -1, np.int64)
    below[:, branches] = children
    level, n_met = np.flatnonzero(parents == 0), 0
    for _ in range(limits.TREE_DEPTH + 1):
        n_met += len(level)
        level = below[:, level].ravel()
        level = level[level >= 0]
        if not len(level):
            break
    else:
        raise GraphRefusedError(f"has a tree deeper than {limits.TREE_DEPTH}", _HINT)
    if n_met < n:
        raise GraphRefusedError("has a tree that leads back to itself", _HINT)


class _Places:
    """Finds a node by its tree and its own number, in lists sorted by both."""

    def __init__(self, tree: NDArray[np.int64], own: NDArray[np.int64]) -> None:
        trees, self._first = np.unique(tree, return_index=True)
        self._trees, self._tree, self._own = trees, tree, own
        self._numbers = np.unique(own)
        self._keys = self._key(tree, own)

    def of(self, tree: NDArray[np.int64], number: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return places; -1 where there is no such node."""
        at = np.searchsorted(self._keys, self._key(tree, number)).clip(max=len(self._keys) - 1)
        return np.where((self._tree[at] == tree) & (self._own[at] == number), at, -1)

    def _key(self, tree: NDArray[np.int64], number: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return one number for both, in the order of the lists."""
        return np.searchsorted(self._trees, tree) * len(self._numbers) + np.searchsorted(self._numbers, number)


def _leaves(node: Node) -> NDArray[np.bool_]:
    """Return which nodes are leaves."""
    if "nodes_modes" not in node.attributes:
        return np.empty(0, bool)
    held = node.attributes["nodes_modes"]
    found: list[bytes] = []
    for each in held.fields.get(_TEXTS, ()):
        # a single field starts at its text; a run starts at its first tag
        run = held.data[each.start - (2 if each.repeated == 1 else 0) : each.end]
        modes = _MODE.findall(run)
        if sum(map(len, modes)) != len(run):
            raise GraphRefusedError("has a tree with a node of a kind that a policy may not have", _HINT)
        found += modes
    is_leaf: NDArray[np.bool_] = np.fromiter(map(len, found), np.int64, len(found)) == len(b"LEAF") + 2
    return is_leaf
