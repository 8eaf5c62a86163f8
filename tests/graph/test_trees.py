from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer_spec.errors import PluginError
from tracer_spec.graph import (
    MAX_EXPORT_BYTES,
    NEVER,
    Tree,
    check_export_size,
    float32_thresholds,
    score,
    tree_ensemble,
)

D, K = 3, 4
FLOAT32 = st.floats(-100, 100, width=32)


def random_tree(draw: st.DrawFn) -> Tree:
    """Grow a tree by splitting random leaves."""
    feature, threshold, left, right, leaves = [0], [0.0], [-1], [-1], [0]
    for _ in range(draw(st.integers(0, 6))):
        node = leaves.pop(draw(st.integers(0, len(leaves) - 1)))
        feature[node] = draw(st.integers(0, D - 1))
        # as scikit-learn chooses them: halfway between two float32 numbers
        threshold[node] = (draw(FLOAT32) + draw(FLOAT32)) / 2
        left[node], right[node] = len(left), len(left) + 1
        leaves += [len(left), len(left) + 1]
        for column, empty in ((feature, 0), (threshold, 0.0), (left, -1), (right, -1)):
            column += [empty, empty]
    said = draw(
        st.dictionaries(
            st.tuples(st.sampled_from(leaves), st.integers(0, K - 1)), st.floats(-1, 1, width=32), max_size=12
        )
    )
    return Tree(
        np.array(feature),
        np.array(threshold),
        np.array(left),
        np.array(right),
        np.array([leaf for leaf, _ in said], np.int64),
        np.array([target for _, target in said], np.int64),
        np.array(list(said.values()), np.float64),
    )


def walked(tree: Tree, x: np.ndarray, condition: str) -> np.ndarray:
    """Follow one row through one tree, comparing exactly."""
    node = 0
    while tree.left[node] >= 0:
        value, bound = float(x[tree.feature[node]]), float(tree.threshold[node])
        node = int(tree.left[node] if (value <= bound if condition == "<=" else value < bound) else tree.right[node])
    out = np.zeros(K)
    for leaf, target, weight in zip(tree.leaf, tree.target, tree.weight, strict=True):
        if leaf == node:
            out[target] += weight
    return out


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Tree], np.ndarray]:
    trees = [random_tree(draw) for _ in range(draw(st.integers(1, 4)))]
    rows = [[draw(FLOAT32) for _ in range(D)] for _ in range(3)]
    # rows on the splits themselves and right beside them
    for tree in trees:
        for node in np.flatnonzero(tree.left >= 0):
            near = np.float32(tree.threshold[node])
            rows += [[v] * D for v in (near, np.nextafter(near, np.float32(-1e9)), np.nextafter(near, np.float32(1e9)))]
    return trees, np.array(rows, np.float32)


@settings(max_examples=60, deadline=None)
@given(cases(), st.sampled_from(["<=", "<"]), st.sampled_from(["none", "softmax", "normalise"]))
def test_an_ensemble_is_the_sum_of_its_trees(case, condition, post) -> None:
    trees, X = case
    base = np.array([1.5, 2.0, 0.25, 1.0])
    model = tree_ensemble(trees, K, dimension=D, condition=condition, base=base, post=post)
    onnx.checker.check_model(model, full_check=True)
    wanted = np.array([base + sum(walked(tree, x, condition) for tree in trees) for x in X])
    if post == "softmax":
        wanted = np.exp(wanted) / np.exp(wanted).sum(axis=1, keepdims=True)
    elif post == "normalise":
        wanted = wanted / np.maximum(wanted.sum(axis=1, keepdims=True), 1e-30)
        steady = np.abs(wanted).max(axis=1) < 100  # a sum near 0 makes any rounding large
        X, wanted = X[steady], wanted[steady]
    np.testing.assert_allclose(score(model.SerializeToString(), X), wanted, atol=1e-5, rtol=1e-4)


@given(st.floats(-1e30, 1e30), st.floats(-(2.0**99), 2.0**99, width=32))
def test_rounded_thresholds_split_float32_numbers_as_the_exact_ones_do(threshold: float, x: float) -> None:
    exact = np.array([threshold])
    at_most, below = float32_thresholds(exact, "<=")[0], float32_thresholds(exact, "<")[0]
    near = np.float32(threshold)
    for value in (np.float32(x), near, np.nextafter(near, np.float32(-np.inf)), np.nextafter(near, np.float32(np.inf))):
        assert (value <= at_most) == (float(value) <= threshold)
        assert (value < below) == (float(value) < threshold)


def test_rounding_to_the_nearest_float32_would_have_sent_a_row_the_other_way() -> None:
    low = np.float32(1) + np.float32(2**-23)
    high = np.nextafter(low, np.float32(2))
    between = (float(low) + float(high)) / 2
    assert np.float32(between) == high  # the trap: high <= float32(between)
    stump = Tree(
        np.array([0, 0, 0]), np.array([between, 0, 0]), np.array([1, -1, -1]), np.array([2, -1, -1]),
        np.array([1, 2]), np.array([0, 1]), np.array([1.0, 1.0]),
    )  # fmt: skip
    model = tree_ensemble([stump], 2, dimension=1)
    assert score(model.SerializeToString(), np.array([[low], [high]])).tolist() == [[1, 0], [0, 1]]


def test_weights_of_zero_are_not_written_and_every_leaf_still_speaks() -> None:
    stump = Tree(
        np.zeros(3, int), np.zeros(3), np.array([1, -1, -1]), np.array([2, -1, -1]),
        np.array([1, 1, 2]), np.array([0, 1, 2]), np.array([0.5, 0.0, 0.0]),
    )  # fmt: skip
    (node,) = tree_ensemble([stump], 3, dimension=1).graph.node
    lists = {attribute.name: attribute for attribute in node.attribute}
    assert list(lists["target_weights"].floats) == [0.5, 0.0]
    assert list(lists["target_nodeids"].ints) == [1, 2]


def test_the_reference_runtime_of_onnx_agrees() -> None:
    from onnx.reference import ReferenceEvaluator

    model = tree_ensemble([stump(weight=[0.25, 4.0])], 3, dimension=1, base=np.array([1.0, 2.0, 3.0]))
    X = np.array([[0.4], [0.6]], np.float32)
    (wanted,) = ReferenceEvaluator(model).run(None, {"embedding": X})
    np.testing.assert_array_equal(wanted, [[1.25, 2, 3], [1, 6, 3]])
    np.testing.assert_array_equal(score(model.SerializeToString(), X), wanted)


def test_a_class_that_never_occurs_gets_exactly_nothing_from_softmax() -> None:
    leaf = Tree(*(np.array([value]) for value in (0, 0.0, -1, -1, 0, 1, 3.0)))
    model = tree_ensemble([leaf], 3, dimension=1, base=np.array([0, 0, NEVER]), post="softmax")
    (row,) = score(model.SerializeToString(), np.zeros((1, 1), np.float32))
    assert row[2] == 0.0
    np.testing.assert_allclose(row[1], 1 / (1 + np.exp(-3)), rtol=1e-6)


def stump(**change: list[float]) -> Tree:
    parts = {
        "feature": [0, 0, 0], "threshold": [0.5, 0, 0], "left": [1, -1, -1], "right": [2, -1, -1],
        "leaf": [1, 2], "target": [0, 1], "weight": [1.0, 1.0],
    }  # fmt: skip
    return Tree(**{name: np.array(values) for name, values in {**parts, **change}.items()})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"feature": [7, 0, 0]}, "tree 0 is malformed"),
        ({"left": [9, -1, -1]}, "tree 0 is malformed"),
        ({"left": [0, -1, -1]}, "tree 0 is malformed"),
        ({"left": [2, -1, -1]}, "tree 0 is malformed"),
        ({"right": [-1, -1, -1]}, "tree 0 is malformed"),
        ({"leaf": [0, 2]}, "tree 0 is malformed"),
        ({"target": [0, 2]}, "tree 0 is malformed"),
        ({"weight": [np.nan, 1.0]}, "tree 0 has numbers that are not finite"),
        ({"threshold": [np.inf, 0, 0]}, "tree 0 has numbers that are not finite"),
    ],
)
def test_malformed_trees_are_refused(change, message) -> None:
    with pytest.raises(PluginError, match=message):
        tree_ensemble([stump(**change)], 2, dimension=1)


def test_an_ensemble_of_nothing_is_refused() -> None:
    with pytest.raises(PluginError, match="an ensemble of no trees"):
        tree_ensemble([], 2, dimension=1)


def test_an_export_over_the_limit_is_refused_with_the_numbers() -> None:
    model = tree_ensemble([stump()], 2, dimension=1)
    check_export_size(model, name="rf", remedy="use fewer trees", limit_bytes=model.ByteSize())
    with pytest.raises(PluginError, match=r"'rf' exports 0\.0 MiB; at most 0\.0 MiB are allowed") as refusal:
        check_export_size(model, name="rf", remedy="use fewer trees", limit_bytes=model.ByteSize() - 1)
    assert refusal.value.problems[0].hint == "use fewer trees"
    assert MAX_EXPORT_BYTES == 64 * 1024 * 1024
