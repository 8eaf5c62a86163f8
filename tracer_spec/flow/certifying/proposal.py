"""From the workshop to a frozen order of testing: everything that is decided before a certify row is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tracer_spec.flow.certifying.certify import certify
from tracer_spec.flow.certifying.draft import draft_certificate
from tracer_spec.flow.certifying.pareto import pareto_front, propose
from tracer_spec.flow.lock.ledger import Look, count_look
from tracer_spec.flow.prepared import sealed_accounting

if TYPE_CHECKING:
    from tracer_spec.flow.prepared import Prepared
    from tracer_spec.flow.traces.accounting import Accounting
    from tracer_spec.flow.training.workshop import Workshop
    from tracer_spec.plan import Plan, Resolved
    from tracer_spec.plugin import Candidate, Certificate, Chain, Target


@dataclass(frozen=True, slots=True)
class Proposal:
    """What may be tested, in its order, and the error that the test may spend.

    Parameters
    ----------
    chains : tuple of Chain
        Everything that the families propose.
    front : tuple of Candidate
        The Pareto front of all candidates, for people.
    ordered : tuple of Candidate
        The frozen order of testing; empty where nothing is worth a look.
    calibrator : Resolved
    target : Target
        With this look's share of the error.
    look : Look or None
        None for a draft, and where looks are not counted.
    draft : bool
        Whether the certify rows stay sealed.
    """

    chains: Sequence[Chain] = field(repr=False)
    front: Sequence[Candidate] = field(repr=False)
    ordered: Sequence[Candidate] = field(repr=False)
    calibrator: Resolved
    target: Target
    look: Look | None
    draft: bool

    @property
    def n_candidates(self) -> int:
        """Return how many candidates there are, over all chains."""
        return sum(len(chain.candidates) for chain in self.chains)

    @property
    def opens(self) -> bool:
        """Return whether the certify rows are opened for it."""
        return bool(self.ordered) and not self.draft

    def target_after_look(self, target: Target) -> Target:
        """Return the target with the error that a new build may spend once this one is through."""
        return self.look.left_by(target, opened=self.opens) if self.look else target

    def accounting(self, prepared: Prepared) -> Accounting:
        """Return what may be told of the traces: while certify rows are sealed, labels are counted on fit rows alone."""
        return prepared.traces.accounting if self.opens else sealed_accounting(prepared)


def make_proposal(plan: Plan, prepared: Prepared, workshop: Workshop, *, draft: bool) -> Proposal:
    """Let the families propose, and the calibrator freeze an order; from fit rows and the number of certify rows alone."""
    chains = propose(plan.families, workshop)
    look = None if draft else count_look(plan, prepared)
    target = look.within(plan.target) if look else plan.target
    with plan.calibrator.attribute_errors():
        ordered = tuple(plan.calibrator.make().order(chains, len(prepared.certify), target))
    return Proposal(chains, pareto_front(chains), ordered, plan.calibrator, target, look, draft)


def decide(proposal: Proposal, prepared: Prepared) -> Certificate:
    """Open the certify rows and test the order, once; a draft estimates instead, and opens nothing."""
    if proposal.draft:
        return draft_certificate(proposal.ordered, len(prepared.certify), proposal.target)
    return certify(proposal.calibrator, proposal.ordered, prepared, proposal.target, proposal.look)
