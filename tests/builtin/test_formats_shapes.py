"""Files as vendors' own tools write them: the shapes beside those of ``formats_data``."""

import json

import pytest

from tracer_spec.builtin.formats import compile_format, find_format
from tracer_spec.flow.traces.collect import collect
from tracer_spec.flow.traces.labels import LabelCleaner
from tracer_spec.plugin import Record

CALLS = [("refund me please", "refund"), ("my card is blocked", "card"), ("what is my balance", "balance")]
TIME = "2026-01-02T03:04:05Z"
SECONDS = 1767323045.0


def read(preset, records, *, steps=("strip",), **settings):
    placed = [Record(f"f:{line}", record) for line, record in enumerate(records, 1)]
    reader = compile_format(find_format(preset))
    return collect(placed, reader.traces, LabelCleaner(list(steps)), **{"on_error": "fail", **settings})


def rows(traces):
    return list(zip(traces.texts, traces.labels, strict=True))


def messages(text):
    return [{"role": "system", "content": "Classify."}, {"role": "user", "content": text}]


def completion(label, **more):
    return {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": label}, "finish_reason": "stop"}],
        **more,
    }


def attributes(pairs):
    return [{"key": key, "value": {"stringValue": value}} for key, value in pairs.items()]


def span(number, pairs, **more):
    ids = {"traceId": f"{number:032x}", "spanId": f"{number:016x}"}
    whole = {
        **ids,
        "name": "chat m",
        "startTimeUnixNano": "1767323045000000000",
        "attributes": attributes(pairs),
        **more,
    }
    return {"resourceSpans": [{"scopeSpans": [{"spans": [whole]}]}]}


def genai(text, label):
    asked = [{"role": "user", "parts": [{"type": "text", "content": text}]}]
    answered = [{"role": "assistant", "parts": [{"type": "text", "content": label}], "finish_reason": "stop"}]
    return {"gen_ai.input.messages": json.dumps(asked), "gen_ai.output.messages": json.dumps(answered)}


# --- Langfuse ---


def observation(number, asked, answered, **more):
    return {
        "id": f"o{number}",
        "type": "GENERATION",
        "startTime": TIME,
        "model": "m",
        "input": asked,
        "output": answered,
        **more,
    }


def test_langfuse_reads_a_trace_downloaded_from_its_page():
    listed = [
        observation(number, json.dumps(messages(text)), json.dumps({"role": "assistant", "content": label}))
        for number, (text, label) in enumerate(CALLS)
    ]
    for record in (
        {"trace": {"id": "t", "input": '"x"'}, "observations": listed},
        {"data": listed, "meta": {"page": 1}},
    ):
        assert rows(read("langfuse", [record])) == CALLS


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ('"{\\"messages\\": [{\\"role\\": \\"user\\", \\"content\\": \\"TEXT\\"}]}"', '"{\\"content\\": \\"LABEL\\"}"'),
        ('[{"role": "user", "parts": [{"type": "text", "content": "TEXT"}]}]', '[{"parts": [{"text": "LABEL"}]}]'),
        ('{"prompt": "TEXT"}', '"LABEL"'),
        ("TEXT", "LABEL"),
    ],
)  # fmt: skip
def test_langfuse_reads_what_integrations_log(asked, answered):
    records = [
        observation(number, asked.replace("TEXT", text), answered.replace("LABEL", label))
        for number, (text, label) in enumerate(CALLS)
    ]
    assert rows(read("langfuse", records)) == CALLS


def test_langfuse_reads_the_tool_calls_of_langchain():
    def answer(label):
        function = {"name": "classify", "arguments": json.dumps({"intent": label})}
        return json.dumps(
            {"role": "assistant", "content": "", "additional_kwargs": {"tool_calls": [{"function": function}]}}
        )

    records = [observation(number, messages(text), answer(label)) for number, (text, label) in enumerate(CALLS)]
    assert rows(read("langfuse", records, steps=["json:intent"])) == CALLS


# --- OpenTelemetry ---


def test_otel_spans_that_do_not_name_their_operation_are_known_by_what_was_said():
    records = [span(number, {"gen_ai.system": "openai", **genai(*call)}) for number, call in enumerate(CALLS, 1)]
    records.append(span(9, {"http.route": "/"}))
    records.append(span(10, {"gen_ai.operation.name": "invoke_agent", **genai("a", "b")}))
    traces = read("otel-genai", records)
    assert rows(traces) == CALLS
    assert dict(traces.accounting.dropped) == {"not an LLM call": 2}


def test_otel_prompts_and_completions_are_read_as_one_attribute_and_as_events():
    def one(text, label):
        asked, answered = json.dumps(messages(text)), json.dumps([{"role": "assistant", "content": label}])
        return {"gen_ai.prompt": asked}, {"gen_ai.completion": answered}

    pairs = [one(*call) for call in CALLS]
    assert (
        rows(read("otel-genai", [span(n, {**asked, **answered}) for n, (asked, answered) in enumerate(pairs, 1)]))
        == CALLS
    )
    names = ("gen_ai.content.prompt", "gen_ai.content.completion")
    events = [
        [{"name": name, "attributes": attributes(side)} for name, side in zip(names, pair, strict=True)]
        for pair in pairs
    ]
    records = [span(number, {"gen_ai.system": "openai"}, events=each) for number, each in enumerate(events, 1)]
    assert rows(read("otel-genai", records)) == CALLS


def console(number, text, label, **more):
    ids = {"trace_id": "0x1", "span_id": f"0x{number:016x}", "trace_state": "[]"}
    said = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", **genai(text, label)}
    status = {"status_code": "UNSET"}
    return {
        "name": "chat m",
        "context": ids,
        "start_time": TIME,
        "status": status,
        "attributes": said,
        "events": [],
        **more,
    }


def test_otel_reads_the_ids_and_times_of_the_console_exporter():
    records = [console(number, *call) for number, call in enumerate(CALLS)]
    failed = console(7, "a", "b", status={"status_code": "ERROR", "description": "timeout"})
    traces = read("otel-genai", [*records, *records, failed])
    assert rows(traces) == CALLS
    assert dict(traces.accounting.dropped) == {"duplicate id": 3, "error status": 1}
    assert traces.times.tolist() == [SECONDS] * 3


@pytest.mark.parametrize(
    "answer",
    [
        lambda label: {"ai.response.object": json.dumps({"intent": label})},
        lambda label: {"ai.response.text": json.dumps({"intent": label})},
        lambda label: {"ai.result.object": json.dumps({"intent": label})},
        lambda label: {
            "ai.response.text": "",
            "ai.response.toolCalls": json.dumps(
                [{"toolCallId": "c", "toolName": "classify", "input": json.dumps({"intent": label})}]
            ),
        },
    ],
)
def test_otel_reads_the_spans_of_the_ai_sdk(answer):
    def said(text, label):
        asked = json.dumps([{"role": "user", "content": [{"type": "text", "text": text}]}])
        inner = {"ai.operationId": "ai.generateObject.doGenerate", "ai.model.id": "m", "ai.prompt.messages": asked}
        return {**inner, "ai.response.finishReason": "stop", **answer(label)}

    traces = read("otel-genai", [span(n, said(*call)) for n, call in enumerate(CALLS, 1)], steps=["json:intent"])
    assert rows(traces) == CALLS
    assert dict(traces.accounting.models) == {"m": 3}


# --- MLflow ---


def mlflow_trace(number, text, label, **more):
    said = {
        "mlflow.spanType": '"CHAT_MODEL"',
        "mlflow.spanInputs": json.dumps({"messages": messages(text)}),
        "mlflow.spanOutputs": json.dumps(completion(label)),
    }
    chat = {
        "span_id": "s",
        "start_time_unix_nano": 1767323045000000000,
        "status": {"code": "STATUS_CODE_OK"},
        "attributes": said,
    }
    info = {"trace_id": f"t{number}", "state": "OK", "assessments": [{"expectation": {"value": label}}]}
    return {"info": info, "data": {"spans": [{**chat, **more}]}}


def test_mlflow_reads_rows_of_search_traces_whose_column_holds_the_trace():
    whole = [mlflow_trace(number, *call) for number, call in enumerate(CALLS)]
    for rows_ in (
        [
            {"trace_id": each["info"]["trace_id"], "trace": json.dumps(each), "state": "OK", "request": "x"}
            for each in whole
        ],
        [{"trace_id": each["info"]["trace_id"], "spans": each["data"]["spans"]} for each in whole],
        whole,
    ):
        traces = read("mlflow", rows_)
        assert rows(traces) == CALLS
        assert traces.ids == ("t0/s", "t1/s", "t2/s")
    assert traces.truths == ("refund", "card", "balance")


def test_mlflow_reads_the_data_of_traces_alone():
    listed = [mlflow_trace(number, *call, span_id=f"s{number}") for number, call in enumerate(CALLS)]
    assert rows(read("mlflow", [{"traces": listed}])) == CALLS
    artifact = {"spans": [span for each in listed for span in each["data"]["spans"]], "request": "{}", "response": "{}"}
    assert rows(read("mlflow", [artifact])) == CALLS


# --- OpenInference ---


def llama_index(text, label):
    block = [{"block_type": "text", "text": label}]
    return {
        "openinference.span.kind": "LLM",
        "input.value": json.dumps({"messages": [{"role": "user", "blocks": [{"block_type": "text", "text": text}]}]}),
        "input.mime_type": "application/json",
        "output.value": json.dumps(
            {"message": {"role": "assistant", "blocks": block}, "raw": {"id": "x"}, "delta": None}
        ),
        "output.mime_type": "application/json",
    }


def test_openinference_reads_the_answers_of_llamaindex_among_all_spans_of_a_trace():
    records = [span(number, llama_index(*call)) for number, call in enumerate(CALLS, 1)]
    records += [span(number, {"openinference.span.kind": "CHAIN", "input.value": "step"}) for number in range(10, 14)]
    traces = read("openinference", records)
    assert rows(traces) == CALLS
    assert dict(traces.accounting.dropped) == {"not an LLM call": 4}


# --- LiteLLM ---


def litellm(number, asked, label, **more):
    call = {"id": str(number), "status": "success", "call_type": "acompletion", "model": "m", "startTime": SECONDS}
    return {**call, "messages": asked, "response": completion(label), **more}


def test_litellm_drops_texts_that_the_proxy_cut_in_the_middle():
    cut = "please refund" + "... (litellm_truncated 12982 chars) ..." + "the order"
    records = [litellm(number, messages(text), label) for number, (text, label) in enumerate(CALLS)]
    traces = read(
        "litellm",
        [
            *records,
            litellm(8, messages(cut), "refund"),
            litellm(9, {}, "card", proxy_server_request={"messages": messages(cut)}),
        ],
    )
    assert rows(traces) == CALLS
    assert dict(traces.accounting.dropped) == {"cut by the proxy": 2}


def test_a_system_message_alone_is_what_was_asked():
    records = [
        litellm(number, [{"role": "system", "content": text}], label) for number, (text, label) in enumerate(CALLS)
    ]
    assert rows(read("litellm", records)) == CALLS
