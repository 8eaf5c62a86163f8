"""Proposal: the frozen order of testing, decided before a certify row is opened."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tracer_spec.flow.certifying.certify import certify, refuse_untested
from tracer_spec.flow.certifying.draft import draft_certificate, is_likely
from tracer_spec.flow.certifying.pareto import pareto_front
from tracer_spec.flow.certifying.ranks import ranks
from tracer_spec.flow.lock.file import lock_path, read_lock
from tracer_spec.flow.lock.ledger import Look, count_look, next_look, sketch
from tracer_spec.flow.prepared import sealed_accounting
from tracer_spec.flow.traces.repeats import TRAFFIC
from tracer_spec.stats.multiple import look_level

if TYPE_CHECKING:
    from tracer_spec.flow.certify_rows import EmbeddedRows
    from tracer_spec.flow.prepared import Prepared
    from tracer_spec.flow.traces.counts import Accounting
    from tracer_spec.plan import Plan, Resolved
    from tracer_spec.plugin import Candidate, Certificate, Chain, Policy, Target


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
        With this look's share of the error; a draft's has all of it.
    look : Look or None
        None for a draft, and where looks are not counted.
    draft : bool
        Whether the certify rows stay sealed.
    rows : EmbeddedRows or None
        The certify rows, under seal, where looks are counted.
    next_look : int or None
        Which look a build would be, for a draft where looks are counted.
    """

    chains: Sequence[Chain] = field(repr=False)
    front: Sequence[Candidate] = field(repr=False)
    ordered: Sequence[Candidate] = field(repr=False)
    calibrator: Resolved
    target: Target
    look: Look | None
    draft: bool
    rows: EmbeddedRows | None = field(default=None, repr=False)
    next_look: int | None = None

    @property
    def n_candidates(self) -> int:
        """Return how many candidates there are, over all chains."""
        return sum(len(chain.candidates) for chain in self.chains)

    @property
    def opens(self) -> bool:
        """Return whether the certify rows are opened for it."""
        return bool(self.ordered) and not self.draft

    def promises(self, n_certify: int) -> bool:
        """Return whether a build would, by the fit rows, rather come to a policy than refuse."""
        after = self.target_after_look(self.target)
        return not self.calibrator.tests or is_likely(self.ordered, n_certify, after)

    def target_after_look(self, target: Target) -> Target:
        """Return the target with the error that a new build may spend once this one is through."""
        if self.next_look is not None:
            return replace(target, budget=look_level(self.next_look, target.delta))
        return self.look.left_by(target, opened=self.opens) if self.look else target

    def accounting(self, prepared: Prepared) -> Accounting:
        """Return what may be told of the traces: while certify rows are sealed, fit rows alone are counted."""
        return prepared.traces.accounting if self.opens else sealed_accounting(prepared)


def make_proposal(plan: Plan, prepared: Prepared, chains: Sequence[Chain], *, draft: bool) -> Proposal:
    """Let the calibrator freeze an order of what the families propose; from fit rows and the number of certify rows alone.

    Certify rows are embedded here where looks are counted, since a look is known again by what it tests, and stay under
    seal.
    """
    n_certify = len(prepared.certify)

    def order(target: Target) -> tuple[Candidate, ...]:
        with plan.calibrator.attribute_errors():
            return tuple(plan.calibrator.make().order(chains, n_certify, target))

    lock = lock_path(plan.loaded.file)
    rows_sketch = frozenset[int]() if lock is None else sketch(prepared.certify.ids(), prepared.certify.contents())
    repeated = prepared.certify.repeated() if prepared.fresh else None
    if draft or lock is None:
        target, following = plan.target, None
        if draft and lock:
            following = next_look(read_lock(lock).ledger, rows_sketch, fresh=prepared.fresh, repeated=repeated)
        front = pareto_front(chains)
        return Proposal(chains, front, order(target), plan.calibrator, target, None, draft, next_look=following)
    rows = prepared.embed_certify(plan.spec.repeats)
    digest = rows.digest([each.label for each in plan.target.labels])

    def test_at(level: float) -> str | None:
        target = replace(plan.target, budget=level)
        ordered = order(target)
        sizes = ranks(ordered, n_certify, target) if plan.calibrator.tests_ranks else ()
        return test_digest(ordered, digest, plan.calibrator, target, sizes) if ordered else None

    look = count_look(
        lock,
        rows_sketch,
        plan.target.delta,
        test_at,
        fresh=prepared.fresh,
        newest=prepared.traces.newest,
        repeated=repeated,
    )
    target = look.within(plan.target)
    return Proposal(chains, pareto_front(chains), order(target), plan.calibrator, target, look, draft, rows)


def test_digest(
    ordered: Sequence[Candidate],
    rows: bytes,
    calibrator: Resolved,
    target: Target,
    sizes: Sequence[int | None],
) -> str:
    """Return a digest of all that a test depends on: candidates in their order and ranks, rows, calibrator and target."""
    provided = calibrator.provided
    labels = [[each.label, each.measure, each.limit] for each in target.labels]
    about = [
        [provided.name, provided.distribution, provided.version, calibrator.options.model_dump_json()],
        [target.measure, target.level, target.confidence, target.min_coverage, *([labels] if labels else [])],
        [
            [
                stage.surrogate.digest,
                stage.acceptor.digest if stage.acceptor else "",
                stage.threshold,
                *([fence.guard.digest, fence.limit] for fence in stage.fences),
            ]
            for candidate in ordered
            for stage in candidate.policy
        ],
        [len(candidate.policy) for candidate in ordered],
        sizes,
    ]
    return hashlib.sha256(rows + json.dumps(about).encode()).hexdigest()[:16]


def decide(
    proposal: Proposal, prepared: Prepared, estimate: Callable[[str, Policy], Candidate], *, repeats: str
) -> Certificate:
    """Open the certify rows and test the order, once; a draft estimates instead, and opens nothing.

    ``estimate`` gives a policy with what fit rows say of it, out of fold.
    """
    if proposal.draft:
        n_certify = len(prepared.certify)
        promises, tests = proposal.promises(n_certify), proposal.calibrator.tests
        return draft_certificate(proposal.ordered, n_certify, proposal.target, promises=promises, tests=tests)
    if not proposal.ordered:
        return refuse_untested(proposal.calibrator, prepared.certify, proposal.target)
    rows = proposal.rows or prepared.embed_certify(repeats)
    certificate = certify(
        proposal.calibrator,
        proposal.ordered,
        rows,
        proposal.target,
        proposal.look,
        estimate=estimate,
        believes_repeats=repeats == TRAFFIC,
    )
    return replace(certificate, assumptions=(*certificate.assumptions, *prepared.split_notes))
