"""What a refused build is told it lacks: the least over all candidates, found without asking each of them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import betabinom, binom

from tracer_spec.flow.certifying.advice import LabelAdvice, advise
from tracer_spec.plugin import Candidate, Chain, LabelEstimate, LabelTarget, Target
from tracer_spec.stats.binomial import trials_needed


def a_chain(rng: np.random.Generator, agreement: float, n: int = 600) -> Chain:
    """Return a hundred candidates of rising coverage whose agreement falls towards ``agreement``."""
    handled = [n * step // 100 for step in range(1, 101)]
    rates = [min(1.0, agreement + (1 - k / n) * rng.uniform(0, 0.1)) for k in handled]
    candidates = (Candidate("l2d", (), n, k, int(rate * k)) for k, rate in zip(handled, rates, strict=True))
    return Chain("l2d", ("a",), tuple(candidates))


@pytest.mark.parametrize("seed", range(8))
def test_the_advice_is_the_least_that_any_candidate_needs(seed):
    rng = np.random.default_rng(seed)
    target = Target(float(rng.choice([0.9, 0.92, 0.95, 0.98])), 0.95, 0.05)
    chains = [a_chain(rng, float(target.level + rng.uniform(-0.1, 0.015))) for _ in range(2)]
    needs = [
        (trials_needed(each.n_agree / (each.n_handled + 1), target.level, target.delta), each.coverage)
        for chain in chains
        for each in chain.candidates
        if each.coverage >= 0.05
    ]
    least = min((needed / coverage for needed, coverage in needs if needed is not None), default=math.inf)
    advice = advise(chains, 1000, 400, target)
    assert advice.traces_needed == (None if math.isinf(least) else math.ceil(least / 0.4))
    assert advice.n_certify == 400


def test_nothing_is_advised_where_no_candidate_is_estimated_to_reach_the_target_or_none_certifies():
    low = [Chain("l2d", ("a",), (Candidate("l2d", (), 600, 500, 450),))]
    assert advise(low, 1000, 400, Target(0.95, 0.95)).traces_needed is None
    high = [Chain("l2d", ("a",), (Candidate("l2d", (), 600, 500, 499),))]
    assert advise(high, 1000, 0, Target(0.95, 0.95)).traces_needed is None
    assert advise(high, 1000, 400, Target(0.95, 0.95)).traces_needed is not None


def test_for_an_end_to_end_target_all_certify_rows_are_trials_of_which_wrong_labels_alone_fail():
    chains = [Chain("l2d", ("a",), (Candidate("l2d", (), 600, 500, 440),))]
    target = Target(None, 0.95, end_to_end=0.85)
    needed = trials_needed(540 / 601, 0.85, target.delta)
    assert advise(chains, 1000, 400, target).traces_needed == math.ceil(needed / 0.4)


MISSED, AGREES = LabelTarget("fraud", "missed", 0.1), LabelTarget("fraud", "agreement", 0.9)


def test_a_refusal_is_told_what_the_test_of_each_label_needs():
    labels = (LabelEstimate(600, 30, 30, instead=(3, 1)), LabelEstimate(600, 20, 10))
    chains = [Chain("l2d", ("a",), (Candidate("l2d", (), 600, 500, 499, labels),))]
    target = Target(0.9, 0.95, labels=(MISSED, AGREES))
    advice = advise(chains, 1000, 400, target)
    needed = trials_needed(30 / 31, 0.9, target.delta)
    assert advice.traces_needed is None  # half of what is called so is so, and nine tenths are asked
    missed, agrees = advice.labels
    assert missed.within_reach == round(1 - within_reach(15, 30, 30, target.delta), 3)
    assert agrees.within_reach == within_reach(9, 20, 10, target.delta)
    assert (replace(missed, within_reach=None), replace(agrees, within_reach=None)) == (
        # one row in twenty is so by the teacher
        LabelAdvice(MISSED, 29, 20, 1.0, math.ceil(needed / 0.05 / 0.4), instead=(3, 1)),
        LabelAdvice(AGREES, 29, 13, 0.5, None),
    )


def within_reach(n_test: int, n_fit: int, k_fit: int, delta: float) -> float:
    """Return the highest level, in thousandths, that a beta-binomial of the fit rows is likelier to pass than not."""
    for level in (each / 1000 for each in range(999, 0, -1)):
        passing = [k for k in range(n_test + 1) if binom.sf(k - 1, n_test, level) <= delta]
        foreseen = betabinom(n_test, k_fit + level, n_fit - k_fit + 1 - level)
        if sum(foreseen.pmf(k) for k in passing) >= 0.5:
            return level
    raise AssertionError


def test_a_candidate_needs_as_many_traces_as_the_most_demanding_of_its_tests():
    def chain_of(n_label: int) -> list[Chain]:
        candidate = Candidate("l2d", (), 600, 500, 499, (LabelEstimate(600, n_label, n_label),))
        return [Chain("l2d", ("a",), (candidate,))]

    without = advise([Chain("l2d", ("a",), (Candidate("l2d", (), 600, 500, 499),))], 1000, 400, Target(0.9, 0.95))
    target = Target(0.9, 0.95, labels=(MISSED,))
    assert advise(chain_of(600), 1000, 400, target).traces_needed == without.traces_needed
    rare = advise(chain_of(30), 1000, 400, target)
    assert rare.traces_needed == rare.labels[0].traces_needed > without.traces_needed


def test_an_encoder_is_advised_only_where_the_spec_uses_the_built_in_embedder():
    from tracer_spec.flow.certifying.advice import encoder_hint

    assert encoder_hint("lsa") == (
        "with few traces an encoder helps most: "
        "pip install tracer-spec-encoder (./plugins/tracer-spec-encoder in a clone), "
        "'embedder: {use: encoder, with: {path: FOLDER}}'",
    )
    assert encoder_hint("encoder") == encoder_hint("join") == ()


def test_what_is_nearest_is_told_in_one_line():
    from tracer_spec.flow.certifying.advice import nearest_text
    from tracer_spec.stats.expected_coverage import Nearest

    asked = "target.agreement"
    likely = "(four times in five, as estimated)"
    assert nearest_text(Nearest(900, 0.88), asked) == f"about 900 more traces, or target.agreement 0.88 now {likely}"
    assert (
        nearest_text(Nearest(None, 0.6), asked) == f"many times as many traces, or target.agreement 0.60 now {likely}"
    )
    assert (
        nearest_text(Nearest(1200, None), asked)
        == "about 1,200 more traces; no target of 0.5 or more is within reach now"
    )


def sloped_chain(n: int = 600) -> Chain:
    """Return a chain whose errors rise with the rank, from none to a third."""
    handled = [n * step // 100 for step in range(1, 101)]
    return Chain("l2d", ("a",), tuple(Candidate("l2d", (), n, k, k - round(k * (k / n) ** 1.5 / 3)) for k in handled))


def test_what_is_nearest_after_a_failed_test_is_farther_than_before_any():
    """Of what might be true, that remains under which the test fails."""
    target = Target(0.9, 0.95, 0.05)
    untested = advise([sloped_chain()], 1000, 400, target).nearest
    refused = advise([sloped_chain()], 1000, 400, target, refused_at=0.045).nearest
    assert untested.target_now > refused.target_now > 0.5
    assert untested.more_traces < refused.more_traces


def test_what_is_nearest_is_farther_where_the_embedder_has_seen_the_texts_that_the_estimates_are_of():
    target = Target(0.95, 0.95, 0.05)
    unseen = advise([sloped_chain()], 1000, 400, target).nearest
    seen = advise([sloped_chain()], 1000, 400, target, learns_texts=True).nearest
    assert unseen.target_now > seen.target_now
    assert unseen.more_traces < seen.more_traces
