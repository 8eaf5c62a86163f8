"""A draft: what a build would ship that certifies anything, by fit rows alone."""

import numpy as np
import pytest

from tracer_spec.builtin.calibrators.empirical import Empirical
from tracer_spec.flow.certifying.draft import draft_certificate, is_likely
from tracer_spec.plugin import Candidate, Chain, Target
from tracer_spec.stats.binomial import critical_count

N_FIT, N_CERTIFY = 4000, 1000
COVERAGE = np.arange(0.30, 0.96, 0.02)


def order(first, last):
    """Return candidates whose errors rise evenly, per row added, from one rate to another; as many as are true."""
    rates = np.linspace(first, last, len(COVERAGE))
    added = np.diff(COVERAGE, prepend=0.0) * N_FIT
    errors = np.cumsum(rates * added)
    return rates, [
        Candidate("l2d", (), N_FIT, round(c * N_FIT), round(c * N_FIT) - round(e))
        for c, e in zip(COVERAGE, errors, strict=True)
    ]


def walked(rates, target, *, seed, draws=400):
    """Return the coverage at which each simulated walk ends, 0 where the first candidate fails."""
    n = np.diff(np.round(COVERAGE * N_CERTIFY).astype(int), prepend=0)
    found = np.random.default_rng(seed).binomial(n, rates, size=(draws, len(n))).cumsum(axis=1)
    passes = found <= [each - critical_count(each, target.level, target.delta) for each in n.cumsum().tolist()]
    ends = np.where(passes.all(axis=1), len(n), passes.argmin(axis=1))
    return np.where(ends > 0, COVERAGE[ends - 1], 0.0)


@pytest.mark.parametrize(
    ("first", "last", "likely"),
    [(0.045, 0.1, False), (0.05, 0.1, False), (0.03, 0.12, True), (0.03, 0.2, True), (0.035, 0.05, True)],
)
def test_a_draft_handles_about_what_builds_ship_that_certify(first, last, likely):
    rates, ordered = order(first, last)
    target = Target(0.94, 0.9)
    draft = draft_certificate(ordered, N_CERTIFY, target).draft
    ends = walked(rates, target, seed=3)
    assert is_likely(ordered, N_CERTIFY, target) == likely == ((ends > 0).mean() >= 0.5)
    assert draft.coverage == pytest.approx(np.median(ends[ends > 0]), abs=0.08)


def test_a_draft_of_a_rule_that_tests_nothing_is_the_largest_whose_estimate_reaches_the_target():
    _, rising = order(0.02, 0.2)
    target = Target(0.94, 0.9)
    ordered = Empirical().order([Chain("l2d", (), tuple(rising))], N_CERTIFY, target)
    draft = draft_certificate(ordered, N_CERTIFY, target, tests=False).draft
    assert draft.coverage == max(each.coverage for each in rising if each.agreement >= target.level)
    assert draft.coverage > draft_certificate(rising, N_CERTIFY, target).draft.coverage
    _, poor = order(0.07, 0.2)
    assert draft_certificate(poor, N_CERTIFY, target, tests=False).draft is None


def test_where_nothing_is_worth_a_test_there_is_no_draft():
    assert draft_certificate((), N_CERTIFY, Target(0.9, 0.95)).draft is None
    assert not is_likely((), N_CERTIFY, Target(0.9, 0.95))
