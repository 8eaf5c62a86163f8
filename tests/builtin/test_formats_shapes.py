"""Files as vendors' own tools write them: the shapes beside those of ``formats_data``."""

import json
from pathlib import Path

import pytest

from tracer_spec.builtin.formats import PRESETS, compile_format, find_format
from tracer_spec.flow.traces.collect import collect
from tracer_spec.plugin import Record
from tracer_spec.text_steps.labels import LabelCleaner

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


@pytest.mark.parametrize("preset", [name for name in PRESETS if name not in ("native", "langfuse")])
def test_no_other_preset_takes_the_observations_of_langfuse_for_its_own(preset):
    """`init` proposes the preset that reads the most."""
    record = observation(1, messages("where?"), {"role": "assistant", "content": "lost"}, traceId="t")
    raws = compile_format(find_format(preset)).read(record)
    assert [raw for raw in raws if not raw.reason and raw.text and raw.label] == []


# --- logs of chat APIs ---


def chat_log(text, label):
    return {"ts": TIME, "request": {"model": "m", "messages": messages(text)}, "response": completion(label)}


@pytest.mark.parametrize(
    "record",
    [
        chat_log,
        lambda text, label: {
            "request": json.dumps({"messages": messages(text)}),
            "response": json.dumps(completion(label)),
        },
        lambda text, label: {"request": text, "response": label},
        lambda text, label: {"messages": messages(text), **completion(label)},
        lambda text, label: {"messages": [*messages(text), {"role": "assistant", "content": label}]},
        lambda text, label: {"prompt": text, "completion": label},
    ],
)
def test_chat_reads_logs_of_ones_own_and_files_to_fine_tune_with(record):
    assert rows(read("chat", [record(*call) for call in CALLS])) == CALLS


@pytest.mark.parametrize(
    "record",
    [
        {"input": "where?", "teacher": "lost"},
        {"input": "where?", "output": "lost"},
        {"messages": messages("where?")},
        {"request": {"messages": messages("where?")}, "choices": [{"index": 0, "delta": {"content": "lost"}}]},
        {"request": {"messages": messages("where?")}, "response": {"error": {"message": "timeout"}}},
    ],
)
@pytest.mark.parametrize("preset", ["chat", "openai-responses"])
def test_a_record_that_holds_no_answer_of_a_chat_is_no_trace_of_one(preset, record):
    (raw,) = compile_format(find_format(preset)).read(record)
    assert raw.reason or raw.label is None


def test_a_piece_of_a_streamed_answer_is_told_as_what_it_is():
    chunk = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "ref"}}]}
    for preset in ("chat", "native", "openai-responses"):
        (raw,) = compile_format(find_format(preset)).read({**chunk, "request": {"messages": messages("where?")}})
        assert raw.label is None
        assert raw.detail.startswith("the record is a piece of a streamed answer: log whole answers")


def test_openai_reads_pages_of_stored_responses_and_completions():
    listed = [
        {
            "id": f"resp_{number}",
            "object": "response",
            "created_at": int(SECONDS),
            "status": "completed",
            "error": None,
            "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}],
            "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": label}]}],
        }
        for number, (text, label) in enumerate(CALLS)
    ]
    assert rows(read("openai-responses", [{"object": "list", "data": listed, "has_more": False}])) == CALLS
    stored = [
        {"id": text, "created": int(SECONDS), "messages": messages(text), **completion(label)} for text, label in CALLS
    ]
    assert rows(read("openai-responses", stored)) == CALLS


def bedrock(number, text, label, **more):
    asked = {"messages": [{"role": "user", "content": [{"text": text}]}]}
    answered = {"output": {"message": {"role": "assistant", "content": [{"text": label}]}}, "stopReason": "end_turn"}
    body = {"input": {"inputBodyJson": asked}, "output": {"outputBodyJson": answered}}
    return {
        "schemaType": "ModelInvocationLog",
        "timestamp": TIME,
        "requestId": f"r{number}",
        "modelId": "m",
        **body,
        **more,
    }


def test_bedrock_reads_events_of_cloudwatch_and_batches_and_leaves_pieces_out():
    records = [bedrock(number, *call) for number, call in enumerate(CALLS)]
    assert rows(read("bedrock", [{"timestamp": 1, "message": json.dumps(record)} for record in records])) == CALLS
    pieces = [{"type": "message_start"}, {"type": "content_block_delta", "delta": {"text": "ref"}}]
    streamed = bedrock(8, "a", "b", output={"outputBodyJson": pieces})
    traces = read("bedrock", [*records, streamed])
    assert dict(traces.accounting.dropped) == {"streamed answer": 1}
    titan = [
        {
            "recordId": f"r{number}",
            "modelInput": {"inputText": text},
            "modelOutput": {"results": [{"outputText": label}]},
        }
        for number, (text, label) in enumerate(CALLS)
    ]
    assert rows(read("bedrock", titan)) == CALLS


def test_vertex_reads_rows_whose_columns_hold_json():
    def row(number, text, label):
        answered = {"candidates": [{"content": {"role": "model", "parts": [{"text": label}]}}], "modelVersion": "m"}
        asked = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
        return {
            "request_id": number,
            "logging_time": TIME,
            "full_request": json.dumps(asked),
            "full_response": json.dumps(answered),
        }

    traces = read("vertex", [row(number, *call) for number, call in enumerate(CALLS)])
    assert rows(traces) == CALLS
    assert (traces.ids, dict(traces.accounting.models)) == (("0", "1", "2"), {"m": 3})


def test_datadog_reads_spans_as_its_sdk_sends_them():
    records = [
        {
            "span_id": f"d{number}",
            "trace_id": f"t{number}",
            "start_ns": 1767323045000000000,
            "status": "ok",
            "meta": {
                "kind": "llm",
                "model_name": "m",
                "input": {"messages": messages(text)},
                "output": {"messages": [{"role": "assistant", "content": label}]},
            },
        }
        for number, (text, label) in enumerate(CALLS)
    ]
    traces = read("datadog", records)
    assert rows(traces) == CALLS
    assert traces.times.tolist() == [SECONDS] * 3
    assert rows(read("datadog", [{"data": {"type": "span", "attributes": {"ml_app": "a", "spans": records}}}])) == CALLS


def test_braintrust_and_opik_drop_the_span_around_a_call():
    spans = [
        {"id": "1", "span_id": "p", "span_parents": None, "root_span_id": "p", "input": "x", "output": "y"},
        {"id": "2", "span_id": "c", "span_parents": ["p"], "root_span_id": "p", "input": "x", "output": "y"},
    ]
    traces = read("braintrust", [{"events": [{**each, "span_attributes": {"type": "llm"}} for each in spans]}])
    assert (traces.ids, dict(traces.accounting.dropped)) == (("c",), {"wraps another LLM call": 1})
    spans = [{"id": "c", "parent_span_id": "p"}, {"id": "p", "parent_span_id": None}]
    whole = {"trace_id": "t", "type": "llm", "input": {"messages": messages("x")}, "output": completion("y")}
    traces = read("opik", [{"trace": {"id": "t"}, "spans": [{**whole, **each} for each in spans]}])
    assert (traces.ids, dict(traces.accounting.dropped)) == (("c",), {"wraps another LLM call": 1})


def test_the_target_of_an_evaluation_is_the_truth_and_never_the_label():
    samples = [
        {"id": number, "epoch": epoch, "input": text, "target": target, "output": completion(label)}
        for number, (text, label) in enumerate(CALLS)
        for epoch, target in ((1, "other"), (2, ["other"]))
    ]
    traces = read("inspect", [{"version": 2, "eval": {"model": "m", "created": TIME}, "samples": samples}])
    assert rows(traces) == [call for call in CALLS for _ in range(2)]
    assert traces.truths == ("other",) * 6
    assert traces.ids == ("0/1", "0/2", "1/1", "1/2", "2/1", "2/2")
    assert dict(traces.accounting.models) == {"m": 6}
    lines = [
        {
            "doc_id": number,
            "doc_hash": f"h{number}",
            "target": "other",
            "arguments": [[text, {"until": []}]],
            "resps": [[label]],
        }
        for number, (text, label) in enumerate(CALLS)
    ]
    traces = read("lm-eval", [*lines, lines[0] | {"doc_id": 7, "resps": [[[-1.5, False]], [[-0.5, True]]]}])
    assert rows(traces) == CALLS
    assert traces.truths == ("other",) * 3
    assert dict(traces.accounting.dropped) == {"not a generated answer": 1}


def test_lm_eval_reads_each_document_once_whatever_its_filters():
    lines = (Path(__file__).parent / "formats_data" / "lm-eval.jsonl").read_text(encoding="utf-8").splitlines()
    traces = read("lm-eval", [json.loads(line) for line in lines])
    assert (len(traces), dict(traces.accounting.dropped)) == (8, {"duplicate id": 8, "not a generated answer": 8})


@pytest.mark.parametrize("preset", ["chat", "opik"])
def test_a_tool_that_is_called_without_arguments_is_a_label_by_its_name(preset):
    """Read at once, and after it waited on disk for spans that it may wrap."""

    def record(text, label):
        call = {"type": "function", "function": {"name": label, "arguments": "{}"}}
        answered = {"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": [call]}}]}
        asked = {"messages": messages(text)}
        return {"id": text, "type": "llm", "input": asked, "output": answered, "request": asked, "response": answered}

    assert rows(read(preset, [record(*call) for call in CALLS], steps=["tool-name"])) == CALLS
