"""Rows that were taken out of a log for what they say."""

from __future__ import annotations

import pytest

from tests.production.decisions import traffic, watched
from tests.production.test_monitor_stopped import facts
from tracer_spec.production.monitoring.reference import _tested


def test_a_log_in_which_far_fewer_rows_are_wrong_than_at_release_is_told_though_the_count_of_the_coin_fits():
    lines = traffic(6000, 0.95, audit=0.2)
    for each in lines:
        each["router"]["audit_rate"] = 0.2
    cut = [each for each in lines if not _is_wrong(each)]
    whole, without = watched(lines, tested=(600, 570)), watched(cut, tested=(600, 570))
    assert (whole.verdict, without.verdict) == ("holds", "holds")
    assert without.tally.draws.explain(without.tally.audited)
    assert "at release" not in facts(whole)
    told = facts(without)["at release"]
    assert told.level == "warning"
    assert told.text.startswith("WARNING: of certify rows 570 of 600 were right; far fewer are wrong here, whatever is")
    assert "at release" not in facts(watched(cut))


def test_an_end_to_end_rate_is_held_against_its_own_test():
    lines = [each for each in traffic(3000, 0.95) if not _is_wrong(each)]
    assert "at release" in facts(watched(lines, measure="end_to_end", tested=(600, 570)))


@pytest.mark.parametrize("counts", [{}, {"n": 5}, {"n": 5, "k": 9}, {"n": 1e308, "k": 1e308}, {"n": 0, "k": 0}])
def test_a_certificate_whose_test_cannot_be_counted_is_held_against_nothing(counts):
    assert _tested(counts) == (0, 0)


def _is_wrong(each: dict) -> bool:
    story = each["router"]
    return story["audit"] and story["handled"] and each["teacher"] != story["label"]
