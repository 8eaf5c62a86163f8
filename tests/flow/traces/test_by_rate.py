"""A rate over requests from rows that were audited at several rates, against the truth of a simulated log."""

import numpy as np
import pytest
from scipy.stats import binom

from tracer_spec.flow.traces.by_rate import of_traffic

RATES = (1.0, 0.2, 0.05)


def log(rng, agreements, n_requests):
    """Draw the audited rows of apps with audit rates, agreements and numbers of requests of their own."""
    right, rates = [], []
    for rate, agreement, n in zip(RATES, agreements, n_requests, strict=True):
        audited = rng.binomial(n, rate)
        right.append(rng.random(audited) < agreement)
        rates.append(np.full(audited, rate))
    return np.concatenate(right), np.concatenate(rates)


@pytest.mark.parametrize("agreements", [(0.98, 0.9, 0.8), (0.92, 0.92, 0.92), (0.7, 0.95, 0.99)])
def test_the_bound_is_under_the_truth_no_more_often_than_an_intervals_end(agreements):
    rng, n_requests, runs = np.random.default_rng(0), (500, 2000, 8000), 2000
    truth = np.average(agreements, weights=n_requests)
    shares, n_under = [], 0
    for _ in range(runs):
        right, rates = log(rng, agreements, n_requests)
        found = of_traffic(np.ones(len(right), bool), right, rates, 0.95)
        shares.append(found.share)
        n_under += found.upper < truth
    assert n_under <= binom.ppf(0.9999, runs, 0.025)
    assert np.mean(shares) == pytest.approx(truth, abs=4 * np.std(shares) / runs**0.5)


def test_rows_of_one_rate_need_no_weights():
    rows = np.array([True, True, False])
    assert of_traffic(rows, rows, np.array([0.5, 0.5, 1.0]), 0.95) is None
    assert of_traffic(~rows & False, rows, np.ones(3), 0.95) is None
