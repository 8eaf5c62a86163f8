"""The teachers of audited rows: which models answered, how often and since when."""

from __future__ import annotations

import json

import pytest

from tests.production.decisions import line, reference, watched, written
from tests.production.test_monitor_stopped import brief, facts
from tracer_spec.errors import DataError
from tracer_spec.production.monitoring.state import read_state


def answered(start: int, n: int, model):
    """Return audited requests that a model answered."""
    return [{**line(start + number, audit=True, teacher="a"), "model": model} for number in range(n)]


def test_one_teacher_is_named_and_is_no_warning():
    monitor = watched(answered(0, 30, "gpt-5-mini"))
    assert facts(monitor)["teacher"].text == "'gpt-5-mini' 30 (2026-03-01 00:00 to 2026-03-01 00:29)"
    assert facts(monitor)["teacher"].level == ""
    assert "gpt-5-mini" not in brief(monitor)


def test_a_teacher_that_changed_is_warned_of_with_counts_and_since_when():
    monitor = watched([*answered(0, 30, "gpt-5-mini"), *answered(1440, 12, "gpt-6")])
    told = facts(monitor)["teachers"]
    assert told.level == "warning"
    assert told.text.startswith(
        "WARNING: audited rows have 2 teachers: 'gpt-5-mini' 30 (2026-03-01 00:00 to 2026-03-01 00:29), "
        "'gpt-6' 12 (2026-03-02 00:00 to 2026-03-02 00:11)\n"
    )
    assert "'gpt-6' 12" in brief(monitor)


def test_rows_that_the_teacher_was_not_asked_for_or_did_not_answer_or_chance_did_not_choose_name_no_teacher():
    lines = [
        {**line(0), "model": "of the router"},
        {**line(1, audit=True, served="nobody"), "model": "silent"},
        {**line(2, handled=False, teacher="a"), "model": "deferred"},
        *answered(3, 1, "asked"),
    ]
    assert list(watched(lines).tally.teachers) == ["asked"]


def test_a_dated_name_and_the_same_one_without_its_date_are_one_teacher():
    monitor = watched([*answered(0, 3, "gpt-5-mini"), *answered(3, 3, "gpt-5-mini-2025-08-07")])
    assert facts(monitor)["teacher"].level == ""


@pytest.mark.parametrize("model", [None, "", 5, ["m"], "\ud800"])
def test_a_teacher_without_a_name_is_unnamed(nightly, model):
    (nightly.log / "a.jsonl").write_bytes(written(answered(0, 2, model)))
    assert {name: each.n for name, each in nightly.run().tally.teachers.items()} == {"unnamed": 2}


def test_names_that_others_made_up_are_few_and_short_and_steer_no_terminal(nightly):
    lines = [each for number in range(60) for each in answered(number, 1, f"m{number}\x1b[2J\n" + 200 * "x")]
    (nightly.log / "a.jsonl").write_bytes(written(lines))
    monitor = nightly.run()
    assert len(monitor.tally.teachers) == 21
    assert monitor.tally.teachers["others"].n == 40
    assert max(map(len, monitor.tally.teachers)) <= 40
    text = facts(monitor)["teachers"].text
    assert "\x1b" not in text
    assert len(text.splitlines()) == 2
    assert "and 16 more" in text


def test_the_teachers_outlive_a_night(nightly):
    lines = [*answered(0, 30, "gpt-5-mini"), *answered(30, 12, "gpt-6"), {**answered(42, 1, "gpt-6")[0], "time": None}]
    for end in (20, 35, 43):
        (nightly.log / "a.jsonl").write_bytes(written(lines[:end]))
        monitor = nightly.run()
    assert read_state(nightly.state, reference(), None)[0].tally.teachers == watched(lines).tally.teachers
    assert monitor.tally.teachers["gpt-6"].n == 13
    document = json.loads(nightly.state.read_text())
    for broken in (
        {"m": [1, 2]},
        {"m": {"n": -1, "first": "", "last": ""}},
        {"m": {"n": 1, "first": "now", "last": ""}},
        [],
    ):
        nightly.state.write_text(json.dumps({**document, "teachers": broken}))
        with pytest.raises(DataError, match="this is no state of a monitor"):
            read_state(nightly.state, reference(), None)


def test_a_state_of_before_teachers_were_counted_is_read(nightly):
    (nightly.log / "a.jsonl").write_bytes(written(answered(0, 3, "gpt-6")))
    nightly.run()
    document = json.loads(nightly.state.read_text())
    del document["teachers"], document["teacher_answers"]
    nightly.state.write_text(json.dumps(document))
    monitor = nightly.run()
    assert (monitor.tally.teachers, monitor.tally.rows) == ({}, 3)
    assert not {"teacher", "teachers"} & facts(monitor).keys()
