"""Worlds whose truth is known in closed form, to catch a calibrator that claims more than it may.

A world draws rows; each surrogate scores a row and agrees with the teacher or not. A policy is one gate on one surrogate's
score (a cascade: gates on several, first come first served), so its true agreement is a formula, not an estimate.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from tracer_spec.flow.training.thresholds import thresholds_at_levels
from tracer_spec.plugin import Candidate, Chain, Model, Stage

ACCEPTOR = Model("accept", b"")
DELTA = 0.10


def slack(runs):
    """Return the most false certificates at delta, as a share of the runs, that chance allows at 99.9 %."""
    return binom.ppf(0.999, runs, DELTA) / runs


@dataclass
class Rows:
    """n rows: by surrogate a score in [0, 1] and whether it agrees."""

    score: dict
    agree: dict

    def __len__(self):
        return len(next(iter(self.score.values())))

    def replay(self, policy):
        handled = np.zeros(len(self), bool)
        agrees = np.zeros(len(self), bool)
        for stage in policy:
            name = stage.surrogate.name
            takes = ~handled & (
                np.ones(len(self), bool) if stage.acceptor is None else self.score[name] >= stage.threshold
            )
            handled |= takes
            agrees |= takes & self.agree[name]
        return handled, agrees

    def surest(self, policy):
        """Return stage and score of every row, as the opened rows of a build do."""
        stages, scores, left = np.zeros(len(self), int), np.zeros(len(self), np.float32), np.ones(len(self), bool)
        for position, stage in enumerate(policy):
            score = self.score[stage.surrogate.name]
            takes = left & ((score >= stage.threshold) | (position == len(policy) - 1))
            stages[takes], scores[takes] = position, score[takes]
            left &= ~takes
        order = np.lexsort((-scores, stages))
        return stages[order], scores[order]

    def count(self, policy):
        handled, agrees = self.replay(policy)
        return int(handled.sum()), int(agrees.sum())


@dataclass
class Null:
    """Agreement is ``rate`` whatever the row and whatever the score: no policy of any coverage is better or worse."""

    rate: float
    surrogates: tuple = ("s",)

    def draw(self, n, rng):
        # the teacher flips a label independently of the row: every surrogate agrees on the same rows
        agree = rng.uniform(size=n) < self.rate
        scores = {name: rng.uniform(size=n).astype(np.float32) for name in self.surrogates}
        return Rows(scores, dict.fromkeys(self.surrogates, agree))

    def agreement(self, policy):
        return self.rate


@dataclass
class Mixture:
    """Regions of known agreement, ranked by a score that is uniform over all rows: score in [lo, hi) agrees at ``rate``."""

    regions: tuple = ((0.5, 1.0, 0.995), (0.2, 0.5, 0.96), (0.0, 0.2, 0.55))
    surrogates: tuple = ("s",)

    def draw(self, n, rng):
        score = {name: rng.uniform(size=n).astype(np.float32) for name in self.surrogates}
        return Rows(score, {name: rng.uniform(size=n) < self._rate(score[name]) for name in self.surrogates})

    def _rate(self, score):
        return sum(np.where((score >= lo) & (score < hi), rate, 0.0) for lo, hi, rate in self.regions)

    def agreement(self, policy):
        """Integrate the rates over the scores that the one gate lets through."""
        (stage,) = policy
        at = 0.0 if stage.acceptor is None else stage.threshold
        mass = [max(0.0, hi - max(lo, at)) for lo, hi, _ in self.regions]
        return sum(m * rate for m, (_, _, rate) in zip(mass, self.regions, strict=True)) / sum(mass)

    def best_coverage(self, target):
        """Return the largest coverage at which the agreement still reaches the target."""
        grid = np.linspace(0, 0.9999, 20_001)
        reached = [at for at in grid if self.agreement((gate("s", at),)) >= target]
        return 1 - min(reached, default=1.0)


def gate(name, threshold):
    return Stage(Model(name, b""), None if threshold is None else ACCEPTOR, threshold or 0.0)


def candidate(family, policy, rows):
    handled, agrees = rows.replay(policy)
    return Candidate(family, policy, len(rows), int(handled.sum()), int(agrees.sum()))


def propose(rows, families=("global", "l2d", "rsb"), n_levels=40):
    """Propose the chains that the built-in families would, from fit rows."""
    everything = np.ones(len(rows), bool)
    names = list(rows.score)
    gates = {
        name: [*thresholds_at_levels(rows.score[name].astype(np.float32), everything, n_levels), None] for name in names
    }
    chains = []
    if "global" in families:
        chains += [Chain("global", (name,), (candidate("global", (gate(name, None),), rows),)) for name in names]
    if "l2d" in families:
        for name in names:
            chains.append(Chain("l2d", (name,), tuple(candidate("l2d", (gate(name, at),), rows) for at in gates[name])))
    if "rsb" in families and len(names) > 1:
        first = names[0]
        split = gates[first][len(gates[first]) // 2]
        for name in names[1:]:
            policies = [(gate(first, split), gate(name, at)) for at in gates[name]]
            chains.append(Chain("rsb", (first, name), tuple(candidate("rsb", policy, rows) for policy in policies)))
    return chains
