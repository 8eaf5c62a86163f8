"""``audit.json``: every question of the audit, asked of one policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_spec.flow.audit.boundary import boundary
from tracer_spec.flow.audit.confusions import confusions
from tracer_spec.flow.audit.decisions import decide
from tracer_spec.flow.audit.examples import examples
from tracer_spec.flow.audit.flow import flow
from tracer_spec.flow.audit.guards import guards
from tracer_spec.flow.audit.regions import by_region, find_regions
from tracer_spec.flow.audit.reliability import stages
from tracer_spec.flow.audit.rows import CONFIDENCE, AuditedRows
from tracer_spec.flow.audit.slices import by_label, by_length, by_time
from tracer_spec.flow.audit.suspects import suspects
from tracer_spec.flow.documents.audit import AuditDocument, Cost, Reasons
from tracer_spec.flow.prepared import sealed_accounting

if TYPE_CHECKING:
    from tracer_spec.flow.prepared import Prepared
    from tracer_spec.flow.training.workshop import Workshop
    from tracer_spec.plan import Plan
    from tracer_spec.plugin import Policy


def audit(plan: Plan, prepared: Prepared, workshop: Workshop, policy: Policy) -> AuditDocument:
    """Return ``audit.json``: what a policy does to the fit rows, out of fold. No certify row is looked at.

    Parameters
    ----------
    plan : Plan
        Says what a teacher costs, and whether texts may be told.
    prepared : Prepared
    workshop : Workshop
        What the policy was made in.
    policy : Policy
        What ships.

    Notes
    -----
    Everything runs on one thread, which sums are worth: the same rows give the same bytes on any number of processors. The
    time is that of comparing all rows with one another, of at most 20,000: see ``docs/audit.md``.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        rows = audited_rows(plan, prepared, workshop, policy)
        counted, cost = sealed_accounting(prepared), plan.spec.cost
        regions = find_regions(rows)
        n_suspects, suspected = suspects(rows)
        handled, agrees = rows.decided.handled, rows.decided.agrees
        return AuditDocument(
            n=len(rows),
            handled=int(handled.sum()),
            agree=int((handled & agrees).sum()),
            interval_confidence=CONFIDENCE,
            labels=by_label(rows),
            n_unknown_labels=counted.n_unknown,
            # a label that a teacher made up can quote the request: the names are text
            unknown_labels=counted.unknown_labels if rows.tells_text else {},
            slices=tuple(each for each in (by_length(rows), by_time(rows), by_region(rows, regions)) if each),
            flow=flow(rows),
            reasons=Reasons(**rows.decided.counts),
            guards=guards(rows),
            confusions=confusions(rows),
            stages=stages(rows),
            boundary=boundary(rows),
            examples=examples(rows, regions),
            n_suspects=n_suspects,
            suspects=suspected,
            cost=Cost(teacher_usd_per_1k=cost.teacher_usd_per_1k, requests_per_day=cost.requests_per_day)
            if cost
            else None,
        )


def audited_rows(plan: Plan, prepared: Prepared, workshop: Workshop, policy: Policy) -> AuditedRows:
    """Put the fit rows together with what the policy decides on them."""
    traces = prepared.fit_traces
    return AuditedRows(
        X=prepared.fit.X,
        y=prepared.fit.y,
        folds=prepared.fit.folds,
        labels=prepared.labels.labels,
        answers=traces.labels,
        texts=traces.texts,
        times=traces.times,
        positions=traces.rows,
        decided=decide(workshop, policy, prepared.denied),
        tells_text=plan.spec.report.text,
        seed=plan.spec.seed,
        memory=workshop.memory,
    )
