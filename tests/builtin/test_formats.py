import json
import math
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer_spec.builtin.formats import (
    PRESETS,
    Format,
    compile_format,
    custom_format,
    find_format,
    native_schema,
)
from tracer_spec.errors import SpecError

SCHEMA = Path(__file__).parents[2] / "schemas" / "trace.v1.json"


def read(wanted, record):
    return list(compile_format(find_format(wanted)).read(record))


def test_a_native_record_gives_all_its_parts():
    (raw,) = read(
        "native",
        {
            "id": "e1",
            "input": "where is my card?",
            "teacher": "card_arrival",
            "timestamp": "2026-01-01T00:00:00Z",
            "ground_truth": "lost_card",
            "metadata": {"model": "m-1"},
            "embedding": [0.5, 1],
        },
    )
    assert (raw.id, raw.text, raw.label, raw.time) == (
        "e1",
        "where is my card?",
        "card_arrival",
        1_767_225_600.0,
    )
    assert (raw.truth, raw.model, raw.vector, raw.group, raw.reason) == (
        "lost_card",
        "m-1",
        [0.5, 1],
        None,
        "",
    )


@pytest.mark.parametrize("text_key", ["input", "query", "text", "prompt", "question"])
@pytest.mark.parametrize("label_key", ["teacher", "teacher_output", "label", "intent", "output", "answer"])
def test_native_knows_several_names_of_text_and_label(text_key, label_key):
    (raw,) = read("native", {text_key: "a", label_key: "b"})
    assert (raw.text, raw.label) == ("a", "b")


def test_native_passes_over_null_to_the_next_name_but_an_empty_answer_is_an_answer():
    (raw,) = read("native", {"input": None, "text": "a", "teacher": "", "label": "b"})
    assert (raw.text, raw.label) == ("a", "")
    (raw,) = read("native", {"input": "a", "teacher": False, "label": "b"})
    assert raw.label is False


def test_a_time_that_is_not_understood_is_nan_and_one_that_is_missing_is_none():
    (odd,) = read("native", {"timestamp": "tomorrow"})
    (missing,) = read("native", {})
    assert math.isnan(odd.time)
    assert missing.time is None


def test_a_custom_map_reads_where_it_says():
    wanted = {
        "text": "body.q",
        "label": "from_json(body.a).intent",
        "group": "user",
        "where": "status == 'ok'",
    }
    good = {"status": "ok", "user": 7, "body": {"q": "hello", "a": '{"intent": "greet"}'}}
    (raw,) = read(wanted, good)
    assert (raw.text, raw.label, raw.group, raw.id, raw.time) == ("hello", "greet", 7, None, None)
    assert [r.reason for r in read(wanted, {**good, "status": "failed"})] == ["excluded by where"]


@pytest.mark.parametrize("value", [None, False, "", [], {}])
def test_where_leaves_out_what_jmespath_calls_false(value):
    assert read({"label": "a", "where": "flag"}, {"a": "b", "flag": value})[0].reason == "excluded by where"


@pytest.mark.parametrize("value", [True, 0, 0.0, "x", [0], {"a": None}])
def test_where_keeps_what_jmespath_calls_true(value):
    assert read({"label": "a", "where": "flag"}, {"a": "b", "flag": value})[0].reason == ""


def test_a_record_that_lists_several_traces_gives_each_and_each_can_see_the_whole_record():
    wanted = Format(
        "spans",
        text="q",
        label="a",
        id="spanId",
        model='"$record".resource.model',
        where="\"$record\".state == 'OK'",
        iterate="spans[?kind == 'llm']",
    )
    reader = compile_format(wanted)
    record = {
        "state": "OK",
        "resource": {"model": "m-1"},
        "spans": [
            {"kind": "llm", "spanId": "1", "q": "x", "a": "y"},
            {"kind": "db"},
            {"kind": "llm", "spanId": "2", "q": "z", "a": "w"},
        ],
    }
    got = [(raw.id, raw.text, raw.label, raw.model) for raw in reader.read(record)]
    assert got == [("1", "x", "y", "m-1"), ("2", "z", "w", "m-1")]
    assert [raw.reason for raw in reader.read({**record, "state": "ERROR"})] == ["excluded by where"] * 2
    assert [raw.reason for raw in reader.read({"spans": [{"kind": "db"}]})] == ["no trace in the record"]
    assert [raw.reason for raw in reader.read({})] == ["no trace in the record"]
    assert [raw.reason for raw in compile_format(Format("x", label="a", iterate="s")).read({"s": [1]})] == [
        "no trace in the record"
    ]


def test_a_view_stands_in_for_the_record_and_sees_the_whole_of_it():
    wanted = Format(
        "v", label="a", text="q", model="whole", iterate="turns", view='{q: ask.q, a: ans, whole: "$record".m}'
    )
    record = {"m": "m-1", "turns": [{"ask": {"q": "x"}, "ans": "y"}, 3]}
    assert [(raw.text, raw.label, raw.model, raw.reason) for raw in compile_format(wanted).read(record)] == [
        ("x", "y", "m-1", ""),
        (None, None, None, "no trace in the record"),
    ]
    assert read({"label": "a", "view": "a"}, {"a": "b"})[0].reason == "no trace in the record"
    failed = read({"label": "a", "view": "merge(a)"}, {"a": "b"})[0]
    assert (failed.reason, failed.detail) == (
        "expression failed",
        "traces.format.view: merge() got string, takes object",
    )


def test_rules_are_asked_in_order_after_where():
    wanted = {
        "label": "a",
        "where": "keep",
        "skip": {"first": "n > `1`", "second": "n > `0`"},
        "unanswered": {"cut": "n == `-1`", "short": "n < `0`"},
    }
    got = [
        read(wanted, {"a": "b", "n": n, "keep": keep})[0] for n, keep in [(2, True), (1, True), (0, True), (2, False)]
    ]
    assert [raw.reason for raw in got] == ["first", "second", "", "excluded by where"]
    unanswered = [read(wanted, {"a": "b", "n": n, "keep": 1})[0].unanswered for n in (0, -1, -2)]
    assert unanswered == ["", "cut", "short"]


def test_a_bad_rule_or_join_is_addressed_by_its_reason_or_key():
    for part, address in [
        ({"skip": {"bad one": "a["}}, "traces.format.skip.bad one"),
        ({"unanswered": {"cut": "f(a)"}}, "traces.format.unanswered.cut"),
        ({"join": {"key": "a", "input": "b", "output": "c["}}, "traces.format.join.output"),
    ]:
        with pytest.raises(SpecError) as caught:
            compile_format(find_format({"label": "a", **part}))
        assert caught.value.problems[0].address == address


def test_an_expression_that_fails_on_a_record_is_the_records_reason():
    (raw,) = read({"text": "join(' ', parts)", "label": "a"}, {"parts": "not a list", "a": "b"})
    assert (raw.reason, raw.detail) == (
        "expression failed",
        "traces.format.text: join() got string, takes array-string",
    )


def test_a_format_that_does_not_exist_is_an_error_with_a_suggestion():
    with pytest.raises(SpecError) as caught:
        find_format("nativ")
    assert str(caught.value) == (
        f"traces.format\n  no format is called 'nativ'; known: {', '.join(sorted(PRESETS))}\n  hint: did you mean 'native'?"
    )


def test_a_map_with_an_unknown_part_or_without_a_label_is_an_error():
    with pytest.raises(SpecError) as caught:
        custom_format({"text": "a", "lable": "b"})
    assert caught.value.problems[0].hint == "did you mean 'label'?"
    with pytest.raises(SpecError, match="the format has no label"):
        custom_format({"text": "a"})
    with pytest.raises(SpecError, match="a format has no part 'name'"):
        custom_format({"name": "a", "label": "b"})


def test_a_bad_expression_is_addressed_by_its_part():
    with pytest.raises(SpecError) as caught:
        compile_format(custom_format({"text": "a", "label": "b", "where": "status = 'ok'"}))
    assert caught.value.problems[0].address == "traces.format.where"


def test_every_preset_compiles_under_its_own_name():
    for name, preset in PRESETS.items():
        assert preset.name == name
        assert compile_format(preset).read({})


def test_the_schema_of_a_trace_is_the_one_in_the_repository():
    # to write it anew: json.dumps(native_schema(), indent=2) and a line end
    assert SCHEMA.read_text(encoding="utf-8") == json.dumps(native_schema(), indent=2) + "\n"
    jsonschema.Draft202012Validator.check_schema(native_schema())


keys = st.sampled_from(["input", "query", "teacher", "label", "answer", "id", "timestamp", "other"])
parts = st.none() | st.sampled_from(["", " ", "x"]) | st.integers(0, 3)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(keys, parts, max_size=6))
def test_what_the_schema_takes_has_a_text_and_a_label(record):
    is_valid = jsonschema.Draft202012Validator(native_schema()).is_valid(record)
    (raw,) = read("native", record)
    texts = [record.get(key) for key in ("input", "query") if record.get(key) is not None]
    assert is_valid == (
        all(isinstance(text, str) for text in texts) and any(text.strip() for text in texts) and raw.label is not None
    )
