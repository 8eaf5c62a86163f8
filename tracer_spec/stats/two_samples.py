"""Whether two samples may come from one distribution: of numbers known by their quantiles, or of successes and failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


def sample_quantiles(values: ArrayLike, most: int = 256) -> NDArray[np.float64]:
    """Return at most so many order statistics that stand for a sample.

    Parameters
    ----------
    values : array-like of shape (n,)
    most : int
        At least 1.

    Returns
    -------
    ndarray of shape (min(n, most),), float64
        Ascending: the sample itself where it is small enough, else its quantiles at (i + 1/2) / most, each a value of the
        sample.

    Examples
    --------
    >>> sample_quantiles([3.0, 1.0, 2.0]).tolist(), sample_quantiles(range(100), most=4).tolist()
    ([1.0, 2.0, 3.0], [12.0, 37.0, 62.0, 87.0])
    """
    ranked = np.sort(np.asarray(values, np.float64))
    if len(ranked) <= most:
        return ranked
    levels = (np.arange(most) + 0.5) / most
    at = np.ceil(levels * len(ranked)).astype(np.int64) - 1
    return np.asarray(ranked[at.clip(0)])


def kolmogorov_smirnov(
    quantiles: Sequence[float] | ArrayLike,
    n_reference: int,
    values: ArrayLike,
    *,
    counts: ArrayLike | None = None,
    rounding: float = 0.0,
) -> tuple[float, float]:
    """Return the distance between two distribution functions, and the p-value of "they are one".

    Parameters
    ----------
    quantiles : array-like of shape (q,)
        Of the first sample, as :func:`sample_quantiles` gives them; q at least 1.
    n_reference : int
        The size of the first sample, at least q.
    values : array-like of shape (m,)
        The second sample, m at least 1.
    counts : array-like of shape (m,), int, or None
        How often each of the values is in that sample; once where None.
    rounding : float
        Values that differ by no more count as equal: one score computed alone and in a batch differs a little, and equal
        scores (repeated inputs) would else be torn apart.

    Returns
    -------
    distance : float
        sup |F - G|, in [0, 1]: how large the difference is, the effect size.
    p_value : float
        In [0, 1]; at most a level as often as that level says, nearly, where both samples are independent rows of one
        distribution.

    Notes
    -----
    Quantiles know F to 1 / (2q), which is taken off the distance before the p-value: the test errs on the quiet side. The
    p-value is that of the one-sample statistic at n m / (n + m) rows, rounded down, as
    ``scipy.stats.ks_2samp(method="asymp")`` has it, and no less than that of two samples that do not overlap.

    References
    ----------
    Smirnov (1939), On the estimation of the discrepancy between empirical curves of distribution for two samples.
    """
    from scipy.special import binom
    from scipy.stats import kstwo

    first, second = _Ranked.of(quantiles), _Ranked.of(values, counts)
    if not first.n or not second.n or n_reference < first.n:
        raise ValueError(f"both samples need values, got {first.n} of {n_reference} and {second.n}")
    distance = max(_excess(first, second, rounding), _excess(second, first, rounding), 0.0)
    unknown = 0.5 / first.n if n_reference > first.n else 0.0
    n_effective = max(1, n_reference * second.n // (n_reference + second.n))
    least = 2 / float(binom(n_reference + second.n, n_reference))  # of no two samples can less be said
    return distance, min(1.0, max(least, float(kstwo.sf(max(distance - unknown, 0.0), n_effective))))


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A sample of n: its values, ascending, and how many of the sample are at most each of them."""

    values: NDArray[np.float64]
    up_to: NDArray[np.int64]

    @classmethod
    def of(cls, values: ArrayLike, counts: ArrayLike | None = None) -> _Ranked:
        given = np.asarray(values, np.float64)
        order = np.argsort(given, kind="stable")
        each = np.ones(len(given), np.int64) if counts is None else np.asarray(counts, np.int64)[order]
        return cls(given[order], np.cumsum(each))

    @property
    def n(self) -> int:
        return int(self.up_to[-1]) if len(self.up_to) else 0


def _excess(above: _Ranked, below: _Ranked, rounding: float) -> float:
    """Return the most by which one distribution function runs over another; it does so first at a value of its own."""
    passed = np.searchsorted(below.values, above.values + rounding, side="right")
    return float(np.max(above.up_to / above.n - np.append(0, below.up_to)[passed] / below.n))


def two_proportions(n_first: int, k_first: int, n_second: int, k_second: int) -> float:
    """Return the p-value of "both rates are one", by Fisher's exact test, two-sided.

    Parameters
    ----------
    n_first, k_first, n_second, k_second : int
        Trials and successes of either sample; k at most n. Without trials on a side, the p-value is 1.

    Notes
    -----
    Exact for two independent samples. Where both are measured on the same rows, and so move together, it errs on the quiet
    side: it says less often that they differ.

    References
    ----------
    Fisher (1934), Statistical Methods for Research Workers, 5th edition, section 21.02.

    Examples
    --------
    >>> round(two_proportions(10, 8, 10, 2), 4)
    0.023
    """
    if not (0 <= k_first <= n_first and 0 <= k_second <= n_second):
        raise ValueError(f"k must lie in [0, n], got {k_first} of {n_first} and {k_second} of {n_second}")
    if not n_first or not n_second:
        return 1.0
    from scipy.stats import fisher_exact

    table = np.array([[k_first, n_first - k_first], [k_second, n_second - k_second]])
    return float(fisher_exact(table).pvalue)
