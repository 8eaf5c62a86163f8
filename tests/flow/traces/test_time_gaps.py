"""Traces of a clock that was wrong are told of in plan and build, as monitor tells of them."""

from __future__ import annotations

import json

import pytest

from tracer_spec.flow.prepare import read_traces
from tracer_spec.plan import make_plan
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.spec import load_spec

DAY_S = 86_400
NEW = 1.78e9  # 2026-05-28


def records(days, name="t", start=NEW):
    return [
        {"id": f"{name}{n}", "input": f"text {name} {n}", "teacher": "a", "timestamp": start + day * DAY_S}
        for n, day in enumerate(days)
    ]


def notes(folder, *sources):
    for number, each in enumerate(sources):
        (folder / f"{number}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in each))
    named = [{"use": "jsonl", "with": {"path": str(folder / f"{number}.jsonl")}} for number in range(len(sources))]
    spec = {
        "version": 1,
        "name": "small",
        "traces": named if len(named) > 1 else named[0],
        "embedder": {"use": "lsa"},
        "zoo": ["logreg"],
        "target": {"agreement": 0.9},
    }
    traces = read_traces(make_plan(load_spec(spec), find_plugins()))
    return [each for each in traces.accounting.notes if "no trace from" in each]


def test_traces_of_a_clock_a_year_back_are_told(tmp_path):
    (told,) = notes(tmp_path, [*records(range(60)), *records(range(7), "old", NEW - 365 * DAY_S)])
    assert told == (
        "no trace from 2025-06-03 to 2026-05-28, 358 days, which is longer than all that has traces; 7 traces of 67 before "
        "that: a clock was wrong, the app was off, or part of the log is missing; where it is a clock, these rows are no "
        "older or newer than the others, and 'split: {strategy: fresh}' takes them for it"
    )


@pytest.mark.parametrize(
    "days", [range(60), range(0, 300, 30), (0,), (0, 29)], ids=["daily", "monthly", "one day", "two days"]
)
def test_other_logs_have_no_such_note(tmp_path, days):
    assert notes(tmp_path, records(days)) == []


def test_two_sources_may_lie_years_apart_and_each_may_have_a_clock_that_was_wrong(tmp_path):
    old, new = records(range(40), "old", NEW - 900 * DAY_S), records(range(40), "new")
    assert notes(tmp_path, old, new) == []
    (told,) = notes(tmp_path, old, [*new, *records([0], "odd", NEW + 365 * DAY_S)])
    assert "40 traces of 41 before that" in told


def test_times_that_no_calendar_has_are_passed_over(tmp_path):
    odd = [{**each, "timestamp": -9.9e10} for each in records(range(3), "odd")]
    missing = [{**each, "timestamp": None} for each in records(range(3), "missing")]
    assert notes(tmp_path, [*records(range(40)), *odd, *missing]) == []
