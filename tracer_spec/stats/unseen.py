"""Kinds that a further sample would hold and a first one does not, from how often the first one holds each kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


def unseen_kinds(sizes: Iterable[int], ratio: float) -> float:
    """Return how many kinds a further sample is expected to hold of which the first one has no row; by chance under 0.

    Parameters
    ----------
    sizes : iterable of int
        How many rows of the first sample each of its kinds has, each at least 1.
    ratio : float
        Rows of the further sample to one of the first, at least 0; more than 1 counts as 1.

    Notes
    -----
    The estimator of Good and Toulmin, ``-sum (-ratio)^i phi_i`` with ``phi_i`` kinds of i rows each. It is unbiased where
    every row falls into either sample by a coin of its own, and its variance grows without bound beyond a ratio of 1.

    References
    ----------
    Good, Toulmin (1956), The number of new species, and the increase in population coverage, when a sample is increased.

    Examples
    --------
    >>> unseen_kinds([1] * 90, 0.5), unseen_kinds([1] * 90 + [2] * 40, 0.5)
    (45.0, 35.0)
    """
    step = min(ratio, 1.0)
    return -sum(n * (-step) ** size for size, n in Counter(sizes).items())
