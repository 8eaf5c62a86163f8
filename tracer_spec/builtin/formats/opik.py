"""Opik: spans, as its SDK, its REST API and its command line export them.

References
----------
Comet, "Export traces and spans", comet.com/docs/opik/tracing/export_data
"""

from __future__ import annotations

from tracer_spec.builtin.formats.format import Format, unanswered

OPIK = Format(
    name="opik",
    summary="Opik: spans of `search_spans()` or of the REST API, or traces exported with their `spans`",
    iterate="not_null(spans, content, [@])",
    text="asked(input)",
    instructions="instructed(input)",
    label="answered(output)",
    id="id",
    time="not_null(start_time, startTime)",
    parent="not_null(parent_span_id, parentSpanId)",
    trace="not_null(trace_id, traceId)",
    model="not_null(model, from_json(output).model)",
    version="join('@', (from_json(metadata).prompts[0] || `{}`).[name, version.commit][?@].to_string(@))",
    skip={
        "error status": "error_info || errorInfo",
        "not an LLM call": "type != 'llm'",
    },
    unanswered=unanswered("output"),
)
