"""The expected end of a walk, against walks that are drawn from a known world."""

import numpy as np
import pytest

from tracer_spec.stats.binomial import fewest_alike, p_value
from tracer_spec.stats.expected_walk import expected_ends

LEVELS, DELTA = np.arange(1, 21) / 20, 0.1


def error(rank):
    return 0.2 * rank**3


def world(n, rng):
    """Draw rows of which the one at a rank errs so often; return handled and agreeing, by level."""
    wrong = rng.uniform(size=n) < error(np.arange(n) / n)
    handled = np.rint(LEVELS * n).astype(int)
    return handled.astype(float), handled - np.concatenate([[0], wrong.cumsum()])[handled].astype(float)


def ends(n, target, rng):
    """Return where one walk ends by where it begins, each test made on the fewest rows that allow as many errors."""
    wrong = np.concatenate([[0], (rng.uniform(size=n) < error(np.arange(n) / n)).cumsum()])
    tested = fewest_alike(np.rint(LEVELS * n).astype(int), target, DELTA)
    passes = np.array([p_value(each, each - wrong[each], target) <= DELTA for each in tested.tolist()])
    return [LEVELS[start:][np.minimum.accumulate(passes[start:])].max(initial=0.0) for start in range(len(LEVELS))]


@pytest.mark.parametrize(("n_fit", "n_certify", "target"), [(100_000, 1000, 0.95), (100_000, 1000, 0.98)])
def test_expected_ends_are_the_mean_ends_of_walks(n_fit, n_certify, target):
    expected = expected_ends(*world(n_fit, np.random.default_rng(0)), n_fit, n_certify, target, DELTA)
    rng = np.random.default_rng(1)
    found = np.mean([ends(n_certify, target, rng) for _ in range(400)], axis=0)
    assert expected == pytest.approx(found, abs=0.1)


def test_luck_among_few_errors_does_not_choose_the_start():
    """The smallest candidates of small samples show no error, or several; the start they lead to is that of a large sample."""
    starts = [
        expected_ends(*world(1200, np.random.default_rng(seed)), 1200, 800, 0.97, DELTA).argmax() for seed in range(20)
    ]
    best = expected_ends(*world(100_000, np.random.default_rng(0)), 100_000, 800, 0.97, DELTA)
    assert np.mean([best[start] for start in starts]) > 0.9 * best.max()


def test_a_walk_over_even_noise_before_a_cliff_begins_where_that_of_many_rows_does():
    """A teacher that errs at random on what is easy, and a rest that nothing foretells: no smooth curve is like that."""

    def cliff(n, rng):
        wrong = rng.uniform(size=n) < np.where(np.arange(n) / n < 0.68, 0.012, 0.8)
        handled = np.rint(np.arange(5, 101) / 100 * n).astype(int)
        return handled.astype(float), handled - np.concatenate([[0], wrong.cumsum()])[handled].astype(float)

    best = expected_ends(*cliff(200_000, np.random.default_rng(0)), 200_000, 633, 0.97, 0.045)
    starts = [
        expected_ends(*cliff(867, np.random.default_rng(seed)), 867, 633, 0.97, 0.045).argmax() for seed in range(20)
    ]
    assert best.max() > 0.4
    assert np.mean([best[start] for start in starts]) > 0.8 * best.max()


def test_candidates_that_add_nothing_and_rows_that_are_too_few_are_no_error():
    handled, agree = np.array([10.0, 10.0, 30.0]), np.array([10.0, 10.0, 29.0])
    assert not expected_ends(handled, agree, 40.0, 5, 0.95, DELTA).any()
    assert expected_ends(handled, agree, 40.0, 0, 0.95, DELTA).tolist() == [0, 0, 0]
    assert expected_ends(handled, agree, 40.0, 4000, 0.8, DELTA) == pytest.approx([0.75] * 3, abs=0.05)
