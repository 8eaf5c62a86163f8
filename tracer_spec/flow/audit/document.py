"""``audit.json``: every question of the audit, asked of one policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_spec.flow.audit.counts import confusions, flow, guards, stages
from tracer_spec.flow.audit.decisions import decide
from tracer_spec.flow.audit.examples import examples
from tracer_spec.flow.audit.pairs import boundary, suspects
from tracer_spec.flow.audit.regions import find_regions
from tracer_spec.flow.audit.rows import CONFIDENCE, AuditedRows
from tracer_spec.flow.audit.slices import by_label, by_length, by_region, by_time
from tracer_spec.flow.documents.audit import AuditDocument, Cost, Reasons
from tracer_spec.flow.training.parallel import derive_seed
from tracer_spec.plugin.one_thread import one_thread

if TYPE_CHECKING:
    from tracer_spec.flow.prepared import Prepared
    from tracer_spec.flow.traces.counts import Accounting
    from tracer_spec.flow.training.workshop import Workshop
    from tracer_spec.plugin import Policy
    from tracer_spec.spec.model import CostSpec


def audit(rows: AuditedRows, accounting: Accounting, cost: CostSpec | None) -> AuditDocument:
    """Return ``audit.json``: what a policy does to the fit rows, out of fold. No certify row is looked at.

    The accounting has labels counted on fit rows alone; the cost is the teacher's, where the spec says it.

    Notes
    -----
    Everything runs on one thread, which sums are worth: the same rows give the same bytes on any number of processors. The
    time is that of comparing all rows with one another, of at most 20,000: see ``docs/audit.md``.
    """
    with one_thread():
        regions = find_regions(rows)
        n_suspects, suspected = suspects(rows)
        handled, agrees = rows.decided.handled, rows.decided.agrees
        return AuditDocument(
            n=len(rows),
            n_fit=rows.n_fit,
            handled=int(handled.sum()),
            agree=int((handled & agrees).sum()),
            interval_confidence=CONFIDENCE,
            labels=by_label(rows),
            n_unknown_labels=accounting.n_unknown,
            # a label that a teacher made up can quote the request: the names are text
            unknown_labels=accounting.unknown_labels if rows.tells_text else {},
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
            cost=Cost(**cost.model_dump()) if cost else None,
        )


def audited_rows(prepared: Prepared, workshop: Workshop, policy: Policy, *, tells_text: bool, seed: int) -> AuditedRows:
    """Put the fit rows together with what a policy of the workshop decides on them.

    Where fit rows are weighted, a sample of them that is like the traffic: each row counts once, and shares are those of the
    traffic.
    """
    decided, rows, traces, n_fit = decide(workshop, policy, prepared.denied), workshop.rows, prepared.fit_traces, None
    if rows.weights is not None:
        at = rows.representative(derive_seed(seed, "audit", "weights"))
        rows, traces, decided, n_fit = rows.take(at), traces.take(at), decided.take(at), len(rows)
    return AuditedRows(rows, traces, prepared.labels.labels, decided, tells_text, seed, workshop.memory, n_fit)
