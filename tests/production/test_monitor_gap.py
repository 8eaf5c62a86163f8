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
