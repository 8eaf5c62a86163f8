"""``init`` names a column of times that ``time`` does not read, and what to do."""

from __future__ import annotations

import pytest

from tracer_spec.init.fields import describe, fields_of
from tracer_spec.init.places import labels_in
from tracer_spec.plugin import Record

pytestmark = pytest.mark.usefixtures("no_curve")


REMEDY = (
    "which 'traces.format.time' does not read: write them as ISO 8601 (2026-03-31T14:05:00Z), or as seconds since 1970. "
    "Without times no split goes by them"
)


def table(calls, written):
    return {"log.jsonl": [{"ticket": c.text, "topic": c.label, "created": written(c)} for c in calls]}


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (lambda c: f"{c.n % 28 + 1:02}/03/2026", "dates with the day first, since it goes beyond 12,"),
        (
            lambda c: f"3/{c.n % 28 + 1}/2026 10:{c.n % 60:02}",
            "dates with the month first, since the day goes beyond 12,",
        ),
        (lambda c: f"{c.n % 12 + 1:02}/{c.n % 7 + 1:02}/2026", "dates that may start with the day or with the month,"),
        (lambda c: f"{c.n % 28 + 1:02}.03.2026", "dates with the day first, since it goes beyond 12,"),
        (lambda c: f"{c.n % 28 + 1:02}.03.26 10:00:00", "dates with the day first, since it goes beyond 12,"),
        (
            lambda c: f"{c.n % 28 + 1}-3-2026" if c.n % 2 else f"3-{c.n % 28 + 1}-2026",
            "dates of which some start with the day and some with the month,",
        ),
        (lambda c: f"Mar {c.n % 28 + 1}, 2026, 10:00 AM", "what look like times,"),
        (lambda c: f"2026/03/{c.n % 28 + 1:02} 10:00", "what look like times,"),
    ],
)
def test_a_column_of_times_that_are_not_read_is_named_with_the_remedy(written, told, init, all_found, calls, tmp_path):
    outcome = init(table(calls, written))
    all_found(outcome)
    assert "time" not in outcome.spec["traces"]["format"]
    assert f"created: {told} {REMEDY}" in " ".join(outcome.out.split())
    assert f"#   created: {told} {REMEDY}" in (tmp_path / "app" / "router.yaml").read_text()


def test_a_column_in_which_some_values_are_no_time_is_named_too(init, all_found, calls):
    outcome = init(table(calls, lambda c: "n/a" if c.n == 7 else c.time))
    all_found(outcome)
    assert (
        "created: times, but for 1 of 72 values: 'time: created' under 'traces.format' reads the others" in outcome.out
    )


def test_a_log_with_times_that_are_read_and_other_dates_beside_them_is_not_told_of(init, all_found, calls):
    rows = [
        {"ticket": c.text, "topic": c.label, "created": c.time, "due date": f"{c.n % 28 + 1:02}/03/2026"} for c in calls
    ]
    outcome = init({"log.jsonl": rows})
    all_found(outcome)
    assert outcome.spec["traces"]["format"]["time"] == "created"
    assert "due date" not in "".join(line for line in outcome.out.splitlines() if "does not read" in line)


@pytest.mark.parametrize(
    "written",
    [
        lambda c: 1785571200.0 + 60 * c.n,
        lambda c: 1785571200000 + 60 * c.n,
        lambda c: f"{1785571200 + 60 * c.n}",
        lambda c: c.time,
    ],
)
def test_a_column_of_times_under_another_name_is_named_and_one_that_says_when_is_read(written, init, all_found, calls):
    rows = [{"ticket": c.text, "topic": c.label, "moment": written(c)} for c in calls]
    outcome = init({"log.jsonl": rows})
    all_found(outcome)
    assert "time" not in outcome.spec["traces"]["format"]
    told = " ".join(outcome.out.split())
    assert (
        "time? moment: what look like times: 'time: moment' under 'traces.format' reads them, if they say when" in told
    )
    outcome = init(
        {"log.jsonl": [{"ticket": r["ticket"], "topic": r["topic"], "when": r["moment"]} for r in rows]}, "--force"
    )
    assert outcome.spec["traces"]["format"]["time"] == "when"
    assert "time?" not in outcome.out


@pytest.mark.parametrize(
    ("column", "written"),
    [
        ("amount", lambda c: 12.5 + c.n),
        ("cents", lambda c: 100_000 * c.n),
        ("ticket id", lambda c: 1785571200 + 60 * c.n // 2),
        ("birthday", lambda c: f"{1960 + c.n % 30}-03-01"),
        ("year", lambda c: 2020 + c.n % 5),
    ],
)
def test_numbers_and_ids_and_times_of_the_last_century_are_not_taken_for_times(column, written, init, all_found, calls):
    outcome = init({"log.jsonl": [{"ticket": c.text, "topic": c.label, column: written(c)} for c in calls]})
    all_found(outcome)
    assert "time?" not in outcome.out


def test_a_column_of_few_dates_is_not_asked_about_as_if_it_were_the_answer():
    topics = ["Karte"] * 4 + ["Bargeld"] * 2 + ["Sonstiges"]
    records = [
        Record(
            "", {"Nachricht": f"Hilfe bei {n}", "Einstufung": topics[n % 7], "Datum": f"{n % 28 + 1:02}.03.2026"}, ""
        )
        for n in range(400)
    ]
    assert [each.path for each in labels_in(fields_of(records), "Nachricht")] == ["Einstufung"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (("1", "-2.5", "1e-3", ".5"), "numbers or flags"),
        (("1.234,56", "12,345.6", "1.234.567"), "numbers or flags"),
        (("31.03.2026", "01.04.2026"), "text"),
        (("10.0.0.1", "10.0.0.2"), "text"),
        (("", ""), "text"),
    ],
)
def test_texts_that_are_all_numbers_are_told_from_dates_and_addresses(values, kind):
    assert describe("n", "n", dict(enumerate(values))).line().startswith(f"{kind} in")
