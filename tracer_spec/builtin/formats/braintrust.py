"""Braintrust: spans of logs and experiments, as its API, its SQL and its export give them.

References
----------
Braintrust, "Fetch project logs" and "Export logs", braintrust.dev/docs
"""

from __future__ import annotations

from tracer_spec.builtin.formats.format import Format, unanswered

BRAINTRUST = Format(
    name="braintrust",
    summary="Braintrust: spans of logs and experiments, a line each or as pages of the API",
    iterate="not_null(events, data, [@])",
    text="asked(input)",
    instructions="instructed(input)",
    label="answered(output)",
    id="not_null(span_id, id)",  # of spans, not of rows: a child names its parent by it
    time="created",
    truth="expected",
    parent="from_json(span_parents)[0]",
    trace="root_span_id",
    model="not_null(from_json(metadata).model, from_json(output).model)",
    version="join('@', [from_json(metadata).prompt.id, from_json(metadata).prompt.version][?@].to_string(@))",
    skip={
        "error status": "error",
        "not an LLM call": "from_json(span_attributes).type != 'llm'",
        "a scorer's call": "from_json(span_attributes).purpose == 'scorer'",
    },
    unanswered=unanswered("output"),
)
