"""Course of a claim: how it fared, stretch by stretch of a log of decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tracer_spec.stats.rate import Rate


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
        The rate that the claim is about, of this stretch alone, and since release up to its end. The intervals contain the true
        ones at all times together.
    """

    day: date
    rows: int
    handled: int
    own: Rate
    since: Rate
