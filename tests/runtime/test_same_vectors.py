"""What counts as the same vector, on one machine and on two."""

import numpy as np
import pytest

from tracer_spec.runtime.same_vectors import apart, is_same, is_same_here

LARGE_AND_SMALL = np.float32([[900, 0.2, 0], [-500, 0.1, 0], [100, 0.3, 0]])


@pytest.mark.parametrize(
    ("moved", "anywhere", "here"),
    [
        ((0, 0, 0), True, True),
        ((0.089, 0, 0), True, True),
        ((0.15, 0, 0), False, False),
        # ten times the spread of its own column is little beside the greatest number of all
        ((0, 0.08, 0), True, False),
        ((0, 0, 8e-4), True, True),
        ((0, 0, 2e-3), True, False),
        ((np.nan, 0, 0), False, False),
    ],
)
def test_on_one_machine_each_column_has_its_own_measure(moved, anywhere, here):
    away = apart(LARGE_AND_SMALL + np.array(moved, np.float64), LARGE_AND_SMALL)
    assert (is_same(away, LARGE_AND_SMALL), is_same_here(away, LARGE_AND_SMALL)) == (anywhere, here)


def test_small_vectors_may_be_off_by_as_much_as_those_of_length_one():
    unit = np.float32([[0.6, 0.8], [1e-3, 1e-3]])
    assert is_same(apart(unit + 9e-5, unit), unit)
    assert not is_same(apart(unit + 1.1e-4, unit), unit)


def test_vectors_of_another_shape_are_others():
    away = apart(LARGE_AND_SMALL[:, :2], LARGE_AND_SMALL)
    assert away.tolist() == np.full((3, 3), np.inf).tolist()
    assert not is_same(away, LARGE_AND_SMALL)
