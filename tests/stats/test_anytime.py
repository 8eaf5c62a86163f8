"""Tests and intervals of a stream: against brute force, closed forms and simulated streams."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.special import betaln, xlog1py, xlogy
from scipy.stats import binom, binomtest

from tracer_spec.stats.anytime import (
    anytime_distance,
    anytime_interval,
    bets,
    detect,
    detectors,
    evidence,
    gather,
    log_detector,
    log_e_value,
    log_factors,
    sample_distance,
)

TARGETS = (0.5, 0.7, 0.8, 0.92, 0.95, 0.99)
BAR = 30_000


def streams(agreement, n_runs: int, seed: int) -> np.ndarray:
    """Return streams of outcomes, shape (n_runs, n), for the agreement at each of n times."""
    return np.random.default_rng(seed).random((n_runs, len(agreement))) < np.asarray(agreement)


def most_by_chance(n_runs: int, rate: float) -> int:
    """Return the count that a rate exceeds in one of a hundred thousand tests."""
    return int(binom.isf(1e-5, n_runs, rate))


def first_refuted(outcomes: np.ndarray, level: float, alpha: float) -> np.ndarray:
    """Return the outcome at which each stream is refuted, looked at after each; one more than there are where none is."""
    now = evidence((len(outcomes),))
    values = []
    for n in range(outcomes.shape[1]):
        now = gather(now, n, outcomes[:, n], level)
        values.append(log_e_value(now, n + 1))
    return first_over(np.stack(values, axis=1), -math.log(alpha))


def first_warned(outcomes: np.ndarray, level: float) -> np.ndarray:
    """Return the outcome at which each stream is warned of, as :func:`first_refuted`."""
    now = detectors((len(outcomes),))
    values = []
    for n in range(outcomes.shape[1]):
        now = detect(now, outcomes[:, n], level)
        values.append(log_detector(now))
    return first_over(np.stack(values, axis=1), math.log(BAR + 1))


def first_over(values: np.ndarray, bar: float) -> np.ndarray:
    over = values >= bar
    return np.where(over.any(axis=1), over.argmax(axis=1) + 1, values.shape[1] + 1)


@pytest.mark.parametrize("level", TARGETS)
def test_bets_lie_under_the_level_and_each_factor_is_fair_at_it(level):
    p = bets(level)
    assert ((p > 0) & (p < level)).all()
    assert (np.diff(p) > 0).all()
    agree, disagree = map(np.exp, log_factors(level))
    assert level * agree + (1 - level) * disagree == pytest.approx(np.ones(20))
    better = (1 + level) / 2
    assert (better * agree + (1 - better) * disagree < 1).all()


@pytest.mark.parametrize("level", [0, 1, -0.1, math.nan])
def test_a_level_that_is_no_rate_is_refused(level):
    with pytest.raises(ValueError, match="between 0 and 1"):
        bets(level)


@given(st.lists(st.booleans(), max_size=40), st.sampled_from(TARGETS))
def test_evidence_and_detectors_are_the_means_over_bets_and_starts_that_they_say(outcomes, level):
    p = bets(level)
    agree, disagree = p / level, (1 - p) / (1 - level)
    now, warning = evidence(), detectors()
    for n, agrees in enumerate(outcomes):
        now, warning = gather(now, n, agrees, level), detect(warning, agrees, level)
    since = [
        np.prod([agree if each else disagree for each in outcomes[start:]], axis=0) for start in range(len(outcomes))
    ]
    weights = [1 / math.log2(start + 2) - 1 / math.log2(start + 3) for start in range(len(outcomes))]
    e_value = sum(weight * products.mean() for weight, products in zip(weights, since, strict=True)) + 1 - sum(weights)
    assert np.exp(log_e_value(now, len(outcomes))) == pytest.approx(e_value)
    assert np.exp(log_detector(warning)) == pytest.approx(1 + sum(products.mean() for products in since))


def test_detectors_of_many_streams_are_those_of_each():
    outcomes = streams([0.9] * 50, 3, seed=1)
    together = detectors((3,))
    for time in range(50):
        together = detect(together, outcomes[:, time], 0.92)
    for number in range(3):
        alone = detectors()
        for agrees in outcomes[number]:
            alone = detect(alone, agrees, 0.92)
        assert (alone == together[number]).all()


def test_the_means_of_the_e_process_and_of_the_detector_are_what_theory_says_at_the_level():
    """E[E_n] = 1 and E[M_n] = n, summed over all outcomes of twelve trials."""
    level, n = 0.8, 12
    rows = ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(bool)
    now, warning = evidence((len(rows),)), detectors((len(rows),))
    for time in range(n):
        now, warning = gather(now, time, rows[:, time], level), detect(warning, rows[:, time], level)
    probability = level ** rows.sum(axis=1) * (1 - level) ** (~rows).sum(axis=1)
    assert (np.exp(log_e_value(now, n)) * probability).sum() == pytest.approx(1)
    assert (np.expm1(log_detector(warning)) * probability).sum() == pytest.approx(n)


def test_nothing_overflows_however_bad_or_good_it_is():
    for agrees in (False, True):
        now, warning = evidence(), detectors()
        for n in range(5000):
            now, warning = gather(now, n, agrees, 0.99), detect(warning, agrees, 0.99)
        assert np.isfinite(now).all()
        assert np.isfinite(warning).all()
        assert np.isfinite(log_e_value(now, 5000))
    assert np.isfinite(gather(now, 10**12, True, 0.5)).all()


@pytest.mark.parametrize("target", [0.5, 0.8, 0.92, 0.99])
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_a_claim_that_is_just_true_is_refuted_no_more_often_than_alpha_though_looked_at_each_time(target, alpha):
    found = first_refuted(streams([target] * 2000, 1500, seed=2), target, alpha) <= 2000
    assert found.sum() <= most_by_chance(1500, alpha)
    # and the bound is not empty: far from never
    assert found.mean() > alpha / 5


def test_a_claim_that_is_true_with_room_is_hardly_ever_refuted_and_one_that_is_false_nearly_always():
    assert (first_refuted(streams([0.95] * 2000, 400, seed=3), 0.92, 0.05) > 2000).all()
    refuted = first_refuted(streams([0.90] * 6000, 300, seed=4), 0.92, 0.05)
    assert (refuted <= 6000).mean() > 0.95
    assert np.median(refuted) < 2000


def test_a_fall_after_a_good_start_is_refuted_though_the_agreement_since_release_is_over_the_target():
    outcomes = streams([0.95] * 2000 + [0.86] * 800, 200, seed=12)
    refuted = first_refuted(outcomes, 0.92, 0.05)
    assert (refuted > 2000).mean() >= 0.99
    assert np.median(refuted) < 2800
    assert outcomes.mean() > 0.92


def test_a_mutant_that_refutes_by_a_test_for_one_look_exceeds_alpha_by_far():
    """The check above can fail: the exact test of one look, made after each outcome."""
    outcomes = streams([0.92] * 2000, 300, seed=5)
    n, k = np.arange(1, 2001), outcomes.cumsum(axis=1)
    assert (binom.cdf(k, n, 0.92) <= 0.05).any(axis=1).sum() > most_by_chance(300, 0.05)


def test_a_fall_after_two_thousand_outcomes_is_warned_of_within_two_thousand_more():
    """The level is halfway from the target, .92, to .95; against the target, seven of ten are warned of."""
    outcomes = streams([0.95] * 2000 + [0.90] * 2000, 400, seed=6)
    warned = first_warned(outcomes, 0.935)
    assert (warned > 2000).mean() >= 0.995
    assert (warned <= 4000).mean() >= 0.95
    assert 0.5 < (first_warned(outcomes, 0.92) <= 4000).mean() < 0.9


def test_warnings_without_a_cause_are_as_rare_as_the_bar_says():
    n = 4000
    at_the_level = first_warned(streams([0.935] * n, 400, seed=7), 0.935) <= n
    assert at_the_level.sum() <= most_by_chance(400, n / BAR)
    assert (first_warned(streams([0.95] * n, 400, seed=8), 0.935) <= n).mean() <= 0.01


@cache
def interval_at(n: int, k: int) -> tuple[float, float]:
    return anytime_interval(n, k, 0.95)


@pytest.mark.parametrize("rate", [0.5, 0.9, 0.95, 0.99])
def test_the_interval_contains_the_rate_at_all_times_together(rate):
    looks = np.unique(np.geomspace(1, 3000, 120).astype(int))
    k = streams([rate] * 3000, 400, seed=9).cumsum(axis=1)[:, looks - 1]
    missed = 0
    for run in k:
        bounds = [interval_at(int(n), int(each)) for n, each in zip(looks, run, strict=True)]
        missed += any(not lower <= rate <= upper for lower, upper in bounds)
    assert missed <= most_by_chance(400, 0.05)


@given(st.integers(0, 3000), st.floats(0, 1), st.sampled_from([0.8, 0.9, 0.95, 0.999]))
@example(91, 1 / 64, 0.9)
def test_the_ends_of_the_interval_are_where_the_mixture_is_too_likely(n, share, confidence):
    k = round(n * share)
    lower, upper = anytime_interval(n, k, confidence)
    assert 0 <= lower <= upper <= 1
    assert lower <= (k / n if n else 0.5) <= upper

    def log_ratio(rate: float) -> float:
        return betaln(k + 9, n - k + 1) - betaln(9, 1) - xlogy(k, rate) - xlog1py(n - k, -rate)

    for end in (lower, upper):
        if 0 < end < 1:
            assert log_ratio(end) == pytest.approx(-math.log1p(-confidence), abs=1e-6)


def test_the_interval_is_wider_than_that_of_one_look_and_empty_of_news_without_outcomes():
    assert anytime_interval(0, 0, 0.95) == (0.0, 1.0)
    assert anytime_interval(50, 50, 0.95)[1] == 1.0
    assert anytime_interval(50, 0, 0.95)[0] == 0.0
    once = binomtest(570, 600).proportion_ci(0.95)
    lower, upper = anytime_interval(600, 570, 0.95)
    assert once.low - 0.02 < lower < once.low < once.high < upper < once.high + 0.02


@pytest.mark.parametrize(("n", "k", "confidence"), [(5, 6, 0.9), (5, -1, 0.9), (5, 2, 1.0), (5, 2, 0.0)])
def test_an_interval_of_what_cannot_be_is_refused(n, k, confidence):
    with pytest.raises(ValueError, match="must lie"):
        anytime_interval(n, k, confidence)


def test_the_distance_of_a_growing_sample_stays_under_its_bound_at_all_times():
    draw = np.random.default_rng(10)
    looks = [5, 10, 30, 100, 300, 1000]
    missed = 0
    for _ in range(300):
        values = draw.random(1000)
        for n in looks:
            ranked = np.sort(values[:n])
            steps = np.arange(n + 1) / n
            distance = max(np.abs(steps[1:] - ranked).max(), np.abs(steps[:-1] - ranked).max())
            missed += distance > anytime_distance(n, 0.2)
    assert missed <= most_by_chance(300, 0.2)
    assert sample_distance(1000, 0.05) == pytest.approx(1.358 / math.sqrt(1000), rel=1e-3)  # Kolmogorov's table
    assert sample_distance(1000, 0.05) < anytime_distance(1000, 0.05) < 3 * sample_distance(1000, 0.05)
