"""Weighted fit rows: shares and counts are those of the traffic, and stay between 0 and 1 however sums are rounded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer_spec.flow.traces.fit_weights import FitWeights
from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.flow.training.thresholds import thresholds_at_levels
from tracer_spec.plugin import Candidate


def rows(weights):
    n = len(weights)
    weighed = FitWeights(np.asarray(weights, np.float64), np.asarray(weights, np.float64))
    return FitRows(np.ones((n, 1), np.float32), np.zeros(n, np.int64), np.arange(n) % 2, 1, weighed)


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.1, 1 / 3, 0.7, 1.02, 7.3, 50.1]), st.booleans(), st.booleans()),
        min_size=1,
        max_size=60,
    ).filter(lambda drawn: any(weight for weight, *_ in drawn))
)
def test_counts_are_those_of_equal_rows_that_tell_as_much(drawn):
    weights = np.array([weight for weight, *_ in drawn])
    handled = np.array([each for _, each, _ in drawn])
    agrees = handled & np.array([each for *_, each in drawn])
    found = Candidate("l2d", (), *rows(weights).counts(handled, agrees))
    assert (
        0 <= found.n_agree <= found.n_handled <= found.n_rows <= len(drawn) * (1 + 1e-9) or not weights[handled].any()
    )
    assert 0 <= found.coverage <= 1
    assert 0 <= found.agreement <= 1
    assert found.coverage == pytest.approx(weights[handled].sum() / weights.sum(), abs=1e-9)
    if weights[handled].any():
        assert found.agreement == pytest.approx(weights[agrees].sum() / weights[handled].sum(), abs=1e-9)
        assert found.n_handled <= handled.sum() + 1e-9


@pytest.mark.parametrize("seed", range(30))
def test_a_policy_that_handles_everything_covers_all_of_it_and_no_more(seed):
    weights = np.random.default_rng(seed).uniform(0.1, 50, size=997)
    everything = np.ones(997, bool)
    found = Candidate("global", (), *rows(weights).counts(everything, everything))
    assert found.coverage <= 1
    assert found.agreement <= 1
    assert found.coverage == pytest.approx(1)


def test_weights_of_one_count_as_rows_do():
    handled, agrees = np.array([True, True, False, True]), np.array([True, False, False, True])
    assert rows(np.ones(4)).counts(handled, agrees) == pytest.approx((4, 3, 2))


def test_levels_of_thresholds_are_shares_of_the_weight():
    scores = np.linspace(1, 0, 100, dtype=np.float32)
    heavy_first = np.where(np.arange(100) < 10, 9.0, 1.0)
    (half, _) = thresholds_at_levels(scores, np.ones(100, bool), 2, heavy_first)[:1] * 2
    assert heavy_first[scores >= half].sum() / heavy_first.sum() == pytest.approx(0.5, abs=0.03)
    even = thresholds_at_levels(scores, np.ones(100, bool), 20)
    assert thresholds_at_levels(scores, np.ones(100, bool), 20, np.ones(100)) == even
