"""Whether two samples may come from one distribution: of numbers known by their quantiles, or of successes and failures."""

from __future__ import annotations

from collections.abc import Sequence

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
    quantiles: Sequence[float] | ArrayLike, n_reference: int, values: ArrayLike, *, rounding: float = 0.0
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

    first, second = np.sort(np.asarray(quantiles, np.float64)), np.sort(np.asarray(values, np.float64))
    if not len(first) or not len(second) or n_reference < len(first):
        raise ValueError(f"both samples need values, got {len(first)} of {n_reference} and {len(second)}")
    distance = max(_excess(first, second, rounding), _excess(second, first, rounding), 0.0)
    unknown = 0.5 / len(first) if n_reference > len(first) else 0.0
    n_effective = max(1, n_reference * len(second) // (n_reference + len(second)))
    least = 2 / float(binom(n_reference + len(second), n_reference))  # of no two samples can less be said
    return distance, min(1.0, max(least, float(kstwo.sf(max(distance - unknown, 0.0), n_effective))))


def _excess(above: NDArray[np.float64], below: NDArray[np.float64], rounding: float) -> float:
    """Return the most by which one distribution function runs over another; it does so first at a value of its own."""
    upper = np.arange(1, len(above) + 1) / len(above)
    return float(np.max(upper - np.searchsorted(below, above + rounding, side="right") / len(below)))


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
