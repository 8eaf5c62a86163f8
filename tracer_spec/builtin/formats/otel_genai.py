"""OpenTelemetry's GenAI conventions, as OTLP/JSON: spans and logs of three generations of them.

1. up to v1.36: a log record or a span event per message (``gen_ai.user.message``, ``gen_ai.choice``); before
   those, attributes ``gen_ai.prompt.0.content``, ``gen_ai.completion.0.content``;
2. v1.37 to v1.41: ``gen_ai.input.messages`` and ``gen_ai.output.messages`` on spans, or on the log record
   ``gen_ai.client.inference.operation.details``; structured, or as a JSON string;
3. the conventions in a repository of their own: as 2, with ``gen_ai.prompt.name`` and ``gen_ai.prompt.version``.

References
----------
OpenTelemetry, "Semantic conventions for generative AI", github.com/open-telemetry/semantic-conventions-genai;
"OTLP file exporter", opentelemetry.io/docs/specs/otel/protocol/file-exporter
"""

from __future__ import annotations

from tracer_spec.builtin.formats.format import Format, Join

_EVENT = "not_null(eventName, event_name, at.event.name)"
_OUT = "from_json(at.gen_ai.output.messages)[0]"
# the answer's message where it is an event's: of a log record, of a span (a JSON string)
_CHOICES = ("outputs[0].said.message", "not_null(from_json(choice.gen_ai.event.content), choice) | from_json(message)")
_FINISHED = (
    "[not_null(from_json(at.gen_ai.response.finish_reasons), `[]`), "
    f"[{_OUT}.finish_reason, choice.finish_reason, from_json(choice.gen_ai.event.content).finish_reason, "
    "outputs[0].said.finish_reason, at.gen_ai.completion[0].finish_reason]][][]"
)

OTEL_GENAI = Format(
    name="otel-genai",
    summary="OpenTelemetry GenAI: OTLP/JSON spans and logs, of all three generations of the conventions",
    iterate="not_null(resourceSpans[].scopeSpans[].spans[], resourceLogs[].scopeLogs[].logRecords[], [@])",
    view=(
        "merge(@, {at: nested(otlp(attributes)), said: otlp(body), "
        "user: events[?name == 'gen_ai.user.message'] | [-1].attributes | nested(otlp(@)), "
        "choice: events[?name == 'gen_ai.choice'] | [0].attributes | nested(otlp(@))})"
    ),
    join=Join(
        key="traceId && spanId && join('/', [to_string(traceId), to_string(spanId)])",
        input=f"{_EVENT} == 'gen_ai.user.message'",
        output=f"{_EVENT} == 'gen_ai.choice'",
    ),
    text=(
        "not_null("
        "from_json(at.gen_ai.input.messages)[?role == 'user'] | [-1] | message_text(not_null(parts, content)), "
        "from_json(user.gen_ai.event.content) | message_text(content), message_text(user.content), "
        "message_text(inputs[-1].said.content), "
        "at.gen_ai.prompt[?role == 'user'] | [-1] | message_text(content))"
    ),
    label=(
        "not_null("
        f"{_OUT}.parts[?type == 'tool_call'].arguments | [0], "
        + "".join(f"{each} | tool_calls[0].function.arguments, " for each in _CHOICES)
        + "at.gen_ai.completion[0].tool_calls[0].arguments, "
        f"{_OUT} | message_text(not_null(parts, content)), "
        + "".join(f"{each} | message_text(content), " for each in _CHOICES)
        + "message_text(choice.message), message_text(choice.content), at.gen_ai.completion[0].content)"
    ),
    id="not_null(spanId, span_id, inputs[0].spanId)",
    time="not_null(startTimeUnixNano, start_time_unix_nano, timeUnixNano, time_unix_nano, inputs[0].timeUnixNano)",
    model="not_null(at.gen_ai.response.model, at.gen_ai.request.model)",
    version="join('@', [at.gen_ai.prompt.name, at.gen_ai.prompt.version][?@].to_string(@))",
    skip={
        "error status": "at.error.type || status.code == `2` || status.code == 'STATUS_CODE_ERROR'",
        "not an LLM call": (
            "!inputs && !contains(['chat', 'text_completion', 'generate_content', 'completion'], "
            "not_null(at.gen_ai.operation.name, at.llm.request.type))"
        ),
    },
    unanswered={
        "truncated": f"{_FINISHED} | contains(@, 'length') || contains(@, 'max_tokens')",
        "refusal": f"{_FINISHED} | contains(@, 'content_filter') || contains(@, 'refusal')",
    },
)
