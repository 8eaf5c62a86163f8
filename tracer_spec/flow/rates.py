"""Rates measured on fresh rows, with what they may be in truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tracer_spec.flow.documents.certificate import AGREEMENT
from tracer_spec.flow.traces.by_rate import OfTraffic, of_traffic
from tracer_spec.plugin import Classes, LabelTarget, Mask
from tracer_spec.stats.rate import Rate


@dataclass(frozen=True, slots=True)
class LabelRate:
    """What fresh rows say of the claim of one label.

    Parameters
    ----------
    asked : LabelTarget
    rate : Rate
        Of successes, which is claimed to be ``asked.level`` or more.
    with_known_texts : Rate or None
        Counted with the rows left out for their text alone; None where there are none.
    of_traffic : OfTraffic or None
        Over all requests, where rows were audited at several rates.
    without_repeats : Rate or None
        Counted once for rows that say the same; None where none do.
    """

    asked: LabelTarget
    rate: Rate
    with_known_texts: Rate | None = None
    of_traffic: OfTraffic | None = None
    without_repeats: Rate | None = None

    @property
    def upper(self) -> float:
        """Return what the rate may be at the most, in [0, 1]."""
        return upper_of(self.rate, self.of_traffic, self.with_known_texts, self.without_repeats)

    @property
    def is_contradicted(self) -> bool:
        """Return whether that is under what is claimed."""
        return self.upper < self.asked.level

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            **asdict(self.asked),
            "claimed": self.asked.level,
            "successes": self.rate.document(),
            "with_known_texts": self.with_known_texts.document() if self.with_known_texts else None,
            "without_repeats": self.without_repeats.document() if self.without_repeats else None,
            "of_traffic": asdict(self.of_traffic) if self.of_traffic else None,
            "is_contradicted": self.is_contradicted,
        }


def upper_of(found: Rate, by_requests: OfTraffic | None, *otherwise: Rate | None) -> float:
    """Return what a rate may be at the most: as the requests that rows stand for, and as other readings of them have it."""
    upper = found.upper if by_requests is None else by_requests.upper
    return max(upper, *(each.upper for each in otherwise if each), 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Rows that are counted, as masks of shape (n,), and what else they may be.

    Parameters
    ----------
    rows : ndarray of bool
        Those that tell of a claim.
    unclear : ndarray of bool
        Those that were left out for their text alone.
    own : ndarray of bool
        Which of either are rows of their own even if rows that say the same are copies of one call.
    """

    rows: Mask
    unclear: Mask
    own: Mask


# of a claim: which rows are trials of it, and which of them are successes
Outcomes: TypeAlias = tuple[Mask, Mask]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Rows with the teacher's label, and what the router makes of them.

    Parameters
    ----------
    classes : mapping of str to int
        The classes of the bundle's labels.
    teacher, label : ndarray of shape (n,), int64
        The classes that the teacher and the router give; -1 where there is none.
    handled : ndarray of shape (n,), bool
    rates : ndarray of shape (n,), float64, or None
        At which rows were audited.
    confidence : float
        Of every interval, in (0, 1).
    """

    classes: Mapping[str, int]
    teacher: Classes
    label: Classes
    handled: Mask
    rates: NDArray[np.float64] | None
    confidence: float

    def outcomes(self, measure: str) -> Outcomes:
        """Return the outcomes of a claim by its measure."""
        agree = self.handled & (self.label == self.teacher)
        return (self.handled, agree) if measure == AGREEMENT else (np.ones_like(agree), agree | ~self.handled)

    def rate(self, rows: Mask, outcomes: Outcomes) -> Rate:
        """Return what some rows say."""
        trials, successes = (int((rows & each).sum()) for each in outcomes)
        return Rate.of(trials, successes, self.confidence)

    def of_requests(self, rows: Mask, outcomes: Outcomes) -> OfTraffic | None:
        """Return what they say of all requests; None where they were not audited at several rates."""
        trials, successes = outcomes
        return None if self.rates is None else of_traffic(rows & trials, successes, self.rates, self.confidence)

    def otherwise(self, counted: Counted, outcomes: Outcomes) -> tuple[Rate | None, Rate | None]:
        """Return what rows say with those left out for their text alone, and without repeats; None where that is the same."""
        among, rows, own = outcomes[0], counted.rows, counted.own
        both = rows | counted.unclear
        with_them = (
            [self.rate(each, outcomes) for each in (both, both & own)] if (counted.unclear & among).any() else []
        )
        alone = self.rate(rows & own, outcomes) if (rows & among & ~own).any() else None
        return max(with_them, key=lambda each: each.upper, default=None), alone

    def of_labels(self, claims: Sequence[LabelTarget], counted: Counted) -> tuple[LabelRate, ...]:
        """Return what rows say of each claim."""
        found = []
        for asked in claims:
            # a label that the bundle does not know, of a certificate that somebody wrote, has no rows
            number = self.classes.get(asked.label, -2)
            told = asked.outcomes(number, self.teacher, self.label, self.handled)
            with_them, alone = self.otherwise(counted, told)
            of_requests = self.of_requests(counted.rows, told)
            found.append(LabelRate(asked, self.rate(counted.rows, told), with_them, of_requests, alone))
        return tuple(found)
