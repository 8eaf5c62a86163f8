"""Where requests go: from each of the teacher's labels to a stage, or back to the teacher."""

from __future__ import annotations

from typing import Any

from tracer_spec.flow.audit.rows import AuditedRows

TEACHER = "teacher"


def flow(rows: AuditedRows) -> list[dict[str, Any]]:
    """Return how many rows of each label every stage handles, and how many are deferred; the counts sum to n."""
    decided = rows.decided
    links = []
    for label, among in rows.each_label():
        for stage in range(len(decided.tried)):
            handled = among & (decided.stages == stage)
            links.append(_link(label, f"stage {stage + 1}", int(handled.sum()), int((handled & decided.agrees).sum())))
        links.append(_link(label, TEACHER, int((among & ~decided.handled).sum()), None))
    return [link for link in links if link["n"]]


def _link(label: str, to: str, n: int, agree: int | None) -> dict[str, Any]:
    return {"label": label, "to": to, "n": n, "agree": agree}
