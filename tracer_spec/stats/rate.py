"""A rate that was counted, with what it may be in truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from tracer_spec.stats.binomial import interval

# of a shipped policy on rows like those that certified it, chance explains all but this; easier traffic is named beside it
_FEWER_FAILURES = 0.6


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with an interval for the true one: k of n, in [lower, upper]."""

    n: int
    k: int
    lower: float
    upper: float

    @classmethod
    def of(cls, n: int, k: int, confidence: float) -> Self:
        """Return k of n with its exact (Clopper-Pearson) two-sided interval."""
        return cls(n, k, *interval(n, k, confidence))

    @property
    def share(self) -> float | None:
        """Return k / n, None where there is nothing to divide."""
        return self.k / self.n if self.n else None

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"n": self.n, "k": self.k, "share": self.share, "lower": self.lower, "upper": self.upper}


def at_release_document(now: Rate, before: Rate) -> dict[str, Any]:
    """Return a rate as it was at release as JSON values, and whether what it is now is far above that."""
    return {**before.document(), "is_far_exceeded": is_far_above(now, before)}


def is_far_above(now: Rate, before: Rate) -> bool:
    """Return whether failures are less than 0.6 of what they were, wherever in their intervals both true rates are.

    Examples
    --------
    >>> is_far_above(Rate(875, 875, 0.996, 1.0), Rate(500, 475, 0.927, 0.967))
    True
    >>> is_far_above(Rate(875, 850, 0.958, 0.981), Rate(500, 475, 0.927, 0.967))
    False
    """
    return 1 - now.lower < _FEWER_FAILURES * (1 - before.upper)
