"""Kinds that a further sample would hold, against samples that were drawn."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tracer_spec.stats.unseen import unseen_kinds


@pytest.mark.parametrize("copies", [1, 2, 3, 10])
@pytest.mark.parametrize("share", [0.2, 0.4, 0.5])
def test_kinds_of_the_other_side_alone_are_as_many_as_said(copies: int, share: float) -> None:
    """Each of 500 kinds has so many rows, and a coin puts each row on either side."""
    rng, told, true = np.random.default_rng(3), [], []
    for _ in range(200):
        is_further = rng.random((500, copies)) < share
        first = (~is_further).sum(axis=1)
        told.append(unseen_kinds(first[first > 0].tolist(), share / (1 - share)))
        true.append((first == 0).sum())
    assert np.mean(told) == pytest.approx(np.mean(true), abs=5)
    assert np.mean(true) == pytest.approx(500 * share**copies, abs=3)


def test_of_samples_that_are_larger_than_the_first_no_more_is_said_than_of_an_equal_one() -> None:
    sizes = [*Counter("aabbbcdefg").values()]
    assert unseen_kinds(sizes, 3.0) == unseen_kinds(sizes, 1.0) == pytest.approx(5 - 1 + 1)
    assert unseen_kinds([], 0.5) == 0
