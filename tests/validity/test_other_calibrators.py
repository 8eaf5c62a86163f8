"""What ``risk-control`` promises, kept against a closed-form truth; and that ``empirical`` promises nothing, with reason."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import binom

from tests.validity.worlds import DELTA, Mixture, Null, Rows, candidate, gate, propose, slack
from tracer_spec.builtin.calibrators.empirical import Empirical
from tracer_spec.builtin.calibrators.pareto_testing import ParetoTesting
from tracer_spec.builtin.calibrators.risk_control import RiskControl
from tracer_spec.plugin import Candidate, Certificate, Chain, Target

LIMIT = 0.04  # of all traffic may get a wrong label
GOAL = Target(None, 1 - DELTA, end_to_end=1 - LIMIT)


def risk(world, policy):
    """Return the share of all traffic that gets a wrong label: scores are uniform, so a gate handles 1 - threshold."""
    (stage,) = policy
    return (1 - stage.threshold) * (1 - world.agreement(policy))


@dataclass
class Split:
    """Eight surrogates that are wrong on rows of their own: chains whose certify rows say different things."""

    rate: float
    surrogates: tuple = tuple(f"s{i}" for i in range(8))

    def draw(self, n, rng):
        return Rows(
            {name: rng.uniform(size=n) for name in self.surrogates},
            {name: rng.uniform(size=n) < self.rate for name in self.surrogates},
        )

    def agreement(self, policy):
        return self.rate


def edge(rows, name="s"):
    """Return the chain whose first candidate is within the limit and whose second is just beyond: gates set by the truth.

    Where every row handled is wrong one time in ten, a coverage of .4 is a risk of .04.
    """
    gates = [gate(name, at) for at in (0.62, 0.599, 0.55, 0.5, 0.3)]
    return Chain("l2d", (name,), tuple(candidate("l2d", (stage,), rows) for stage in gates))


def simulate(calibrator, world, chains_of, *, runs, n_fit, n_certify, seed):
    """Return (share of false certificates, share certified, mean true coverage of what shipped)."""
    false = certified = 0
    coverage = []
    for run in range(runs):
        rng = np.random.default_rng([seed, run])
        fit, certify = world.draw(n_fit, rng), world.draw(n_certify, rng)
        chosen = calibrator.certify(calibrator.order(chains_of(fit), n_certify, GOAL), certify, GOAL).chosen
        certified += chosen is not None
        false += chosen is not None and risk(world, chosen.candidate.policy) > LIMIT
        coverage.append(1 - chosen.candidate.policy[0].threshold if chosen else 0.0)
    return false / runs, certified / runs, float(np.mean(coverage))


# --- risk control ------------------------------------------------------------------------------------------------------


def test_risk_beyond_the_limit_is_certified_in_at_most_delta_of_the_runs_and_the_budget_is_nearly_spent():
    runs = 1500
    false, certified, _ = simulate(
        RiskControl(), Null(0.9), lambda fit: [edge(fit)], runs=runs, n_fit=3000, n_certify=3000, seed=21
    )
    assert false <= slack(runs)
    # the second gate is a hair beyond the limit, so that a test without slack passes it nearly delta of the time, and
    # nothing is left of the proof where it is not even tried
    assert false >= 0.5 * DELTA
    assert certified >= 0.15


def test_one_chain_of_many_gates_keeps_the_budget():
    runs = 300
    false, *_ = simulate(
        RiskControl(),
        Null(0.9),
        lambda fit: propose(fit, ("l2d",), n_levels=100),
        runs=runs,
        n_fit=2000,
        n_certify=1500,
        seed=22,
    )
    assert false <= slack(runs)


def test_a_chain_chosen_on_fit_rows_among_eight_keeps_the_budget():
    runs = 100
    false, *_ = simulate(
        RiskControl(), Split(0.9), lambda fit: propose(fit, ("l2d",)), runs=runs, n_fit=1500, n_certify=1500, seed=23
    )
    assert false <= slack(runs)


def test_on_a_mixture_the_coverage_is_near_the_largest_whose_risk_is_within_the_limit():
    world, runs = Mixture(), 100
    grid = np.linspace(0, 0.999, 2000)
    best = 1 - min(at for at in grid if risk(world, (gate("s", at),)) <= LIMIT)
    false, certified, coverage = simulate(
        RiskControl(), world, lambda fit: propose(fit, ("l2d",)), runs=runs, n_fit=2000, n_certify=2000, seed=24
    )
    assert (false <= slack(runs), certified) == (True, 1.0)
    assert coverage >= 0.9 * best


class BestOfChains(RiskControl):
    """Walk every chain on the certify rows and ship the largest that passed anywhere."""

    def order(self, chains, n_certify, target):
        self._chains = [RiskControl().order([chain], n_certify, target) for chain in chains]
        return tuple(each for chain in self._chains for each in chain)

    def certify(self, ordered, rows, target):
        found = [RiskControl().certify(chain, rows, target).chosen for chain in self._chains if chain]
        best = max((step for step in found if step), key=lambda step: step.candidate.coverage, default=None)
        return Certificate("mutant", target.level, target.confidence, len(rows), (), best, "")


def test_taking_the_best_of_eight_chains_on_the_certify_rows_is_caught():
    world, runs = Split(0.9), 150

    def chains(fit):
        return [edge(fit, name) for name in world.surrogates]

    sizes = {"runs": runs, "n_fit": 1500, "n_certify": 3000, "seed": 25}
    assert simulate(RiskControl(), world, chains, **sizes)[0] <= slack(runs)
    assert simulate(BestOfChains(), world, chains, **sizes)[0] > 2 * slack(runs)


def test_risk_counts_all_certify_rows_and_only_wrong_labels_given():
    rng = np.random.default_rng(26)
    fit, certify = Null(0.9).draw(3000, rng), Null(0.9).draw(2000, rng)
    ordered = RiskControl().order([edge(fit)], len(certify), GOAL)
    certificate = RiskControl().certify(ordered, certify, GOAL)
    for step in certificate.walk:
        n, k = certify.count(step.candidate.policy)
        assert (step.n, step.k) == (2000, 2000 - (n - k))
        assert step.p_value == pytest.approx(binom.sf(step.k - 1, 2000, 1 - LIMIT))


def test_the_claim_speaks_of_all_traffic():
    rng = np.random.default_rng(27)
    fit, certify = Mixture().draw(2000, rng), Mixture().draw(2000, rng)
    calibrator = RiskControl()
    certificate = calibrator.certify(calibrator.order(propose(fit, ("l2d",)), 2000, GOAL), certify, GOAL)
    assert certificate.claim == (
        "with 90 % confidence, at most 4 % of all traffic, handled or deferred, gets a label from this router that the "
        "teacher would not have given"
    )
    assert (certificate.calibrator, certificate.confidence, certificate.target) == ("risk-control", 0.9, 0.96)
    refused = calibrator.certify((), certify, GOAL)
    assert refused.claim.startswith("no policy could be shown, at 90 % confidence, to give at most 4 % of all traffic")


# --- empirical ---------------------------------------------------------------------------------------------------------

ASKED = Target(0.95, 1 - DELTA)


def empirical(world, seed, *, n_fit=600, n_certify=400):
    """Return the certify rows and the certificate of one run."""
    rng = np.random.default_rng(seed)
    fit, certify = world.draw(n_fit, rng), world.draw(n_certify, rng)
    return certify, Empirical().certify(Empirical().order(propose(fit), n_certify, ASKED), certify, ASKED)


def test_the_empirical_certificate_promises_nothing():
    for seed in range(20):
        certify, certificate = empirical(Null(0.95), [31, seed])
        assert certificate.confidence is None
        assert certificate.level is None
        assert all(step.p_value is None for step in certificate.walk)
        assert certificate.claim.endswith("nothing is claimed about other traffic")
        assert "confidence" not in certificate.claim
        assert certificate.status == ("uncertified" if certificate.chosen else "refused")
        if certificate.chosen:
            n, k = certify.count(certificate.chosen.candidate.policy)
            # what it does say is so, on the rows it says it of
            assert k / n >= 0.95
            assert "among those it was chosen on" in certificate.claim


def test_the_empirical_rule_must_promise_nothing_since_it_ships_what_is_under_the_target():
    runs = 200
    shipped = sum(empirical(Null(0.949), [32, run])[1].chosen is not None for run in range(runs))
    assert shipped / runs > 5 * slack(runs)
    tested = 0
    for run in range(runs):
        rng = np.random.default_rng([32, run])
        fit, certify = Null(0.949).draw(600, rng), Null(0.949).draw(400, rng)
        tested += (
            ParetoTesting().certify(ParetoTesting().order(propose(fit), 400, ASKED), certify, ASKED).chosen is not None
        )
    assert tested / runs <= slack(runs)


def test_the_empirical_rule_ships_the_largest_coverage_that_reached_the_target():
    certify, certificate = empirical(Mixture(), 33, n_fit=2000, n_certify=1000)
    *failed, last = certificate.walk
    assert certificate.chosen == last
    for step in failed:
        n, k = certify.count(step.candidate.policy)
        assert k / n < 0.95
        assert step.candidate.coverage >= last.candidate.coverage


def test_the_empirical_rule_refuses_where_no_candidate_reaches_the_target():
    certify, certificate = empirical(Null(0.5), 34)
    assert (certificate.status, certificate.chosen) == ("refused", None)
    assert certificate.claim.startswith("no policy was found for which the router agreed")
    handled_nothing = Candidate("l2d", (gate("s", 2.0),), 100, 1, 1)
    nothing = Empirical().certify([handled_nothing], certify, ASKED)
    assert nothing.chosen is None
