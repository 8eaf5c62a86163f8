"""What a reason says of a record in which no text, or no label, was found."""

import json

import pytest

from tracer_spec.builtin.formats import compile_format, find_format
from tracer_spec.builtin.formats.described import what_is_there

CHUNK = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "ref"}}]}


@pytest.mark.parametrize(
    ("record", "detail"),
    [
        ({"messages": [{"role": "system"}, {"role": "tool"}]}, "the record has messages with the roles system, tool"),
        ({"a": {"b": [{"role": "customer"}]}}, "the record has messages with the roles another"),
        ({"request": {"messages": [[{"type": "human"}]]}}, "the record has messages with the roles user"),
        (
            CHUNK,
            "the record is a piece of a streamed answer: log whole answers, or put the pieces of each together first",
        ),
        (
            {"data": [{"input": "a"}], "meta": 1},
            "'data' is a list of objects: if each is a trace, write 'iterate: data'",
        ),
        ({"a": 1, "b": [1]}, "the record has the keys a, b"),
        ({str(n): n for n in range(10)}, "the record has the keys 0, 1, 2, 3, 4, 5, 6, 7 and 2 more"),
        ({}, ""),
    ],
)
def test_what_is_there_is_told_in_keys_and_roles(record, detail):
    assert what_is_there(record, None, with_keys=True) == detail


def test_a_text_that_is_no_string_is_told_with_the_way_to_read_it():
    reader = compile_format(find_format("native"))
    (raw,) = reader.read({"input": {"subject": "late", "body": "where is it?"}, "teacher": "lost"})
    assert raw.detail == (
        "it is an object with the keys subject, body: read one of them, or join several: "
        "text: \"OBJECT | join(' ', [subject, body])\""
    )
    (joined,) = compile_format(find_format({"preset": "native", "text": "input | join(' ', [subject, body])"})).read(
        {"input": {"subject": "late", "body": "where is it?"}, "teacher": "lost"}
    )
    assert joined.text == "late where is it?"
    (raw,) = reader.read({"input": [{"role": "user", "content": "x"}], "teacher": "lost"})
    assert raw.detail == "it is a list: where it holds the messages of a chat, write 'text: asked(LIST)'"


def test_nothing_that_anybody_said_is_quoted():
    secret = "my private words"
    for record in ({"a": secret}, {"messages": [{"role": secret, "content": secret}]}, {"d": [{"x": secret}]}):
        assert secret not in what_is_there(record, None, with_keys=True)


def test_a_list_in_what_a_format_made_of_a_record_is_no_list_of_traces():
    assert what_is_there({"attributes": [{"key": "a", "value": {}}]}, None, with_keys=False) == ""


def test_a_trace_that_is_whole_is_not_described():
    (raw,) = compile_format(find_format("native")).read({"input": "a", "teacher": "b"})
    assert raw.detail == ""


def test_depth_and_length_are_bounded():
    deep = {}
    for _ in range(100_000):
        deep = {"a": [deep]}
    assert what_is_there(deep, None, with_keys=True).startswith("'a' is a list of objects")
    wide = {"k" * 1_000 + str(n): json.dumps(n) for n in range(1_000)}
    assert len(what_is_there(wide, None, with_keys=True)) < 400
