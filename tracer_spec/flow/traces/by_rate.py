"""Rows that were audited at several rates, as the requests that they stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracer_spec.plugin import Mask
from tracer_spec.stats.binomial import interval


@dataclass(frozen=True, slots=True)
class OfTraffic:
    """A rate over requests, from rows audited at several rates.

    Parameters
    ----------
    share : float
        The estimate, each row weighted by the requests it stands for (Horvitz and Thompson 1952).
    upper : float
        What the true share exceeds at most as often as the upper end of an interval is exceeded.
    """

    share: float
    upper: float


def of_traffic(rows: Mask, right: Mask, rates: NDArray[np.float64], confidence: float) -> OfTraffic | None:
    """Return a rate over all requests; None where the rows were audited at one rate, or there are none.

    Parameters
    ----------
    rows, right : ndarray of shape (n,), bool
        The audited rows that count, and those that are right.
    rates : ndarray of shape (n,), float64
        At which each was audited, in (0, 1].
    confidence : float
        Of an interval, in (0, 1).

    Notes
    -----
    A row that was audited at the rate q stands for 1 / q requests. Each rate has its exact upper bound (Clopper-Pearson), at
    a confidence that is shared among them (Bonferroni), and their mean by requests bounds the whole. How many requests there
    were at each rate is itself an estimate.
    """
    met = np.unique(rates[rows]).tolist()
    if len(met) < 2:
        return None
    each = 1 - (1 - confidence) / len(met)
    total = share = upper = 0.0
    for rate in met:
        among = rows & (rates == rate)
        n, k = int(among.sum()), int((among & right).sum())
        total, share, upper = total + n / rate, share + k / rate, upper + n / rate * interval(n, k, each)[1]
    return OfTraffic(share / total, upper / total)
