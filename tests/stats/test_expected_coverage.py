"""Expected coverage against a world whose errors are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logit

from tracer_spec.stats import learning_curve
from tracer_spec.stats.binomial import critical_count, critical_counts, fewest_alike, p_value
from tracer_spec.stats.expected_coverage import Prospects, rank_power
from tracer_spec.stats.expected_walk import mean_ends
from tracer_spec.stats.learning_curve import LearningCurve, RankedRows, fit_learning_curve

FLAT = np.zeros((7, 7))
NO_FLOOR = -30.0


def constant(error: float) -> LearningCurve:
    """Return a curve of one error, whatever the rank and the size."""
    return LearningCurve(np.array([NO_FLOOR, np.log(error / (1 - error)), 0, 0, 0, 0, 0]), FLAT)


def prospects(curve: LearningCurve, n_fit: int = 600, n_certify: int = 400, least: float = 0.99) -> Prospects:
    return Prospects(curve, n_fit, n_certify, 0.4, 4, 1.0, 0.05, least)


@pytest.mark.parametrize("error", [0.02, 0.05, 0.08])
def test_the_chance_of_one_candidate_is_the_exact_power_of_its_test(error):
    """With min_coverage near 1 there is one candidate, and fit rows that doubt it stop few walks."""
    (expected,) = prospects(constant(error)).expect(1000, [0.9])
    power = p_value(400, critical_count(400, 0.9, 0.05), 1 - error)
    assert expected.chance == pytest.approx(power, abs=0.06)
    assert expected.coverage == pytest.approx(expected.chance, abs=1e-9)


def test_a_curve_that_made_rows_is_found_again():
    rng = np.random.default_rng(0)
    truth = LearningCurve(np.array([NO_FLOOR, -0.5, 4.0, 0.6, -1.2, 0.8, 0.0]), FLAT)
    samples = []
    for size in (500, 1000, 2000):
        ranks = (np.arange(size) + 0.5) / size
        errs = (rng.uniform(size=size) < truth.error(ranks, size)).astype(float)
        samples.append(RankedRows(errs, ranks, size, np.ones(size)))
    found, ranks = fit_learning_curve(samples), np.linspace(0.1, 1, 10)
    assert found.error(ranks, 2000) == pytest.approx(truth.error(ranks, 2000), abs=0.03)
    assert found.error(ranks, 6000) == pytest.approx(truth.error(ranks, 6000), abs=0.05)


def test_rows_whose_texts_the_embedder_saw_do_not_hide_what_it_makes_of_others():
    """Out of fold fewer errors, all else equal: only rows that were held out whole tell it from learning."""
    rng = np.random.default_rng(1)
    truth = LearningCurve(np.array([NO_FLOOR, -0.5, 4.0, 0.6, -1.2, 0.8, -0.5]), FLAT)
    samples = []
    for size, is_text_seen in ((1500, True), (1000, False), (1000, False), (500, False), (500, False)):
        ranks = (np.arange(2000) + 0.5) / 2000
        errs = (rng.uniform(size=2000) < truth.error(ranks, size, is_text_seen=is_text_seen)).astype(float)
        samples.append(RankedRows(errs, ranks, size, np.ones(2000), is_text_seen))
    found, ranks = fit_learning_curve(samples), np.linspace(0.1, 1, 10)
    hopeful = fit_learning_curve([replace(each, is_text_seen=False) for each in samples])
    true, told = (curve.error(ranks, 2000) for curve in (truth, found))
    assert abs(told - true).mean() < 0.6 * abs(hopeful.error(ranks, 2000) - true).mean()
    assert found.error(ranks, 1000) == pytest.approx(truth.error(ranks, 1000), abs=0.05)
    assert told.mean() > found.error(ranks, 2000, is_text_seen=True).mean() + 0.02


def test_an_embedder_that_learned_from_the_fit_rows_makes_a_walk_start_too_high():
    curve = LearningCurve(np.array([NO_FLOOR, -0.6, 4.0, 0.6, -1.2, 0.8, -0.6]), FLAT)
    ready = prospects(curve, least=0.05)
    (unseen,), (seen,) = ready.expect(1000, [0.9]), replace(ready, learns_texts=True).expect(1000, [0.9])
    assert seen.chance < unseen.chance


def test_coverage_is_that_of_the_traffic_which_a_threshold_set_out_of_fold_lets_through():
    """A router that never errs is certified wherever its walk may begin, and handles all."""
    (sure,) = prospects(constant(1e-6), least=0.05).expect(1000, [0.9])
    assert sure.coverage == pytest.approx(1.0)
    assert 0.25 ** rank_power(4) > 0.25
    assert 1 > rank_power(8) > rank_power(4) > rank_power(2) > 0


@pytest.mark.parametrize("target", [0.95, 0.98])
def test_where_ranks_are_tested_a_coverage_is_what_walks_over_ranks_certify(target):
    """Certify rows of a known error by rank, walked from every start; the fit rows that choose it are many."""
    curve = LearningCurve(np.array([NO_FLOOR, -1.5, 5.0, 0.6, 0.0, 0.0]), np.zeros((6, 6)))
    able = replace(prospects(curve, 100_000, 1200, least=0.05), tests_ranks=True)
    (expected,) = able.expect(101_200, [target])
    rng, rates = np.random.default_rng(3), curve.error((np.arange(1200) + 0.5) / 1200, 1.0)
    wrong = np.hstack([np.zeros((400, 1)), (rng.uniform(size=(400, 1200)) < rates).cumsum(axis=1)])
    sizes = fewest_alike(np.arange(1, 51) * 24, target, 0.05)
    passes = wrong[:, sizes] <= sizes - critical_counts(sizes, target, 0.05)
    assert expected.coverage == pytest.approx(mean_ends(passes, sizes / 1200).max(), abs=0.04)


def test_a_rate_of_all_traffic_has_no_ranks():
    curve = LearningCurve(np.array([NO_FLOOR, -1.5, 5.0, 0.6, 0.0, 0.0]), np.zeros((6, 6)))
    able = replace(prospects(curve, least=0.05), is_end_to_end=True)
    assert replace(able, tests_ranks=True).expect(1000, [0.95]) == able.expect(1000, [0.95])


@pytest.mark.parametrize("floor", [0.02, 0.05])
def test_more_traces_do_not_promise_what_a_noisy_teacher_forbids(floor, monkeypatch):
    """From 1,500 traces, a target that the teacher's own errors leave no room for is not foreseen of four times as many."""
    truth = LearningCurve(np.array([logit(floor), -0.9, 5.0, 0.6, -1.2, 0.8]), np.zeros((6, 6)))

    def chances(target):
        found = []
        for seed in range(6):
            rng, samples, ranks = np.random.default_rng(seed), [], (np.arange(900) + 0.5) / 900
            for size in (900, 450, 450, 225, 225):
                errs = (rng.uniform(size=900) < truth.error(ranks, size)).astype(float)
                samples.append(RankedRows(errs, ranks, size, np.ones(900)))
            able = replace(prospects(fit_learning_curve(samples), 900, 600, least=0.05), tests_ranks=True)
            found.append(able.expect(6000, [target])[0].chance)
        return np.mean(found)

    (true,) = replace(prospects(truth, 900, 600, least=0.05), tests_ranks=True).expect(6000, [1 - floor])
    assert true.chance < 0.15
    assert chances(1 - floor) < 0.6
    assert chances(0.9) > 0.9
    monkeypatch.setattr(learning_curve, "_BELIEF", np.array([NO_FLOOR, *learning_curve._BELIEF[1:]]))
    assert chances(1 - floor) > 0.9


def test_what_is_nearest_is_likely_and_what_is_nearer_is_not():
    ranks = (np.arange(600) + 0.5) / 600
    curve = fit_learning_curve([RankedRows(0.6 * ranks**2, ranks, 450, np.ones(600))])
    able = prospects(curve, least=0.05)
    nearest = able.nearest(0.98)
    assert nearest.more_traces
    assert nearest.target_now
    assert able.expect(1000 + nearest.more_traces, [0.98])[0].chance >= 0.75
    assert able.expect(1000 + nearest.more_traces // 2, [0.98])[0].chance < 0.8
    now, above = able.expect(1000, [nearest.target_now, nearest.target_now + 0.01])
    assert now.chance >= 0.8 > above.chance
    assert able.nearest(0.6).more_traces == 0


def test_nothing_is_foreseen_where_the_router_guesses():
    assert prospects(constant(0.9), least=0.05).nearest(0.9).more_traces is None


def test_a_refusal_that_hardly_any_draw_explains_is_left_out_of_account():
    able = prospects(constant(0.001), least=0.05)
    assert able.nearest(0.6, refused_at=0.05) == able.nearest(0.6)
