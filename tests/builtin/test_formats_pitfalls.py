"""Shapes of vendors' logs that are easily read wrongly: calls without content, of evaluators, and records in any order."""

import itertools
import json

import pytest

from tests.builtin.test_formats_shapes import CALLS, TIME, attributes, completion, genai, messages, read, rows, span
from tracer_spec.errors import DataError

AT = 1767323045000000000


def value(held):
    """Return a value as OTLP/JSON writes it."""
    if isinstance(held, dict):
        return {"kvlistValue": {"values": [{"key": key, "value": value(each)} for key, each in held.items()]}}
    return {"intValue": str(held)} if isinstance(held, int) else {"stringValue": held}


def event(number, name, nanos, body):
    ids = {"traceId": f"{number:032x}", "spanId": f"{number:016x}"}
    record = {**ids, "timeUnixNano": str(AT + nanos), "eventName": name, "body": value(body)}
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}


def events(number, text, label):
    """Return the log records of one call: two turns of the user, and two choices."""
    return [
        event(number, "gen_ai.user.message", 1, {"content": "hello"}),
        event(number, "gen_ai.assistant.message", 2, {"content": "how can I help?"}),
        event(number, "gen_ai.user.message", 3, {"content": text}),
        event(number, "gen_ai.choice", 4, {"index": 0, "message": {"content": label}}),
        event(number, "gen_ai.choice", 5, {"index": 1, "message": {"content": "another"}}),
    ]


def test_log_records_of_a_call_say_the_same_in_any_order():
    for order in itertools.permutations(events(1, *CALLS[0])):
        assert rows(read("otel-genai", order)) == CALLS[:1]


def test_log_records_without_times_or_places_count_in_the_order_in_which_they_were_read():
    records = [
        event(1, "gen_ai.user.message", 0, {"content": "hello"}),
        event(1, "gen_ai.user.message", 0, {"content": CALLS[0][0]}),
        event(1, "gen_ai.choice", 0, {"message": {"content": CALLS[0][1]}}),
        event(1, "gen_ai.choice", 0, {"message": {"content": "another"}}),
    ]
    for record in records:
        del record["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["timeUnixNano"]
    assert rows(read("otel-genai", records)) == CALLS[:1]


def silent(number):
    return span(number, {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"})


def empty_events(number):
    return [event(number, "gen_ai.user.message", 1, {}), event(number, "gen_ai.choice", 2, {"message": {}})]


SILENT = {
    "a span": ("otel-genai", [silent(1), silent(2)], 2),
    "log records": ("otel-genai", empty_events(1), 1),
    "LiteLLM's table": (
        "litellm",
        [{"request_id": "r", "model": "m", "messages": "{}", "response": "{}", "proxy_server_request": "{}"}],
        1,
    ),
    "Helicone without bodies": ("helicone", [{"request_id": "r", "signed_body_url": "https://x", "model": "m"}], 1),
}


@pytest.mark.parametrize(("preset", "records", "n"), SILENT.values(), ids=SILENT)
def test_calls_of_which_the_content_was_not_logged_are_told_as_that(preset, records, n):
    with pytest.raises(DataError) as caught:
        read(preset, records)
    assert f"is a usable trace: content not logged ({n})" in str(caught.value)
    assert "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT" in str(caught.value)


@pytest.mark.parametrize("preset", ["litellm", "helicone", "otel-genai"])
def test_records_of_another_kind_are_no_calls_without_content(preset):
    with pytest.raises(DataError) as caught:
        read(preset, [{"question_text": "where is it?", "category": "delivery"}])
    assert "content not logged" not in str(caught.value)


def test_a_span_whose_content_stands_in_a_log_record_beside_it_stops_nothing():
    details = {"eventName": "gen_ai.client.inference.operation.details", "timeUnixNano": str(AT)}
    records = []
    for number, call in enumerate(CALLS, 1):
        ids = {"traceId": f"{number:032x}", "spanId": f"{number:016x}"}
        said = attributes({"gen_ai.operation.name": "chat", **genai(*call)})
        log = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{**ids, **details, "attributes": said}]}]}]}
        records += [silent(number), log]
    traces = read("otel-genai", records)
    assert rows(traces) == CALLS
    assert dict(traces.accounting.dropped) == {"content not logged": 3}


def test_spans_of_pydantic_ai_hold_all_messages_in_one_attribute():
    records = [
        span(
            number,
            {
                "gen_ai.operation.name": "chat",
                "events": json.dumps(
                    [
                        {"event.name": "gen_ai.system.message", "role": "system", "content": "Classify."},
                        {"event.name": "gen_ai.user.message", "role": "user", "content": text},
                        {"event.name": "gen_ai.choice", "index": 0, "message": {"role": "assistant", "content": label}},
                    ]
                ),
            },
        )
        for number, (text, label) in enumerate(CALLS)
    ]
    assert rows(read("otel-genai", records)) == CALLS


def test_langfuse_leaves_out_the_calls_of_its_evaluators_and_experiments():
    def observation(number, text, label, environment):
        told = {"id": f"o{number}", "type": "GENERATION", "startTime": TIME, "model": "m", "environment": environment}
        return {**told, "input": json.dumps(messages(text)), "output": label}

    own = ("langfuse-llm-as-a-judge", "langfuse-prompt-experiment")
    records = [observation(number, *call, "production") for number, call in enumerate(CALLS)]
    records += [observation(10 + n, "Rate: refund", "1", each) for n, each in enumerate(own)]
    records += [observation(20, "hello", "other", None)]
    traces = read("langfuse", records)
    assert rows(traces) == [*CALLS, ("hello", "other")]
    assert dict(traces.accounting.dropped) == {"Langfuse's own call": 2}


def test_braintrust_leaves_out_the_calls_of_its_scorers():
    def scored(number, text, label, **more):
        kind = {"type": "llm", "name": "Chat Completion", **more}
        told = {"span_id": f"s{number}", "root_span_id": f"r{number}", "created": TIME, "span_attributes": kind}
        return {**told, "input": messages(text), "output": completion(label)["choices"]}

    records = [scored(number, *call) for number, call in enumerate(CALLS)]
    traces = read("braintrust", [*records, scored(9, "Rate: refund", "A", purpose="scorer")])
    assert rows(traces) == CALLS
    assert dict(traces.accounting.dropped) == {"a scorer's call": 1}


def test_weave_reads_calls_of_googles_client():
    records = [
        {
            "id": f"c{number}",
            "op_name": "weave:///a/b/op/google.genai.models.Models.generate_content:x",
            "started_at": TIME,
            "inputs": {"model": "gemini-2.5-flash", "contents": text},
            "output": {
                "candidates": [{"content": {"role": "model", "parts": [{"text": label}]}}],
                "model_version": "g-1",
            },
        }
        for number, (text, label) in enumerate(CALLS)
    ]
    traces = read("weave", records)
    assert rows(traces) == CALLS
    assert dict(traces.accounting.models) == {"g-1": 3}


def test_promptfoo_reads_the_one_variable_of_a_test_whatever_its_name_and_guesses_at_none_of_several():
    def result(number, text, label, **more):
        return {"id": f"p{number}", "vars": {"ticket": text, **more}, "response": {"output": label}}

    assert rows(read("promptfoo", [result(number, *call) for number, call in enumerate(CALLS)])) == CALLS
    with pytest.raises(DataError, match="no text"):
        read("promptfoo", [result(1, *CALLS[0], language="en")])
