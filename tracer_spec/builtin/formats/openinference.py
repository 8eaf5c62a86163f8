"""OpenInference, the conventions of Arize Phoenix and others: OTLP/JSON spans, and rows of Phoenix's tables.

References
----------
Arize AI, "OpenInference semantic conventions", arize-ai.github.io/openinference/spec
"""

from __future__ import annotations

from tracer_spec.builtin.formats.format import Format

_OUTPUT = "attributes.output.value"

OPENINFERENCE = Format(
    name="openinference",
    summary="OpenInference (Arize Phoenix): OTLP/JSON spans, or rows with columns such as `attributes.llm.model_name`",
    iterate="not_null(resourceSpans[].scopeSpans[].spans[], data, [@])",
    view="nested(merge(@, {attributes: otlp(attributes)}))",
    text=(
        "not_null(asked(attributes.llm.input_messages), asked(from_json(attributes.input.value)), "
        "(attributes.input.mime_type != 'application/json' && attributes.input.value) || `null`)"
    ),
    instructions="not_null(instructed(attributes.llm.input_messages), instructed(from_json(attributes.input.value)))",
    label=f"not_null(answered(attributes.llm.output_messages), answered({_OUTPUT}))",
    id="not_null(spanId, context.span_id, span_id)",
    parent="not_null(parentSpanId, parent_id, parent_span_id)",
    trace="not_null(traceId, context.trace_id, trace_id)",
    time="not_null(startTimeUnixNano, start_time)",
    model="attributes.llm.model_name",
    version="attributes.llm.prompt_template.version",
    skip={
        "error status": "status.code == `2` || contains(['STATUS_CODE_ERROR', 'ERROR'], not_null(status.code, status_code))",
        "not an LLM call": "not_null(attributes.openinference.span.kind, span_kind) != 'LLM'",
    },
    unanswered={
        "truncated": f"truncated({{finish_reason: attributes.llm.finish_reason, message: from_json({_OUTPUT})}})",
        "refusal": f"refused({{finish_reason: attributes.llm.finish_reason, message: from_json({_OUTPUT})}})",
        # messages may hold what the value does not
        "nothing answered": f"answered(attributes.llm.output_messages) == `null` && said_nothing({_OUTPUT})",
    },
)
