"""Targets of single labels: what is asked of one, and the counts that its test rests on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tracer_spec.plugin.contracts import Classes, Mask

LabelMeasure: TypeAlias = Literal["missed", "agreement"]
"""``missed``: of the traffic that the teacher calls so, what the router calls otherwise; ``agreement``: of what the router
calls so, what the teacher calls so too."""


@dataclass(frozen=True, slots=True)
class LabelTarget:
    """What is asked of one label.

    Parameters
    ----------
    label : str
    measure : {'missed', 'agreement'}
    limit : float
        At most so much may be missed, or at least so much must agree; in (0, 1).
    """

    label: str
    measure: LabelMeasure
    limit: float

    @property
    def level(self) -> float:
        """Return the rate of successes that the test must show: 1 - limit for what may be missed; in (0, 1)."""
        return self.limit if self.measure == "agreement" else round(1 - self.limit, 12)

    def outcomes(self, number: int, teacher: Classes, label: Classes, handled: Mask) -> tuple[Mask, Mask]:
        """Return which rows are trials of its test, and which of them are successes.

        Parameters
        ----------
        number : int
            The class of the label.
        teacher, label : ndarray of shape (n,), int64
            The classes that the teacher and the router give; -1 for a label off the list.
        handled : ndarray of shape (n,), bool

        Returns
        -------
        tuple of ndarray of shape (n,), bool

        Notes
        -----
        ``missed``: trials are the rows that the teacher calls so. A deferred one is a success: the teacher answers it.
        ``agreement``: trials are the rows that are handled with the label.
        """
        by_teacher, by_router = teacher == number, handled & (label == number)
        if self.measure == "missed":
            return by_teacher, by_teacher & (~handled | by_router)
        return by_router, by_router & by_teacher


@dataclass(frozen=True, slots=True)
class LabelEstimate:
    """What fit rows, out of fold, say of a label's target under one policy.

    Parameters
    ----------
    n_rows, n, k : float
        Fit rows, the trials among them, and the successes; of weighted rows, as many as tell as much.
    instead : tuple of int
        The classes that the router gives to trials that fail, the most frequent first.
    """

    n_rows: float
    n: float
    k: float
    instead: tuple[int, ...] = field(default=(), compare=False)

    @property
    def share(self) -> float:
        """Return the share of all traffic that is a trial, in [0, 1]."""
        return self.n / self.n_rows if self.n_rows else 0.0


@dataclass(frozen=True, slots=True)
class LabelStep:
    """The test of a label's target for one candidate: k successes of n trials, and the exact p-value in [0, 1]."""

    target: LabelTarget
    n: int
    k: int
    p_value: float
