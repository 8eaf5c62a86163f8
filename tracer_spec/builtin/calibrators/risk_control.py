"""Risk control: at most so much of *all* traffic gets a label that the teacher would not have given.

References
----------
Angelopoulos, Bates, Fisch, Lei, Schuster (2024), Conformal risk control, ICLR (monotone risks along a nested family).
Bates, Angelopoulos, Lei, Malik, Jordan (2021), Distribution-free, risk-controlling prediction sets, J. ACM, Theorem 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from tracer_spec.builtin.calibrators.champion import Promise, champion
from tracer_spec.builtin.calibrators.claims import tested_certificate
from tracer_spec.builtin.calibrators.walk import walk
from tracer_spec.plugin import Candidate, Certificate, CertifyRows, Chain, Target, WalkStep
from tracer_spec.stats.binomial import predicted_power
from tracer_spec.text_format import percent


class RiskControl:
    """Walk one nested chain, chosen on fit rows, from its smallest candidate to the last that passes.

    Notes
    -----
    Along a nested chain the wrong labels given can only grow, row by row. Let i be its first candidate whose risk exceeds
    the limit. Whenever a later one passes, i passes too, which has probability <= delta by the exact binomial test on all N
    certify rows. So no correction for several tests is needed, on *one* chain; the best of several would need one.
    """

    def order(self, chains: Sequence[Chain], n_certify: int, target: Target) -> Sequence[Candidate]:
        """Return the chain whose best candidate is predicted to handle most, of rising coverage.

        Parameters
        ----------
        chains : sequence of Chain
        n_certify : int
        target : Target
            With ``end_to_end`` set.
        """

        def utility(candidate: Candidate) -> float:
            if candidate.coverage < target.min_coverage:
                return 0.0
            right = candidate.n_rows - (candidate.n_handled - candidate.n_agree)
            return candidate.coverage * predicted_power(n_certify, candidate.n_rows, right, target.level, target.delta)

        best = [(chain, max(chain.candidates, key=utility)) for chain in chains]
        chosen = champion([Promise(chain, candidate, utility(candidate)) for chain, candidate in best])
        candidates = chosen.chain.candidates if chosen else ()
        return tuple(candidate for candidate in candidates if candidate.coverage >= target.min_coverage)

    def certify(self, ordered: Sequence[Candidate], rows: CertifyRows, target: Target) -> Certificate:
        """Test each candidate on all certify rows; ship the last before the first failure."""

        def right(candidate: Candidate) -> tuple[int, int]:
            n, k = rows.count(candidate.policy)
            return len(rows), len(rows) - (n - k)

        steps = walk(ordered, rows, right, target)
        chosen = next((step for step in reversed(steps) if step.passed), None)
        return tested_certificate("risk-control", target, rows, steps, chosen, _claim(target, chosen))


def _claim(target: Target, chosen: WalkStep | None) -> str:
    """Say in one sentence what is certified, or that nothing is."""
    wrong, confidence = percent(1 - target.level), percent(target.confidence)
    if chosen is None:
        return (
            f"no policy could be shown, at {confidence} confidence, to give at most {wrong} of all traffic a label that "
            "the teacher would not have given"
        )
    return (
        f"with {confidence} confidence, at most {wrong} of all traffic, handled or deferred, gets a label from this router "
        "that the teacher would not have given"
    )
