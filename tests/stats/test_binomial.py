import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom, binom, binomtest

from tracer_spec.stats.binomial import (
    critical_count,
    fewest_alike,
    fewest_trials,
    interval,
    p_value,
    predicted_power,
    trials_estimate,
    trials_needed,
)

counts = st.integers(0, 400).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
rates = st.floats(0.01, 0.99)


@given(counts, rates)
def test_the_p_value_is_scipys_exact_one_sided_binomial_test(nk, target):
    n, k = nk
    expected = binomtest(k, n, target, alternative="greater").pvalue if n else 1.0
    assert p_value(n, k, target) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_nothing_handled_proves_nothing():
    assert p_value(0, 0, 0.9) == 1.0


@pytest.mark.parametrize(("n", "k"), [(5, 6), (5, -1), (-1, 0)])
def test_impossible_counts_are_refused(n, k):
    with pytest.raises(ValueError, match=r"k must lie in \[0, n\]"):
        p_value(n, k, 0.9)


@given(rates, st.floats(0.001, 0.5))
def test_the_fewest_trials_are_the_first_n_whose_clean_sweep_rejects(target, delta):
    n = fewest_trials(target, delta)
    assert target**n <= delta
    assert n == 1 or target ** (n - 1) > delta


def test_forty_five_rows_certify_95_at_90_percent_confidence():
    assert fewest_trials(0.95, 0.10) == 45


@given(st.integers(1, 500), rates, st.floats(0.001, 0.5))
def test_the_critical_count_is_the_least_that_rejects(n, target, delta):
    c = critical_count(n, target, delta)
    brute = next((k for k in range(n + 1) if binom.sf(k - 1, n, target) <= delta), n + 1)
    assert c == brute


@given(st.lists(st.integers(0, 90), min_size=1, max_size=3), rates, st.floats(0.001, 0.5))
def test_the_fewest_trials_alike_are_the_least_that_allow_as_many_failures(n, target, delta):
    def allowed(trials):
        return trials - critical_count(trials, target, delta)

    brute = [next(each for each in range(most + 1) if allowed(each) == allowed(most)) for most in n]
    expected = [most if allowed(most) < 0 else fewest for most, fewest in zip(n, brute, strict=True)]
    assert fewest_alike(np.array(n), target, delta).tolist() == expected


@given(counts, st.floats(0.5, 0.999))
def test_the_interval_is_scipys_clopper_pearson(nk, confidence):
    n, k = nk
    if n == 0:
        assert interval(n, k, confidence) == (0.0, 1.0)
        return
    expected = binomtest(k, n).proportion_ci(confidence, method="exact")
    assert interval(n, k, confidence) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(st.integers(0, 300), counts, st.floats(0.5, 0.99), st.floats(0.01, 0.3))
def test_predicted_power_is_the_beta_binomial_tail(n_test, nk, target, delta):
    n_fit, k_fit = nk
    c = critical_count(n_test, target, delta)
    expected = betabinom.sf(c - 1, n_test, k_fit + target, n_fit - k_fit + 1 - target) if c <= n_test else 0.0
    assert predicted_power(n_test, n_fit, k_fit, target, delta) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(("agreement", "target"), [(0.97, 0.95), (0.99, 0.92), (0.93, 0.92)])
def test_the_trials_needed_have_the_power_promised(agreement, target):
    n = trials_needed(agreement, target, 0.05, power=0.9)
    assert binom.sf(critical_count(n, target, 0.05) - 1, n, agreement) >= 0.9
    fewer = int(n * 0.9)
    assert binom.sf(critical_count(fewer, target, 0.05) - 1, fewer, agreement) < 0.9


def test_no_number_of_trials_certifies_what_is_not_so():
    assert trials_needed(0.92, 0.92, 0.05) is None
    assert trials_needed(0.90, 0.92, 0.05) is None


def test_a_perfect_candidate_needs_no_more_than_the_fewest_trials():
    assert trials_needed(1.0, 0.9, 0.05) == math.ceil(math.log(0.05) / math.log(0.9))


@pytest.mark.parametrize(
    ("agreement", "target"), [(0.921, 0.92), (0.95, 0.92), (0.97, 0.95), (0.995, 0.95), (1.0, 0.9)]
)
def test_the_estimate_of_the_trials_needed_is_near_enough_to_choose_by(agreement, target):
    exact = trials_needed(agreement, target, 0.05)
    assert 0.75 <= max(trials_estimate(agreement, target, 0.05), fewest_trials(target, 0.05)) / exact <= 1.25


def test_a_critical_count_of_a_billion_trials_is_found_without_a_list_of_them():
    c = critical_count(10**9, 0.92, 0.05)
    assert p_value(10**9, c, 0.92) <= 0.05 < p_value(10**9, c - 1, 0.92)
