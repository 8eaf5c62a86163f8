"""The contract of a calibrator."""

from __future__ import annotations

import itertools
import unittest
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tracer_spec.plugin import CalibratorPlugin, Candidate, Certificate, Chain, LabelTarget, Measure, Target
from tracer_spec.testing.command_output import command_output, ship_renamed
from tracer_spec.testing.contract import Contract
from tracer_spec.testing.simulated_rows import Rows, World, chain

RUNS = 200
N_FIT, N_CERTIFY = 300, 250
# how far under the level the truth of a null lies
_SHORT_BY = 0.002


class CalibratorContract(Contract):
    """What every calibrator promises.

    Attributes
    ----------
    target : Target
        What it is asked to certify; say ``Target(None, 0.9, end_to_end=0.95)`` where it is about all traffic.

    Notes
    -----
    The guarantee itself is tested on a null: worlds in which nothing deserves a certificate. Of 200 draws, at most as many
    may be certified as chance allows at 99.9 % where each errs with probability 1 - confidence.

    Examples
    --------
    >>> class TestParetoTesting(CalibratorContract):
    ...     plugin = "pareto-testing"
    """

    kind = "calibrator"
    target: Target = Target(agreement=0.9, confidence=0.9)

    def _drawn(self, rate: float, seed: int) -> tuple[list[Chain], Rows]:
        """Return chains counted on fit rows, and certify rows, of one world."""
        rng = np.random.default_rng(seed)
        world = World(rate)
        return [chain(world.draw(N_FIT, rng))], world.draw(N_CERTIFY, rng)

    def _order(self, chains: Sequence[Chain], n_certify: int, target: Target | None = None) -> Sequence[Candidate]:
        return tuple(self.made().order(chains, n_certify, target or self.target))

    def _certify(
        self, rate: float, seed: int, target: Target | None = None
    ) -> tuple[Sequence[Candidate], Rows, Certificate]:
        chains, rows = self._drawn(rate, seed)
        ordered = self._order(chains, len(rows), target)
        return ordered, rows, self.made().certify(ordered, rows, target or self.target)

    def test_the_order_is_of_candidates_that_were_proposed(self) -> None:
        """Order gives candidates of the chains, none twice, none predicted to handle less than min_coverage."""
        chains, rows = self._drawn(0.99, 1)
        wanting = replace(self.target, min_coverage=0.3)
        ordered = self._order(chains, len(rows), wanting)
        proposed = [each for one in chains for each in one.candidates]
        self.require(
            all(each in proposed for each in ordered) and len({id(each) for each in ordered}) == len(ordered),
            "the order holds candidates that were not proposed, or one twice",
            fix="choose among the candidates of the chains",
        )
        least = min((each.coverage for each in ordered), default=1.0)
        self.require(
            least >= 0.3,
            f"a candidate of coverage {least:.2f} is tested; min_coverage is 0.3",
            fix="leave it out of the order",
        )

    def test_the_order_is_frozen_before_any_row_is_seen(self) -> None:
        """Order depends on fit rows and the number of certify rows alone: nothing is remembered of rows that were counted."""
        chains, rows = self._drawn(0.95, 2)
        part = self.made()
        first = tuple(part.order(chains, len(rows), self.target))
        part.certify(first, self._drawn(0.2, 3)[1], self.target)
        self.require(
            tuple(part.order(chains, len(rows), self.target)) == first == self._order(chains, len(rows)),
            "the order changed after rows were counted",
            fix="keep no state between order and certify: make the calibrator a frozen dataclass",
        )

    def test_the_certificate_tells_what_was_tested(self) -> None:
        """The walk holds candidates of the order with their true counts; what is chosen is a step of it that passed."""
        for rate, seed in ((0.99, 4), (0.5, 5)):
            ordered, rows, certificate = self._certify(rate, seed)
            chosen = certificate.chosen
            self.require(
                certificate.n_certify == len(rows)
                and certificate.target == self.target.level
                and bool(certificate.claim)
                and "\n" not in certificate.claim,
                f"it says n_certify {certificate.n_certify}, target {certificate.target}, claim {certificate.claim!r}",
                fix="give len(rows), target.level and one sentence",
            )
            self.require(
                chosen is None or (chosen.passed and chosen in certificate.walk),
                "what is chosen is not a step of the walk that passed",
                fix="choose among the steps with passed=True",
            )
            for step in certificate.walk:
                n, k = rows.count(step.candidate.policy)
                counts = (n, k) if self._measure == "agreement" else (len(rows), len(rows) - (n - k))
                most = self.target.delta if step.passed else 1
                sound = certificate.confidence is None if step.p_value is None else 0 <= step.p_value <= most
                self.require(
                    step.candidate in ordered and (step.n, step.k) == counts and sound,
                    f"a step says {step.k} of {step.n}, p {step.p_value}; for {self._measure} the rows say {counts[1]} of "
                    f"{counts[0]}",
                    fix="write the counts of rows.count(policy) into the step, and a p-value in [0, 1]: of a step that passed, "
                    f"at most target.delta, {self.target.delta:g}; None where the calibrator tests nothing",
                )

    def test_it_says_what_it_measures_and_whether_it_tests(self) -> None:
        """A CalibratorPlugin describes it: its measure is that of the target, and it tests where it states a confidence."""
        plugin = self.descriptor
        self.require(
            isinstance(plugin, CalibratorPlugin) and plugin.measure == self.target.measure,
            f"{type(plugin).__name__} describes it, with the measure {getattr(plugin, 'measure', None)!r}; the target is of "
            f"{self.target.measure!r}",
            fix="describe it by tracer_spec.plugin.CalibratorPlugin(..., measure=...), and give the contract a target of it",
        )
        _, _, certificate = self._certify(1.0, 7)
        tested = any(step.p_value is not None for step in certificate.walk)
        stated = certificate.confidence is not None
        self.require(
            isinstance(plugin, CalibratorPlugin) and plugin.tests == stated == tested,
            f"tests is {getattr(plugin, 'tests', None)}; confidence is {certificate.confidence}; p-values: {tested}",
            fix="say tests=False where it makes no test, and then give neither a confidence nor p-values",
        )

    def test_what_is_told_of_it_does_not_depend_on_its_name(self) -> None:
        """Plan, build and inspect tell the same of it under another name: by what it measures and tests."""
        provided = self.installed(", so no spec can use it")
        name, folder = provided.name, self._kept["folder"]
        options = self.kept("options", lambda: dict(self.prepare(folder)))
        told = command_output(name, options, self.target, folder)
        other = ship_renamed(name, provided.distribution, folder)
        again = [each.replace(other, name) for each in command_output(other, options, self.target, folder)]
        said = [
            (line, now)
            for one, two in zip(told, again, strict=True)
            for line, now in itertools.zip_longest(one.splitlines(), two.splitlines(), fillvalue="")
            if line != now and "-renamed" not in now
        ]
        self.require(
            not said,
            f"under another name it is told otherwise: {said[:1]}",
            fix="decide nothing by the calibrator's name: its descriptor says what it measures and whether it tests",
        )

    @property
    def _measure(self) -> Measure:
        plugin = self.descriptor
        return plugin.measure if isinstance(plugin, CalibratorPlugin) else self.target.measure

    def test_without_rows_nothing_is_certified(self) -> None:
        """No certify rows, or none that is handled, certify nothing, whatever the fit rows promise."""
        chains, _ = self._drawn(1.0, 6)
        nothing = Rows(np.zeros(0, np.float32), np.zeros(0, bool))
        candidates = tuple(reversed(chains[0].candidates))
        for ordered in ((), self._order(chains, 0), candidates):
            certificate = self.made().certify(ordered, nothing, self.target)
            self.require(
                certificate.chosen is None and certificate.status == "refused",
                "it certifies on no certify rows",
                fix="0 of 0 has a p-value of 1",
            )

    def test_what_plainly_deserves_it_is_certified(self) -> None:
        """A surrogate that always agrees is certified on 250 rows: a calibrator that refuses all is of no use."""
        _, _, certificate = self._certify(1.0, 7)
        self.require(
            certificate.chosen is not None,
            "it refuses a surrogate that always agrees",
            fix="check the test's direction",
        )

    def test_it_errs_no_more_often_than_it_says(self) -> None:
        """Over draws of the certify rows, what is certified falls short of the target in at most 1 - confidence of them."""
        from scipy.stats import binom

        delta = self.target.delta
        world = World(self.target.level - _SHORT_BY)
        false = 0
        for run in range(RUNS):
            rng = np.random.default_rng([11, run])
            chains, rows = [chain(world.draw(N_FIT, rng))], world.draw(N_CERTIFY, rng)
            certificate = self.made().certify(self._order(chains, N_CERTIFY), rows, self.target)
            if certificate.confidence is None:
                raise unittest.SkipTest("its certificate makes no confidence statement, so there is none to break")
            shipped = certificate.shipped
            true = world.agreement if self.target.agreement is not None else world.end_to_end
            false += shipped is not None and true(shipped.policy) < self.target.level
        allowed = int(binom.ppf(0.999, RUNS, delta))
        self.require(
            false <= allowed,
            f"{false} of {RUNS} certificates are false; at a confidence of {1 - delta:g}, chance allows {allowed}",
            fix="test in the frozen order, stop at the first failure, and correct for every further look at the rows",
        )

    def test_labels_with_targets_are_tested_in_every_step(self) -> None:
        """Where it says that it tests labels: a label that falls short is certified no more often than it may be."""
        from scipy.stats import binom

        plugin = self.descriptor
        if not isinstance(plugin, CalibratorPlugin) or not plugin.tests_labels:
            return  # a spec that has such targets is refused
        asked = LabelTarget("one", "agreement", 0.9)
        target, world, false = replace(self.target, agreement=0.6, labels=(asked,)), World(asked.level - _SHORT_BY), 0
        for run in range(RUNS):
            rng = np.random.default_rng([13, run])
            chains, rows = [chain(world.draw(N_FIT, rng), target.labels)], world.draw(N_CERTIFY, rng)
            certificate = self.made().certify(self._order(chains, N_CERTIFY, target), rows, target)
            false += certificate.chosen is not None
            steps = [(step.labels[:1], rows.count_label(step.candidate.policy, asked)) for step in certificate.walk]
            self.require(
                all(
                    [(each.target, each.n, each.k) for each in labels] == [(asked, *counts)] for labels, counts in steps
                ),
                "a step of the walk does not hold the test of the target's label",
                fix="put LabelStep(asked, *rows.count_label(policy, asked), p_value) into the step for each of target.labels",
            )
        allowed = int(binom.ppf(0.999, RUNS, target.delta))
        self.require(
            false <= allowed,
            f"{false} of {RUNS} certificates say of a label what is false; chance allows {allowed}",
            fix="pass a candidate only where the test of each label does, at no more than target.delta",
        )

    def test_it_spends_no_more_than_the_looks_budget(self) -> None:
        """Where target.budget is set, the test spends that and no more: target.delta is the whole of it."""
        looked = replace(self.target, budget=self.target.delta / 50)
        for seed in range(20, 40):
            _, _, certificate = self._certify(self.target.level + 0.04, seed, looked)
            chosen = certificate.chosen
            self.require(
                certificate.confidence in (None, looked.confidence),
                f"it states the confidence {certificate.confidence}; that of the target is {looked.confidence}",
                fix="state target.confidence, which is that of all looks together, not 1 - target.delta",
            )
            if certificate.confidence is None or chosen is None or chosen.p_value is None:
                continue
            self.require(
                chosen.p_value <= looked.delta and (certificate.level is None or certificate.level <= looked.delta),
                f"it passes a p-value of {chosen.p_value:.3g} at level {certificate.level}; the budget is {looked.delta:.3g}",
                fix="compare with target.delta, not with 1 - target.confidence",
            )
