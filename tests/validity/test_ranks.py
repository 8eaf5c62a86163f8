"""Tests at ranks: P(certified and true agreement < target) <= delta, whatever the errors do along the scores; and a mutant."""

from dataclasses import replace

import numpy as np
import pytest

from tests.validity.worlds import DELTA, Mixture, gate, slack
from tracer_spec.builtin.calibrators.pareto_testing import ParetoTesting
from tracer_spec.flow.certifying.ranks import _cut, at_ranks, ranks
from tracer_spec.plugin import Candidate, Target
from tracer_spec.stats.binomial import p_value

RUNS, N_CERTIFY = 400, 400


def staircase(target, step, swing):
    """Return regions, the surest first, over which the agreement of all above goes over and under the target in turn."""
    regions, above = [], 0.0
    for number in range(round(1 / step)):
        wanted = target + swing * (-1) ** number
        mass = (number + 1) * step
        regions.append((1 - mass, 1 - mass + step, min(1.0, max(0.0, (wanted * mass - above) / step))))
        above += regions[-1][2] * step
    return tuple(regions)


class Stepped(Mixture):
    """A mixture whose scores take few values, so that many rows share one."""

    values = 24

    def draw(self, n, rng):
        rows = super().draw(n, rng)
        return replace(
            rows, score={name: np.floor(score * self.values) / self.values for name, score in rows.score.items()}
        )

    def agreement(self, policy):
        (stage,) = policy
        return super().agreement((replace(stage, threshold=np.ceil(stage.threshold * self.values) / self.values),))


def order(first, levels=20):
    """Return a frozen order of thresholds on a uniform score, from a coverage on, each estimated as it is."""
    coverages = [level / levels for level in range(1, levels) if level / levels >= first]
    found = [Candidate("l2d", (gate("s", 1 - each),), 1000, 1000 * each, 1000 * each) for each in coverages]
    return (*found, Candidate("l2d", (gate("s", None),), 1000, 1000, 1000))


def certified(world, target, first, cut=at_ranks, seed=1):
    """Return the true agreement of what each of many sets of certify rows certifies; nothing where it is refused."""
    goal, ordered, found = Target(target, 1 - DELTA), order(first), []
    for run in range(RUNS):
        rows = world.draw(N_CERTIFY, np.random.default_rng([seed, run]))
        tested, _ = cut(ordered, rows, goal)
        chosen = ParetoTesting().certify(tested, rows, goal).chosen
        if chosen:
            found.append(world.agreement(chosen.candidate.policy))
    return np.array(found)


@pytest.mark.parametrize("world", [Mixture, Stepped])
@pytest.mark.parametrize(
    "regions",
    [
        ((0.0, 1.0, 0.9 - 1e-6),),
        ((0.7, 1.0, 0.97), (0.0, 0.7, 0.85)),
        ((0.7, 1.0, 0.85), (0.0, 0.7, 0.93)),
        staircase(0.9, 1 / 24, 0.002),
    ],
)
def test_a_policy_under_the_target_is_certified_in_at_most_delta_of_the_runs(world, regions):
    agreements = certified(world(regions), 0.9, 0.2)
    assert (agreements < 0.9).sum() / RUNS <= slack(RUNS)


def test_where_all_policies_are_just_under_the_target_delta_is_nearly_spent():
    agreements = certified(Mixture(((0.0, 1.0, 0.9 - 1e-9),)), 0.9, 0.4)
    assert 0.8 * DELTA <= len(agreements) / RUNS <= slack(RUNS)


def best_of_near_ranks(ordered, rows, goal):
    """Test each candidate at that rank near its own at which the rows agree best: a peek at the labels."""
    sizes = [each for each in ranks(ordered, len(rows), goal) if each is not None]
    widest = [each.policy for each in ordered if each.policy[-1].acceptor][-1]
    stages, scores = rows.surest(widest)
    tested = []
    for candidate, size in zip(ordered, sizes, strict=False):
        near = range(max(1, size - 30), min(size + 30, len(scores)), 6)
        policies = [_cut(widest, stages, scores, n).above for n in near]
        best = min(policies, key=lambda policy: p_value(*rows.count(policy), goal.level))
        tested.append(replace(candidate, policy=best))
    return tuple(tested), None


def test_choosing_ranks_by_the_labels_is_caught():
    agreements = certified(Mixture(((0.0, 1.0, 0.9 - 1e-6),)), 0.9, 0.4, cut=best_of_near_ranks)
    assert len(agreements) / RUNS > slack(RUNS)
