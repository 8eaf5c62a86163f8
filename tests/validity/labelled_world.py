"""A world of two labels whose truth is known in closed form: how much of one is missed, and how much called so is so."""

from dataclasses import dataclass

import numpy as np

from tracer_spec.plugin import Candidate, Chain, LabelEstimate, LabelTarget, Model, Stage

FRAUD, OTHER = 1, 0
MISSED, AGREES = LabelTarget("fraud", "missed", 0.5), LabelTarget("fraud", "agreement", 0.5)
LEVELS = tuple(round(0.95 - 0.05 * step, 2) for step in range(19))


@dataclass
class Rows:
    """n rows: a score, the teacher's class and the surrogate's."""

    score: np.ndarray
    teacher: np.ndarray
    given: np.ndarray

    def __len__(self):
        return len(self.score)

    def handled(self, policy):
        (stage,) = policy
        return self.score >= stage.threshold

    def count(self, policy):
        handled = self.handled(policy)
        return int(handled.sum()), int((handled & (self.teacher == self.given)).sum())

    def count_label(self, policy, asked):
        # told by the words of the claim, and not by the code under test
        handled, called = self.handled(policy), self.given == FRAUD
        if asked.measure == "missed":
            trials = self.teacher == FRAUD
            return int(trials.sum()), int(trials.sum() - (trials & handled & ~called).sum())
        trials = handled & called
        return int(trials.sum()), int((trials & (self.teacher == FRAUD)).sum())


@dataclass
class Labelled:
    """One request in five is fraud. Of fraud, ``missed`` is called otherwise; of the rest, ``false_alarms`` is called fraud.

    Scores are uniform and tell nothing, but those ``above`` all gates: of ``fraud``, of all that is fraud or ``called`` so, or
    of ``nothing``.
    """

    missed: float = 0.0
    false_alarms: float = 0.0
    above: str = "called"
    share: float = 0.2

    def draw(self, n, rng):
        teacher = (rng.uniform(size=n) < self.share).astype(int)
        turned = rng.uniform(size=n) < np.where(teacher == FRAUD, self.missed, self.false_alarms)
        given = np.where(turned, 1 - teacher, teacher)
        score = rng.uniform(size=n)
        is_above = {
            "fraud": teacher == FRAUD,
            "called": (teacher == FRAUD) | (given == FRAUD),
            "nothing": np.zeros(n, bool),
        }
        score[is_above[self.above]] = 1.0
        return Rows(score, teacher, given)

    def handled_shares(self, policy):
        """Return how much of fraud, of false alarms and of the rest is handled."""
        coverage = 1 - policy[0].threshold
        return (coverage if self.above == "nothing" else 1.0), (1.0 if self.above == "called" else coverage), coverage

    def missed_rate(self, policy):
        """Return the share of fraud that is handled and called otherwise."""
        return self.missed * self.handled_shares(policy)[0]

    def label_agreement(self, policy):
        """Return the share of what is handled and called fraud that is so."""
        of_fraud, of_alarms, _ = self.handled_shares(policy)
        right, wrong = self.share * (1 - self.missed) * of_fraud, (1 - self.share) * self.false_alarms * of_alarms
        return right / (right + wrong)

    def agreement(self, policy):
        """Return the share of what is handled that is right."""
        of_fraud, of_alarms, of_rest = self.handled_shares(policy)
        fraud, alarms = self.share * of_fraud, (1 - self.share) * self.false_alarms * of_alarms
        rest = (1 - self.share) * (1 - self.false_alarms) * of_rest
        return (fraud * (1 - self.missed) + rest) / (fraud + alarms + rest)

    def keeps(self, policy, target):
        """Return whether a policy keeps all that is claimed of it."""
        of_labels = [
            self.missed_rate(policy) <= each.limit
            if each.measure == "missed"
            else self.label_agreement(policy) >= each.limit
            for each in target.labels
        ]
        return self.agreement(policy) >= target.level and all(of_labels)


def propose(rows, labels):
    """Propose one chain of gates, counted on fit rows."""
    policies = [(Stage(Model("s", b""), Model("a", b""), threshold),) for threshold in (*LEVELS, 0.0)]
    candidates = [
        Candidate(
            "l2d",
            policy,
            len(rows),
            *rows.count(policy),
            tuple(LabelEstimate(len(rows), *rows.count_label(policy, each)) for each in labels),
        )
        for policy in policies
    ]
    return [Chain("l2d", ("s",), tuple(candidates))]
