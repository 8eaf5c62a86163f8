"""The two-sample test against scipy's, and its promise against a closed-form truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, ks_2samp, kstwo

from tracer_spec.stats.two_samples import kolmogorov_smirnov, sample_quantiles

values = st.lists(st.integers(0, 12).map(float), min_size=1, max_size=60)


@settings(max_examples=200, deadline=None)
@given(values, values)
def test_on_whole_samples_it_is_the_textbook_test(first, second):
    distance, p_value = kolmogorov_smirnov(sample_quantiles(first), len(first), second)
    oracle = ks_2samp(first, second, method="asymp")
    assert distance == pytest.approx(oracle.statistic, abs=1e-12)
    n_effective = max(1, round(len(first) * len(second) / (len(first) + len(second))))
    assert p_value == pytest.approx(kstwo.sf(oracle.statistic, n_effective), abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(values, st.integers(1, 40))
def test_quantiles_are_values_of_the_sample_and_their_distribution_is_half_a_step_off_at_most(sample, most):
    quantiles = sample_quantiles(sample, most)
    assert len(quantiles) == min(most, len(sample))
    assert set(quantiles) <= set(sample)
    grid = np.arange(-1.0, 14.0)
    whole = np.searchsorted(np.sort(sample), grid, side="right") / len(sample)
    known = np.searchsorted(quantiles, grid, side="right") / len(quantiles)
    assert np.abs(whole - known).max() <= 0.5 / len(quantiles) + 1e-12 if len(sample) > most else (whole == known).all()


def test_equal_distributions_are_told_apart_in_no_more_runs_than_the_level_says():
    rng, runs, level = np.random.default_rng(0), 600, 0.05
    p_values = []
    for _ in range(runs):
        first, second = rng.beta(5, 1, size=2000), rng.beta(5, 1, size=1500)
        p_values.append(kolmogorov_smirnov(sample_quantiles(first), 2000, second, rounding=1e-5)[1])
    assert np.mean(np.array(p_values) <= level) <= binom.ppf(0.999, runs, level) / runs


def test_a_shift_is_seen_and_its_distance_is_the_true_one():
    rng = np.random.default_rng(1)
    first, second = rng.uniform(size=4000), rng.uniform(size=3000) ** 2
    distance, p_value = kolmogorov_smirnov(sample_quantiles(first), 4000, second)
    assert distance == pytest.approx(0.25, abs=0.03)  # sup |x - sqrt x| = 1/4
    assert p_value < 1e-20


def test_repeated_scores_that_differ_by_rounding_are_no_drift():
    rng = np.random.default_rng(2)
    common = np.repeat([0.2, 0.6, 0.9], 500)
    first, second = common + rng.uniform(-2e-6, 0, size=1500), common + rng.uniform(0, 2e-6, size=1500)
    torn, _ = kolmogorov_smirnov(sample_quantiles(first), 1500, second)
    whole, p_value = kolmogorov_smirnov(sample_quantiles(first), 1500, second, rounding=1e-5)
    assert torn > 0.3
    assert (whole, p_value) == (pytest.approx(0, abs=0.005), 1.0)


@pytest.mark.parametrize(("quantiles", "n", "other"), [([], 0, [1.0]), ([1.0], 1, []), ([1.0, 2.0], 1, [1.0])])
def test_samples_without_values_are_refused(quantiles, n, other):
    with pytest.raises(ValueError, match="both samples need values"):
        kolmogorov_smirnov(quantiles, n, other)
