"""The two-sample test against scipy's, and its promise against a closed-form truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, ks_2samp

from tracer_spec.stats.two_samples import kolmogorov_smirnov, sample_quantiles

values = st.lists(st.integers(0, 12).map(float), min_size=1, max_size=60)


@settings(max_examples=200, deadline=None)
@given(values, values)
def test_on_whole_samples_the_distance_is_the_textbooks(first, second):
    distance, p_value = kolmogorov_smirnov(sample_quantiles(first), len(first), second)
    shares = [[np.mean(np.array(sample) <= x) for x in range(13)] for sample in (first, second)]
    assert distance == pytest.approx(max(abs(f - g) for f, g in zip(*shares, strict=True)), abs=1e-12)
    assert 0 <= p_value <= 1


@settings(max_examples=100, deadline=None)
@given(values, values)
def test_counts_say_the_same_as_values_said_again_and_again(first, second):
    distinct, counts = np.unique(second, return_counts=True)
    shuffled = np.random.default_rng(0).permutation(len(distinct))
    counted = kolmogorov_smirnov(first, len(first), distinct[shuffled], counts=counts[shuffled], rounding=0.5)
    assert counted == kolmogorov_smirnov(first, len(first), second, rounding=0.5)


def test_the_p_value_is_near_the_exact_one():
    rng = np.random.default_rng(3)
    for _ in range(20):
        first, second = rng.uniform(size=250), rng.uniform(size=180) ** rng.uniform(0.8, 1.2)
        ours, exact = kolmogorov_smirnov(first, 250, second)[1], ks_2samp(first, second, method="exact").pvalue
        assert ours == pytest.approx(exact, abs=0.03)


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


@pytest.mark.parametrize(("n", "m"), [(2, 2), (29, 3), (45, 45), (300, 20), (2000, 1500)])
def test_equal_distributions_are_told_apart_in_no_more_runs_than_the_level_says(n, m):
    rng, runs, level = np.random.default_rng([n, m]), 500, 0.05
    p_values = []
    for _ in range(runs):
        first, second = rng.beta(5, 1, size=n), rng.beta(5, 1, size=m)
        p_values.append(kolmogorov_smirnov(sample_quantiles(first), n, second, rounding=1e-7)[1])
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
