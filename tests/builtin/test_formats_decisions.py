"""What a router answered is not what the teacher answered: no format reads a decision as a trace."""

import dataclasses
import json

import pytest

from tracer_spec.builtin.formats import PRESETS, compile_format, custom_format, find_format
from tracer_spec.builtin.formats.decisions import carries_decision, is_answered_by_router
from tracer_spec.cli.commands.route_lines import error_document
from tracer_spec.errors import DataError
from tracer_spec.flow.traces.collect import collect
from tracer_spec.plugin import Record
from tracer_spec.runtime.decision import REASONS, UNAVAILABLE, Decision
from tracer_spec.text_steps.labels import LabelCleaner

DECISION = {"label": "lost", "handled": True, "score": 0.97, "stage": 0, "reason": "handled"}
ANSWERED = {"input": "where is it?", "teacher": "lost"}
# the log of a deployment tells whose label is whose: see tests/production
FORMATS = {
    **{name: each for name, each in PRESETS.items() if name != "decisions"},
    "custom": custom_format({"text": "input", "label": "label"}),
}


def reasons(wanted, *data):
    records = [Record(f"a:{number}", each) for number, each in enumerate(data, 1)]
    return [raw.reason for _, raw in compile_format(wanted).traces(records)]


@pytest.mark.parametrize("wanted", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("record", [{"id": "1", **ANSWERED, **DECISION}, {**ANSWERED, "router": DECISION}])
def test_a_record_with_a_decision_is_no_trace_in_any_format(wanted, record):
    assert reasons(wanted, record) == ["a router's decision"]


def test_what_the_runtime_and_the_command_write_are_decisions():
    decided = [Decision("lost", True, 0.9, 0, REASONS[0]), UNAVAILABLE]
    written = [*(each.to_dict() for each in decided), error_document("not JSON"), *(each._asdict() for each in decided)]
    assert all(map(carries_decision, written))


@pytest.mark.parametrize("reason", [*REASONS, "error"])
def test_a_part_of_a_decision_is_told_by_its_reason(reason):
    assert carries_decision({"input": "a", "label": "b", "handled": False, "reason": str(reason)})


@pytest.mark.parametrize(
    "record",
    [
        {"input": "a", "teacher": "b", "handled": True},
        {"input": "a", "teacher": "b", "handled": True, "reason": "the customer called", "score": 4},
        {"input": "a", "teacher": "b", "score": 4, "stage": 1, "reason": "handled"},
        {"input": "a", "teacher": "b", "handled": "by phone", "reason": "handled"},
    ],
)
def test_keys_of_an_apps_own_are_no_decision(record):
    assert not carries_decision(record)
    assert reasons(PRESETS["native"], record) == [""]


def test_a_decision_in_a_list_a_view_or_half_a_trace_is_found():
    listed = custom_format({"text": "input", "label": "label", "iterate": "rows"})
    assert reasons(listed, {"rows": [{**ANSWERED, **DECISION}, {**ANSWERED, "label": "b"}]}) == [
        "a router's decision",
        "",
    ]
    assert reasons(listed, {**DECISION, "rows": [{**ANSWERED, "label": "b"}]}) == ["a router's decision"]
    seen = custom_format({"text": "input", "label": "label", "view": "log.body"})
    assert reasons(seen, {"log": {"body": {**ANSWERED, **DECISION}}}) == ["a router's decision"]
    halves = custom_format(
        {
            "text": "inputs[0].input",
            "label": "outputs[0].label",
            "join": {"key": "id", "input": "input", "output": "label"},
        }
    )
    asked, answered = {"id": 1, "input": "where is it?"}, {"id": 1, **DECISION}
    assert reasons(halves, asked, answered) == ["a router's decision", "no matching output"]


@pytest.mark.parametrize(
    "hidden",
    [
        {"log": {"message": {"router": DECISION}}},
        {"router": json.dumps(DECISION)},
        {"router": json.dumps(json.dumps(DECISION))},
        {"router": str(DECISION)},
        {"log": {"body": json.dumps({**ANSWERED, "router": DECISION})}},
        *({f"router{mark}{key}": value for key, value in DECISION.items()} for mark in (".", "_", "__", "/")),
        {f"router.{key}": str(value) for key, value in DECISION.items()},
        {"router_handled": "False", "router_reason": "low_score"},
        {"router_handled": 1, "router_reason": "handled"},
    ],
)
@pytest.mark.parametrize("wanted", PRESETS.values(), ids=PRESETS)
def test_a_decision_is_found_where_an_export_has_put_it(wanted, hidden):
    assert reasons(wanted, {"id": "1", **ANSWERED, "teacher_raw": "lost", **hidden}) == ["a router's decision"]


@pytest.mark.parametrize(
    "text", ['{"handled": true, "reason": "by phone"}', "{'handled'", "handled: stage, score, reason", '{"handled"']
)
def test_a_text_that_speaks_of_what_was_handled_is_no_decision(text):
    assert reasons(PRESETS["native"], {**ANSWERED, "input": text}) == [""]


def test_decisions_among_traces_may_be_left_out_by_where():
    wanted = dataclasses.replace(PRESETS["native"], where="!router")
    assert reasons(wanted, ANSWERED, {**ANSWERED, "router": DECISION}) == ["", "excluded by where"]


def gather(data, on_error="fail"):
    records = [Record(f"a:{number}", each) for number, each in enumerate(data, 1)]
    return collect(records, compile_format(PRESETS["native"]).traces, LabelCleaner(), on_error=on_error)


def test_decisions_among_traces_are_an_error_that_says_what_to_do_or_a_count_and_a_note():
    data = [ANSWERED, {**ANSWERED, **DECISION}]
    with pytest.raises(DataError) as caught:
        gather(data)
    head, one = caught.value.problems
    assert head.what == "1 of 2 records cannot be used: a router's decision (1)"
    assert head.hint == (
        "a router's answer is not the teacher's: write traces that hold what the teacher answered, and nothing of a decision, "
        "and leave out requests that it was not asked; the log of ts.deploy or of 'serve' is read by the format "
        "'decisions'; or leave them out with 'traces.format.where', or drop and count: "
        "'on_error: drop'"
    )
    assert (one.where, one.what) == ("a:2", "a router's decision")
    accounting = gather(data, "drop").accounting
    assert dict(accounting.dropped) == {"a router's decision": 1}
    assert [note.partition(":")[0] for note in accounting.notes] == ["1 record of a router's decisions left out"]
    with pytest.raises(DataError, match="none of 1 record is a usable trace") as caught:
        gather(data[1:], "drop")
    assert caught.value.problems[0].hint.startswith("a router's answer is not the teacher's: ")


@pytest.mark.parametrize("others", [{}, {"label": "lost"}, {"output": "lost", "answer": "lost"}])
def test_a_native_record_whose_teacher_is_null_has_no_label(others):
    (raw,) = compile_format(find_format("native")).read({"input": "a", "teacher": None, **others})
    assert (raw.label, raw.reason) == (None, "")


@pytest.mark.parametrize("value", ["", False, 0, "lost"])
def test_a_native_record_has_the_teachers_answer_whatever_it_is(value):
    (raw,) = compile_format(find_format("native")).read({"input": "a", "teacher": value, "label": "other"})
    assert raw.label is value


OWN_MODEL = "tracer/support@0123456789ab"
CHAT = {"messages": [{"role": "user", "content": "where is it?"}]}
COMPLETION = {"model": OWN_MODEL, "choices": [{"message": {"role": "assistant", "content": "lost"}}]}
GENERATION = {"message": {"kwargs": {"content": "lost", "response_metadata": {"model_name": OWN_MODEL}}}}
SPAN = {"span_id": "1", "attributes": {"mlflow.spanType": '"CHAT_MODEL"', "mlflow.llm.model": '"gpt-5"'}}


@pytest.mark.parametrize(
    ("preset", "record"),
    [
        # these name the model that the app asked for, or none, beside the answer of the router that took its place
        ("langsmith", {"inputs": CHAT, "outputs": COMPLETION, "extra": {"metadata": {"ls_model_name": "gpt-5"}}}),
        ("langsmith", {"inputs": CHAT, "outputs": json.dumps(COMPLETION), "extra": None}),
        ("langsmith", {"inputs": CHAT, "outputs": {"generations": [[GENERATION]], "llm_output": None}}),
        ("litellm", {"messages": CHAT["messages"], "model": "gpt-5", "response": COMPLETION}),
        ("langfuse", {"input": CHAT, "output": COMPLETION, "providedModelName": "gpt-5"}),
        (
            "mlflow",
            {
                "spans": [
                    SPAN
                    | {
                        "attributes": SPAN["attributes"]
                        | {"mlflow.spanInputs": json.dumps(CHAT), "mlflow.spanOutputs": json.dumps(COMPLETION)}
                    }
                ]
            },
        ),
        ("native", {"input": "where is it?", "teacher": "lost", "raw": str(COMPLETION)}),
    ],
)
def test_an_answer_of_a_routers_own_is_no_trace_whatever_model_the_log_names(preset, record):
    assert reasons(PRESETS[preset], record) == ["a router's decision"]


@pytest.mark.parametrize(
    "record",
    [
        # what an app asks a gateway for names no version
        {"request": {"model": "tracer/intents"}, "response": {"model": "gpt-5"}},
        {"request": {"model": OWN_MODEL}, "response": {"model": "gpt-5"}},
        {
            "inputs": {"messages": [{"role": "assistant", "response_metadata": {"model_name": OWN_MODEL}}]},
            "outputs": "lost",
        },
        {"input": f"what is {OWN_MODEL}?", "teacher": "lost"},
        {"input": "where is it?", "teacher": "lost", "model": "tracer/support"},
    ],
)
def test_a_routers_model_in_a_question_or_without_a_version_is_no_answer_of_its_own(record):
    assert not is_answered_by_router(record)
