"""How traces came before the teacher: which of them chance alone chose, so that they may certify, and how often it chooses."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer_spec.plugin import Mask

# 2000-01-01: an earlier time of a router's record is none
FIRST_ROUTERS = 946_684_800.0


@dataclass(frozen=True, slots=True)
class Coin:
    """How one request came before the teacher.

    Parameters
    ----------
    may_certify : bool
        Whether chance alone chose it, as far as its record says.
    is_said : bool
        Whether the record says so; else nothing speaks against it.
    rate : float
        How often chance chooses such requests, in [0, 1].
    is_deferred : bool
        Whether the teacher would have been asked whatever chance said.
    speaks : bool
        Whether it is known how likely such a request is to be in the log, and the traffic that it stands for is the one that
        may certify.
    """

    may_certify: bool = True
    is_said: bool = False
    rate: float = 1.0
    is_deferred: bool = False
    speaks: bool = True

    @classmethod
    def read(cls, certify: bool | None, rate: Any, is_deferred: bool, is_wanted: bool) -> Coin:
        """Return what a record says; a rate that is none, or 0, lets nothing certify."""
        share = rate_of(rate)
        is_likely = is_wanted and share > 0
        may = certify is not False and is_likely
        return cls(may, certify is not None, share, is_deferred, may or (is_likely and is_deferred))


ALWAYS = Coin()
DOUBTFUL = Coin(may_certify=False, is_said=True, speaks=False)


def _routed_since(sampling: Sampling | None, routed_from: float | None) -> float:
    here = math.inf if sampling is None else sampling.routed_from
    return here if routed_from is None else min(here, routed_from)


def rate_of(rate: Any) -> float:
    """Return a rate in [0, 1]; 1 for None, and 0 for what is no rate.

    Examples
    --------
    >>> [rate_of(each) for each in (None, 0.02, 1, 2, "0.02", True)]
    [1.0, 0.02, 1.0, 0.0, 0.0, 0.0]
    """
    if rate is None:
        return 1.0
    is_share = isinstance(rate, (int, float)) and not isinstance(rate, bool) and 0 <= rate <= 1
    return float(rate) if is_share else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Sampling:
    """How n traces came before the teacher, in columns of shape (n,); see :class:`Coin`.

    ``routed_from`` is when, in the whole set, a router first kept requests from the teacher; infinity where none did.
    """

    may_certify: Mask
    is_said: Mask
    rates: NDArray[np.float64]
    is_deferred: Mask
    speaks: Mask
    routed_from: float

    def is_behind_router(self, times: NDArray[np.float64]) -> Mask:
        """Return which traces came while a router kept requests from the teacher, shape (n,); all where no router was there."""
        if self.routed_from == math.inf:
            return np.ones(len(times), bool)
        return ~(times < self.routed_from)

    @classmethod
    def of(cls, coins: Sequence[Coin], routed_from: float) -> Sampling | None:
        """Return the columns; None where every trace may certify and no router was there."""
        if routed_from == math.inf and all(each.may_certify and each.rate == 1.0 for each in coins):
            return None
        return cls(
            np.array([each.may_certify for each in coins], bool),
            np.array([each.is_said for each in coins], bool),
            np.array([each.rate for each in coins], np.float64),
            np.array([each.is_deferred for each in coins], bool),
            np.array([each.speaks for each in coins], bool),
            routed_from,
        )

    def take(self, at: Sequence[int]) -> Sampling:
        """Return the traces at these positions."""
        may_certify, is_said, rates, is_deferred, speaks = self._columns
        return Sampling(may_certify[at], is_said[at], rates[at], is_deferred[at], speaks[at], self.routed_from)

    def lines(self) -> Iterable[bytes]:
        """Yield what is said of each trace, for digests."""
        yield from (repr(each).encode() for each in zip(*(column.tolist() for column in self._columns), strict=True))

    @property
    def _columns(self) -> tuple[Mask, Mask, NDArray[np.float64], Mask, Mask]:
        return self.may_certify, self.is_said, self.rates, self.is_deferred, self.speaks


def disowned(sampling: Sampling | None, times: NDArray[np.float64], routed_from: float | None = None) -> int:
    """Return how many traces may not certify since a router's record has no time, or one that no router's record can have."""
    since = _routed_since(sampling, routed_from)
    if since >= FIRST_ROUTERS:
        return 0
    says_nothing = np.ones(len(times), bool) if sampling is None else sampling.may_certify & ~sampling.is_said
    return int((says_nothing & ~(times < since)).sum())


def sampled(sampling: Sampling | None, times: NDArray[np.float64], routed_from: float | None = None) -> Mask:
    """Return which traces chance alone chose, shape (n,).

    Parameters
    ----------
    sampling : Sampling or None
    times : ndarray of shape (n,), float64
    routed_from : float or None
        Since when a router kept requests from the teacher, as earlier builds know.

    Notes
    -----
    Once a router keeps requests from the teacher, a log of what the teacher was asked holds the deferred ones alone. So a trace
    whose record says nothing of a coin counts only where it is older than that; where its time is not known, it does not.
    """
    since = _routed_since(sampling, routed_from)
    may = np.ones(len(times), bool) if sampling is None else sampling.may_certify.copy()
    if since < math.inf:
        may &= (times < since) | (False if sampling is None else sampling.is_said)
    return may
