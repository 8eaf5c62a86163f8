"""Worlds whose truth is known in closed form, to catch a calibrator that claims more than it may.

Each row has a score, uniform in [0, 1], and a surrogate that agrees or not. A policy is one gate on the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tracer_spec.plugin import Candidate, Chain, LabelEstimate, LabelTarget, Mask, Model, Policy, Scores, Stage

_SURROGATE, _ACCEPTOR = Model("s", b""), Model("a", b"")
LEVELS = tuple(round(1 - 0.05 * step, 2) for step in range(1, 20))
"""Thresholds, falling: 95 % to 5 %, in steps of 5."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a world, as a calibrator may see them: it can count what a policy handles, and no more."""

    score: Scores = field(repr=False)
    agrees: Mask = field(repr=False)

    def __len__(self) -> int:
        return len(self.score)

    def count(self, policy: Policy) -> tuple[int, int]:
        """Return (n handled, k of them agreeing)."""
        (stage,) = policy
        handled = self.score >= stage.threshold
        return int(handled.sum()), int((handled & self.agrees).sum())

    def count_label(self, policy: Policy, asked: LabelTarget) -> tuple[int, int]:
        """Return (n trials, k successes) of a label's target, in a world whose teacher and router know that label alone."""
        n, k = self.count(policy)
        return (n, k) if asked.measure == "agreement" else (len(self), len(self) - (n - k))


@dataclass(frozen=True, slots=True)
class World:
    """Rows agree at one rate in [0, 1], whatever their score: no policy is better or worse than another."""

    rate: float

    def draw(self, n: int, rng: np.random.Generator) -> Rows:
        """Draw n rows."""
        return Rows(rng.uniform(size=n).astype(np.float32), rng.uniform(size=n) < self.rate)

    def agreement(self, _policy: Policy) -> float:
        """Return the true share of handled traffic that agrees."""
        return self.rate

    def end_to_end(self, policy: Policy) -> float:
        """Return the true share of all traffic that gets no label but the teacher's."""
        (stage,) = policy
        return 1 - (1 - stage.threshold) * (1 - self.rate)


def gate(threshold: float) -> Policy:
    """Return the policy that handles rows whose score reaches a threshold."""
    return (Stage(_SURROGATE, _ACCEPTOR if threshold else None, threshold),)


def chain(rows: Rows, labels: Sequence[LabelTarget] = ()) -> Chain:
    """Return the chain of gates of falling thresholds, counted on these rows, that ends in accepting all."""

    def estimates(policy: Policy) -> tuple[LabelEstimate, ...]:
        return tuple(LabelEstimate(len(rows), *rows.count_label(policy, each)) for each in labels)

    policies = [gate(threshold) for threshold in (*LEVELS, 0.0)]
    candidates = tuple(Candidate("l2d", each, len(rows), *rows.count(each), estimates(each)) for each in policies)
    return Chain("l2d", ("s",), candidates)
