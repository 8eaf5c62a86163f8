"""``init`` over logs in the ways that systems write them: every call is found, text and label."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.usefixtures("no_curve")


def chat(call):
    return {"model": "m-1", "messages": call.asked}


def completion(call):
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": call.label}, "finish_reason": "stop"}]}


def otlp(attributes):
    return [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]


def span(call, attributes):
    inside = {"traceId": f"{call.n:032x}", "spanId": f"{call.n:016x}", "name": "chat", "status": {}}
    inside |= {"startTimeUnixNano": str(1767323045000000000 + call.n), "attributes": otlp(attributes)}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [inside]}]}]}


def parts(role, text):
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


def own_log(call):
    return {"ts": call.time, "request": chat(call), "response": completion(call)}


def bedrock(call):
    asked = {"anthropic_version": "v", "messages": [{"role": "user", "content": [{"type": "text", "text": call.text}]}]}
    said = {"type": "message", "content": [{"type": "text", "text": call.label}], "stop_reason": "end_turn"}
    return {
        "schemaType": "ModelInvocationLog",
        "timestamp": call.time,
        "requestId": f"r{call.n}",
        "operation": "InvokeModel",
        "modelId": "m-1",
        "input": {"inputContentType": "application/json", "inputBodyJson": asked},
        "output": {"outputContentType": "application/json", "outputBodyJson": said},
    }


def braintrust(call):
    return {
        "id": f"b{call.n}",
        "span_id": f"s{call.n}",
        "created": call.time,
        "input": call.asked,
        "output": [{"finish_reason": "stop", "index": 0, "message": {"role": "assistant", "content": call.label}}],
        "expected": call.label,
        "metadata": {"model": "m-1"},
        "span_attributes": {"name": "Chat Completion", "type": "llm"},
    }


def datadog(call):
    said = [{"role": "assistant", "content": call.label}]
    meta = {"kind": "llm", "model_name": "m-1", "input": {"messages": call.asked}, "output": {"messages": said}}
    return {
        "span_id": f"d{call.n}",
        "name": "openai.request",
        "start_ns": 10**18 + call.n,
        "status": "ok",
        "meta": meta,
    }


def gemini(call):
    said = {"content": {"role": "model", "parts": [{"text": call.label}]}, "finishReason": "STOP"}
    asked = {"contents": [{"role": "user", "parts": [{"text": call.text}]}]}
    return {"key": f"r{call.n}", "request": asked, "response": {"candidates": [said], "modelVersion": "m-1"}}


def fine_tuning(call):
    return {"messages": [*call.asked, {"role": "assistant", "content": call.label}]}


def responses(call):
    asked = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": call.text}]}]
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": call.label}]}
    given = {"id": f"resp_{call.n}", "object": "response", "created_at": 1767323045 + call.n, "model": "m-1"}
    return {**given, "status": "completed", "input": asked, "output": [{"type": "reasoning", "summary": []}, said]}


def stored(call):
    given = {"id": f"chatcmpl-{call.n}", "object": "chat.completion", "created": 1767323045 + call.n, "model": "m-1"}
    return {**given, "messages": call.asked, **completion(call)}


def langfuse(call, asked=None, said=None):
    given = {"id": f"o{call.n}", "type": "GENERATION", "startTime": call.time, "model": "m-1"}
    asked = json.dumps(call.asked) if asked is None else asked
    return {**given, "input": asked, "output": said or json.dumps({"role": "assistant", "content": call.label})}


def langfuse_twice_encoded(call):
    asked, said = {"messages": call.asked}, {"role": "assistant", "content": call.label}
    return langfuse(call, json.dumps(json.dumps(asked)), json.dumps(json.dumps(said)))


def langfuse_tool(call):
    function = {"arguments": json.dumps({"topic": call.label}), "name": "set_topic"}
    kwargs = {"tool_calls": [{"id": "c", "function": function, "type": "function"}]}
    return langfuse(call, said=json.dumps({"role": "assistant", "content": "", "additional_kwargs": kwargs}))


def langfuse_parts(call):
    return langfuse(call, parts("user", call.text), parts("assistant", call.label))


def mlflow_row(call):
    span_ = {
        "span_id": "s",
        "name": "Completions",
        "start_time_unix_nano": 1767323045000000000 + call.n,
        "status": {"code": "STATUS_CODE_OK"},
        "attributes": {
            "mlflow.spanType": json.dumps("CHAT_MODEL"),
            "mlflow.spanInputs": json.dumps(chat(call)),
            "mlflow.spanOutputs": json.dumps(completion(call)),
        },
    }
    trace = {"info": {"trace_id": f"t{call.n}", "state": "OK"}, "data": {"spans": [span_]}}
    return {"trace_id": f"t{call.n}", "trace": json.dumps(trace), "state": "OK", "request": json.dumps(chat(call))}


def otel_without_operation(call):
    said = {"gen_ai.input.messages": parts("user", call.text), "gen_ai.output.messages": parts("assistant", call.label)}
    return span(call, {"gen_ai.system": "openai", "gen_ai.request.model": "m-1", **said})


def ai_sdk(call):
    asked = json.dumps([{"role": "user", "content": [{"type": "text", "text": call.text}]}])
    name = "ai.generateObject.doGenerate"
    given = {"operation.name": name, "ai.operationId": name, "ai.model.id": "m-1", "gen_ai.system": "openai"}
    said = {"ai.prompt.messages": asked, "ai.response.object": json.dumps({"topic": call.label})}
    return span(call, {**given, "gen_ai.request.model": "m-1", **said})


def console_exporter(call):
    said = {"gen_ai.input.messages": parts("user", call.text), "gen_ai.output.messages": parts("assistant", call.label)}
    context = {"trace_id": f"0x{call.n:032x}", "span_id": f"0x{call.n:016x}"}
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m-1", **said}
    given = {"name": "chat m-1", "context": context, "start_time": call.time, "status": {"status_code": "UNSET"}}
    return {**given, "attributes": attributes}


RECORDS = [
    own_log, bedrock, braintrust, datadog, gemini, fine_tuning, responses, stored, langfuse, langfuse_twice_encoded,
    langfuse_tool, langfuse_parts, mlflow_row, otel_without_operation, ai_sdk, console_exporter,
]  # fmt: skip


@pytest.mark.parametrize("write", RECORDS, ids=lambda write: write.__name__)
def test_every_call_is_found(init, all_found, calls, write):
    outcome = init({"log.jsonl": [write(call) for call in calls]})
    all_found(outcome)
    kinds = outcome.accounting.models
    assert write in (fine_tuning, mlflow_row) or kinds == {"m-1": len(calls)}


def test_the_tags_of_a_span_are_never_taken_for_traces(init, calls):
    outcome = init({"log.jsonl": [span(call, {"http.method": "GET", "http.route": call.text}) for call in calls]})
    assert (outcome.code, outcome.spec) == (1, None)
    assert "no field looks like" in outcome.err


def test_one_span_in_four_is_a_call(init, all_found, calls):
    def spans(call):
        given = {"name": "llm", "start_time": call.time, "status_code": "OK"}
        asked = [{"message.role": "user", "message.content": call.text}]
        said = [{"message.role": "assistant", "message.content": call.label}]
        yield {
            **given,
            "context.span_id": f"l{call.n}",
            "span_kind": "LLM",
            "attributes.openinference.span.kind": "LLM",
            "attributes.llm.model_name": "m-1",
            "attributes.llm.input_messages": asked,
            "attributes.llm.output_messages": said,
        }
        for step in range(3):
            chain = {"context.span_id": f"c{call.n}{step}", "span_kind": "CHAIN"}
            told = {"attributes.openinference.span.kind": "CHAIN", "attributes.input.value": f"step {call.text}"}
            yield {**given, **chain, **told, "attributes.output.value": "done"}

    outcome = init({"log.jsonl": [each for call in calls for each in spans(call)]})
    all_found(outcome)
    assert outcome.spec["traces"]["format"] == "openinference"


def batch(calls):
    asked = [{"custom_id": f"r{call.n}", "method": "POST", "url": "/v1/chat", "body": chat(call)} for call in calls]
    said = [
        {"custom_id": f"r{call.n}", "response": {"status_code": 200, "body": {"model": "m-1", **completion(call)}}}
        for call in reversed(calls)
    ]
    return {"requests.jsonl": asked, "results.jsonl": said}


@pytest.mark.parametrize("named", ["requests.jsonl", "results.jsonl"])
def test_requests_and_results_side_by_side_are_found_from_either(init, all_found, calls, named):
    outcome = init({**batch(calls), "other.jsonl": [{"a": 1}]}, "--traces", named)
    all_found(outcome)
    assert sorted(outcome.spec["traces"]["with"]["path"]) == ["../requests.jsonl", "../results.jsonl"]
    assert outcome.spec["traces"]["format"] == "openai-batch"


def test_requests_without_results_are_refused(init, calls):
    outcome = init({"requests.jsonl": batch(calls)["requests.jsonl"]})
    assert (outcome.code, outcome.spec) == (1, None)
    assert outcome.err.startswith(
        "these are halves of traces, as openai-batch writes them: no request meets its answer\n"
    )


def test_calls_without_what_was_said_in_them_are_refused_with_what_would_log_it(init, calls):
    told = {
        "traceId": "a",
        "name": "chat",
        "attributes": otlp({"gen_ai.operation.name": "chat", "gen_ai.system": "openai"}),
    }
    outcome = init(
        {"log.jsonl": [{"resourceSpans": [{"scopeSpans": [{"spans": [{**told, "spanId": f"{c.n}"}]}]}]} for c in calls]}
    )
    assert (outcome.code, outcome.spec) == (1, None)
    assert outcome.err.startswith("these are calls as otel-genai writes them, without what was asked and answered\n")
    assert "hint: tools log what was said in a call only where they are told to: OpenTelemetry by OTEL_" in outcome.err


def test_requests_of_which_more_than_the_first_records_ask_only(init, calls):
    many = [call._replace(n=n, text=f"{call.text}, {n}") for n, call in enumerate(calls * 10)]
    files = batch(many)
    outcome = init({"both.jsonl": files["requests.jsonl"] + files["results.jsonl"]})
    assert (outcome.code, len(outcome.texts)) == (0, 720), outcome.err
    assert outcome.spec["traces"]["format"] == "openai-batch"


@pytest.mark.parametrize("key", ["data", "observations"])
def test_a_page_and_a_download_hold_a_list(init, all_found, calls, key):
    page = {"meta": {"page": 1}, "trace": {"id": "t", "environment": "default"}, key: [langfuse(c) for c in calls]}
    all_found(init({"trace.json": page}))


def test_a_folder_of_downloads_holds_a_trace_in_each_file(init, all_found, calls):
    files = {f"trace-{c.n}.json": {"trace": {"id": f"t{c.n}"}, "observations": [langfuse(c)]} for c in calls}
    outcome = init(files, "--traces", "trace-*.json")
    all_found(outcome)
    assert outcome.spec["traces"]["format"] == "langfuse"


def test_a_list_of_plain_records_inside_an_object_is_named(init, all_found, calls):
    page = {"data": [{"input": call.text, "teacher": call.label} for call in calls], "meta": {"page": 1}}
    outcome = init({"page.json": json.dumps(page, indent=1)})
    all_found(outcome)
    assert outcome.spec["traces"]["format"] == {"preset": "native", "iterate": "data"}


def test_samples_of_an_evaluation_are_found_and_its_targets_are_humans_labels(init, all_found, calls):
    def sample(call):
        said = {"model": "m-1", **completion(call), "completion": call.label}
        return {"id": call.n, "epoch": 1, "input": call.text, "target": call.label, "messages": [], "output": said}

    log = {"version": 2, "status": "success", "eval": {"model": "m-1"}, "samples": [sample(call) for call in calls]}
    all_found(init({"eval.json": log}))


def test_a_call_that_stands_twice_counts_once(init, all_found, calls):
    def both(call):
        yield {**langfuse(call), "id": f"p{call.n}", "traceId": f"t{call.n}", "name": "generateText"}
        inner = {**langfuse_parts(call), "id": f"c{call.n}", "parentObservationId": f"p{call.n}"}
        yield {**inner, "traceId": f"t{call.n}", "name": "doGenerate"}

    outcome = init({"log.jsonl": [each for call in calls for each in both(call)]})
    all_found(outcome)
    assert outcome.accounting.dropped == {"wraps another LLM call": 72}


def test_a_log_in_which_all_calls_stand_twice_is_refused_as_plan_refuses_it(init, calls):
    rows = [{"id": f"{call.n}{copy}", "input": call.text, "teacher": call.label} for call in calls for copy in "ab"]
    outcome = init({"log.jsonl": rows})
    assert (outcome.code, outcome.spec) == (1, None)
    assert outcome.err.startswith("log.jsonl  traces.repeats\n")
    assert "hint: these are read by 'use: jsonl' and the format native. 'traces.repeats: copies'" in outcome.err


def test_the_text_is_taken_out_of_its_prompt(init, all_found, calls):
    prompt = "You sort messages.\nSay which of these it is: {}.\n\nMessage: {}\n\nOne word, please."
    asked = [c._replace(text=prompt.format(", ".join(sorted({each.label for each in calls})), c.text)) for c in calls]
    outcome = init(batch(asked))
    all_found(outcome)
    assert outcome.spec["traces"]["extract"] == ["between:\nMessage: ...\n\nOne word, please."]


def test_the_text_in_a_prompt_of_the_system_alone(init, all_found, calls):
    def record(call):
        asked = [{"role": "system", "content": f"Classify this: {call.text}"}]
        given = {"id": call.n, "status": "success", "call_type": "acompletion", "model": "m-1", "messages": asked}
        return {**given, "response": completion(call)}

    outcome = init({"log.jsonl": [record(call) for call in calls]})
    all_found(outcome)
    assert outcome.spec["traces"]["format"] == "litellm"
    assert outcome.spec["traces"]["extract"] == ["after:Classify this: "]


def test_chunks_of_streams_are_refused(init, calls):
    def chunk(call):
        said = [{"index": 0, "delta": {"content": call.label}, "finish_reason": None}]
        return {"id": f"c{call.n}", "object": "chat.completion.chunk", "request": chat(call), "choices": said}

    outcome = init({"log.jsonl": [chunk(call) for call in calls]})
    assert (outcome.code, outcome.spec) == (1, None)
    assert "chunk" in outcome.err
    assert "fields of 72 records looked at:" in outcome.err
