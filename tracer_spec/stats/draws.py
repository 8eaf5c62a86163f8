"""Draws of a coin whose chance is another for each row."""

from __future__ import annotations

import math

# by chance, once in a billion logs
_MOST_DEVIATIONS = 6.0


def is_by_chance(n_chosen: int, expected: float, variance: float) -> bool:
    """Return whether chance explains that so many rows were chosen.

    Parameters
    ----------
    n_chosen : int
        Rows that the coin chose.
    expected, variance : float
        Of their number: the sums of q and of q (1 - q) over the rows, where q is the chance of each.

    Examples
    --------
    >>> is_by_chance(592, 600.0, 540.0), is_by_chance(0, 600.0, 540.0)
    (True, False)
    """
    return abs(n_chosen - expected) <= _MOST_DEVIATIONS * math.sqrt(variance) + 1
