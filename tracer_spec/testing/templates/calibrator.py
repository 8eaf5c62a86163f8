"""A calibrator: one candidate, chosen on fit rows, and one exact test of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import Field

from tracer_spec.errors import PluginError
from tracer_spec.plugin import (
    CalibratorPlugin,
    Candidate,
    Certificate,
    CertifyRows,
    Chain,
    Options,
    Target,
    WalkStep,
    hookimpl,
)

NAME = "my-calibrator"


class OneTestOptions(Options):
    """Options of the calibrator."""

    margin: float = Field(
        0.4,
        ge=0,
        le=1,
        description="the share of what lies between target and 1 by which fit rows must exceed the target",
    )


@dataclass(frozen=True)
class OneTest:
    """Test one candidate: with a single test there is nothing to correct for.

    Notes
    -----
    Given that n certify rows are handled, the number that agree is Binomial(n, A) where certify rows are independent draws
    of the traffic. Where the true agreement A is below the target, P(p-value <= delta) <= delta.
    """

    margin: float

    def order(self, chains: Sequence[Chain], n_certify: int, target: Target) -> Sequence[Candidate]:  # noqa: ARG002 - fixed
        """Return the candidate of the greatest coverage whose agreement, on fit rows, exceeds the target by the margin."""
        if target.agreement is None:
            raise PluginError(f"'{NAME}' certifies agreement", address="target", hint="give target.agreement")
        wanted = target.agreement + self.margin * (1 - target.agreement)
        candidates = [each for chain in chains for each in chain.candidates]
        sure = [each for each in candidates if each.agreement >= wanted and each.coverage >= target.min_coverage]
        return tuple(sorted(sure, key=lambda each: (-each.coverage, -each.agreement))[:1])

    def certify(self, ordered: Sequence[Candidate], rows: CertifyRows, target: Target) -> Certificate:
        """Count the first candidate on the certify rows, and test that its agreement is below the target."""
        from scipy.stats import binom

        walk = []
        for candidate in ordered[:1]:
            n, k = rows.count(candidate.policy)
            p_value = float(binom.sf(k - 1, n, target.level)) if n else 1.0
            walk.append(WalkStep(candidate, n, k, p_value, p_value <= target.delta))
        chosen = walk[0] if walk and walk[0].passed else None
        return Certificate(
            calibrator=NAME,
            target=target.level,
            confidence=target.confidence,
            n_certify=len(rows),
            walk=tuple(walk),
            chosen=chosen,
            claim=f"with {target.confidence:.0%} confidence, at least {target.level:.1%} of what is handled agrees"
            if chosen
            else "nothing could be certified",
            level=target.delta,
            assumptions=("future traffic and the certify rows are drawn alike, independent of one another",),
            voided_by=("a changed teacher", "a changed embedder", "traffic that differs from the traces"),
        )


@hookimpl
def tracer_spec_calibrators() -> Iterable[CalibratorPlugin]:
    """Yield what this package provides."""
    yield CalibratorPlugin(
        NAME, "one exact test of one candidate", lambda options: OneTest(options.margin), OneTestOptions
    )
