"""The rule of the original paper: the largest coverage whose agreement on the certify rows reaches the target.

It looks at every candidate and corrects for none, so it promises nothing; its certificate says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from tracer_spec.builtin.calibrators.claims import ASSUMPTIONS, VOIDED_BY
from tracer_spec.plugin import Candidate, Certificate, CertifyRows, Chain, Target, WalkStep
from tracer_spec.text_format import percent


class Empirical:
    """Take the largest candidate that reached the target on the rows it was chosen on."""

    def order(self, chains: Sequence[Chain], n_certify: int, target: Target) -> Sequence[Candidate]:  # noqa: ARG002 - the contract's
        """Return every candidate, of falling predicted coverage; of equals the better agreement first."""
        candidates = [candidate for chain in chains for candidate in chain.candidates]
        able = [candidate for candidate in candidates if candidate.coverage >= target.min_coverage]
        return tuple(sorted(able, key=lambda each: (-each.coverage, -each.agreement)))

    def certify(self, ordered: Sequence[Candidate], rows: CertifyRows, target: Target) -> Certificate:
        """Count from the largest candidate down and take the first that reaches the target."""
        walk: list[WalkStep] = []
        for candidate in ordered:
            n, k = rows.count(candidate.policy)
            walk.append(WalkStep(candidate, n, k, None, n > 0 and k / n >= target.level))
            if walk[-1].passed:
                break
        chosen = walk[-1] if walk and walk[-1].passed else None
        found = "" if chosen else "no policy was found for which "
        return Certificate(
            calibrator="empirical",
            target=target.level,
            confidence=None,
            n_certify=len(rows),
            walk=tuple(walk),
            chosen=chosen,
            claim=(
                f"{found}the router agreed with the teacher on at least {percent(target.level)} of the rows it handled among "
                "those it was chosen on; nothing is claimed about other traffic"
            ),
            assumptions=ASSUMPTIONS[:4],
            voided_by=VOIDED_BY[:4],
        )
