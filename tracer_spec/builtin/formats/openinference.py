"""OpenInference, the conventions of Arize Phoenix and others: OTLP/JSON spans, and rows of Phoenix's tables.

References
----------
Arize AI, "OpenInference semantic conventions", arize-ai.github.io/openinference/spec
"""

from __future__ import annotations

from tracer_spec.builtin.formats.chat import ANSWERED, ASKED, REFUSED, TRUNCATED
from tracer_spec.builtin.formats.format import Format

_OUTPUT = "from_json(attributes.output.value)"

OPENINFERENCE = Format(
    name="openinference",
    summary="OpenInference (Arize Phoenix): OTLP/JSON spans, or rows with columns such as `attributes.llm.model_name`",
    iterate="not_null(resourceSpans[].scopeSpans[].spans[], [@])",
    view="nested(merge(@, {attributes: otlp(attributes)}))",
    text=(
        "not_null("
        "attributes.llm.input_messages[?message.role == 'user'] | [-1].message | "
        "not_null(content, message_text(contents[].message_content)), "
        f"from_json(attributes.input.value) | {ASKED}, "
        "(attributes.input.mime_type != 'application/json' && attributes.input.value) || `null`)"
    ),
    label=(
        "not_null("
        "attributes.llm.output_messages[0].message | not_null("
        "tool_calls[0].tool_call.function.arguments, content, message_text(contents[].message_content)), "
        f"{_OUTPUT} | {ANSWERED}, attributes.output.value)"
    ),
    id="not_null(spanId, context.span_id, span_id)",
    time="not_null(startTimeUnixNano, start_time)",
    model="attributes.llm.model_name",
    version="attributes.llm.prompt_template.version",
    skip={
        "error status": "status.code == `2` || contains(['STATUS_CODE_ERROR', 'ERROR'], not_null(status.code, status_code))",
        "not an LLM call": "not_null(attributes.openinference.span.kind, span_kind) != 'LLM'",
    },
    unanswered={
        "truncated": f"attributes.llm.finish_reason == 'length' || ({_OUTPUT} | {TRUNCATED})",
        "refusal": f"attributes.llm.finish_reason == 'content_filter' || ({_OUTPUT} | {REFUSED})",
    },
)
