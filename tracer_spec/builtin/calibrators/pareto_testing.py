"""Pareto testing: fit rows choose one chain and where its walk starts; certify rows decide how far it goes.

References
----------
Laufer-Goldshtein, Fisch, Barzilay, Jaakkola (2023), Efficiently controlling multiple risks with Pareto testing, ICLR.
Angelopoulos, Bates, Candes, Jordan, Lei (2021), Learn then Test: calibrating predictive algorithms to achieve risk
control, Theorem 1 and section 4 (fixed sequence testing).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tracer_spec.builtin.calibrators.champion import Promise, champion
from tracer_spec.builtin.calibrators.claims import tested_certificate
from tracer_spec.builtin.calibrators.walk import walk
from tracer_spec.plugin import Candidate, Certificate, CertifyRows, Chain, Foreseen, Target, WalkStep, foresee
from tracer_spec.stats.binomial import fewest_alike, predicted_powers
from tracer_spec.stats.expected_walk import expected_ends
from tracer_spec.text_format import label_claims_text, listing, one_line, percent

# where even the likeliest candidate has less chance than this, the certify rows stay sealed and no look is spent
WORTH_A_LOOK = 0.01
# starts whose promises differ by less than the draws behind them promise the same
_SAME = 0.99


class ParetoTesting:
    """Test the champion chain in order of rising coverage, each candidate at the whole of delta."""

    def order(self, chains: Sequence[Chain], n_certify: int, target: Target) -> Sequence[Candidate]:
        """Return the champion chain, from the candidate on at which a walk promises most.

        Parameters
        ----------
        chains : sequence of Chain
            As proposed from fit rows.
        n_certify : int
            The number of certify rows: all that is known of them here.
        target : Target

        Returns
        -------
        sequence of Candidate
            Of rising predicted coverage; empty where no candidate has any chance.

        Notes
        -----
        Fit rows foresee the coverage at which a walk ends, by where it begins. The champion is the chain with the greatest such
        expectation; among acceptors that promise the same within noise, the cheaper decision. Of starts that promise the same,
        its walk begins at the one whose rejection is likeliest: everything after a first failure is lost, and splitting delta
        over several starts cost more than it brought. Where labels have targets of their own, the power of a candidate is
        that of its weakest test, and what it promises counts as often as its labels' tests are likely to pass.
        """
        able = [(chain, found) for chain in chains if (found := _promised(chain, n_certify, target))]
        promises = [Promise(chain, *max(found, key=lambda each: each[1])) for chain, found in able]
        chosen = champion(promises)
        if chosen is None:
            return ()
        tested, ends = zip(*next(found for chain, found in able if chain is chosen.chain), strict=True)
        equals = [i for i, end in enumerate(ends) if end >= _SAME * chosen.utility]
        powers = {i: min(predicted_powers(_tests(tested[i], n_certify, target), target.delta)) for i in equals}
        start = max(equals, key=lambda i: (powers[i], tested[i].coverage))
        return tested[start:] if powers[start] >= WORTH_A_LOOK else ()

    def certify(self, ordered: Sequence[Candidate], rows: CertifyRows, target: Target) -> Certificate:
        """Walk the frozen order while p <= delta; ship the certified candidate of the greatest predicted coverage.

        Notes
        -----
        Given how many rows a candidate handles, the number that agree is binomial at its true agreement, so the exact
        p-value holds conditionally. The order was frozen before: the first candidate in it whose agreement is under the
        target is rejected with probability at most delta, and nothing after it is reached otherwise. So it is where labels
        have targets: the first candidate that falls short of one of them is rejected by that one's test.
        """
        steps = walk(ordered, rows, lambda candidate: rows.count(candidate.policy), target)
        passed = (step for step in steps if step.passed)
        chosen = max(passed, key=lambda step: (step.candidate.coverage, step.n), default=None)
        return tested_certificate("pareto-testing", target, rows, steps, chosen, _claim(target, chosen))


def _claim(target: Target, chosen: WalkStep | None) -> str:
    """Say in one sentence what is certified, or that nothing is."""
    share, confidence = percent(target.level), percent(target.confidence)
    if chosen is None:
        shown = f"no policy could be shown, at {confidence} confidence, to agree with the teacher on {share} of what it handles"
        named = listing(dict.fromkeys(f"'{one_line(each.label)}'" for each in target.labels), 4)
        return f"{shown}, and to keep the targets of {named}" if named else shown
    labels = label_claims_text((each.measure, each.label, each.limit) for each in target.labels)
    claim = f"with {confidence} confidence, this router agrees with the teacher on at least {share} of the traffic it handles"
    return f"{claim}, and {labels}" if labels else claim


def _promised(chain: Chain, n_certify: int, target: Target) -> list[tuple[Candidate, float]]:
    """Return the candidates that handle enough, each with the coverage that a walk from it is expected to certify."""
    handled = np.array([each.n_handled for each in chain.candidates])
    agree = np.array([each.n_agree for each in chain.candidates])
    ends = expected_ends(handled, agree, chain.candidates[0].n_rows, n_certify, target.level, target.delta)
    able = (
        pair for pair in zip(chain.candidates, ends.tolist(), strict=True) if pair[0].coverage >= target.min_coverage
    )
    return [(each, end * _chance_of_labels(each, n_certify, target)) for each, end in able]


def _tests(candidate: Candidate, n_certify: int, target: Target) -> tuple[Foreseen, ...]:
    """Return the tests to come of a candidate, its own at a rank where no label has a target."""
    tests = foresee(candidate, n_certify, target)
    if target.labels:
        return tests
    n_test = int(fewest_alike(np.array(tests[0].n_test), tests[0].level, target.delta))
    return (replace(tests[0], n_test=n_test),)


def _chance_of_labels(candidate: Candidate, n_certify: int, target: Target) -> float:
    """Return how likely the weakest test of a label is to pass; 1 where no label has a target."""
    if not (target.labels or candidate.labels):
        return 1.0
    return min([1.0, *predicted_powers(foresee(candidate, n_certify, target)[1:], target.delta)])
