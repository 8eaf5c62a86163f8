"""Rows of a log that are far from its others in time."""

from __future__ import annotations

import pytest

from tests.production.decisions import traffic, watched
from tests.production.test_monitor_stopped import brief, facts

DAY = 24 * 60


@pytest.mark.parametrize("years", [-1, 1])
def test_rows_of_a_clock_that_is_a_year_off_are_told(years):
    lines = traffic(60, 1.0, minutes=DAY / 2)
    moved = [{**each, "id": f"o{each['id']}", "time": str(2026 + years) + each["time"][4:]} for each in lines[:20]]
    monitor = watched([*lines, *moved])
    told = facts(monitor)["gap"]
    assert told.level == "warning"
    expected = {
        -1: "WARNING: no row from 2025-03-10 to 2026-03-01, 355 days, which is longer than all that has rows; 20 rows of 80 ",
        1: "WARNING: no row from 2026-03-30 to 2027-03-01, 335 days, which is longer than all that has rows; 60 rows of 80 ",
    }
    assert told.text.startswith(expected[years])
    assert "no row from" in brief(monitor)
    assert "gap" not in facts(watched(lines))


@pytest.mark.parametrize(("days_off", "is_told"), [(29, False), (31, True)])
def test_a_month_without_a_row_is_told_and_a_shorter_holiday_is_not(days_off, is_told):
    first, second = traffic(10, 1.0, minutes=DAY), traffic(10, 1.0, minutes=DAY, first=10 + days_off)
    assert ("gap" in facts(watched([*first, *second]))) == is_told


def test_a_gap_shorter_than_what_has_rows_is_not_told():
    first, second = traffic(40, 1.0, minutes=DAY), traffic(40, 1.0, minutes=DAY, first=80)
    assert "gap" not in facts(watched([*first, *second]))


def test_a_log_without_times_or_of_one_day_has_no_gap():
    assert "gap" not in facts(watched([{**each, "time": None} for each in traffic(5, 1.0)]))
    assert "gap" not in facts(watched(traffic(5, 1.0)))


def batches(months, year=2026):
    """Return the lines of a job that runs on the first of these months."""
    lines = traffic(20 * len(months), 1.0)
    days = [f"{year}-{month:02d}-01" for month in months for _ in range(20)]
    return [{**each, "time": day + each["time"][10:]} for each, day in zip(lines, days, strict=True)]


@pytest.mark.parametrize("months", [range(3, 10), (1, 4, 7, 10), (1, 2, 3, 4, 5, 7, 8, 9)])
def test_the_gaps_of_a_monthly_batch_are_a_rhythm(months):
    assert "gap" not in facts(watched(batches(months)))


@pytest.mark.parametrize("month", [3, 9, 12])
def test_a_monthly_batch_that_is_dated_a_year_back_is_told(month):
    moved = [{**each, "id": f"o{each['id']}"} for each in batches([month], year=2025)]
    told = facts(watched([*batches(range(3, 12)), *moved]))["gap"].text
    assert told.startswith(f"WARNING: no row from 2025-{month:02d}-01 to 2026-03-01")
    assert "20 rows of 200 before that" in told
