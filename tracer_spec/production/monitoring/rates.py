"""Rates that a log of decisions tells, with their intervals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its interval, which contains the true one at all times together: k of n, in [lower, upper]."""

    n: int
    k: int
    lower: float
    upper: float

    @property
    def share(self) -> float | None:
        """Return k / n, None where there is nothing to divide."""
        return self.k / self.n if self.n else None


@dataclass(frozen=True, slots=True)
class Progress:
    """How a claim fared in a stretch of days.

    Parameters
    ----------
    day : date
        On which it begins.
    rows, handled : int
        Decisions of the stretch, and those handled.
    own, since : Rate
        The rate that the claim is about, of this stretch alone, and since release up to its end.
    """

    day: date
    rows: int
    handled: int
    own: Rate
    since: Rate
