"""Writes the samples in this folder: ``python tests/builtin/formats_data/write.py``.

Every file tells of the same calls of one teacher, in the envelope of another vendor. They are synthetic, written
from the schemas that the vendors publish: none of them is an export of a real system. ``NAME.jsonl`` has answers
in plain text; in ``NAME.tools.jsonl`` answers are structured, by a tool call or as JSON in the text, by turns.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SYSTEM = "Answer with the customer's intent, one word."
TRACE_ID = "5b8efff798038103d269b633813fc60c"
TOOL = "set_intent"
Json = dict[str, Any]


class Call(NamedTuple):
    """One call of the teacher; ``end`` is how it ended."""

    number: int
    text: str
    label: str
    model: str = "gpt-5-mini-2025-08-07"
    version: str = "3"
    parts: tuple[str, ...] = ()
    earlier: tuple[str, str] = ("", "")
    end: str = "stop"

    @property
    def id(self) -> str:
        return f"00f067aa0ba902{self.number:02x}"

    @property
    def time(self) -> datetime:
        return START + timedelta(minutes=self.number)

    @property
    def messages(self) -> list[Json]:
        content = [{"type": "text", "text": part} for part in self.parts] or self.text
        before = [{"role": "user", "content": self.earlier[0]}, {"role": "assistant", "content": self.earlier[1]}]
        return [
            {"role": "system", "content": SYSTEM},
            *(before if self.earlier[0] else []),
            {"role": "user", "content": content},
        ]


CALLS = (
    Call(1, "where is my card?", "card_arrival"),
    Call(2, "Überweisung noch nicht da 💳\nbitte prüfen", "transfer_pending"),
    Call(3, "why was I\ncharged twice?", "double_charge", parts=("why was I", "charged twice?")),
    Call(4, "yes, the second one", "refund", earlier=("I want my money back", "For which payment?")),
    Call(5, '{"amount": 3}', "top_up"),
    Call(6, "is this thing on", "greeting", model="gpt-5-2026-01-01", version="4"),
)
CUT_SHORT = Call(7, "tell me everything", "card_arr", end="length")
REFUSED = Call(8, "something rude", "", end="content_filter")
FAILED = Call(9, "hello?", "", end="error")
ALL = (*CALLS, CUT_SHORT, REFUSED, FAILED)


def by_tool(call: Call, structured: bool) -> bool:
    """Tell whether an answer is a tool call."""
    return structured and call.number % 2 == 1 and call.end == "stop"


def answer(call: Call, structured: bool) -> str:
    """Return the text of an answer."""
    return json.dumps({"intent": call.label}) if structured and call.end == "stop" else call.label


def message(call: Call, structured: bool) -> Json:
    """Return the answer as a message of OpenAI's chat completions."""
    if not by_tool(call, structured):
        return {"role": "assistant", "content": answer(call, structured), "refusal": None}
    function = {"name": TOOL, "arguments": json.dumps({"intent": call.label})}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": f"call_{call.number}", "type": "function", "function": function}],
    }


def finish(call: Call, structured: bool) -> str:
    return "tool_calls" if by_tool(call, structured) else call.end


def completion(call: Call, structured: bool) -> Json:
    """Return a response of OpenAI's chat completions."""
    return {
        "id": f"chatcmpl-{call.id}",
        "object": "chat.completion",
        "created": int(call.time.timestamp()),
        "model": call.model,
        "choices": [{"index": 0, "message": message(call, structured), "finish_reason": finish(call, structured)}],
        "usage": {"prompt_tokens": 31, "completion_tokens": 4, "total_tokens": 35},
    }


def iso(call: Call) -> str:
    return call.time.isoformat().replace("+00:00", "Z")


def nanoseconds(call: Call) -> str:
    return f"{int(call.time.timestamp())}000000000"


def native(call: Call, structured: bool) -> list[Json]:
    if call.end == "error":
        return []
    label = {"intent": call.label} if by_tool(call, structured) else answer(call, structured)
    return [
        {
            "id": call.id,
            "input": call.text,
            "teacher": label if call.end == "stop" else "",
            "timestamp": iso(call),
            "ground_truth": call.label or None,
            "metadata": {"model": call.model, "prompt_version": f"classify@{call.version}"},
        }
    ]


# --- OpenTelemetry ---


def any_value(value: Any) -> Json:
    """Return a value as OTLP/JSON writes it."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(each) for each in value]}}
    return {"kvlistValue": {"values": key_values(value)}}


def key_values(values: Json) -> list[Json]:
    return [{"key": key, "value": any_value(value)} for key, value in values.items()]


def otlp_span(call: Call, attributes: Json, events: list[Json] = []) -> Json:  # noqa: B006
    is_error = call.end == "error"
    return {
        "traceId": TRACE_ID,
        "spanId": call.id,
        "parentSpanId": "",
        "name": f"chat {call.model}",
        "kind": 3,
        "startTimeUnixNano": nanoseconds(call),
        "endTimeUnixNano": str(int(nanoseconds(call)) + 700_000_000),
        "attributes": key_values(attributes | ({"error.type": "timeout"} if is_error else {})),
        "events": events,
        "status": {"code": 2, "message": "timeout"} if is_error else {},
    }


def spans_line(spans: list[Json]) -> Json:
    other = {
        "traceId": TRACE_ID,
        "spanId": "aa",
        "name": "GET /",
        "kind": 2,
        "attributes": key_values({"http.route": "/"}),
    }
    resource = {"attributes": key_values({"service.name": "support"})}
    return {
        "resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "app"}, "spans": [*spans, other]}]}]
    }


def logs_line(records: list[Json]) -> Json:
    return {"resourceLogs": [{"resource": {}, "scopeLogs": [{"scope": {"name": "app"}, "logRecords": records}]}]}


def otel_messages(call: Call, structured: bool) -> tuple[list[Json], list[Json]]:
    asked = []
    for each in call.messages:
        content = each["content"]
        texts = [content] if isinstance(content, str) else [part["text"] for part in content]
        asked.append({"role": each["role"], "parts": [{"type": "text", "content": text} for text in texts]})
    if by_tool(call, structured):
        part = {"type": "tool_call", "id": "call_1", "name": TOOL, "arguments": {"intent": call.label}}
    else:
        part = {"type": "text", "content": answer(call, structured)}
    thinking = {"type": "reasoning", "content": "The customer asks for something."}
    reason = "tool_call" if by_tool(call, structured) else call.end
    return asked, [{"role": "assistant", "parts": [thinking, part], "finish_reason": reason}]


def otel_attributes(call: Call, structured: bool, *, in_json: bool) -> Json:
    asked, answered = otel_messages(call, structured)
    write: Callable[[Any], Any] = json.dumps if in_json else lambda value: value
    common = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5",
        "gen_ai.input.messages": write(asked),
    }
    if call.end == "error":
        return common
    return common | {
        "gen_ai.response.model": call.model,
        "gen_ai.response.finish_reasons": [answered[0]["finish_reason"]],
        "gen_ai.usage.input_tokens": 31,
        "gen_ai.output.messages": write(answered),
    }


def otel_spans(call: Call, structured: bool) -> list[Json]:
    prompt = {"gen_ai.prompt.name": "classify", "gen_ai.prompt.version": call.version}
    return [spans_line([otlp_span(call, otel_attributes(call, structured, in_json=True) | prompt)])]


def otel_logs(call: Call, structured: bool) -> list[Json]:
    record = {
        "timeUnixNano": nanoseconds(call),
        "eventName": "gen_ai.client.inference.operation.details",
        "traceId": TRACE_ID,
        "spanId": call.id,
        "attributes": key_values(
            otel_attributes(call, structured, in_json=False)
            | ({"error.type": "timeout"} if call.end == "error" else {})
        ),
    }
    return [logs_line([record])]


def otel_events(call: Call, structured: bool) -> list[Json]:
    """A log record per message: the request's in one line, the answer's in another."""

    def record(name: str, body: Json) -> Json:
        return {
            "timeUnixNano": nanoseconds(call),
            "traceId": TRACE_ID,
            "spanId": call.id,
            "attributes": key_values({"event.name": name, "gen_ai.system": "openai"}),
            "body": any_value(body),
        }

    asked = [record(f"gen_ai.{each['role']}.message", {"content": each["content"]}) for each in call.messages]
    if call.end == "error":
        return [logs_line(asked)]
    said = {key: value for key, value in message(call, structured).items() if value is not None}
    choice = {"index": 0, "finish_reason": finish(call, structured), "message": said}
    return [logs_line(asked), logs_line([record("gen_ai.choice", choice)])]


def otel_span_events(call: Call, structured: bool) -> list[Json]:
    def event(name: str, body: Json) -> Json:
        attributes = key_values({"gen_ai.system": "openai", "gen_ai.event.content": json.dumps(body)})
        return {"name": name, "timeUnixNano": nanoseconds(call), "attributes": attributes}

    events = [event(f"gen_ai.{each['role']}.message", each) for each in call.messages]
    if call.end != "error":
        choice = {"index": 0, "finish_reason": finish(call, structured), "message": message(call, structured)}
        events.append(event("gen_ai.choice", choice))
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.response.model": call.model}
    return [spans_line([otlp_span(call, attributes, events)])]


def otel_flattened(call: Call, structured: bool) -> list[Json]:
    attributes: Json = {"llm.request.type": "chat", "gen_ai.system": "OpenAI", "gen_ai.response.model": call.model}
    for number, each in enumerate(call.messages):
        content = each["content"]
        attributes[f"gen_ai.prompt.{number}.role"] = each["role"]
        attributes[f"gen_ai.prompt.{number}.content"] = (
            content if isinstance(content, str) else "\n".join(part["text"] for part in content)
        )
    attributes |= {
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.finish_reason": finish(call, structured),
    }
    if by_tool(call, structured):
        attributes["gen_ai.completion.0.tool_calls.0.name"] = TOOL
        attributes["gen_ai.completion.0.tool_calls.0.arguments"] = json.dumps({"intent": call.label})
    else:
        attributes["gen_ai.completion.0.content"] = answer(call, structured)
    return [spans_line([otlp_span(call, attributes)])]


# --- others ---


def openinference_attributes(call: Call, structured: bool) -> Json:
    attributes: Json = {
        "openinference.span.kind": "LLM",
        "llm.model_name": call.model,
        "llm.prompt_template.version": f"classify@{call.version}",
        "input.mime_type": "application/json",
        "input.value": json.dumps({"messages": call.messages}),
        "output.mime_type": "application/json",
    }
    for number, each in enumerate(call.messages):
        key = f"llm.input_messages.{number}.message"
        attributes[f"{key}.role"] = each["role"]
        if isinstance(each["content"], str):
            attributes[f"{key}.content"] = each["content"]
            continue
        for place, part in enumerate(each["content"]):
            attributes[f"{key}.contents.{place}.message_content.type"] = "text"
            attributes[f"{key}.contents.{place}.message_content.text"] = part["text"]
    if call.end == "error":
        return attributes
    key = "llm.output_messages.0.message"
    attributes |= {"output.value": json.dumps(completion(call, structured)), f"{key}.role": "assistant"}
    if by_tool(call, structured):
        attributes[f"{key}.tool_calls.0.tool_call.function.name"] = TOOL
        attributes[f"{key}.tool_calls.0.tool_call.function.arguments"] = json.dumps({"intent": call.label})
    else:
        attributes[f"{key}.content"] = answer(call, structured)
    return attributes


def openinference(call: Call, structured: bool) -> list[Json]:
    return [spans_line([otlp_span(call, openinference_attributes(call, structured))])]


def openinference_rows(call: Call, structured: bool) -> list[Json]:
    """A row of Phoenix's table of spans: a column per attribute, messages as lists of flat objects."""
    flat = openinference_attributes(call, structured)
    row: Json = {
        "name": "ChatCompletion",
        "span_kind": "LLM",
        "start_time": call.time.isoformat(),
        "status_code": "ERROR" if call.end == "error" else "OK",
        "context.span_id": call.id,
        "context.trace_id": TRACE_ID,
    }
    for side in ("input", "output"):
        messages: dict[str, Json] = {}
        for key in [key for key in flat if key.startswith(f"llm.{side}_messages.")]:
            number, rest = key.removeprefix(f"llm.{side}_messages.").split(".", 1)
            messages.setdefault(number, {})[rest] = flat.pop(key)
        row[f"attributes.llm.{side}_messages"] = list(messages.values()) or None
    return [row | {f"attributes.{key}": value for key, value in flat.items()}]


def langfuse(call: Call, structured: bool) -> list[Json]:
    output: Json | None = message(call, structured)
    if call.end in ("length", "content_filter"):
        output = completion(call, structured)
    if call.end == "error":
        output = None
    return [
        {
            "id": call.id,
            "trace_id": TRACE_ID,
            "project_id": "p-1",
            "environment": "production",
            "type": "GENERATION",
            "name": "classify",
            "start_time": call.time.strftime("%Y-%m-%d %H:%M:%S.%f"),
            "level": "ERROR" if call.end == "error" else "DEFAULT",
            "provided_model_name": call.model,
            "prompt_name": "classify",
            "prompt_version": int(call.version),
            "input": json.dumps(call.messages, ensure_ascii=False) if call.number != 1 else call.text,
            "output": None if output is None else json.dumps(output, ensure_ascii=False),
            "metadata": {},
        }
    ]


def langsmith(call: Call, structured: bool) -> list[Json]:
    """By turns as the wrapper of OpenAI's client logs a call, and as LangChain's chat models do."""
    metadata = {"ls_model_name": call.model, "lc_hub_repo": "classify", "lc_hub_commit_hash": call.version}
    run: Json = {
        "id": call.id,
        "name": "ChatOpenAI",
        "run_type": "llm",
        "start_time": call.time.strftime("%Y-%m-%dT%H:%M:%S.%f"),
        "error": "TimeoutError()" if call.end == "error" else None,
        "status": "error" if call.end == "error" else "success",
        "extra": {"metadata": metadata},
        "inputs": {"messages": call.messages, "model": "gpt-5"},
        "outputs": completion(call, structured),
    }
    if call.number in (1, 2):
        kinds = {"system": "SystemMessage", "user": "HumanMessage", "assistant": "AIMessage"}
        asked = [
            {
                "lc": 1,
                "type": "constructor",
                "id": ["langchain", "schema", "messages", kinds[each["role"]]],
                "kwargs": {"content": each["content"], "type": "human" if each["role"] == "user" else each["role"]},
            }
            for each in call.messages
        ]
        tools = [{"name": TOOL, "args": {"intent": call.label}, "id": "call_1"}] if by_tool(call, structured) else []
        text = "" if tools else answer(call, structured)
        said = {"lc": 1, "type": "constructor", "kwargs": {"content": text, "tool_calls": tools, "type": "ai"}}
        generation = {"text": text, "generation_info": {"finish_reason": finish(call, structured)}, "message": said}
        run |= {"inputs": {"messages": [asked]}, "outputs": {"generations": [[generation]], "llm_output": {}}}
    if call.end == "error":
        run["outputs"] = None
    return [run]


def litellm(call: Call, structured: bool) -> list[Json]:
    is_error = call.end == "error"
    return [
        {
            "id": call.id,
            "trace_id": TRACE_ID,
            "call_type": "acompletion",
            "status": "failure" if is_error else "success",
            "startTime": call.time.timestamp(),
            "endTime": call.time.timestamp() + 0.7,
            "model": call.model,
            "model_group": "classifier",
            "cache_hit": False,
            "metadata": {"prompt_management_metadata": {"prompt_id": f"classify@{call.version}"}},
            "messages": call.messages,
            "response": None if is_error else completion(call, structured),
            "error_str": "litellm.Timeout" if is_error else None,
        }
    ]


def openai_batch(call: Call, structured: bool) -> list[Json]:
    asked = {"custom_id": call.id, "method": "POST", "url": "/v1/chat/completions"}
    asked["body"] = {"model": "gpt-5-mini", "messages": call.messages, "max_tokens": 16}
    answered: Json = {"id": f"batch_req_{call.number}", "custom_id": call.id, "response": None, "error": None}
    if call.end == "error":
        answered["error"] = {"code": "batch_expired", "message": "This request could not be executed in time."}
    else:
        answered["response"] = {"status_code": 200, "request_id": "r", "body": completion(call, structured)}
    return [asked, answered]


def openai_responses(call: Call, structured: bool) -> list[Json]:
    """The same of /v1/responses: a bare string where there is but one turn, items in the answer."""
    first, *rest = call.messages
    body: Json = {"model": "gpt-5-mini", "instructions": first["content"]}
    body["input"] = call.text if not call.earlier[0] else rest
    thinking = {"type": "reasoning", "id": "rs_1", "summary": []}
    if by_tool(call, structured):
        item = {"type": "function_call", "name": TOOL, "call_id": "c", "arguments": json.dumps({"intent": call.label})}
    else:
        content = {"type": "output_text", "text": answer(call, structured), "annotations": []}
        item = {"type": "message", "role": "assistant", "content": [content]}
    response: Json = {
        "id": f"resp_{call.number}",
        "object": "response",
        "created_at": int(call.time.timestamp()),
        "model": call.model,
        "status": "completed",
        "incomplete_details": None,
        "output": [thinking, item],
    }
    if call.end == "length":
        response |= {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    if call.end == "content_filter":
        refusal = {"type": "refusal", "refusal": "I cannot help with that."}
        response["output"] = [thinking, {"type": "message", "role": "assistant", "content": [refusal]}]
    answered: Json = {"id": f"batch_req_{call.number}", "custom_id": call.id, "error": None}
    answered["response"] = {"status_code": 200, "request_id": "r", "body": response}
    if call.end == "error":
        answered["response"] = {"status_code": 500, "request_id": "r", "body": {"error": {"message": "server error"}}}
    return [{"custom_id": call.id, "method": "POST", "url": "/v1/responses", "body": body}, answered]


def anthropic_message(call: Call, structured: bool) -> Json:
    thinking = {"type": "thinking", "thinking": "The customer asks for something.", "signature": "s"}
    block: Json = {"type": "text", "text": answer(call, structured)}
    if by_tool(call, structured):
        block = {"type": "tool_use", "id": "toolu_1", "name": TOOL, "input": {"intent": call.label}}
    ends = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal", "tool_calls": "tool_use"}
    return {
        "id": f"msg_{call.number}",
        "type": "message",
        "role": "assistant",
        "model": call.model,
        "content": [thinking, block] if call.end != "content_filter" else [],
        "stop_reason": ends[finish(call, structured)],
        "usage": {"input_tokens": 31, "output_tokens": 4},
    }


def anthropic_batch(call: Call, structured: bool) -> list[Json]:
    params = {"model": "claude", "max_tokens": 16, "system": SYSTEM, "messages": call.messages[1:]}
    result: Json = {"type": "errored", "error": {"type": "invalid_request_error"}}
    if call.end != "error":
        result = {"type": "succeeded", "message": anthropic_message(call, structured)}
    return [{"custom_id": call.id, "params": params}, {"custom_id": call.id, "result": result}]


def helicone(call: Call, structured: bool) -> list[Json]:
    is_error = call.end == "error"
    return [
        {
            "request_id": call.id,
            "request_created_at": iso(call),
            "request_path": "https://api.openai.com/v1/chat/completions",
            "request_body": {"model": "gpt-5-mini", "messages": call.messages},
            "request_model": "gpt-5-mini",
            "request_properties": {"app": "support"},
            "response_id": f"r-{call.number}",
            "response_status": 500 if is_error else 200,
            "response_model": call.model,
            "response_body": {"error": {"message": "timeout"}} if is_error else completion(call, structured),
            "prompt_id": "classify",
            "prompt_version": call.version,
        }
    ]


def mlflow(call: Call, structured: bool) -> list[Json]:
    is_error = call.end == "error"
    prompt = [{"name": "classify", "version": call.version}]
    human = {"assessment_name": "intent", "source": {"source_type": "HUMAN"}, "expectation": {"value": call.label}}
    attributes = {
        "mlflow.traceRequestId": f"tr-{call.id}",
        "mlflow.spanType": "CHAT_MODEL",
        "mlflow.spanInputs": {"messages": call.messages, "model": "gpt-5-mini"},
        "mlflow.spanOutputs": None if is_error else completion(call, structured),
        "mlflow.llm.model": call.model,
    }
    span = {
        "trace_id": base64.b64encode(bytes.fromhex(TRACE_ID)).decode(),
        "span_id": call.id,
        "parent_span_id": None,
        "name": "Completions",
        "start_time_unix_nano": int(nanoseconds(call)),
        "status": {"code": "STATUS_CODE_ERROR" if is_error else "STATUS_CODE_OK", "message": ""},
        "attributes": {key: json.dumps(value, ensure_ascii=False) for key, value in attributes.items()},
    }
    tool = span | {"span_id": "bb", "name": "search", "attributes": {"mlflow.spanType": '"TOOL"'}}
    info = {
        "trace_id": f"tr-{call.id}",
        "request_time": iso(call),
        "state": "ERROR" if is_error else "OK",
        "request_preview": call.text[:6],
        "response_preview": call.label[:3],
        "tags": {"mlflow.linkedPrompts": json.dumps(prompt)},
        "assessments": [human] if call.label else [],
    }
    return [{"info": info, "data": {"spans": [span, tool]}}]


def weave(call: Call, structured: bool) -> list[Json]:
    is_error = call.end == "error"
    call_of_the_client = {
        "id": call.id,
        "project_id": "team/support",
        "op_name": "weave:///team/support/op/openai.chat.completions.create:Yx3",
        "trace_id": TRACE_ID,
        "started_at": iso(call),
        "inputs": {"model": "gpt-5-mini", "messages": call.messages},
        "output": None if is_error else completion(call, structured),
        "exception": "Timeout" if is_error else None,
        "summary": {"usage": {call.model: {"requests": 1}}},
    }
    around = {"id": f"o-{call.number}", "op_name": "weave:///team/support/op/handle:Ab1", "inputs": {"ticket": 7}}
    return [call_of_the_client, around | {"output": call.label, "exception": None, "started_at": iso(call)}]


def promptfoo(call: Call, structured: bool) -> list[Json]:
    is_error = call.end == "error"
    response: Json = {"output": answer(call, structured), "tokenUsage": {"total": 35}, "cached": False}
    if by_tool(call, structured):
        response["output"] = message(call, structured)["tool_calls"]
    if call.end == "length":
        response["finishReason"] = "length"
    if call.end == "content_filter":
        response["isRefusal"] = True
    if is_error:
        response = {"error": "API error: 500"}
    is_wrong = call.number == 4  # an assertion that fails is no error
    return [
        {
            "id": call.id,
            "promptIdx": 0,
            "testIdx": call.number,
            "promptId": f"classify@{call.version}",
            "provider": {"id": call.model, "label": ""},
            "prompt": {"raw": f"{SYSTEM}\n\n{call.text}", "label": "classify"},
            "vars": {"query": call.text},
            "testCase": {"vars": {"query": call.text}, "assert": [{"type": "equals", "value": call.label or None}]},
            "response": response,
            "success": not (is_error or is_wrong),
            "failureReason": 2 if is_error else 1 if is_wrong else 0,
            "error": "API error: 500" if is_error else "Expected something else" if is_wrong else None,
        }
    ]


def chat(call: Call, structured: bool) -> list[Json]:
    response = {"error": {"message": "timeout"}} if call.end == "error" else completion(call, structured)
    request = {"model": "gpt-5", "messages": call.messages}
    return [{"ts": iso(call), "request_id": call.id, "request": request, "response": response}]


def stored(call: Call, structured: bool) -> list[Json]:
    """A stored response with the items that it was asked, or a stored chat completion with its messages, by turns."""
    if call.number % 2 == 0 and call.end == "stop":
        return [completion(call, structured) | {"id": call.id, "messages": call.messages, "metadata": {}}]
    asked, answered = openai_responses(call, structured)
    given = asked["body"]["input"]
    items = given if isinstance(given, list) else [{"role": "user", "content": given}]
    failed = {"status": "failed", "error": {"code": "server_error"}, "output": [], "model": call.model, "created_at": 1}
    body = failed if call.end == "error" else answered["response"]["body"]
    return [body | {"id": call.id, "object": "response", "input": [{"type": "message", **each} for each in items]}]


def bedrock(call: Call, structured: bool) -> list[Json]:
    """By turns as InvokeModel and as Converse are logged."""
    record: Json = {
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "timestamp": iso(call),
        "accountId": "123456789012",
        "region": "us-east-1",
        "requestId": call.id,
        "operation": "InvokeModel",
        "modelId": call.model,
        "input": {
            "inputContentType": "application/json",
            "inputBodyJson": {"messages": call.messages[1:], "max_tokens": 16},
        },
    }
    if call.end == "error":
        return [record | {"errorCode": "ThrottlingException"}]
    body = anthropic_message(call, structured)
    if call.number in (1, 2):
        asked = [{"role": "user", "content": [{"text": call.text}]}]
        record |= {"operation": "Converse"}
        record["input"]["inputBodyJson"] = {"messages": asked, "system": [{"text": SYSTEM}]}
        said: Json = {"text": answer(call, structured)}
        if by_tool(call, structured):
            said = {"toolUse": {"toolUseId": "t", "name": TOOL, "input": {"intent": call.label}}}
        body = {"output": {"message": {"role": "assistant", "content": [said]}}, "stopReason": "end_turn"}
    return [record | {"output": {"outputContentType": "application/json", "outputBodyJson": body}}]


def vertex(call: Call, structured: bool) -> list[Json]:
    roles = {"user": "user", "assistant": "model"}
    contents = []
    for each in call.messages[1:]:
        texts = [each["content"]] if isinstance(each["content"], str) else [part["text"] for part in each["content"]]
        contents.append({"role": roles[each["role"]], "parts": [{"text": text} for text in texts]})
    request = {"systemInstruction": {"parts": [{"text": SYSTEM}]}, "contents": contents}
    record: Json = {"key": call.id, "status": "", "processed_time": iso(call), "request": request}
    if call.end == "error":
        return [record | {"status": "Bad Request: the request is not valid", "response": {}}]
    part: Json = {"text": answer(call, structured)}
    if by_tool(call, structured):
        part = {"functionCall": {"name": TOOL, "args": {"intent": call.label}}}
    ends = {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}
    thought = {"text": "The customer asks for something.", "thought": True}
    candidate = {"content": {"role": "model", "parts": [thought, part]}, "finishReason": ends[call.end]}
    return [record | {"response": {"candidates": [candidate], "modelVersion": call.model}}]


def databricks(call: Call, structured: bool) -> list[Json]:
    is_error = call.end == "error"
    body = (
        {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "try again later"}
        if is_error
        else completion(call, structured)
    )
    return [
        {
            "databricks_request_id": call.id,
            "client_request_id": None,
            "request_time": iso(call),
            "status_code": 429 if is_error else 200,
            "sampling_fraction": 1.0,
            "execution_duration_ms": 700,
            "request": json.dumps({"messages": call.messages, "max_tokens": 16}),
            "response": json.dumps(body),
            "served_entity_id": "e-1",
            "requester": "support",
        }
    ]


def braintrust(call: Call, structured: bool) -> list[Json]:
    is_error = call.end == "error"
    span = {
        "id": f"row-{call.number}",
        "span_id": call.id,
        "root_span_id": f"root-{call.number}",
        "span_parents": [f"root-{call.number}"],
        "created": iso(call),
        "input": call.messages,
        "output": None if is_error else completion(call, structured)["choices"],
        "expected": call.label or None,
        "error": "RateLimitError" if is_error else None,
        "metadata": {"model": call.model, "prompt": {"id": "classify", "version": call.version}},
        "span_attributes": {"name": "Chat Completion", "type": "llm"},
    }
    root = {"id": f"r-{call.number}", "span_id": f"root-{call.number}", "input": 7, "span_attributes": {"type": "task"}}
    return [span, root]


def datadog(call: Call, structured: bool) -> list[Json]:
    """Spans as the export API gives them back."""
    said = message(call, structured)
    said = {"role": "assistant", "content": said["content"] or ""}
    if by_tool(call, structured):
        said["tool_calls"] = [{"name": TOOL, "arguments": {"intent": call.label}, "tool_id": "c", "type": "function"}]
    texts = [
        {"role": each["role"], "content": each["content"] if isinstance(each["content"], str) else call.text}
        for each in call.messages
    ]
    attributes = {
        "span_id": call.id,
        "trace_id": TRACE_ID,
        "parent_id": "undefined",
        "name": "openai.request",
        "span_kind": "llm",
        "model_name": call.model,
        "start_ns": int(nanoseconds(call)),
        "status": "error" if call.end == "error" else "ok",
        "input": {"messages": texts},
        "output": {} if call.end == "error" else {"messages": [said]},
        "metadata": {"finish_reason": finish(call, structured)},
    }
    task = {"span_id": "bb", "trace_id": TRACE_ID, "span_kind": "task", "status": "ok", "input": {"value": "7"}}
    return [{"data": [{"id": f"x-{call.number}", "type": "span", "attributes": each} for each in (attributes, task)]}]


def opik(call: Call, structured: bool) -> list[Json]:
    is_error = call.end == "error"
    span = {
        "id": call.id,
        "trace_id": TRACE_ID,
        "parent_span_id": None,
        "name": "chat_completion_create",
        "type": "llm",
        "start_time": iso(call),
        "input": {"messages": call.messages},
        "output": None if is_error else completion(call, structured),
        "metadata": {"created_from": "openai", "prompts": [{"name": "classify", "version": {"commit": call.version}}]},
        "model": call.model,
        "provider": "openai",
        "error_info": {"exception_type": "TimeoutError"} if is_error else None,
    }
    return [
        span,
        {"id": f"o-{call.number}", "trace_id": TRACE_ID, "type": "general", "input": {"ticket": 7}, "output": {}},
    ]


def inspect(call: Call, structured: bool) -> list[Json]:
    ends = {"stop": "stop", "length": "max_tokens", "content_filter": "content_filter", "error": "stop"}
    said: Json = {"role": "assistant", "content": answer(call, structured), "source": "generate"}
    if by_tool(call, structured):
        said["tool_calls"] = [{"id": "c", "function": TOOL, "arguments": {"intent": call.label}, "type": "function"}]
    choice = {"message": said, "stop_reason": ends[call.end]}
    sample = {
        "id": call.id,
        "epoch": 1,
        "input": call.messages if call.number % 2 else call.text if not call.earlier[0] else call.messages,
        "target": call.label or [],
        "messages": [],
        "output": {"model": call.model, "choices": [choice], "completion": said["content"]},
        "scores": {"match": {"value": "C"}},
        "started_at": iso(call),
        "error": {"message": "timeout"} if call.end == "error" else None,
    }
    run = {
        "run_id": "run",
        "task": "classify",
        "task_version": call.version,
        "model": "openai/gpt-5",
        "created": iso(call),
    }
    return [{"version": 2, "status": "success", "eval": run, "samples": [sample]}]


def lm_eval(call: Call, structured: bool) -> list[Json]:
    """A line of a filter for each document, and documents that no text was generated for: their likelihoods are no answers."""
    if call.end == "error":
        return []
    line = {
        "doc_id": call.number,
        "doc": {"text": call.text},
        "target": call.label,
        "arguments": {"gen_args_0": {"arg_0": json.dumps(call.messages), "arg_1": {"until": ["\n"]}}},
        "resps": [[answer(call, structured)]],
        "filtered_resps": [answer(call, structured)],
        "filter": "none",
        "doc_hash": call.id,
        "exact_match": 1.0,
    }
    return [line, line | {"filter": "strict-match"}, line | {"doc_hash": "z", "resps": [[[-1.5, False]]]}]


SAMPLES: dict[str, Callable[[Call, bool], list[Json]]] = {
    "native": native,
    "otel-genai": otel_spans,
    "otel-genai.logs": otel_logs,
    "otel-genai.events": otel_events,
    "otel-genai.span-events": otel_span_events,
    "otel-genai.flattened": otel_flattened,
    "openinference": openinference,
    "openinference.rows": openinference_rows,
    "langfuse": langfuse,
    "langsmith": langsmith,
    "litellm": litellm,
    "openai-batch": openai_batch,
    "openai-batch.responses": openai_responses,
    "anthropic-batch": anthropic_batch,
    "helicone": helicone,
    "mlflow": mlflow,
    "weave": weave,
    "promptfoo": promptfoo,
    "openai-responses": stored,
    "bedrock": bedrock,
    "vertex": vertex,
    "databricks": databricks,
    "braintrust": braintrust,
    "datadog": datadog,
    "opik": opik,
    "inspect": inspect,
    "lm-eval": lm_eval,
    "chat": chat,
}


def files() -> Iterator[tuple[Path, str]]:
    """Yield every file of this folder and what it holds."""
    for name, envelope in SAMPLES.items():
        for structured, ending in ((False, ""), (True, ".tools")):
            records = [record for call in ALL for record in envelope(call, structured)]
            lines = "".join(f"{json.dumps(record, ensure_ascii=False)}\n" for record in records)
            yield FOLDER / f"{name}{ending}.jsonl", lines


if __name__ == "__main__":
    for path, text in files():
        path.write_text(text, encoding="utf-8")
