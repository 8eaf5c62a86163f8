"""Many tests, one error budget: which hypotheses may be rejected so that any false rejection has probability <= delta.

Pure functions of p-values. Each controls the family-wise error for *any* dependence between the tests, provided that
the order was frozen before the data were seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def holm(p_values: Sequence[float], delta: float) -> list[bool]:
    """Reject from the smallest p-value on while the j-th smallest is <= delta / (m - j + 1).

    References
    ----------
    Holm (1979), A simple sequentially rejective multiple test procedure, Theorem 1.
    """
    rejected = [False] * len(p_values)
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[index] > delta / (len(p_values) - rank):
            break
        rejected[index] = True
    return rejected


def fixed_sequence(p_values: Iterable[float], delta: float) -> list[bool]:
    """Test in order, each at the whole of delta, and stop for good at the first that fails.

    Parameters
    ----------
    p_values : iterable of float
        Consumed lazily: nothing after the first failure is looked at.
    delta : float
        In (0, 1).

    Returns
    -------
    list of bool
        One entry per test carried out; all True but perhaps the last.

    Notes
    -----
    Let i be the first true null of the order. A false rejection needs p_i <= delta, which has probability <= delta.

    References
    ----------
    Maurer, Hothorn, Lehmacher (1995), Multiple comparisons in drug clinical trials and preclinical assays.

    Examples
    --------
    >>> fixed_sequence([0.01, 0.04, 0.30, 0.001], delta=0.05)
    [True, True, False]
    """
    outcome: list[bool] = []
    for p in p_values:
        outcome.append(p <= delta)
        if not outcome[-1]:
            break
    return outcome


def look_level(look: int, delta: float) -> float:
    """Return the level of the j-th look at overlapping certify rows, delta * 0.9 * 0.1**(j - 1).

    Parameters
    ----------
    look : int
        1 for the first look.
    delta : float
        In (0, 1); the levels of all looks together sum to it.

    Notes
    -----
    A geometric series: any number of looks spends at most delta, by the union bound, and the first keeps nine tenths of
    it. The bound is proved for looks whose candidates were fixed in advance. That it holds where a later look's
    candidates were chosen after the outcome of an earlier one was seen is argued, not proved: each level is spent once,
    whatever is tested at it.
    """
    if look < 1:
        raise ValueError(f"looks are counted from 1, got {look}")
    return delta * 0.9 * 0.1 ** (look - 1)
