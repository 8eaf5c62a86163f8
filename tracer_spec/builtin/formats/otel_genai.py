"""OpenTelemetry's GenAI conventions, as OTLP/JSON: spans and logs of three generations of them.

1. up to v1.36: a log record or a span event per message (``gen_ai.user.message``, ``gen_ai.choice``); before
   those, attributes ``gen_ai.prompt.0.content``, ``gen_ai.completion.0.content``; or all of them in an attribute
   ``events``, as Pydantic AI writes them;
2. v1.37 to v1.41: ``gen_ai.input.messages`` and ``gen_ai.output.messages`` on spans, or on the log record
   ``gen_ai.client.inference.operation.details``; structured, or as a JSON string;
3. the conventions in a repository of their own: as 2, with ``gen_ai.prompt.name`` and ``gen_ai.prompt.version``.

References
----------
OpenTelemetry, "Semantic conventions for generative AI", github.com/open-telemetry/semantic-conventions-genai;
"OTLP file exporter", opentelemetry.io/docs/specs/otel/protocol/file-exporter
"""

from __future__ import annotations

from tracer_spec.builtin.formats.format import NOT_LOGGED, Format, Join, unanswered

_EVENT = "not_null(eventName, event_name, at.event.name)"
_OPERATION = "not_null(at.gen_ai.operation.name, at.llm.request.type)"
_CALLS = "['chat', 'text_completion', 'generate_content', 'completion']"
# not every SDK names the operation: then what was said tells an LLM's span
_SAID = (
    "at.gen_ai.input.messages || at.gen_ai.output.messages || at.gen_ai.completion || at.ai.prompt || at.events || user || "
    "prompt"
)
# log records of one call come in any order, and one of several choices may come first
_WHEN = "not_null(to_number(timeUnixNano || time_unix_nano || observedTimeUnixNano), `0`)"
_LAST_ASKED = f"sort_by(inputs || `[]`, &{_WHEN})[-1].said"
_FIRST_CHOICE = "not_null(outputs[?said.index == `0`] | [0], outputs[0]).said"
_AI_SDK = "at.ai.response.toolCalls, at.ai.response.object, at.ai.response.text, at.ai.result.object, at.ai.result.text"

OTEL_GENAI = Format(
    name="otel-genai",
    summary=(
        "OpenTelemetry GenAI: OTLP/JSON spans and logs, of all three generations of the conventions, spans of the console "
        "exporter, and those of Vercel's AI SDK"
    ),
    iterate="not_null(resourceSpans[].scopeSpans[].spans[], resourceLogs[].scopeLogs[].logRecords[], [@])",
    view=(
        "merge(@, {at: nested(otlp(attributes)), said: otlp(body), "
        "user: events[?name == 'gen_ai.user.message'] | [-1].attributes | nested(otlp(@)), "
        "choice: events[?name == 'gen_ai.choice'] | [0].attributes | nested(otlp(@)), "
        "system: events[?name == 'gen_ai.system.message'] | [-1].attributes | nested(otlp(@)), "
        "prompt: events[?name == 'gen_ai.content.prompt'] | [-1].attributes | nested(otlp(@)), "
        "completion: events[?name == 'gen_ai.content.completion'] | [0].attributes | nested(otlp(@))}) | "
        "merge(@, {answer: not_null("
        "from_json(at.gen_ai.output.messages) | [0], "
        "choice.gen_ai.event.content, choice.message, choice, from_json(at.gen_ai.completion) | [0], at.gen_ai.completion, "
        f"completion.gen_ai.completion, {_AI_SDK}, from_json(at.events)), "
        "finish: not_null(from_json(at.gen_ai.response.finish_reasons) | [0], choice.finish_reason, "
        "at.ai.response.finishReason)})"
    ),
    join=Join(
        key="traceId && spanId && join('/', [to_string(traceId), to_string(spanId)])",
        input=f"{_EVENT} == 'gen_ai.user.message'",
        output=f"{_EVENT} == 'gen_ai.choice'",
    ),
    text=(
        "not_null("
        "asked(at.gen_ai.input.messages), asked(user.gen_ai.event.content), asked(user.content), "
        f"asked({_LAST_ASKED}), "
        "asked(at.gen_ai.prompt), asked(prompt.gen_ai.prompt), "
        'asked(not_null(at.ai."prompt.messages", at.ai.prompt.messages, at.ai.prompt)), '
        "asked(from_json(at.events)))"
    ),
    instructions=(
        "not_null(message_text(from_json(at.gen_ai.system_instructions)), instructed(at.gen_ai.input.messages), "
        "instructed(system.gen_ai.event.content), message_text(system.content), "
        "instructed(at.gen_ai.prompt), instructed(prompt.gen_ai.prompt), "
        'instructed(not_null(at.ai."prompt.messages", at.ai.prompt.messages, at.ai.prompt)), '
        "instructed(from_json(at.events)))"
    ),
    label=f"answered(not_null(answer, {_FIRST_CHOICE}))",
    id="not_null(spanId, span_id, context.span_id, inputs[0].spanId)",
    parent="not_null(parentSpanId, parent_span_id, parent_id)",
    trace="not_null(traceId, trace_id, context.trace_id, inputs[0].traceId)",
    time=(
        "not_null(startTimeUnixNano, start_time_unix_nano, timeUnixNano, time_unix_nano, start_time, inputs[0].timeUnixNano)"
    ),
    model="not_null(at.gen_ai.response.model, at.gen_ai.request.model, at.ai.response.model, at.ai.model.id)",
    version="join('@', [at.gen_ai.prompt.name, at.gen_ai.prompt.version][?@].to_string(@))",
    skip={
        "error status": (
            "at.error.type || status.code == `2` || contains(['STATUS_CODE_ERROR', 'ERROR'], "
            "not_null(status.code, status.status_code))"
        ),
        "not an LLM call": (f"!inputs && !(contains({_CALLS}, {_OPERATION}) || (!({_OPERATION}) && ({_SAID})))"),
        # of a span, it may stand in log records beside it
        NOT_LOGGED: f"(inputs && !(inputs[].said | [?@])) || (!inputs && !({_SAID} || answer))",
    },
    unanswered=unanswered(f"{{finish_reason: finish, message: from_json(not_null(answer, {_FIRST_CHOICE}))}}"),
)
