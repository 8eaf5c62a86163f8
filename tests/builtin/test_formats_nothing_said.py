"""A response with nothing in it is an answer that is no label, in every preset that reads whole responses."""

from __future__ import annotations

import json

import pytest

from tracer_spec.builtin.formats import compile_format, find_format
from tracer_spec.flow.traces.collect import collect
from tracer_spec.plugin import Record
from tracer_spec.text_steps.labels import LabelCleaner

TEXT = "where is my card?"
REQUEST = {"model": "m-1", "messages": [{"role": "user", "content": TEXT}]}
MESSAGE = {"role": "assistant", "content": "lost"}


def response(message=MESSAGE, **choice):
    return {"model": "m-1", "choices": [{"message": message, "finish_reason": "stop", **choice}]}


# a record of each preset that holds a whole response of OpenAI's
RECORDS = {
    "chat": lambda body: {"request": REQUEST, "response": body},
    "helicone": lambda body: {"request_body": REQUEST, "response_body": body, "response_status": 200},
    "databricks": lambda body: {
        "request": json.dumps(REQUEST),
        "response": body and json.dumps(body),
        "status_code": 200,
    },
    "litellm": lambda body: {"messages": REQUEST["messages"], "response": body, "status": "success"},
    "langfuse": lambda body: {"id": "o", "type": "GENERATION", "input": REQUEST, "output": body},
    "openinference": lambda body: {
        "attributes": {
            "openinference.span.kind": "LLM",
            "input.value": json.dumps(REQUEST),
            "output.value": body and json.dumps(body),
        }
    },
}
PRESETS = pytest.mark.parametrize("preset", RECORDS)


def read(preset, *bodies, unanswered="disagree"):
    kept = response({**MESSAGE, "content": "found"})  # without a trace there is nothing to count
    records = [Record(f"a:{n}", RECORDS[preset](each)) for n, each in enumerate((kept, *bodies))]
    traces = compile_format(find_format(preset)).traces
    if preset == "langfuse":
        records = [Record(each.where, {**each.data, "id": each.where}) for each in records]
    return collect(records, traces, LabelCleaner(), on_error="drop", unanswered=unanswered)


@PRESETS
@pytest.mark.parametrize(
    "message", [{**MESSAGE, "content": None}, {**MESSAGE, "content": None, "refusal": None, "tool_calls": None}]
)
def test_a_content_that_is_null_is_kept_as_a_disagreement(preset, message):
    traces = read(preset, response(message))
    assert (traces.accounting.unusable, dict(traces.accounting.dropped)) == ({"nothing answered": 1}, {})
    assert traces.labels == ("found", "")
    left_out = read(preset, response(message), unanswered="drop")
    assert dict(left_out.accounting.dropped) == {"nothing answered": 1}


@PRESETS
def test_what_was_said_stays_a_label_and_what_was_refused_keeps_its_reason(preset):
    null = {**MESSAGE, "content": None}
    call = {"function": {"name": "classify", "arguments": '{"intent": "lost"}'}}
    traces = read(
        preset,
        response(),
        response({**null, "tool_calls": [call]}, finish_reason="tool_calls"),
        response(null, finish_reason="length"),
        response({**null, "refusal": "I cannot."}),
        response({**MESSAGE, "content": ""}),
    )
    assert traces.labels[:2] == ("found", "lost")
    assert traces.accounting.unusable == {"empty label": 1, "label is an object": 1, "refusal": 1, "truncated": 1}


@PRESETS
@pytest.mark.parametrize(
    "body", [None, {"choices": []}, response({**MESSAGE, "content": None}, finish_reason="tool_calls")]
)
def test_a_call_that_failed_or_ended_for_a_tool_is_no_answer(preset, body):
    accounting = read(preset, body).accounting
    assert (accounting.kept, accounting.unusable) == (1, {})
    assert accounting.dropped
