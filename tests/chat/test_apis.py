"""Three chat APIs: which requests a label can answer, and answers that their own clients read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response

from tests.chat import bodies
from tracer_spec.chat.anthropic_messages import ANTHROPIC_MESSAGES
from tracer_spec.chat.api import Stamp
from tracer_spec.chat.apis import APIS, api_of
from tracer_spec.chat.completions import CHAT_COMPLETIONS
from tracer_spec.chat.events import EventReader
from tracer_spec.chat.reading import answered
from tracer_spec.chat.responses import RESPONSES
from tracer_spec.text_steps import ToolCall

BY_NAME = {"chat": CHAT_COMPLETIONS, "responses": RESPONSES, "anthropic": ANTHROPIC_MESSAGES}
STAMP = Stamp("0a", 1_700_000_000, "tracer/x@1")
TEXT = "where is it?"
IMAGE = [{"type": "text", "text": TEXT}, {"type": "image_url", "image_url": {"url": "data:"}}]
USER, ASSISTANT = {"role": "user", "content": TEXT}, {"role": "assistant", "content": "a"}
SEARCH = {"tools": [{"type": "web_search"}]}
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def data_of(pieces) -> list[dict]:
    reader = EventReader()
    found = [each for piece in pieces for each in reader.feed(piece)]
    return [json.loads(each) for each in found if each != "[DONE]"]


@pytest.mark.parametrize("name", BY_NAME)
def test_a_request_of_one_question_says_its_text(name):
    read = BY_NAME[name].read(bodies.request(name, TEXT))
    assert (read.text, read.foreign, read.is_single_turn, read.is_streamed, read.schema) == (
        TEXT,
        "",
        True,
        False,
        None,
    )
    assert BY_NAME[name].read(bodies.request(name, TEXT, stream=True)).is_streamed


@pytest.mark.parametrize(
    ("name", "more", "why"),
    [
        ("chat", {"n": 2}, "n > 1"),
        ("chat", {"logprobs": True}, "logprobs"),
        ("chat", {"functions": [{"name": "f"}]}, "functions"),
        ("chat", {"modalities": ["text", "audio"]}, "modalities"),
        ("chat", {"stream": 1}, ""),
        ("chat", {"stream": "yes"}, "stream"),
        ("chat", {"response_format": {"type": "grammar"}}, "response_format"),
        ("chat", {"response_format": "json"}, "response_format"),
        ("chat", {"messages": [{"role": "user", "content": IMAGE}]}, "parts that are no text"),
        ("chat", {"messages": [USER, {"role": "tool", "tool_call_id": "1", "content": "a"}, USER]}, "turns of tools"),
        ("chat", {"messages": [USER, {**ASSISTANT, "tool_calls": [{"id": "1"}]}, USER]}, "turns of tools"),
        ("chat", {"messages": [USER, ASSISTANT]}, "the last turn is not the user's"),
        ("chat", {"messages": []}, "no messages"),
        ("chat", {"messages": TEXT}, "no messages"),
        ("chat", {"messages": [TEXT]}, "parts that are no text"),
        ("chat", SEARCH, "tools"),
        ("chat", {"tools": {}}, "tools"),
        ("chat", {"tool_choice": "required"}, "tool_choice"),
        ("chat", {**bodies.forcing("chat", "a"), "tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
        (
            "chat",
            {**bodies.forcing("chat", "a"), "tool_choice": {"type": "function", "function": {"name": "b"}}},
            "tools",
        ),
        ("responses", {"previous_response_id": "resp_1"}, "previous_response_id"),
        ("responses", {"background": True}, "background"),
        ("responses", {"include": ["message.output_text.logprobs"]}, "include"),
        (
            "responses",
            {"input": [{"type": "function_call_output", "call_id": "1", "output": "a"}]},
            "parts that are no text",
        ),
        ("responses", {"text": {"format": {"type": "grammar"}}}, "text.format"),
        ("responses", SEARCH, "tools"),
        (
            "anthropic",
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]},
            "parts that are no text",
        ),
        ("anthropic", {"messages": [USER, {"role": "assistant", "content": "{"}]}, "the last turn is not the user's"),
        ("anthropic", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools"),
        ("anthropic", {"mcp_servers": [{"url": "x"}]}, "mcp_servers"),
        ("anthropic", {"system": [{"type": "image"}]}, "system"),
    ],
)
def test_what_asks_for_more_than_a_label_says_why(name, more, why):
    assert BY_NAME[name].read(bodies.request(name, TEXT, **more)).foreign == why


@pytest.mark.parametrize("name", BY_NAME)
def test_turns_of_an_assistant_make_it_a_conversation(name):
    key = "input" if name == "responses" else "messages"
    read = BY_NAME[name].read(bodies.request(name, TEXT, **{key: [USER, ASSISTANT, USER]}))
    assert (read.foreign, read.is_single_turn) == ("", False)


@pytest.mark.parametrize("name", BY_NAME)
def test_a_request_says_which_tools_an_answer_may_call(name):
    read = BY_NAME[name].read
    one = read(bodies.request(name, TEXT, **bodies.forcing(name, "classify")))
    assert (one.tools, one.must_call) == ((("classify", bodies.TOOL),), True)
    two = read(bodies.request(name, TEXT, **bodies.forcing(name, "a", "b")))
    assert ([tool.name for tool in two.tools], two.must_call) == (["a", "b"], True)
    free = read(bodies.request(name, TEXT, tools=bodies.forcing(name, "a")["tools"]))
    assert ([tool.name for tool in free.tools], free.must_call) == (["a"], False)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("chat", {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": bodies.TOOL}}}),
        ("responses", {"text": {"format": {"type": "json_schema", "name": "x", "schema": bodies.TOOL}}}),
        ("anthropic", {"output_config": {"format": {"type": "json_schema", "schema": bodies.TOOL}}}),
        ("anthropic", {"output_format": {"type": "json_schema", "schema": bodies.TOOL}}),
    ],
)
def test_a_request_says_which_schema_its_answer_follows(name, more):
    read = BY_NAME[name].read(bodies.request(name, TEXT, **more))
    assert (read.foreign, read.schema) == ("", bodies.TOOL)


@given(
    st.sampled_from(APIS),
    st.recursive(
        st.none() | st.booleans() | st.integers() | texts,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "messages",
                        "input",
                        "role",
                        "content",
                        "type",
                        "text",
                        "tools",
                        "tool_choice",
                        "name",
                        "function",
                        "response_format",
                        "system",
                        "user",
                        "n",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=20,
    ),
)
def test_no_body_breaks_the_reader(api, body):
    if isinstance(body, dict):
        api.read(body)


@pytest.mark.parametrize("answer", ["refund", 'say "é" \n🙂', ToolCall("classify", {"intent": "é"})])
def test_openais_own_types_take_the_answers(answer):
    for model, api in ((ChatCompletion, CHAT_COMPLETIONS), (Response, RESPONSES)):
        body = model.model_validate(api.write(answer, STAMP), strict=True)
        assert answered(body.model_dump()) == answer
    for chunk in data_of(CHAT_COMPLETIONS.events(answer, STAMP, True)):
        ChatCompletionChunk.model_validate(chunk, strict=True)


@given(st.sampled_from(APIS), texts | st.builds(ToolCall, st.sampled_from(["a", "b"]), st.dictionaries(texts, texts)))
def test_events_add_up_to_the_body(api, answer):
    pieces = list(api.events(answer, STAMP, False))
    joined = api.join(data_of(pieces))
    assert answered(joined) == answered(api.write(answer, STAMP))
    assert joined["model"] == STAMP.model
    if isinstance(answer, ToolCall):
        assert answered(joined).tool == answer.tool


@pytest.mark.parametrize("name", BY_NAME)
@given(data=st.data())
def test_a_vendors_events_are_read_wherever_the_pieces_end_and_not_before_the_last(name, data):
    written = b"".join(bodies.stream(name, "where is it, é?"))
    at = sorted(data.draw(st.lists(st.integers(0, len(written)), max_size=5)))
    pieces = [written[start:end] for start, end in zip([0, *at], [*at, len(written)], strict=True)]
    found = data_of(pieces)
    assert answered(BY_NAME[name].join(found)) == "where is it, é?"
    assert BY_NAME[name].join(found[:-1]) is None


chunks = st.dictionaries(
    st.sampled_from(
        ["type", "choices", "delta", "index", "content", "content_block", "message", "finish_reason", "response"]
    ),
    st.recursive(
        st.none()
        | st.booleans()
        | st.sampled_from([0, "a", "message_start", "content_block_start", "content_block_delta"]),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "delta",
                        "index",
                        "content",
                        "text",
                        "partial_json",
                        "tool_calls",
                        "function",
                        "name",
                        "finish_reason",
                        "refusal",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ),
    max_size=4,
)


@given(st.sampled_from(APIS), st.lists(chunks, max_size=4))
def test_no_events_break_what_adds_them_up(api, data):
    assert isinstance(api.join(data), dict | None)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/chat/completions", "chat completions"),
        ("/openai/deployments/a/chat/completions?api-version=2", "chat completions"),
        ("/v1/responses/", "responses"),
        ("/v1/messages", "messages"),
        ("/v1/messages/batches", None),
        ("/v1/responses/resp_1", None),
        ("/v1/threads/t/messages", None),
    ],
)
def test_a_path_tells_its_api(path, name):
    api = api_of(path)
    assert (api and api.name) == name
