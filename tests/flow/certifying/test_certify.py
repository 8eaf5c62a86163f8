"""What a certificate takes: a pass under every reading of the rows, and a test that its own estimate makes believable."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from tracer_spec.builtin.calibrators.pareto_testing import ParetoTesting
from tracer_spec.errors import PluginError
from tracer_spec.flow.blocks import Blocks
from tracer_spec.flow.certify_rows import EmbeddedRows, OpenedRows, Reading
from tracer_spec.flow.certifying.certify import certify
from tracer_spec.plan import Resolved
from tracer_spec.plugin import CalibratorPlugin, Candidate, Chain, Options, Target, WalkStep
from tracer_spec.plugin.contracts import Provided
from tracer_spec.testing.simulated_rows import Rows, World, chain

PARETO = Resolved(
    "pareto-testing",
    Provided("calibrator", CalibratorPlugin("pareto-testing", "", lambda options: ParetoTesting()), "tests", "1"),
    Options(),
)
TARGET = Target(0.9, 0.95)


@dataclass(frozen=True)
class Among:
    """Some of the rows of a world."""

    rows: Rows
    among: np.ndarray

    def __len__(self):
        return int(self.among.sum())

    def count(self, policy):
        return Rows(self.rows.score[self.among], self.rows.agrees[self.among]).count(policy)


@dataclass(frozen=True)
class Opened:
    """Rows of a world, as if they had been embedded and opened."""

    rows: Rows
    own: np.ndarray | None = None
    since: np.ndarray | None = None
    rates: np.ndarray | None = None

    def count(self, policy, among):
        return Among(self.rows, among).count(policy)

    def open(self):
        readings = (self.rows,) if self.own is None else (self.rows, Among(self.rows, self.own))
        return self, readings

    def score_quantiles(self, policy):
        return ()


def estimate_by(fit):
    return lambda family, policy: Candidate(family, policy, len(fit), *fit.count(policy))


def outcome(fit, rows, own=None, since=None, rates=None, **named):
    ordered = PARETO.make().order([chain(fit)], len(rows), TARGET)
    return certify(PARETO, ordered, Opened(rows, own, since, rates), TARGET, None, estimate=estimate_by(fit), **named)


def draw(rate, n, seed):
    return World(rate).draw(n, np.random.default_rng(seed))


def test_a_policy_passes_where_it_passes_under_every_reading():
    rows = draw(0.97, 600, 1)
    both = outcome(draw(0.97, 900, 0), rows, np.arange(600) % 2 == 0)
    alone = outcome(draw(0.97, 900, 0), rows)
    assert both.chosen is not None
    assert len(both.walk) <= len(alone.walk)
    assert "the policy passed the test, on all certify rows and on the 300 of them" in both.assumptions[-1]
    for step in both.walk:
        all_rows, some = (
            rows.count(step.candidate.policy),
            Among(rows, np.arange(600) % 2 == 0).count(step.candidate.policy),
        )
        assert (step.n, step.k) in (all_rows, some)


def test_copies_that_agree_because_a_twin_taught_the_policy_certify_nothing():
    """A log read twice: every row whose twin trained agrees, and the others agree as often as they do in truth."""
    rng = np.random.default_rng(4)
    has_twin = rng.uniform(size=800) < 0.6
    agrees = has_twin | (rng.uniform(size=800) < 0.85)
    rows = Rows(rng.uniform(size=800).astype(np.float32), agrees)
    fit = draw(0.92, 1200, 3)
    assert outcome(fit, rows, believes_repeats=True).chosen is not None  # the false certificate
    refused = outcome(fit, rows, ~has_twin, believes_repeats=True)
    assert (refused.chosen, refused.status) == (None, "refused")
    assert refused.claim.startswith("no policy could be shown")
    n_own = int((~has_twin).sum())
    assert refused.doubt.startswith(
        f"on all 800 certify rows a policy passes, on the {n_own} that no other row repeats none"
    )
    assert "traces.format.id" in refused.doubt
    wrong = replace(rows, agrees=rng.uniform(size=800) < 0.6)
    assert outcome(fit, wrong, ~has_twin, believes_repeats=True).doubt == ""


def test_older_rows_certify_nothing_that_the_rows_from_behind_a_router_contradict():
    rng = np.random.default_rng(6)
    late = np.arange(1000) >= 800
    changed = Rows(rng.uniform(size=1000).astype(np.float32), rng.uniform(size=1000) < np.where(late, 0.78, 0.97))
    fit = draw(0.95, 1500, 7)
    assert outcome(fit, changed).chosen is not None  # the certificate of yesterday's teacher
    refused = outcome(fit, changed, since=late)
    assert (refused.chosen, refused.status, refused.scores) == (None, "refused", ())
    assert refused.claim.startswith("the test is not believed: of the certify rows from behind a router ")
    assert "strategy: fresh" in refused.doubt
    same = draw(0.95, 1000, 8)
    assert outcome(fit, same, since=late).chosen is not None


def test_rows_of_a_high_rate_certify_nothing_that_the_rest_of_the_traffic_contradicts():
    """Two apps share a log: one in ten requests is of the app whose every request is audited, and seldom goes wrong."""
    rng = np.random.default_rng(9)
    rates = np.where(np.arange(1000) < 850, 1.0, 0.02)
    rows = Rows(rng.uniform(size=1000).astype(np.float32), rng.uniform(size=1000) < np.where(rates == 1, 0.97, 0.78))
    fit = draw(0.95, 1500, 7)
    assert outcome(fit, rows).chosen is not None  # the false certificate
    refused = outcome(fit, rows, rates=rates)
    assert (refused.chosen, refused.status, refused.scores) == (None, "refused", ())
    assert "certify rows were chosen at rates from 0.02 to 1, and weighted by" in refused.claim
    assert "audit all requests at one rate" in refused.doubt
    assert outcome(fit, draw(0.95, 1000, 8), rates=rates).chosen is not None


def test_a_test_far_above_its_own_estimate_is_not_believed_and_says_what_to_look_for():
    fit, rows = draw(0.90, 1200, 3), draw(0.99, 600, 5)
    doubted = outcome(fit, rows)
    assert (doubted.chosen, doubted.status, doubted.scores) == (None, "refused", ())
    assert doubted.claim.startswith("the test is not believed: ")
    assert all(each in doubted.doubt for each in ("repeats: copies", "strategy: grouped", "repeats: traffic"))
    assert outcome(fit, rows, believes_repeats=True).chosen is not None


@pytest.mark.parametrize("seed", range(20))
def test_a_policy_that_errs_a_third_less_than_its_estimate_is_believed(seed):
    """It learns from more rows than its estimate did."""
    certificate = outcome(draw(0.94, 900, 100 + seed), draw(0.96, 600, seed))
    assert not certificate.doubt


def test_a_reading_counts_its_own_rows_alone():
    y = np.array([0, 1, 1, -1])
    opened = OpenedRows(Blocks([np.zeros((4, 2), np.float32)]), y, [False, False])
    opened._decide = lambda policy: (np.array([0, 1, 0, 0]), np.array([True, True, True, False]), None)
    assert opened.count(()) == (3, 2)
    assert Reading(opened, np.array([False, True, True, True])).count(()) == (2, 1)
    assert len(Reading(opened, np.array([False, True, True, True]))) == 3


def test_rows_that_are_embedded_tell_their_digest_and_open_into_one_reading_or_two():
    blocks, y, denied = Blocks([np.ones((3, 2), np.float32)]), np.zeros(3, int), np.zeros(2, bool)
    assert len(EmbeddedRows(blocks, y, denied).open()[1]) == 1
    assert [len(each) for each in EmbeddedRows(blocks, y, denied, np.array([True, False, True])).open()[1]] == [3, 2]


def test_a_chain_that_promises_nothing_and_begins_under_the_least_coverage_is_no_error():
    hopeless = Chain("l2d", ("a",), tuple(Candidate("l2d", (), 400, n, 0) for n in (4, 200, 400)))
    assert ParetoTesting().order([hopeless], 200, Target(0.9, 0.95, 0.05)) == ()


def forged(certificate, change):
    """Return a certificate that says otherwise of its last step, which passed, or of itself."""
    of_step = {"n", "k", "p_value", "candidate"} & set(change)
    if not of_step:
        return replace(certificate, **change)
    last = replace(certificate.walk[-1], **change)
    return replace(certificate, walk=(*certificate.walk[:-1], last), chosen=last)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"target": 0.99},
            "states what was not asked for: target 0.99, confidence 0.95, certify rows 600; target 0.9, ",
        ),
        ({"confidence": 0.999}, "states what was not asked for: target 0.9, confidence 0.999, certify rows 600; "),
        ({"n_certify": 6000}, "states what was not asked for: target 0.9, confidence 0.95, certify rows 6000; "),
        ({"walk": ()}, "chose what is no step of its walk that passed"),
        ({"candidate": chain(draw(0.5, 50, 3)).candidates[0]}, "tested a candidate that is not in its order"),
        ({"k": 7}, "counts 7 of "),
        ({"p_value": 0.06}, "has a step that passed with p = 0.06, of 0.05 allowed"),
        ({"p_value": 0.050001}, "has a step that passed with p = 0.050001, of 0.05 allowed"),
        ({"p_value": float("nan")}, "has a step that passed with p = nan, of 0.05 allowed"),
        ({"p_value": None}, "has a step that passed with p = None, of 0.05 allowed"),
    ],
)
def test_a_certificate_that_the_build_knows_to_be_wrong_is_a_fault_of_its_calibrator(change, said):
    class Forges:
        def certify(self, ordered, rows, target):
            return forged(PARETO.make().certify(ordered, rows, target), change)

    rows = draw(0.97, 600, 1)
    ordered = PARETO.make().order([chain(draw(0.97, 900, 0))], len(rows), TARGET)
    plugin = replace(PARETO.provided.plugin, make=lambda options: Forges())
    forger = Resolved("forges", replace(PARETO.provided, plugin=plugin), Options(), address="target.calibrator")
    with pytest.raises(PluginError) as caught:
        certify(forger, ordered, Opened(rows), TARGET, None, estimate=estimate_by(rows))
    (problem,) = caught.value.problems
    assert problem.address == "target.calibrator"
    assert problem.what.startswith(f"the calibrator 'pareto-testing' of tests 1 {said}")


def test_what_is_no_certificate_is_a_fault_of_its_calibrator():
    class Silent:
        def certify(self, ordered, rows, target):
            return None

    plugin = replace(PARETO.provided.plugin, make=lambda options: Silent())
    silent = Resolved("silent", replace(PARETO.provided, plugin=plugin), Options())
    with pytest.raises(PluginError, match="gave NoneType, not a Certificate"):
        certify(silent, (), Opened(draw(0.97, 60, 1)), TARGET, None, estimate=estimate_by(None))


def test_thresholds_move_to_ranks_for_a_calibrator_that_says_so_and_one_reading(monkeypatch):
    """A rank that fails ends the walk, and its test is told."""
    fit, rows = draw(0.97, 600, 1), draw(0.97, 400, 2)
    ordered = PARETO.make().order([chain(fit)], len(rows), TARGET)
    failed = WalkStep(ordered[1], 200, 100, 1.0, passed=False)
    monkeypatch.setattr("tracer_spec.flow.certifying.certify.at_ranks", lambda *_: (ordered[:1], failed))

    def walk(own=None, **named):
        plugin = replace(PARETO.provided.plugin, **named)
        calibrator = replace(PARETO, provided=replace(PARETO.provided, plugin=plugin))
        return certify(calibrator, ordered, Opened(rows, own), TARGET, None, estimate=estimate_by(fit)).walk

    assert [step.candidate for step in walk(tests_ranks=True)] == [ordered[0], ordered[1]]
    assert walk(tests_ranks=True)[-1] == failed
    assert failed not in walk()
    assert len(walk(np.ones(len(rows), bool), tests_ranks=True)) == len(walk())


def test_what_is_said_of_a_moved_threshold_is_what_fit_rows_say_of_it(monkeypatch):
    fit, rows = draw(0.97, 600, 1), draw(0.97, 400, 2)
    ordered = PARETO.make().order([chain(fit)], len(rows), TARGET)
    (stage,) = ordered[0].policy
    moved = replace(ordered[0], policy=(replace(stage, threshold=stage.threshold - 1e-3),))
    monkeypatch.setattr("tracer_spec.flow.certifying.certify.at_ranks", lambda *_: ((ordered[0], moved), None))
    calibrator = replace(
        PARETO, provided=replace(PARETO.provided, plugin=replace(PARETO.provided.plugin, tests_ranks=True))
    )
    first, second = certify(calibrator, ordered, Opened(rows), TARGET, None, estimate=estimate_by(fit)).walk
    assert first.candidate is ordered[0]
    assert second.candidate == estimate_by(fit)(moved.family, moved.policy)
    assert second.candidate != moved
