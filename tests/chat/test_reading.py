"""One reader of chats for all presets: every API's way of asking and answering, and what is none."""

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer_spec.chat.reading import answered, asked, refused, truncated
from tracer_spec.chat.said_nothing import said_nothing
from tracer_spec.text_steps import ToolCall

TEXT = "where is my card?"
SYSTEM = {"role": "system", "content": "Classify."}
USER = {"role": "user", "content": TEXT}
EARLIER = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"}]
HUMAN = {"lc": 1, "type": "constructor", "id": ["langchain", "HumanMessage"], "kwargs": {"content": TEXT}}
CALLED = {"intent": "refund"}
ARGUMENTS = json.dumps(CALLED)

ASKED = {
    "chat completions": {"model": "m", "messages": [SYSTEM, *EARLIER, USER]},
    "parts of OpenAI's": {"messages": [{"role": "user", "content": [{"type": "text", "text": TEXT}]}]},
    "Responses, a string": {"instructions": "Classify.", "input": TEXT},
    "Responses, items": {"input": [SYSTEM, {"role": "user", "content": [{"type": "input_text", "text": TEXT}]}]},
    "completions": {"prompt": TEXT},
    "Anthropic": {"system": "Classify.", "messages": [{"role": "user", "content": [{"type": "text", "text": TEXT}]}]},
    "GenAI's parts": [SYSTEM, {"role": "user", "parts": [{"type": "text", "content": TEXT}]}],
    "Gemini": {"contents": [{"role": "model", "parts": [{"text": "hi"}]}, {"role": "user", "parts": [{"text": TEXT}]}]},
    "Gemini, unsigned": {"contents": [{"parts": [{"text": TEXT}]}]},
    "Converse": {"messages": [{"role": "user", "content": [{"text": TEXT}]}]},
    "Titan": {"inputText": TEXT},
    "LangChain's constructors": {"messages": [[HUMAN]]},
    "LangChain's messages": {"messages": [[{"type": "system", "content": "x"}, {"type": "human", "content": TEXT}]]},
    "the AI SDK": {"system": "Classify.", "prompt": TEXT},
    "OpenInference": [{"message": {"role": "user", "contents": [{"message_content": {"type": "text", "text": TEXT}}]}}],
    "LlamaIndex": {"messages": [{"role": "user", "blocks": [{"block_type": "text", "text": TEXT}]}]},
    "LangChain's chains": {"history": EARLIER, "input": TEXT},
    "Cohere": {"message": TEXT, "chat_history": EARLIER},
    "one message": USER,
    "a list": [USER],
    "a string": TEXT,
    "a system message alone": {"messages": [{"role": "system", "content": TEXT}]},
    "a file to fine-tune with": {"messages": [SYSTEM, USER, {"role": "assistant", "content": "refund"}]},
    "a tool's turn after it": [USER, {"role": "assistant", "tool_calls": []}, {"role": "tool", "content": "3"}],
}
MESSAGE = {"role": "assistant", "content": "refund"}
ANSWERED = {
    "chat completions": {"choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}, {"message": {}}]},
    "choices out of order": {"choices": [{"index": 1, "message": {"content": "x"}}, {"index": 0, "message": MESSAGE}]},
    "completions": {"choices": [{"text": "refund", "finish_reason": "stop"}]},
    "Responses": {
        "output": [{"type": "reasoning"}, {"type": "message", "role": "assistant", "content": [{"text": "refund"}]}]
    },
    "Anthropic": {
        "type": "message",
        "content": [{"type": "thinking", "thinking": "x"}, {"type": "text", "text": "refund"}],
    },
    "GenAI's parts": [{"role": "assistant", "parts": [{"type": "text", "content": "refund"}], "finish_reason": "stop"}],
    "a gen_ai.choice": {"index": 0, "finish_reason": "stop", "message": {"content": "refund"}},
    "Gemini": {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "a", "thought": True}, {"text": "refund"}]}}]
    },
    "Converse": {
        "output": {"message": {"role": "assistant", "content": [{"text": "refund"}]}},
        "stopReason": "end_turn",
    },
    "Titan": {"results": [{"outputText": "refund", "completionReason": "FINISH"}]},
    "Llama": {"generation": "refund", "stop_reason": "stop"},
    "LangChain": {"generations": [[{"text": "refund", "message": {"kwargs": {"content": "refund"}}}]]},
    "a conversation": {"messages": [SYSTEM, USER, MESSAGE]},
    "Braintrust's choices": [{"finish_reason": "stop", "index": 0, "message": MESSAGE}],
    "OpenInference": [{"message": {"role": "assistant", "content": "refund"}}],
    "LlamaIndex": {"message": {"role": "assistant", "blocks": [{"block_type": "text", "text": "refund"}]}},
    "Ollama": {"model": "m", "response": "refund", "done": True, "done_reason": "stop"},
    "Cohere": {"text": "refund", "generation_id": "g", "finish_reason": "COMPLETE"},
    "text generation": [{"generated_text": "refund"}],
    "one message": MESSAGE,
    "a string": "refund",
    "parts alone": [{"type": "text", "text": "refund"}],
}
FUNCTION = {"name": "classify", "arguments": ARGUMENTS}
CALLS = {
    "chat completions": {"choices": [{"message": {"tool_calls": [{"type": "function", "function": FUNCTION}]}}]},
    "the first API": {"choices": [{"message": {"content": None, "function_call": FUNCTION}}]},
    "Responses": {"output": [{"type": "function_call", **FUNCTION}]},
    "Anthropic": {"content": [{"type": "text", "text": "ok"}, {"type": "tool_use", "name": "classify", "input": CALLED}]},
    "GenAI's parts": [{"role": "assistant", "parts": [{"type": "tool_call", "name": "classify", "arguments": CALLED}]}],
    "Gemini": {"candidates": [{"content": {"parts": [{"functionCall": {"name": "classify", "args": CALLED}}]}}]},
    "Converse": {"output": {"message": {"content": [{"toolUse": {"name": "classify", "input": CALLED}}]}}},
    "LangChain": {"content": "", "tool_calls": [{"name": "classify", "args": CALLED, "id": "c"}]},
    "LangChain's additional_kwargs": {"content": "", "additional_kwargs": {"tool_calls": [{"function": FUNCTION}]}},
    "the AI SDK": [{"toolCallId": "c", "toolName": "classify", "input": ARGUMENTS}],
    "the AI SDK's first way": [{"toolCallType": "function", "toolCallId": "c", "toolName": "classify", "args": ARGUMENTS}],
    "the AI SDK's parts": {"content": [{"type": "tool-call", "toolCallId": "c", "toolName": "classify", "input": CALLED}]},
    "OpenInference": [{"message": {"tool_calls": [{"tool_call": {"function": FUNCTION}}]}}],
    "Inspect": {"choices": [{"message": {"content": "", "tool_calls": [{"function": "classify", "arguments": CALLED}]}}]},
}  # fmt: skip


def encodings(value):
    yield value
    yield json.dumps(value)
    yield json.dumps(json.dumps(value))


@pytest.mark.parametrize("name", ASKED)
def test_what_was_asked_is_found_in_every_shape(name):
    assert [asked(each) for each in encodings(ASKED[name])] == [TEXT] * 3


@pytest.mark.parametrize("name", ANSWERED)
def test_what_was_answered_is_found_in_every_shape(name):
    assert [answered(each) for each in encodings(ANSWERED[name])] == ["refund"] * 3


@pytest.mark.parametrize("name", CALLS)
def test_a_tool_call_is_its_arguments_and_knows_the_tool(name):
    for each in encodings(CALLS[name]):
        call = answered(each)
        assert (call, call.tool) == (ToolCall("classify", CALLED), "classify")


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [("", {}), (None, {}), ("{}", {}), ("refund", "refund"), ('{"intent": "re', '{"intent": "re')],
)
def test_arguments_that_are_no_object_are_no_object(arguments, answer):
    message = {"tool_calls": [{"function": {"name": "refund", "arguments": arguments}}]}
    assert answered(message) == answer
    if answer == {}:
        assert answered(message).tool == "refund"


@pytest.mark.parametrize(
    "value",
    [
        *({}, [], None, 7, {"messages": []}, {"messages": [MESSAGE]}, {"input": {"subject": "a"}}, {"a": 1}),
        {"messages": [SYSTEM, {"role": "tool", "content": "3"}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        {"messages": [{"role": "customer", "content": "a role that nobody has"}]},
    ],
)
def test_where_nobody_asked_there_is_no_text(value):
    assert asked(value) is None


@pytest.mark.parametrize(
    "value",
    [
        *({"error_code": "LIMIT", "message": "later"}, {"type": "error"}, {"label": None}),
        *({}, None, {"error": {"message": "timeout"}}, {"choices": [{"delta": {"content": "ref"}}]}),
        *({"messages": [SYSTEM, USER]}, {"choices": [{"message": {"role": "assistant", "content": None}}]}),
        {"content": [{"type": "thinking", "thinking": "x"}]},
        *({"choices": []}, {"object": "response", "output": []}, {"candidates": [], "promptFeedback": {}}),
    ],
)
def test_where_nobody_answered_there_is_no_answer(value):
    assert answered(value) is None


def test_an_object_of_no_known_shape_is_the_answer_itself():
    for value in (CALLED, {"intent": "refund", "text": "why", "message": "why"}, {"labels": ["a", "b"]}, ["a", "b"]):
        assert answered(value) == answered(json.dumps(value)) == value
    assert answered({"role": "assistant", "content": CALLED}) == CALLED


def test_the_words_of_a_user_are_never_decoded():
    words = ['{"messages": [{"role": "user", "content": "x"}]}', '"a"', "42", "null"]
    for text in words:
        assert asked({"messages": [{"role": "user", "content": text}]}) == asked({"input": text}) == text
        assert answered({"choices": [{"message": {"content": text}}]}) == text


@pytest.mark.parametrize(
    ("value", "is_truncated", "is_refused"),
    [
        ({"choices": [{"finish_reason": "length"}]}, True, False),
        ({"choices": [{"finish_reason": "stop"}, {"finish_reason": "length"}]}, False, False),
        ({"stop_reason": "max_tokens"}, True, False),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, True, False),
        ({"candidates": [{"finishReason": "MAX_TOKENS"}]}, True, False),
        ({"results": [{"completionReason": "LENGTH"}]}, True, False),
        ({"generations": [[{"text": "a", "generation_info": {"finish_reason": "length"}}]]}, True, False),
        (
            {"generations": [[{"message": {"kwargs": {"response_metadata": {"stop_reason": "max_tokens"}}}}]]},
            True,
            False,
        ),
        ([{"role": "assistant", "parts": [], "finish_reason": "content_filter"}], False, True),
        ({"choices": [{"message": {"refusal": "I cannot"}}]}, False, True),
        ({"output": [{"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}]}, False, True),
        ({"stop_reason": "refusal"}, False, True),
        ({"candidates": [{"finishReason": "SAFETY"}]}, False, True),
        ({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}, False, True),
        ({"incomplete_details": {"reason": "content_filter"}}, False, True),
        ({"choices": [{"message": {"content": "length", "refusal": None}, "finish_reason": "stop"}]}, False, False),
        ("length", False, False),
        (None, False, False),
    ],
)
def test_how_an_answer_ended_is_read_from_the_vendors_own_fields(value, is_truncated, is_refused):
    for each in (value, json.dumps(value)):
        assert (truncated(each), refused(each)) == (is_truncated, is_refused)


NULL = {"role": "assistant", "content": None}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"choices": [{"message": NULL, "finish_reason": "stop"}]}, True),
        ({"choices": [{"message": {**NULL, "tool_calls": None, "refusal": None}}]}, True),
        ({"choices": [{"message": {"content": "refund"}}, {"message": NULL}]}, False),
        ({"choices": [{"index": 1, "message": {"content": "refund"}}, {"index": 0, "message": NULL}]}, True),
        (NULL, True),
        ([NULL], True),
        ({"messages": [SYSTEM, USER, NULL]}, True),
        ({"content": [], "role": "assistant", "stop_reason": "end_turn"}, True),
        ({"content": [{"type": "thinking", "thinking": "x"}], "stop_reason": "end_turn"}, True),
        ({"output": {"message": {"role": "assistant", "content": []}}, "stopReason": "end_turn"}, True),
        ({"object": "response", "status": "completed", "output": []}, True),
        ({"generations": [[{"message": {"kwargs": {"type": "ai", "content": [], "stop_reason": "stop"}}}]]}, True),
        # an answer, if an empty one
        ({"choices": [{"message": {"role": "assistant", "content": ""}, "finish_reason": "stop"}]}, False),
        ({"choices": [{"text": " refund", "finish_reason": "stop"}]}, False),
        ({"intent": None, "finish_reason": "stop"}, False),
        # a call of a tool
        (CALLED, False),
        ({"choices": [{"message": {**NULL, "tool_calls": []}, "finish_reason": "tool_calls"}]}, False),
        ({"content": [], "stop_reason": "tool_use"}, False),
        # nobody answered, or the answer is not whole
        ({}, False),
        (None, False),
        ("", False),
        ({"label": None}, False),
        ({"error": {"message": "timeout"}, "choices": [{"message": NULL}]}, False),
        ({"choices": []}, False),
        ({"messages": [SYSTEM, USER]}, False),
        ({"messages": [SYSTEM, {**NULL, "tool_calls": [{"function": {"name": "look"}}]}, USER]}, False),
        ({"choices": [{"delta": {}, "finish_reason": "stop"}]}, False),
        ({"choices": [{"delta": {"role": "assistant", "content": None}, "finish_reason": None}]}, False),
        ({"type": "message_start", "message": {"role": "assistant", "content": [], "stop_reason": None}}, False),
        ({"status": "in_progress", "output": [{"type": "message", "role": "assistant", "content": []}]}, False),
        ({"status": "failed", "error": {"code": "server_error"}, "output": []}, False),
    ],
)
def test_an_answer_with_nothing_in_it_is_told_from_none(value, expected):
    for each in (value, json.dumps(value)):
        assert said_nothing(each) is expected
        assert not expected or answered(each) is None


def test_depth_is_bounded():
    deep = "x"
    for _ in range(100):
        deep = {"messages": [deep], "message": deep, "input": deep, "output": deep}
    wrapped = {"kwargs": None}
    for _ in range(10_000):
        wrapped = {"kwargs": wrapped, "message": wrapped, "function": wrapped}
    encoded = "a"
    for _ in range(12):
        encoded = json.dumps(encoded)
    for value in (deep, [deep], wrapped, [wrapped], "[" * 100_000, '{"a":' * 100_000):
        assert asked(value) in (None, value)
        assert not truncated(value)
        assert not refused(value)
        assert not said_nothing(value)
        answered(value)
    assert asked(encoded).startswith('"')


KEYS = [
    "messages",
    "role",
    "content",
    "parts",
    "type",
    "choices",
    "message",
    "tool_calls",
    "function",
    "arguments",
    "output",
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["user", "assistant", "system", "human", "text", "{}", "[1]"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_whatever_comes_nothing_raises(value):
    assert isinstance(asked(value), str | None)
    answered(value)
    assert isinstance(truncated(value), bool)
    assert isinstance(refused(value), bool)


def test_the_reader_needs_none_of_the_libraries_of_a_build():
    code = (
        "import sys, tracer_spec.chat.reading; print(sorted({'sklearn', 'scipy', 'onnx', 'yaml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("body", [{"output": ["a", "b"]}, {"input": "q", "output": ["a", "b"]}, ["a", "b"]])
def test_a_list_of_texts_is_several_answers_and_no_text_of_several_lines(body):
    assert answered(body) == ["a", "b"]


def test_a_list_of_one_text_is_that_text():
    assert answered({"input": "q", "output": ["a"]}) == "a"


def test_how_an_answer_ended_is_said_by_the_choice_that_counts():
    choices = [
        {"index": 1, "message": {"content": "re"}, "finish_reason": "length"},
        {"index": 0, "finish_reason": "stop"},
    ]
    assert not truncated({"choices": choices})
    assert truncated({"choices": [{**each, "index": 1 - each["index"]} for each in choices]})
