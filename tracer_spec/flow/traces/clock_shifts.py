"""Constant differences between the clocks of two loggers of one call: zones of time, which differ by quarter hours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# from UTC-12 to UTC+14
_QUARTER_S, _MOST_QUARTERS = 900, 104
# so many texts, beyond twice those that stand again midway between two quarter hours
_MOST_BY_CHANCE = 10


def clock_shifts(said: Sequence[bytes], times: NDArray[np.float64], within: float) -> tuple[float, ...]:
    """Return the shifts, in seconds, at which texts stand again far more often than shortly before and after them.

    Parameters
    ----------
    said : sequence of bytes
        A digest of what each of n rows says.
    times : ndarray of shape (n,), float64
        Seconds; NaN where unknown.
    within : float
        Seconds by which two records of one call differ otherwise, at most.

    Notes
    -----
    Requests that people make again fall on a whole quarter of an hour after the first no more often than between two,
    so each text counts once for the distance to its next occurrence. Ten texts more than twice as many as fall midway
    between two quarters are clocks, or a programme that repeats itself by the clock.
    """
    numbers: dict[bytes, int] = {}
    text = np.array([numbers.setdefault(each, len(numbers)) for each in said], np.int64)
    order = np.lexsort((times, text))
    text, gaps = text[order], np.diff(times[order])
    with np.errstate(invalid="ignore"):
        is_near = (text[1:] == text[:-1]) & (gaps <= _MOST_QUARTERS * _QUARTER_S + _QUARTER_S / 2)
    text, gaps = text[1:][is_near], gaps[is_near]
    quarter = np.rint(gaps / _QUARTER_S).astype(np.int64)
    off = np.abs(gaps - quarter * _QUARTER_S)
    at, midway = (_n_texts(text[chosen], quarter[chosen]) for chosen in (off <= within, off >= _QUARTER_S / 2 - within))
    found = np.flatnonzero(at > 2 * midway + _MOST_BY_CHANCE)
    return tuple(float(each * _QUARTER_S) for each in found.tolist() if 0 < each <= _MOST_QUARTERS)


def _n_texts(text: NDArray[np.int64], quarter: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many texts have a distance at each quarter, from none to one beyond the last."""
    pairs = np.unique(np.stack([text, quarter]), axis=1)
    return np.bincount(pairs[1], minlength=_MOST_QUARTERS + 2)
