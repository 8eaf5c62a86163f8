"""From records as vendors write them to texts and labels, by a spec's own steps."""

import json

import pytest

from tracer_spec.flow.prepare import read_traces
from tracer_spec.plan import make_plan
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.spec import load_spec

ASKED = {
    "refund": "please send my money back for order {}",
    "card": "the card of account {} is lost",
    "other": "sing {}",
}
CALLS = [(f"c{n}", ASKED[label].format(n), label) for n, label in enumerate([*ASKED] * 10)]
PROMPT = "You sort requests into refund, card and other.\nRequest: {}\n\nGive one word."
STEP = "between:\nRequest: ...\n\nGive one word."


def read(tmp_path, rows, **traces):
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = {"use": "jsonl", "with": {"path": str(tmp_path / "rows.jsonl")}}
    spec = {"version": 1, "name": "a", "traces": source | traces, "embedder": "lsa", "target": {"agreement": 0.9}}
    return read_traces(make_plan(load_spec(spec), find_plugins()))


def completion(message):
    return {"model": "m", "created": 1767323045, "choices": [{"message": message, "finish_reason": "stop"}]}


def batch(message, text=PROMPT.format):
    """Return a batch's requests and then its responses."""
    for id_, asked, _ in CALLS:
        messages = [{"role": "user", "content": text(asked)}]
        yield {"custom_id": id_, "url": "/v1/chat/completions", "body": {"messages": messages}}
    for id_, _, label in CALLS:
        yield {"custom_id": id_, "response": {"status_code": 200, "body": completion(message(label))}, "error": None}


def native(answer, text=str):
    return [{"id": id_, "input": text(asked), "teacher": answer(label)} for id_, asked, label in CALLS]


def test_a_batch_of_prompts_gives_texts(tmp_path):
    rows = batch(lambda label: {"role": "assistant", "content": label})
    traces = read(tmp_path, rows, format="openai-batch", extract=[STEP])
    assert traces.texts == tuple(asked for _, asked, _ in CALLS)
    assert traces.labels == tuple(label for *_, label in CALLS)


def test_a_batch_that_answers_by_the_tool_that_it_calls_gives_the_tools(tmp_path):
    def calls(label):
        function = {"name": label, "arguments": json.dumps({"why": "it says so"})}
        return {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "t", "type": "function", "function": function}],
        }

    rows = list(batch(calls, str))
    for steps in (["tool-name"], ["tool-name", "strip", "casefold"]):
        traces = read(tmp_path, rows, format="openai-batch", labels={"normalize": steps})
        assert traces.labels == tuple(label for *_, label in CALLS)
    traces = read(tmp_path, rows, format="openai-batch", labels={"normalize": ["json:why"]})
    assert set(traces.labels) == {"it says so"}


def test_a_prompt_in_a_system_message_alone_gives_its_text(tmp_path):
    rows = [
        {
            "id": id_,
            "status": "success",
            "call_type": "acompletion",
            "model": "m",
            "messages": [{"role": "system", "content": f"Sort this: {asked}"}],
            "response": completion({"content": label}),
        }
        for id_, asked, label in CALLS
    ]
    traces = read(tmp_path, rows, format="litellm", extract=["after:Sort this: "])
    assert traces.texts == tuple(asked for _, asked, _ in CALLS)


@pytest.mark.parametrize(
    ("answer", "steps"),
    [
        (lambda label: f"<think>\nIs it {label}, or a refund?\n</think>\n\n{label}", ["think", "strip"]),
        (lambda label: f'Surely. {{"intent": "{label}"}} is what I found.', ["json:intent"]),
        (lambda label: f"{{'intent': '{label}', 'sure': True}}", ["json:intent"]),
        (lambda label: {"out": {"intent": label}}, ["json:out.intent"]),
        (lambda label: {"intents": [label, "spam"]}, ["json:intents.0"]),
        (lambda label: label if label == "other" else json.dumps({"intent": label}), ["json?:intent"]),
        (lambda label: f"It is about money.\nLabel: {label}", ["last-line", "prefix:Label:", "strip"]),
    ],
)
def test_answers_as_models_write_them_give_labels(tmp_path, answer, steps):
    traces = read(tmp_path, native(answer), labels={"normalize": steps})
    assert traces.labels == tuple(label for *_, label in CALLS)


def test_numbers_are_labels_and_words_for_nothing_are_none(tmp_path):
    traces = read(
        tmp_path, native(lambda label: {"label": list(ASKED).index(label)}), labels={"normalize": ["json:label"]}
    )
    assert set(traces.labels) == {"0", "1", "2"}
    traces = read(tmp_path, native(lambda label: "None" if label == "card" else label))
    assert dict(traces.accounting.unusable) == {"label is None or null": 10}


def test_a_text_that_is_an_object_is_joined_by_its_expression(tmp_path):
    rows = native(str, lambda asked: {"subject": asked, "body": "thanks"})
    traces = read(tmp_path, rows, format={"preset": "native", "text": "join('\n', [input.subject, input.body])"})
    assert traces.texts == tuple(f"{asked}\nthanks" for _, asked, _ in CALLS)
