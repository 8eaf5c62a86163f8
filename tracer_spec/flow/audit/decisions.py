"""What a policy decides on the fit rows, each judged by models that had not seen it: the runtime's batch, out of fold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tracer_spec.plugin import Classes, Mask, Policy, Scores, Stage
from tracer_spec.runtime.decision import REASONS, Reason

if TYPE_CHECKING:
    from tracer_spec.flow.training.workshop import Workshop


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """One stage of a policy, as the rows that reach it see it; every array is of shape (n,).

    Parameters
    ----------
    reached : ndarray of bool
        Rows that no earlier stage handled.
    scores : ndarray of float32
        The acceptor's score, or the surrogate's best where there is none.
    agrees : ndarray of bool
        Where its surrogate gives the teacher's label.
    sure, allowed : ndarray of bool
        Where the vector is not zero and its score reaches the threshold, and where its surrogate gives a label that it
        may give.
    near : tuple of ndarray of bool
        What each guard lets pass.
    """

    stage: Stage
    reached: Mask = field(repr=False)
    scores: Scores = field(repr=False)
    agrees: Mask = field(repr=False)
    sure: Mask = field(repr=False)
    allowed: Mask = field(repr=False)
    near: tuple[Mask, ...] = field(repr=False)

    def take(self, at: Classes) -> Tried:
        """Return the same of the rows at these positions."""
        near = tuple(each[at] for each in self.near)
        return Tried(
            self.stage, self.reached[at], self.scores[at], self.agrees[at], self.sure[at], self.allowed[at], near
        )


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """Decisions on n fit rows, as columns of shape (n,).

    Parameters
    ----------
    predicted, scores : ndarray of int64, ndarray of float32
        The label and the score of the stage that handled, or of the last one tried.
    agrees : ndarray of bool
        Where that label is the teacher's: for deferred rows, whether it would have agreed.
    stages : ndarray of int64
        The stage that handled, from 0; -1 where deferred.
    reasons : ndarray of int64
        As the graph numbers them.
    """

    handled: Mask = field(repr=False)
    predicted: Classes = field(repr=False)
    scores: Scores = field(repr=False)
    agrees: Mask = field(repr=False)
    stages: Classes = field(repr=False)
    reasons: Classes = field(repr=False)
    tried: tuple[Tried, ...]

    def take(self, at: Classes) -> Decisions:
        """Return the decisions on the rows at these positions."""
        return Decisions(
            handled=self.handled[at],
            predicted=self.predicted[at],
            scores=self.scores[at],
            agrees=self.agrees[at],
            stages=self.stages[at],
            reasons=self.reasons[at],
            tried=tuple(each.take(at) for each in self.tried),
        )

    @property
    def counts(self) -> dict[str, int]:
        """Return how many rows have each reason that a fit row can have."""
        possible = [reason for reason in REASONS if reason is not Reason.UNAVAILABLE]
        return {str(reason): int((self.reasons == reason.number).sum()) for reason in possible}


def decide(workshop: Workshop, policy: Policy, denied: Mask) -> Decisions:
    """Replay a policy on the fit rows, out of fold, by the rules of its graph."""
    n, known = workshop.n_rows, workshop.rows.known
    handled, agrees = np.zeros(n, bool), np.zeros(n, bool)
    predicted, stages, reasons = np.zeros(n, np.int64), np.full(n, -1), np.zeros(n, np.int64)
    scores = np.zeros(n, np.float32)
    tried = []
    for position, stage in enumerate(policy):
        one = _try(workshop, stage, ~handled, denied)
        tried.append(one)
        labels = workshop.gated(stage).held_out.labels
        near = np.logical_and.reduce([np.ones(n, bool), *one.near])
        # a row that is both far and of a denied label counts as far, as in the graph
        doubt = np.where(one.allowed, Reason.LOW_SCORE.number, Reason.DENIED_LABEL.number)
        doubt = np.where(near & known, doubt, Reason.OUT_OF_DISTRIBUTION.number)
        takes = one.reached & one.sure & one.allowed & near
        for column, value in ((predicted, labels), (scores, one.scores), (agrees, one.agrees), (reasons, doubt)):
            column[one.reached] = value[one.reached]
        reasons[takes] = Reason.HANDLED.number
        stages[takes] = position
        handled |= takes
    return Decisions(handled, predicted, scores, agrees, stages, reasons, tuple(tried))


def _try(workshop: Workshop, stage: Stage, reached: Mask, denied: Mask) -> Tried:
    """Say of every row what one stage would make of it."""
    gated, known = workshop.gated(stage), workshop.rows.known
    if stage.acceptor is None:
        scores, sure = gated.scores.max(axis=1), known
    else:
        scores, sure = gated.accept, known & (gated.accept >= np.float32(stage.threshold))
    scores = np.where(known, scores, np.float32(0))  # of a zero vector, the graph gives no score
    allowed = ~denied[gated.held_out.labels]
    return Tried(stage, reached, scores, gated.agrees, sure, allowed, workshop.guarded(gated))
