"""Choice among embedders that compete, from fit rows and the number of certify rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracer_spec.plugin import foresee
from tracer_spec.stats.binomial import predicted_power

if TYPE_CHECKING:
    from tracer_spec.flow.prepared import Prepared
    from tracer_spec.flow.training.workshop import Workshop
    from tracer_spec.plan import Plan
    from tracer_spec.plugin import Candidate, Chain, Target


@dataclass(frozen=True, slots=True)
class Entrant:
    """An embedder with all that was trained and proposed on its vectors."""

    prepared: Prepared
    workshop: Workshop
    chains: Sequence[Chain]

    @property
    def name(self) -> str:
        """Return what the spec calls the embedder."""
        return self.prepared.embedder.resolved.alias

    @property
    def agreement(self) -> float:
        """Return the best out-of-fold agreement of its surrogates, in [0, 1]."""
        return max(each.agreement for each in self.workshop.trained)


@dataclass(frozen=True, slots=True)
class EmbedderReport:
    """What became of an embedder that competed.

    Parameters
    ----------
    name : str
    chosen : bool
    agreement : float
        The best out-of-fold agreement of its surrogates, in [0, 1].
    coverage : float or None
        The coverage it is expected to certify: the greatest predicted power times coverage in the order that the calibrator
        makes of its chains; None where it would test nothing.
    """

    name: str
    chosen: bool
    agreement: float
    coverage: float | None

    @property
    def promise(self) -> str:
        """Return the expected coverage in words."""
        return "nothing to test" if self.coverage is None else f"expected coverage {self.coverage:.3f}"

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "name": self.name,
            "chosen": self.chosen,
            "agreement": self.agreement,
            "coverage": self.coverage,
        }


def choose(plan: Plan, entrants: Sequence[Entrant]) -> tuple[Entrant, tuple[EmbedderReport, ...]]:
    """Return the entrant to go on with, and a report on each; no reports where nothing competes.

    Notes
    -----
    The calibrator orders the chains of all; the embedder of its first candidate is the champion, and of those that are
    expected to cover as much, less one standard error of the coverage, the first listed is taken. Where the calibrator would
    test nothing, the best out-of-fold agreement decides.
    """
    if len(entrants) == 1:
        return entrants[0], ()
    promises = [_promise(plan, each.chains, len(each.prepared.certify)) for each in entrants]
    chosen = _chosen(plan, entrants, promises)
    reports = tuple(
        EmbedderReport(each.name, each is chosen, each.agreement, promise.value if promise else None)
        for each, promise in zip(entrants, promises, strict=True)
    )
    return chosen, reports


@dataclass(frozen=True, slots=True)
class _Promise:
    """What an order promises: the candidate of the greatest predicted power times coverage, and that product."""

    first: Candidate
    best: Candidate
    value: float


def _chosen(plan: Plan, entrants: Sequence[Entrant], promises: Sequence[_Promise | None]) -> Entrant:
    everything = [chain for each in entrants for chain in each.chains]
    champion = _promise(plan, everything, len(entrants[0].prepared.certify))
    if champion is None:
        return max(entrants, key=lambda each: each.agreement)
    return next(
        each
        for each, promise in zip(entrants, promises, strict=True)
        if _proposes(each, champion.first)
        or (promise and promise.value >= champion.value - champion.best.coverage_error)
    )


def _promise(plan: Plan, chains: Sequence[Chain], n_certify: int) -> _Promise | None:
    """Return what the calibrator's order of these chains promises; None where it would test nothing."""
    with plan.calibrator.attribute_errors():
        ordered = tuple(plan.calibrator.make().order(chains, n_certify, plan.target))
    if not ordered:
        return None
    values = [_power(each, n_certify, plan.target) * each.coverage for each in ordered]
    best = max(range(len(ordered)), key=values.__getitem__)
    return _Promise(ordered[0], ordered[best], values[best])


def _power(candidate: Candidate, n_certify: int, target: Target) -> float:
    """Return the predicted chance that the candidate passes its weakest test."""
    tests = foresee(candidate, n_certify, target)
    return min(predicted_power(each.n_test, each.n_fit, each.k_fit, each.level, target.delta) for each in tests)


def _proposes(entrant: Entrant, candidate: Candidate) -> bool:
    return any(each.policy == candidate.policy for chain in entrant.chains for each in chain.candidates)


def choice_notes(reports: Sequence[EmbedderReport]) -> tuple[str, ...]:
    """Say which of several embedders was chosen, and what each promised."""
    if not reports:
        return ()
    chosen = next(each.name for each in reports if each.chosen)
    shown = "; ".join(f"{each.name}: {each.promise}, agreement {each.agreement:.3f}" for each in reports)
    return (f"the embedder '{chosen}' was chosen of {len(reports)} from fit rows alone ({shown})",)
