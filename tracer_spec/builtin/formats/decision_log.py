"""The log that a deployment writes: ``schemas/decision.v1.json``. Only a sample of all traffic is read as traces."""

from __future__ import annotations

from tracer_spec.builtin.formats.decisions import LOGGED_UNDER
from tracer_spec.builtin.formats.format import Format

DECISIONS = Format(
    name="decisions",
    summary="the log of `tracer_spec.deploy`: its audited rows, and those logged without a bundle",
    text="input",
    # as the teacher wrote it: the spec that reads it has steps of its own
    label="logged_answer(teacher_raw)",
    id="id",
    time="time",
    model="model",
    skip={
        "not a line of the log": f"!contains(keys(@), '{LOGGED_UNDER}')",
        "not asked": "router.served == 'router'",
        # they were chosen by their scores: no sample of the traffic
        "deferred, not audited": "router && router.audit != `true`",
        "nobody answered": "contains(keys(@), 'teacher_raw') && teacher_raw == `null`",
    },
    reads_decisions=True,
)
