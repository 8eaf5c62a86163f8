"""The course of a claim in a terminal: every stretch of days is on the picture, whatever its rate."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest

from tests.production.decisions import START, line, reference
from tracer_spec.cli.text.terminal_course import draw_course
from tracer_spec.production.monitoring.monitor import Monitor


def drawn(rates, *, days_apart: int = 1) -> list[str]:
    """Draw a course of so many audited rows, and of so many of them that agree, for each stretch."""
    monitor, number = Monitor(reference()), 0
    for stretch, (n, k) in enumerate(rates):
        for row in range(n):
            number += 1
            time = (START + timedelta(days=stretch * days_apart)).isoformat()
            monitor.add({**line(number, teacher="a" if row < k else "b", audit=True), "time": time})
    return draw_course(monitor, stream=io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))


@pytest.mark.parametrize("first", [(1, 0), (1, 1), (3, 0), (9, 1), (40, 1), (300, 0)])
@pytest.mark.parametrize("last", [(1, 0), (1, 1), (20, 20), (300, 300)])
def test_each_stretch_has_its_rate_on_the_picture_however_few_rows_tell_it(first, last):
    """A day of one audited row has an interval of nearly everything; one without a disagreement stands at the top of it."""
    lines = drawn([first, last])
    assert len(lines) == 11
    assert sum(each.count("●") for each in lines[1:]) == 2


@pytest.mark.parametrize("days_apart", [1, 7, 11, 40])
def test_the_last_stretch_of_a_long_log_is_on_the_picture(days_apart):
    lines = drawn([(20, 18)] * 10, days_apart=days_apart)
    assert sum(each.count("●") for each in lines[1:]) == 10
