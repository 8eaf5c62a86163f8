import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer_spec.expressions.functions import FUNCTIONS, from_json, message_text, nested, otlp, unpack
from tracer_spec.expressions.language import compile_expression


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("hello", "hello"),
        ("", ""),
        (["a", {"type": "text", "text": "b"}], "a\nb"),
        ([{"type": "output_text", "text": "b"}, {"type": "refusal", "refusal": "no"}], "b"),
        ([{"type": "reasoning", "content": "I think"}, {"type": "text", "content": "b"}], "b"),
        ([{"type": "thinking", "thinking": "I think"}, {"type": "tool_use", "input": {}}], None),
        ([{"text": "of a part without a kind"}], "of a part without a kind"),
        ([{"role": "user", "content": "a message is no part"}], None),
        ({"type": "text", "text": "alone"}, "alone"),
        ([{"type": ["text"], "text": "b"}, {"type": "text", "text": 3}], None),
        ([], None),
        (None, None),
        (7, None),
    ],
)
def test_the_text_of_a_message_is_what_is_meant_to_be_read(content, text):
    assert message_text(content) == text


@pytest.mark.parametrize(
    ("value", "parsed", "unpacked"),
    [
        ('{"a": 1}', {"a": 1}, {"a": 1}),
        ("[1]", [1], [1]),
        ('"a"', "a", "a"),
        ("1", 1, "1"),
        ("null", None, "null"),
        ("NaN", pytest.approx(float("nan"), nan_ok=True), "NaN"),
        ("where is it?", None, "where is it?"),
        ("[" * 100_000, None, "[" * 100_000),
        (3, 3, 3),
        ([1], [1], [1]),
    ],
)
def test_json_in_a_string_is_parsed_and_plain_text_is_told_from_it(value, parsed, unpacked):
    assert from_json(value) == parsed
    assert unpack(value) == unpacked


def as_otlp(value):
    """Write a value as OTLP/JSON does: the inverse, by the protocol's own words."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [as_otlp(each) for each in value]}}
    return {"kvlistValue": {"values": [{"key": key, "value": as_otlp(each)} for key, each in value.items()]}}


values = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=5), values, min_size=1, max_size=4))
def test_what_otlp_writes_is_read_back(attributes):
    assert otlp([{"key": key, "value": as_otlp(value)} for key, value in attributes.items()]) == attributes
    assert otlp(as_otlp(attributes)) == attributes


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"intValue": 7}, 7),
        ({"intValue": "seven"}, None),
        ({"arrayValue": {}}, []),
        ({"arrayValue": None}, []),
        ({"kvlistValue": {}}, {}),
        ([], []),
        ([{"key": "a"}], {"a": None}),
        ([{"key": 3, "value": {"stringValue": "x"}}], {}),
        ({"gen_ai.request.model": "m"}, {"gen_ai.request.model": "m"}),
        ("text", "text"),
        (None, None),
    ],
)
def test_otlp_takes_what_writers_of_it_leave_out_and_lets_plain_json_pass(written, read):
    assert otlp(written) == read


segments = st.sampled_from(["a", "b", "c", "llm"])
trees = st.recursive(
    st.integers() | st.text(max_size=3) | st.none(),
    lambda inner: st.dictionaries(segments, inner, min_size=1, max_size=3) | st.lists(inner, min_size=1, max_size=3),
    max_leaves=10,
)


def flattened(value, path=()):
    """Yield every leaf with its dotted key: how OpenInference writes a tree, by brute force."""
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from flattened(each, (*path, str(key)))
    else:
        yield ".".join(path), value


@given(st.dictionaries(segments, trees, min_size=1, max_size=4), st.randoms())
def test_a_tree_that_was_flattened_is_itself_again_whatever_the_order_of_its_keys(tree, random):
    leaves = list(flattened(tree))
    random.shuffle(leaves)
    assert nested(dict(leaves)) == tree
    assert nested(tree) == tree


@pytest.mark.parametrize(
    ("flat", "tree"),
    [
        ({"a": 1, "a.b": 2}, {"a": 1, "a.b": 2}),
        ({"a.b": 2, "a": None}, {"a": {"b": 2}}),
        ({"a.b": 2, "a": {"c": 3}}, {"a": {"c": 3, "b": 2}}),
        ({"a.1": "y", "a.0": "x"}, {"a": ["x", "y"]}),
        ({"a.7": "y", "a.3": "x"}, {"a": ["x", "y"]}),
        ({"a.1": "y", "a.n": "x"}, {"a": {"1": "y", "n": "x"}}),
        ({"$record": {"a.b": 1}, "c.d": 2}, {"$record": {"a.b": 1}, "c": {"d": 2}}),
        ({".a": 1, "b.": 2}, {".a": 1, "b": {"": 2}}),
        ([{"a.b": 1}], [{"a": {"b": 1}}]),
        ("a.b", "a.b"),
    ],
)
def test_keys_that_stand_in_each_others_way_lose_nothing(flat, tree):
    assert nested(flat) == tree


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=4) | st.sampled_from(["key", "value", "type", "intValue"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@settings(max_examples=200)
@given(anything)
@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_no_function_raises_or_changes_what_it_is_given(name, value):
    before = json.dumps(value)
    FUNCTIONS[name](value)
    assert json.dumps(value) == before
    compile_expression(f"{name}(@)")(value)
