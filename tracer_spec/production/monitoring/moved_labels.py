"""Labels whose share of the traffic has moved since release."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

# a difference of so many standard errors is more than noise
_NOISE = 3.0


@dataclass(frozen=True, slots=True)
class Moved:
    """A label and its share of the rows, at release and now; ``errors`` is the difference in standard errors."""

    label: str
    was: float
    now: float
    errors: float


def moved(before: Mapping[str, int], now: Mapping[str, int]) -> list[Moved]:
    """Return the labels whose share has moved by more than noise, the surest first.

    Parameters
    ----------
    before, now : mapping of str to int
        Rows by label.

    Notes
    -----
    The two-sample z of each share, pooled and corrected for continuity, so that one row of ten is no news. Among many labels,
    and with many looks, some pass by chance: it is descriptive.

    Examples
    --------
    >>> [each.label for each in moved({"a": 500, "b": 500}, {"a": 600, "b": 380, "c": 20})]
    ['b', 'a', 'c']
    """
    n_before, n_now = sum(before.values()), sum(now.values())
    if not n_before or not n_now:
        return []
    found = []
    for label in {**before, **now}:
        was, is_now = before.get(label, 0) / n_before, now.get(label, 0) / n_now
        pooled = (before.get(label, 0) + now.get(label, 0)) / (n_before + n_now)
        error = math.sqrt(pooled * (1 - pooled) * (1 / n_before + 1 / n_now))
        step = (1 / n_before + 1 / n_now) / 2
        if error and abs(is_now - was) - step > _NOISE * error:
            found.append(Moved(label, was, is_now, (is_now - was) / error))
    return sorted(found, key=lambda each: (-abs(each.errors), each.label))
