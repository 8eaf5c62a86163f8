"""Choice among embedders that compete, from fit rows and the number of certify rows alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tracer_spec.flow.certifying.pareto import propose
from tracer_spec.plugin import foresee
from tracer_spec.stats.binomial import predicted_powers

if TYPE_CHECKING:
    from tracer_spec.flow.entrants import Entrant
    from tracer_spec.flow.training.zoo import LearnerReport
    from tracer_spec.plan import Plan
    from tracer_spec.plugin import Candidate, Chain

ALONE = "nothing could be trained on the vectors of the others"
BEST_AGREEMENT = "no candidate would be tested, and its out-of-fold agreement is the greatest"
FIRST_TESTED = "the candidate that would be tested first is one of its own"
FIRST_LISTED = "listed first of those within one standard error of the greatest expected coverage"


@dataclass(frozen=True, slots=True)
class EmbedderReport:
    """What became of an embedder that competed.

    Parameters
    ----------
    name : str
    chosen : bool
    agreement : float or None
        The best out-of-fold agreement of its surrogates, in [0, 1]; None where nothing could be trained.
    coverage : float or None
        The coverage it is expected to certify: the greatest predicted power times coverage in the order that the calibrator
        makes of its chains; None where it would test nothing.
    power, candidate_coverage : float or None
        The two factors of it.
    reason : str
        Why it was chosen, or why nothing could be trained on its vectors; else empty.
    zoo : tuple of LearnerReport
        What became of the learners on its vectors; empty where nothing could be trained, which ``reason`` tells.
    embed_s, train_s : float
        Seconds that it took to embed fit rows, and to train and propose.
    """

    name: str
    chosen: bool
    agreement: float | None
    coverage: float | None
    power: float | None = None
    candidate_coverage: float | None = None
    reason: str = ""
    zoo: tuple[LearnerReport, ...] = field(default=(), repr=False)
    embed_s: float = 0.0
    train_s: float = 0.0

    @property
    def promise(self) -> str:
        """Return what it promises, or why nothing could be trained on its vectors, in words."""
        if self.agreement is None:
            return self.reason
        expected = "nothing to test"
        if self.coverage is not None:
            whole = f"{self.candidate_coverage:.3f} at a chance of {self.power:.2f}"
            expected = f"expected coverage {self.coverage:.3f} ({whole})"
        return f"{expected}, out-of-fold agreement {self.agreement:.3f}"

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "name": self.name,
            "chosen": self.chosen,
            "agreement": self.agreement,
            "coverage": self.coverage,
            "power": self.power,
            "candidate_coverage": self.candidate_coverage,
            "reason": self.reason or None,
            "embed_s": round(self.embed_s, 3),
            "train_s": round(self.train_s, 3),
        }


@dataclass(frozen=True, slots=True)
class Choice:
    """The embedder to go on with, what families made of it, and a report on each; no reports where nothing competes."""

    entrant: Entrant
    chains: tuple[Chain, ...]
    reports: tuple[EmbedderReport, ...] = ()


def choose(plan: Plan, entrants: Sequence[Entrant]) -> Choice:
    """Let families propose on the vectors of each embedder, and choose one.

    Notes
    -----
    The calibrator orders the chains of all; the embedder of its first candidate is the champion, and of those that are
    expected to cover as much, less one standard error of the coverage, the first listed is taken. Where the calibrator would
    test nothing, the best out-of-fold agreement decides. An embedder on whose vectors nothing could be trained has lost.
    """
    proposed = [_proposed(plan, each) for each in entrants if each.workshop is not None]
    if len(entrants) == 1:
        return Choice(entrants[0], proposed[0].chains)
    chosen, reason = _chosen(plan, proposed)
    by_name = {each.entrant.name: each for each in proposed}
    reports = tuple(
        _report(each, found, reason if found is chosen else "", chosen=found is chosen)
        for each in entrants
        for found in [by_name.get(each.name)]
    )
    return Choice(chosen.entrant, chosen.chains, reports)


@dataclass(frozen=True, slots=True)
class _Promise:
    """What an order promises: the candidate of the greatest predicted power times coverage."""

    first: Candidate
    best: Candidate
    power: float

    @property
    def value(self) -> float:
        """Return the coverage to be expected."""
        return self.power * self.best.coverage


@dataclass(frozen=True, slots=True)
class _Proposed:
    """An entrant with its chains and what they promise; None where nothing would be tested."""

    entrant: Entrant
    agreement: float
    chains: tuple[Chain, ...]
    promise: _Promise | None


def _proposed(plan: Plan, entrant: Entrant) -> _Proposed:
    """Let the families propose; the time is added to that of training, since they train too."""
    started = time.perf_counter()
    chains = propose(plan.families, entrant.trained)
    whole = replace(entrant, train_s=entrant.train_s + time.perf_counter() - started)
    promise = _promise(plan, chains, len(entrant.prepared.certify)) if len(plan.embedders) > 1 else None
    return _Proposed(whole, max(each.agreement for each in entrant.trained.trained), chains, promise)


def _chosen(plan: Plan, proposed: Sequence[_Proposed]) -> tuple[_Proposed, str]:
    """Return the one to go on with, and why."""
    if len(proposed) == 1:
        return proposed[0], ALONE
    everything = [chain for each in proposed for chain in each.chains]
    champion = _promise(plan, everything, len(proposed[0].entrant.prepared.certify))
    if champion is None:
        return max(proposed, key=lambda each: each.agreement), BEST_AGREEMENT
    least = champion.value - champion.best.coverage_error
    for each in proposed:
        if _proposes(each, champion.first):
            return each, FIRST_TESTED
        if each.promise and each.promise.value >= least:
            return each, FIRST_LISTED
    raise ValueError("the first candidate is of none of the chains")


def _report(entrant: Entrant, proposed: _Proposed | None, reason: str, *, chosen: bool) -> EmbedderReport:
    """Say what became of an embedder; of one that has lost before it could propose, why."""
    name, embed_s = entrant.name, entrant.embed_s
    if proposed is None:
        return EmbedderReport(
            name, chosen, None, None, reason=entrant.failure, embed_s=embed_s, train_s=entrant.train_s
        )
    promise = proposed.promise
    return EmbedderReport(
        name=name,
        chosen=chosen,
        agreement=proposed.agreement,
        coverage=promise.value if promise else None,
        power=promise.power if promise else None,
        candidate_coverage=promise.best.coverage if promise else None,
        reason=reason,
        zoo=entrant.trained.reports,
        embed_s=embed_s,
        train_s=proposed.entrant.train_s,
    )


def _promise(plan: Plan, chains: Sequence[Chain], n_certify: int) -> _Promise | None:
    """Return what the calibrator's order of these chains promises; None where it would test nothing."""
    with plan.calibrator.attribute_errors():
        ordered = tuple(plan.calibrator.make().order(chains, n_certify, plan.target))
    if not ordered:
        return None
    powers = [min(predicted_powers(foresee(each, n_certify, plan.target), plan.target.delta)) for each in ordered]
    best = max(range(len(ordered)), key=lambda i: powers[i] * ordered[i].coverage)
    return _Promise(ordered[0], ordered[best], powers[best])


def _proposes(proposed: _Proposed, candidate: Candidate) -> bool:
    return any(each.policy == candidate.policy for chain in proposed.chains for each in chain.candidates)


def choice_notes(reports: Sequence[EmbedderReport]) -> tuple[str, ...]:
    """Say which of several embedders was chosen and why, and what each promised."""
    if not reports:
        return ()
    chosen = next(each for each in reports if each.chosen)
    shown = "; ".join(f"{each.name}: {each.promise}" for each in reports)
    return (
        f"the embedder '{chosen.name}' was chosen of {len(reports)} from fit rows alone, because {chosen.reason} ({shown})",
    )
