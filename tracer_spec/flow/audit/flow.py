"""Where requests go: from each of the teacher's labels to a stage, or back to the teacher."""

from __future__ import annotations

from tracer_spec.flow.audit.rows import AuditedRows
from tracer_spec.flow.documents.audit import TEACHER, FlowLink


def flow(rows: AuditedRows) -> tuple[FlowLink, ...]:
    """Return how many rows of each label every stage handles, and how many are deferred; the counts sum to n."""
    decided = rows.decided
    links = []
    for label, among in rows.each_label():
        for stage in range(len(decided.tried)):
            handled = among & (decided.stages == stage)
            n, agree = int(handled.sum()), int((handled & decided.agrees).sum())
            links.append(FlowLink(label=label, to=f"stage {stage + 1}", n=n, agree=agree))
        links.append(FlowLink(label=label, to=TEACHER, n=int((among & ~decided.handled).sum())))
    return tuple(link for link in links if link.n)
