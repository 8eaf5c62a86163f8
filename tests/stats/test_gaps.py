"""Which gap of a log no rhythm explains."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer_spec.stats.gaps import odd_gap


@given(
    st.integers(2, 40),
    st.integers(31, 400),
    st.lists(st.integers(-3, 3), min_size=40, max_size=40),
    st.integers(1, 8),
)
def test_a_batch_that_comes_again_and_again_has_no_odd_gap(n, every, shifts, length):
    starts = [number * every + shift for number, shift in zip(range(n + 1), shifts, strict=False)]
    assert odd_gap({start + day for start in starts for day in range(length)}) is None


@pytest.mark.parametrize("months_back", [range(1, 2), range(3, 4), range(12, 13), range(1, 4)])
@pytest.mark.parametrize("day_of_month", [1, 15, 28])
def test_months_of_a_year_back_stand_out_of_a_monthly_batch(months_back, day_of_month):
    ours = {date(2026, month, day_of_month).toordinal() for month in range(3, 11)}
    back = {date(2025, month, day_of_month).toordinal() for month in months_back}
    assert odd_gap(ours | back) == (max(back), min(ours))


def test_a_weekday_log_with_a_year_back_has_one():
    weekdays = {7 * week + day for week in range(20) for day in range(5)}
    assert odd_gap(weekdays | {day - 365 for day in range(3)}) == (2 - 365, 0)


@pytest.mark.parametrize("days", [1, 2, 4])
def test_wide_periods_count_by_their_days(days):
    assert (odd_gap([0, 1, 1 + 1 + 28 // days], days) is None) == (28 // days * days < 30)
    assert odd_gap([0, 1, 2 + 32 // days], days) == (1, 2 + 32 // days)


def test_no_or_one_period_has_no_gap():
    assert odd_gap([]) is None
    assert odd_gap([5]) is None
