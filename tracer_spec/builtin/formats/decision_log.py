"""The log that a deployment writes: ``schemas/decision.v1.json``. Only a sample of all traffic may certify."""

from __future__ import annotations

from tracer_spec.builtin.formats.decisions import LOGGED_UNDER
from tracer_spec.builtin.formats.format import Format

DECISIONS = Format(
    name="decisions",
    summary="the log of `tracer_spec.deploy`: audited rows may certify, deferred ones train",
    text="input",
    # as the teacher wrote it: the spec that reads it has steps of its own
    label="logged_answer(teacher_raw)",
    id="id",
    time="time",
    model="model",
    skip={
        "not a line of the log": f"!contains(keys(@), '{LOGGED_UNDER}')",
    },
    # as :func:`~tracer_spec.production.plain_answer.unanswered` writes them; null beside the teacher's name says as much
    unanswered={
        "nothing answered": "teacher_raw.unanswered.reason == 'none' || (teacher_raw == `null` && router.served == 'teacher')",
        "truncated": "teacher_raw.unanswered.reason == 'truncated'",
        "refusal": "teacher_raw.unanswered.reason == 'refused'",
    },
    unlabelled={
        "not asked": "router.served == 'router'",
        "nobody answered": "contains(keys(@), 'teacher_raw') && teacher_raw == `null` && router.served != 'teacher'",
        # neither chance nor the score chose it: nobody knows how many such requests there are
        "handled, and asked all the same": "router.handled == `true` && router.audit != `true`",
    },
    certify="!router || router.audit == `true`",
    rate="router.audit_rate",
    # chosen by their scores: no sample of the traffic
    deferred="router.handled == `false`",
    reads_decisions=True,
)
