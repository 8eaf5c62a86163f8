import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tracer_spec.flow.training.fit_rows import FitRows


def in_folds(folds):
    """Return rows of which nothing but the fold is told."""
    return FitRows(np.ones((len(folds), 2), np.float32), np.zeros(len(folds), np.int64), folds, 1)


@given(arrays(np.int64, st.integers(1, 40), elements=st.integers(0, 4)), st.integers(0, 2**32 - 1))
def test_each_fold_is_scored_whole_by_the_chosen_rows_of_all_others(folds, seed):
    among = np.random.default_rng(seed).uniform(size=len(folds)) < 0.7
    rows = in_folds(folds)
    splits = list(rows.splits(among))
    assert len(splits) == rows.n_folds == max(folds.tolist()) + 1
    for fold, (inside, outside) in enumerate(splits):
        assert inside.tolist() == [row for row in range(len(folds)) if among[row] and folds[row] != fold]
        assert outside.tolist() == [row for row in range(len(folds)) if folds[row] == fold]


def test_no_rows_have_no_folds():
    rows = in_folds(np.empty(0, np.int64))
    assert rows.n_folds == 0
    assert list(rows.splits(np.empty(0, bool))) == []


def test_rows_are_split_by_their_own_folds(telling):
    rows = telling.fit_rows(12, 3)
    outside = [scored.tolist() for _, scored in rows.splits(np.ones(12, bool))]
    assert outside == [np.flatnonzero(rows.folds == fold).tolist() for fold in range(3)]


@pytest.mark.parametrize("change", ["one number of a vector", "one class", "the order", "the type"])
def test_the_digest_tells_rows_that_differ(telling, change):
    rows = telling.fit_rows(12)
    X, y = rows.X.copy(), rows.y.copy()
    if change == "one number of a vector":
        X[5, 1] = np.nextafter(X[5, 1], 2, dtype=np.float32)
    elif change == "one class":
        y[5] += 1
    elif change == "the order":
        X, y = X[::-1], y[::-1]
    else:
        X = X.astype(np.float64)
    assert FitRows(X, y, rows.folds, rows.n_classes).digest != rows.digest


def test_the_digest_is_of_numbers_however_they_lie_in_memory_and_of_no_fold(telling):
    rows = telling.fit_rows(12)
    other = FitRows(np.asfortranarray(rows.X), rows.y.copy(), rows.folds[::-1], rows.n_classes)
    assert other.digest == rows.digest
