"""P(certified and true agreement < target) <= delta, against a closed-form truth; and mutants that must be caught."""

import math

import numpy as np
import pytest

from tests.validity.worlds import DELTA, Mixture, Null, propose, slack
from tracer_spec.builtin.calibrators.pareto_testing import ParetoTesting
from tracer_spec.flow.certifying.ranks import at_ranks
from tracer_spec.plugin import Certificate, Chain, Target, WalkStep
from tracer_spec.stats.binomial import p_value

TARGET = 0.95
EIGHT = tuple(f"s{i}" for i in range(8))


def simulate(world, *, runs, n_fit, n_certify, seed, calibrator=None, families=("global", "l2d", "rsb"), target=TARGET):
    """Return (share of false certificates, share certified, mean predicted coverage of what shipped)."""
    calibrator = calibrator or ParetoTesting()
    goal = Target(target, 1 - DELTA)
    false = certified = 0
    coverage = []
    for run in range(runs):
        rng = np.random.default_rng([seed, run])
        fit, certify = world.draw(n_fit, rng), world.draw(n_certify, rng)
        ordered = calibrator.order(propose(fit, families), n_certify, goal)
        chosen = calibrator.certify(at_ranks(ordered, certify, goal)[0], certify, goal).chosen
        certified += chosen is not None
        false += chosen is not None and world.agreement(chosen.candidate.policy) < target
        coverage.append(chosen.candidate.coverage if chosen else 0.0)
    return false / runs, certified / runs, float(np.mean(coverage))


def test_a_null_that_nobody_deserves_is_certified_in_at_most_delta_of_the_runs():
    false, *_ = simulate(Null(TARGET - 0.001), runs=600, n_fit=600, n_certify=400, seed=1)
    assert false <= slack(600)


def test_three_families_and_eight_surrogates_share_one_error_budget():
    false, *_ = simulate(Null(TARGET - 0.001, EIGHT), runs=300, n_fit=600, n_certify=400, seed=2)
    assert false <= slack(300)


def test_on_a_global_only_null_of_many_rows_the_budget_is_kept_and_nearly_spent():
    false, *_ = simulate(Null(TARGET - 1e-9), runs=2000, n_fit=6000, n_certify=6000, seed=3, families=("global",))
    assert false <= slack(2000)
    # the discrete test spends P(Bin(6000, .95) >= c), a little under delta, whenever it is tried: about half of the runs
    tried = 0.4
    assert false >= DELTA * tried * 0.8


# at .98 the mixture's best gate clears the target by 0.2 points, which 1,200 rows can seldom tell from nothing
@pytest.mark.parametrize(("target", "share"), [(0.95, 0.85), (0.98, 0.72)])
def test_a_mixture_is_certified_truly_and_near_the_best_possible_coverage(target, share):
    world = Mixture()
    false, _, coverage = simulate(
        world, runs=200, n_fit=1800, n_certify=1200, seed=4, target=target, families=("global", "l2d")
    )
    assert false <= slack(200)
    assert coverage >= share * world.best_coverage(target)


def test_eight_surrogates_on_a_mixture_do_not_mislead():
    false, certified, _ = simulate(
        Mixture(surrogates=EIGHT), runs=100, n_fit=900, n_certify=600, seed=5, families=("global", "l2d")
    )
    assert false <= slack(100)
    assert certified >= 0.95


# --- mutants: each breaks one rule, and each must be seen to break the guarantee ---------------------------------------


class WalksPastFailures(ParetoTesting):
    """Test a whole chain at delta and ship the largest that passes, whatever failed before it."""

    def order(self, chains, n_certify, target):
        return max(chains, key=lambda chain: len(chain.candidates)).candidates

    def certify(self, ordered, rows, target):
        walk = []
        for each in ordered:
            n, k = rows.count(each.policy)
            p = p_value(n, k, target.agreement)
            walk.append(WalkStep(each, n, k, p, p <= 1 - target.confidence))
        chosen = max((step for step in walk if step.passed), key=lambda step: step.candidate.coverage, default=None)
        return Certificate("mutant", target.agreement, target.confidence, len(rows), tuple(walk), chosen, "")


def test_walking_past_failures_is_caught():
    false, *_ = simulate(
        Null(TARGET - 0.001), runs=300, n_fit=600, n_certify=400, seed=6, calibrator=WalksPastFailures()
    )
    assert false > slack(300)


def certify_ordered_by_certify_rows(runs):
    """Order the walk by the certify rows' own counts: the peek that the seal exists to prevent."""
    calibrator, goal, world, false = ParetoTesting(), Target(TARGET, 1 - DELTA), Null(TARGET - 0.001, EIGHT), 0
    for run in range(runs):
        rng = np.random.default_rng([7, run])
        certify = world.draw(400, rng)
        ordered = calibrator.order(propose(certify), 400, goal)
        false += calibrator.certify(ordered, certify, goal).chosen is not None
    return false / runs


def test_ordering_by_the_certify_rows_is_caught():
    assert certify_ordered_by_certify_rows(200) > slack(200)


def test_several_looks_at_one_certify_set_without_a_ledger_are_caught():
    calibrator, goal, world, false, runs = ParetoTesting(), Target(TARGET, 1 - DELTA), Null(TARGET - 0.001), 0, 300
    for run in range(runs):
        rng = np.random.default_rng([8, run])
        certify = world.draw(400, rng)
        tries = []
        for _ in range(10):  # other knobs, another seed: other scores over the same certify rows
            fit = world.draw(600, rng)
            certify.score = {"s": rng.uniform(size=400)}
            ordered = calibrator.order(propose(fit), 400, goal)
            tries.append(calibrator.certify(ordered, certify, goal).chosen is not None)
        false += any(tries)
    assert false / runs > slack(runs)


# --- laws of the order -------------------------------------------------------------------------------------------------


def test_the_order_rises_in_coverage_and_stays_within_one_chain():
    rng = np.random.default_rng(9)
    fit = Mixture(surrogates=("a", "b")).draw(2000, rng)
    chains = propose(fit)
    ordered = ParetoTesting().order(chains, 1000, Target(TARGET, 0.9))
    coverages = [each.coverage for each in ordered]
    assert coverages == sorted(coverages)
    assert sum(set(ordered) <= set(chain.candidates) for chain in chains) >= 1


def test_candidates_under_the_minimum_coverage_are_never_tested():
    rng = np.random.default_rng(10)
    fit = Mixture().draw(2000, rng)
    ordered = ParetoTesting().order(propose(fit), 1000, Target(0.98, 0.9, min_coverage=0.4))
    assert ordered
    assert min(each.coverage for each in ordered) >= 0.4


def test_where_no_walk_is_expected_to_certify_anything_nothing_is_opened():
    fit = Null(0.5).draw(2000, np.random.default_rng(0))
    assert ParetoTesting().order(propose(fit), 1000, Target(0.9, 0.95, min_coverage=0.3)) == ()


def test_too_few_certify_rows_leave_nothing_to_test_and_nothing_is_opened():
    class Untouchable:
        def __len__(self):
            return math.ceil(math.log(DELTA) / math.log(TARGET)) - 1

        def count(self, policy):
            raise AssertionError("the certify rows were opened")

    rng = np.random.default_rng(11)
    rows, goal = Untouchable(), Target(TARGET, 1 - DELTA)
    ordered = ParetoTesting().order(propose(Mixture().draw(500, rng)), len(rows), goal)
    certificate = ParetoTesting().certify(ordered, rows, goal)
    assert (ordered, certificate.status, certificate.walk) == ((), "refused", ())


def test_the_walk_stops_at_the_first_failure_and_ships_the_last_that_passed():
    rng = np.random.default_rng(12)
    fit = Mixture().draw(2000, rng)
    chain = propose(fit, families=("l2d",))[0]
    goal = Target(TARGET, 0.9)
    ordered = ParetoTesting().order([Chain("l2d", ("s",), chain.candidates)], 1500, goal)
    certificate = ParetoTesting().certify(ordered, Mixture().draw(1500, rng), goal)
    assert [step.passed for step in certificate.walk] == [True] * (len(certificate.walk) - 1) + [False]
    assert certificate.chosen == certificate.walk[-2]
    assert certificate.chosen.p_value == p_value(certificate.chosen.n, certificate.chosen.k, TARGET)
