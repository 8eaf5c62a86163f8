"""Days of a log far from its others: what a clock that was wrong leaves behind."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise

# days without a row that are no holiday
_LONG_GAP = 30
# times the next longest gap: one batch of a rhythm that is left out makes 2
_FAR_LONGER = 2.5


def odd_gap(numbers: Collection[int], days: int = 1) -> tuple[int, int] | None:
    """Return the periods around the one gap that no rhythm explains, None where there is none.

    Parameters
    ----------
    numbers : collection of int
        The periods that have rows, by their numbers.
    days : int
        Of each period.

    Returns
    -------
    (int, int) or None
        The last period before the gap and the first one after it.

    Notes
    -----
    The longest gap is odd where it has 30 days or more, as many days as all periods with rows together, and more than two
    and a half times as many as the next longest. Gaps that resemble one another are those of a batch: a wrong clock makes one.

    Examples
    --------
    >>> odd_gap([0, 1, 2, 3, 365])
    (3, 365)
    >>> odd_gap([0, 30, 61, 91, 122])
    """
    ordered = sorted(numbers)
    gaps = sorted((after - before - 1, before, after) for before, after in pairwise(ordered))
    if not gaps:
        return None
    longest, before, after = gaps[-1]
    next_longest = gaps[-2][0] if len(gaps) > 1 else 0
    is_long = longest * days >= max(_LONG_GAP, len(ordered) * days)
    return (before, after) if is_long and longest > _FAR_LONGER * next_longest else None
