"""A log that has stopped, and a teacher that no longer answers: neither looks like a claim that holds."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.production.decisions import START, line, reference, traffic, watched, written
from tracer_spec.cli.text.outcome import Outcome
from tracer_spec.errors import DataError
from tracer_spec.production.monitoring.log import Reading
from tracer_spec.production.monitoring.monitor import Monitor
from tracer_spec.production.monitoring.state import read_state
from tracer_spec.report.monitor_facts import monitor_facts


def facts(monitor, *, n_lines=1, now=None):
    return {each.name: each for each in monitor_facts(monitor, Reading((), n_lines, ()), now=now)}


def brief(monitor, **given) -> str:
    return Outcome(monitor.verdict, "small", list(facts(monitor, **given).values())).text(brief=True)


# --- the log -----------------------------------------------------------------------------------------------------------

LAST = START + timedelta(minutes=199)


@pytest.mark.parametrize(
    ("hours", "n_lines", "expected"),
    [
        (1, 200, None),
        (23, 200, None),
        (-9, 200, None),
        (1, 0, "the last decision was on 2026-03-01 at 03:19 UTC; no line is new in this run"),
        (25, 200, "WARNING: the last decision was on 2026-03-01 at 03:19 UTC, 1 day ago\n"),
        (
            24 * 90 + 5,
            0,
            "WARNING: the last decision was on 2026-03-01 at 03:19 UTC, 90 days ago; no line is new in this run\n",
        ),
    ],
)
def test_when_the_last_decision_was_is_told_where_nothing_is_new_or_that_is_a_day_ago(hours, n_lines, expected):
    monitor = watched(traffic(200, 0.97))
    told = facts(monitor, n_lines=n_lines, now=LAST + timedelta(hours=hours)).get("last line")
    assert (told and told.text.partition("\n")[0]) == (expected and expected.rstrip("\n"))
    if expected:
        is_warning = expected.startswith("WARNING")
        assert told.level == ("warning" if is_warning else "")
        assert ("the verdict is of the log until then" in told.text) == is_warning
        assert told.text.partition("\n")[0] in brief(monitor, n_lines=n_lines, now=LAST + timedelta(hours=hours))


def test_a_last_decision_that_is_still_to_come_says_that_nothing_tells_a_log_that_stops():
    """One line of a clock that was wrong would hide for years that the log has stopped."""
    ahead = {**line(500), "time": "2099-01-01T00:00:00+00:00"}
    monitor = watched([*traffic(200, 0.97), ahead])
    told = facts(monitor, n_lines=0, now=LAST + timedelta(days=90))["last line"]
    assert told.text == (
        "WARNING: the last decision was on 2099-01-01 at 00:00 UTC, which is still to come\na clock was wrong: until then "
        "nothing tells that the log stops, and the course over time has the wrong days"
    )
    assert told.level == "warning"
    assert told.text.partition("\n")[0] in brief(monitor, now=LAST)


def test_a_log_without_times_says_only_that_nothing_is_new():
    monitor = watched([{**line(0), "time": None}])
    assert "last line" not in facts(monitor, n_lines=1, now=LAST)
    assert facts(monitor, n_lines=0, now=LAST)["last line"].text == "no line is new in this run"


def test_a_page_whose_bytes_are_to_stay_the_same_tells_no_time_that_has_passed():
    assert "last line" not in facts(watched(traffic(200, 0.97)), n_lines=0)


# --- the teacher -------------------------------------------------------------------------------------------------------


def silent(start: int, n: int):
    """Return audited requests that nobody answered."""
    return [line(start + number, audit=True, served="nobody") for number in range(n)]


def test_a_teacher_that_is_down_is_warned_of_and_the_claim_is_not_said_to_be_followed():
    monitor = watched([*traffic(600, 0.97), *silent(600, 40)])
    told = facts(monitor)["unanswered"]
    assert (monitor.verdict, told.level) == ("holds", "warning")
    assert told.text.startswith(
        "WARNING: of the last 50 requests to the teacher 40 were not answered, and tell nothing of agreement; the teacher's "
        "last answer was on 2026-03-01 at 09:59 UTC\n"
    )
    assert "of the last 50 requests to the teacher 40" in brief(monitor)


@pytest.mark.parametrize(
    ("n_silent", "n_after", "is_told"), [(4, 0, False), (5, 0, True), (10, 40, True), (9, 41, False)]
)
def test_some_requests_that_were_not_answered_are_no_warning_nor_what_is_over(n_silent, n_after, is_told):
    answered = [line(number, audit=True, teacher="a") for number in range(10 + n_silent, 10 + n_silent + n_after)]
    monitor = watched([*[line(n, audit=True, teacher="a") for n in range(10)], *silent(10, n_silent), *answered])
    assert ("unanswered" in facts(monitor)) == is_told


def test_a_teacher_that_never_answered_has_no_last_answer():
    text = facts(watched(silent(0, 30)))["unanswered"].text
    assert "of the last 30 requests to the teacher 30 were not answered" in text
    assert "last answer" not in text


@pytest.mark.parametrize("rate", [0.0, 0.001])
def test_a_teacher_that_does_not_answer_what_is_deferred_is_warned_of_without_an_audit(rate):
    """The router goes on with what it handles, which tells nothing of the teacher."""
    asked = [line(n, teacher="a", handled=False, audit_rate=rate) for n in range(20)]
    failed = [line(20 + n, handled=False, audit_rate=rate, served="nobody") for n in range(30)]
    handled = [line(50 + n, audit_rate=rate) for n in range(200)]
    monitor = watched([*asked, *failed, *handled])
    told = facts(monitor)["unanswered"]
    assert (monitor.verdict, told.level) == ("not measured", "warning")
    assert told.text.startswith("WARNING: of the last 50 requests to the teacher 30 were not answered")
    assert "unanswered" not in facts(watched([*asked, *handled]))


def test_the_answers_of_the_last_audited_requests_outlive_a_night_and_take_no_room(nightly):
    lines = [*traffic(300, 0.97), *silent(300, 30), *silent(330, 10)]
    for end in (330, 340):
        (nightly.log / "a.jsonl").write_bytes(written(lines[:end]))
        monitor = nightly.run()
    assert facts(monitor)["unanswered"].text == facts(watched(lines))["unanswered"].text
    assert read_state(nightly.state, reference(), None)[0].tally.answers == watched(lines).tally.answers
    assert len(monitor.tally.answers.latest) == 50


@pytest.mark.parametrize("broken", [{"latest": "x"}, {"latest": "+" * 51}, {"latest": "", "last": "today"}, 1])
def test_a_state_whose_answers_are_no_answers_is_refused(nightly, broken):
    (nightly.log / "a.jsonl").write_bytes(written(silent(0, 3)))
    nightly.run()
    document = json.loads(nightly.state.read_text())
    nightly.state.write_text(json.dumps({**document, "teacher_answers": broken}))
    with pytest.raises(DataError, match="this is no state of a monitor"):
        read_state(nightly.state, reference(), None)


# --- the router and the audit --------------------------------------------------------------------------------------------

A_DAY = 24 * 60


def days(n: int, n_rows: int = 300, *, first: int = 0, **given) -> list[dict]:
    """Return so many rows a day for n days."""
    return traffic(n * n_rows, 0.97, minutes=A_DAY / n_rows, first=first * n_rows, **given)


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        (0.0, "WARNING: since 2026-03-11 it is 0.000 in [0.000, 0.130], 0 of 300 rows"),
        (0.2, "WARNING: since 2026-03-11 it is 0."),
        (0.6, None),
        (0.8, None),
        (1.0, None),
    ],
)
def test_a_router_that_handles_less_than_half_of_what_it_did_is_told_though_the_claim_holds(late, expected):
    """An embedder that fails costs as many calls as no router, and refutes nothing."""
    monitor = watched([*days(10), *days(1, first=10, coverage=late, seed=1)])
    told = facts(monitor)["coverage"]
    assert monitor.verdict == "holds"
    assert (told.level == "warning") == ("WARNING" in told.text) == (expected is not None)
    if expected:
        assert told.text.split("\n")[1].startswith(expected)
        assert " of 300 rows, and was 0.796 before" in told.text
        assert expected in brief(monitor)


@pytest.mark.parametrize(
    "lines", [days(1, coverage=0.0), days(2, n_rows=90), [{**each, "time": None} for each in days(3)]]
)
def test_a_short_log_tells_nothing_of_how_much_was_handled_before(lines):
    assert facts(watched(lines))["coverage"].level == ""


@pytest.mark.parametrize(("n_days", "is_told"), [(1, False), (3, True)])
@pytest.mark.parametrize("measure", ["agreement", "end_to_end"])
def test_an_audit_that_was_turned_off_is_told_as_soon_as_chance_does_not_explain_it(n_days, is_told, measure):
    """The verdict would be that of the last audited row for ever."""
    monitor = Monitor(reference(measure=measure))
    for each in [*days(10, audit=0.02), *days(n_days, first=10, audit=0.0, seed=1)]:
        monitor.add(each)
    assert monitor.verdict == "holds"
    found = facts(monitor).get("last audit")
    assert (found is not None) == is_told
    if found:
        kind = " that are handled" if measure == "agreement" else ""
        assert found.text.startswith("WARNING: since 2026-03-11 no audited row tells of the claim, of ")
        assert f" rows{kind}; by how often they did before, " in found.text
        assert found.level == "warning"
        assert "last audit" in brief(monitor)


@pytest.mark.parametrize(
    "lines", [days(10, audit=0.0), days(10, audit=0.02), [{**each, "time": None} for each in days(9)]]
)
def test_an_audit_that_goes_on_or_never_was_has_not_stopped(lines):
    assert "last audit" not in facts(watched(lines))


def at_rate(lines, rate: float) -> list[dict]:
    return [{**each, "router": {**each["router"], "audit_rate": rate}} for each in lines]


@pytest.mark.parametrize(("n_days", "is_told"), [(1, False), (5, True)])
def test_an_audit_of_fewer_rows_as_after_shadow_mode_is_told_as_stopped_only_where_its_own_rate_says_so(
    nightly, n_days, is_told
):
    shadow = at_rate(days(7, n_rows=150), 1.0)
    live = at_rate(days(n_days, n_rows=150, first=7, audit=0.0, seed=1), 0.02)
    for end in (len(shadow), None):
        (nightly.log / "a.jsonl").write_bytes(written([*shadow, *live][:end]))
        monitor = nightly.run()
    assert ("last audit" in facts(monitor)) == is_told


def test_an_audit_that_was_turned_off_after_shadow_mode_is_told_though_its_rate_is_none():
    off = at_rate(days(1, first=7, audit=0.0, seed=1), 0.0)
    assert "last audit" in facts(watched([*at_rate(days(7), 1.0), *off]))


def test_rows_without_a_time_are_not_said_to_be_passed_over():
    told = facts(watched([{**line(0), "time": 1_772_000_000}, line(1), {"no": "decision"}]))["log"].text
    assert "1 row without a time in ISO 8601: counted in the order of its file, and in no day" in told
    assert "passed over: 1 not a decision" in told
