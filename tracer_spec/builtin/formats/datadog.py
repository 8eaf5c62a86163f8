"""Datadog LLM Observability: spans as its SDK sends them, and as its export API gives them back.

References
----------
Datadog, "HTTP API" and "Export API", docs.datadoghq.com/llm_observability
"""

from __future__ import annotations

from tracer_spec.builtin.formats.format import Format, unanswered

_INPUT, _OUTPUT = "not_null(meta.input, input)", "not_null(meta.output, output)"

DATADOG = Format(
    name="datadog",
    summary="Datadog LLM Observability: spans, a line each, or pages of the export API (`{data: [{attributes}]}`)",
    iterate="not_null(data.attributes.spans, data[].not_null(attributes, @), [@])",
    text=f"{_INPUT} | not_null(asked(messages), asked(value))",
    instructions=f"{_INPUT} | not_null(instructed(messages), instructed(value))",
    label=f"{_OUTPUT} | not_null(answered(messages), answered(value))",
    id="span_id",
    time="not_null(start_ns, start_time)",
    parent="parent_id",
    trace="trace_id",
    model="not_null(meta.model_name, meta.metadata.model_name, model_name)",
    version="join('@', [meta.input.prompt.id, meta.input.prompt.version][?@].to_string(@))",
    skip={
        "error status": "status == 'error'",
        "not an LLM call": "not_null(meta.kind, meta.\"span.kind\", span_kind) != 'llm'",
    },
    unanswered=unanswered("not_null(meta.metadata, metadata)"),
)
