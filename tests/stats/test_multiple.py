import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from tracer_spec.stats.multiple import fixed_sequence, holm, look_level

p_lists = st.lists(st.floats(0, 1), min_size=1, max_size=7)
deltas = st.floats(0.01, 0.5)


def closed_testing(p_values, delta, local):
    """Marcus, Peritz, Gabriel (1976): reject i iff every intersection that contains i is rejected locally."""
    m = len(p_values)
    subsets = [s for r in range(1, m + 1) for s in itertools.combinations(range(m), r)]
    rejected = {s: local([p_values[i] for i in s], s, delta) for s in subsets}
    return [all(rejected[s] for s in subsets if i in s) for i in range(m)]


@given(p_lists, deltas)
def test_holm_is_the_closed_test_of_bonferroni(p_values, delta):
    expected = closed_testing(p_values, delta, lambda p, _, d: any(each <= d / len(p) for each in p))
    assert holm(p_values, delta) == expected


@given(p_lists, deltas)
def test_the_fixed_sequence_is_the_closed_test_on_the_first_of_each_intersection(p_values, delta):
    expected = closed_testing(p_values, delta, lambda p, _, d: p[0] <= d)
    outcome = fixed_sequence(p_values, delta)
    assert outcome + [False] * (len(p_values) - len(outcome)) == expected


def test_a_fixed_sequence_looks_at_nothing_after_its_first_failure():
    seen = []

    def stream():
        for p in (0.01, 0.2, 0.001):
            seen.append(p)
            yield p

    fixed_sequence(stream(), 0.05)
    assert seen == [0.01, 0.2]


def test_the_levels_of_all_looks_sum_to_delta():
    total = sum(look_level(j, 0.05) for j in range(1, 13))
    assert total < 0.05
    assert total == pytest.approx(0.05, rel=1e-9)
    assert look_level(1, 0.05) == pytest.approx(0.045)


@pytest.mark.parametrize("procedure", ["holm", "fixed_sequence"])
def test_the_family_wise_error_stays_within_delta_under_the_global_null(procedure):
    rng = np.random.default_rng(20240523)
    delta, runs, m = 0.1, 4000, 6
    false = 0
    for _ in range(runs):
        p = rng.uniform(size=m)
        p = np.maximum(p, p[0] * 0.5) if procedure == "holm" else p  # dependence must not matter
        rejected = {
            "holm": lambda p: holm(p, delta),
            "fixed_sequence": lambda p: fixed_sequence(p, delta),
        }[procedure](p.tolist())
        false += any(rejected)
    assert false / runs <= delta + 3.1 * (delta * (1 - delta) / runs) ** 0.5


def test_holm_agrees_with_step_down_on_a_known_table():
    # Holm (1979)'s step-down on p = .01 .04 .03 .005 at .05: .005 <= .0125, .01 <= .0167, .03 > .025
    assert holm([0.01, 0.04, 0.03, 0.005], 0.05) == [True, False, False, True]
    assert false_discovery_control([0.01, 0.04, 0.03, 0.005]).max() <= 0.05  # FDR control is laxer: it rejects all
