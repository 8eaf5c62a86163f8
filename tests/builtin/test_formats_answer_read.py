"""A condition that reads the teacher's answer selects on it: then what certifies is no sample of the traffic."""

import pytest

import tracer_spec as ts
from tracer_spec.builtin.formats import PRESETS
from tracer_spec.errors import SpecError
from tracer_spec.expressions.reads_answer import may_read_answer, refuse_answer_read
from tracer_spec.flow.prepare import condition_notes
from tracer_spec.flow.traces.counts import Accounting, SourceCounts
from tracer_spec.init.system_prompt import conditions
from tracer_spec.plan import load_plan
from tracer_spec.plugin.registry import find_plugins


@pytest.mark.parametrize(
    ("condition", "label"),
    [
        ("a == 'x'", "a"),
        ("!contains(a, 'transfer') && env == 'prod'", "a"),
        ("starts_with(r.answer, 'x')", "r.answer"),
        ("r | answer == 'x'", "r.answer"),
        ("answer.intent == 'x'", "answer"),
        ("contains(b, 'x')", "not_null(a, b)"),
        ("choices[0].text == 'x'", "choices[0].text"),
        ("teacher != 'other'", "native_label(@)"),
        ("a != ''", "a"),
        ("r.b.c.answer == 'x'", "r.b.c.answer"),
        ("r.b.c[0].answer == 'x'", "r.b.c"),
    ],
)
def test_a_condition_on_the_answer_itself_is_refused(condition, label):
    with pytest.raises(SpecError, match="which the label reads: the rows that are left are no sample"):
        refuse_answer_read(condition, label)


@pytest.mark.parametrize(
    ("condition", "label", "is_near"),
    [
        ("status == 'ok'", "a", False),
        ("env != 'test' && a", "a", False),
        ("a != `null`", "a", False),
        ("!a || status == 'ok'", "a", False),
        ("response.status == 'completed'", "answered(response)", True),
        ("response.meta.status == 'ok'", "response.meta.intent", False),
        ("a.b[0].c.d == 'ok'", "a.b[0].c.e", False),
        ("response.meta.status == 'ok'", "answered(response.meta)", True),
        ("output.finish_reason == 'stop'", "answered(output)", True),
        ("contains(to_string(response), 'x')", "response.intent", True),
        ("length(a) > `3`", "from_json(a).intent", True),
        ("!truncated(response)", "response.text", True),
        ("label == 'x'", "native_label(@)", True),
        ("input != 'ping'", "native_label(@)", False),
        ("`true`", "answered(@)", False),
        ("@ != `null`", "a", False),
        ("contains(to_string(@), 'x')", "a", True),
    ],
)
def test_a_condition_beside_the_answer_is_not_and_one_on_what_holds_both_is_told(condition, label, is_near):
    refuse_answer_read(condition, label)
    assert may_read_answer(condition, label) is is_near


@pytest.mark.parametrize("preset", [name for name, each in PRESETS.items() if each.instructions])
def test_a_condition_on_the_systems_prompt_is_not_near_the_answer(preset):
    """What ``init`` writes where a log holds several tasks."""
    read = PRESETS[preset]
    for condition in conditions(read.instructions, ["Classify.", ""]):
        refuse_answer_read(condition, read.label)
        assert not may_read_answer(condition, read.label)
        assert may_read_answer(f"({condition}) && contains(to_string(@), 'refund')", read.label)


def spec_of(format_, **more):
    traces = {"use": "jsonl", "with": {"path": "t.jsonl"}, "format": format_}
    return {"version": 1, "name": "w", "traces": traces, "embedder": "lsa", "target": {"agreement": 0.9}, **more}


@pytest.mark.parametrize(
    ("spec", "address"),
    [
        (spec_of({"text": "q", "label": "a", "where": "a != 'x'"}), "traces.format.where"),
        (spec_of({"text": "q", "label": "a", "skip": {"odd": "contains(a, 'x')"}}), "traces.format.skip.odd"),
        (spec_of({"text": "q", "label": "a", "certify": "a == 'x'"}), "traces.format.certify"),
        (spec_of({"text": "q", "label": "a"}, split={"certify_where": "a != 'x'"}), "split.certify_where"),
        (spec_of({"preset": "native", "where": "teacher != 'x'"}), "traces.format.where"),
    ],
)
def test_a_spec_that_selects_on_the_answer_is_refused_at_its_address(spec, address):
    with pytest.raises(ts.SpecError) as refusal:
        load_plan(spec, find_plugins())
    assert [problem.address for problem in refusal.value.problems] == [address]


def notes(format_, **dropped):
    """Return the notes on the conditions of a format, where so many records were dropped for each reason."""
    counts = {reason.replace("_", " "): n for reason, n in dropped.items()}
    accounting = Accounting(100, 100 - sum(counts.values()), counts, {}, {}, {}, 0, {}, ())
    return condition_notes(load_plan(spec_of(format_), find_plugins()), accounting)


def test_a_condition_on_what_holds_the_answer_too_is_an_assumption_of_the_certificate():
    (note,) = notes({"preset": "langfuse", "where": "output.finish_reason == 'stop'"})
    assert note.startswith("'traces.format.where' reads what the teacher's answer stands in")
    assert notes({"preset": "langfuse", "where": "name == 'classify'"}) == ()


def test_a_condition_that_leaves_records_out_is_an_assumption_of_the_certificate():
    wanted = {"preset": "native", "where": "confidence > `0.9`", "skip": {"test traffic": "env == 'test'"}}
    sure, tests = notes(wanted, excluded_by_where=60, test_traffic=1)
    assert sure == (
        "'traces.format.where' leaves 60 of 100 records out: the claim is about requests like those that it keeps, and "
        "says nothing of the others"
    )
    assert tests.startswith("'traces.format.skip.\"test traffic\"' leaves 1 of 100 records out")
    assert notes(wanted) == notes("langfuse", error_status=40) == ()


def test_of_several_sources_each_condition_is_told_with_the_counts_of_its_own():
    wanted = {"preset": "native", "where": "sure"}
    spec = spec_of("native") | {"traces": [spec_of(each)["traces"] for each in (wanted, "native", wanted)]}
    counts = [SourceCounts(name, 50, 50 - n, {"excluded by where": n}) for name, n in (("a", 7), ("b", 0), ("c", 9))]
    accounting = Accounting(150, 134, {"excluded by where": 16}, {}, {}, {}, 0, {}, (), sources=tuple(counts))
    first, third = condition_notes(load_plan(spec, find_plugins()), accounting)
    assert first.startswith("'traces[0].format.where' leaves 7 of 50 records out")
    assert third.startswith("'traces[2].format.where' leaves 9 of 50 records out")
