import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tracer_spec.flow.compile import compile_policy, overrides
from tracer_spec.flow.training.thresholds import margin, thresholds_at_levels
from tracer_spec.graph import Scorer
from tracer_spec.testing.small_workshop import small_workshop

scores = arrays(np.float32, st.integers(0, 200), elements=st.floats(0, 1, width=32))


@given(scores, st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_no_threshold_lies_near_a_score_of_a_row_it_could_turn(values, n_levels, seed):
    eligible = np.random.default_rng(seed).uniform(size=len(values)) < 0.8
    for at in thresholds_at_levels(values, eligible, n_levels):
        assert np.float32(at) == at
        assert (np.abs(values[eligible].astype(np.float64) - at) >= margin(values[eligible])).all()


@given(scores, st.integers(1, 60))
def test_thresholds_fall_and_coverage_rises(values, n_levels):
    at = thresholds_at_levels(values, np.ones(len(values), bool), n_levels)
    assert all(before > after for before, after in itertools.pairwise(at))
    handled = [int((values >= np.float32(each)).sum()) for each in at]
    assert handled == sorted(set(handled))
    assert len(at) <= n_levels


def test_evenly_spread_scores_give_the_levels_asked_for():
    values = np.linspace(0, 1, 1000, dtype=np.float32)
    at = thresholds_at_levels(values, np.ones(1000, bool), 10)
    covered = [float((values >= np.float32(each)).mean()) for each in at]
    np.testing.assert_allclose(covered, np.arange(1, 10) / 10, atol=0.002)


def test_levels_count_all_rows_though_only_eligible_ones_are_handled():
    values = np.linspace(0, 1, 1000, dtype=np.float32)
    eligible = np.arange(1000) % 2 == 0
    at = thresholds_at_levels(values, eligible, 10)
    covered = [float(((values >= np.float32(each)) & eligible).mean()) for each in at]
    np.testing.assert_allclose(covered, np.arange(1, 5) / 10, atol=0.003)


def test_equal_scores_cannot_be_parted():
    assert thresholds_at_levels(np.full(50, 0.5, np.float32), np.ones(50, bool), 10) == []


def test_a_crowd_of_scores_is_passed_over_whole():
    values = np.concatenate([np.full(500, 0.9), np.linspace(0, 0.5, 500)]).astype(np.float32)
    at = thresholds_at_levels(values, np.ones(1000, bool), 10)
    assert all(each < 0.9 - margin(np.array([0.9])) for each in at)
    assert np.float32(at[0]) == np.float32(0.7)


def test_many_rows_whose_scores_crowd_near_one_can_be_parted_at_every_level():
    """The more traces, the nearer their scores; nine tenths of a real log score as much as the last third of these."""
    values = np.float32(1 - np.geomspace(0.5, 0.01, 60_000))
    at = thresholds_at_levels(values, np.ones(len(values), bool), 100)
    covered = [float((values >= np.float32(each)).mean()) for each in at]
    np.testing.assert_allclose(covered, np.arange(1, 100) / 100, atol=0.001)


def test_a_row_scores_alike_to_half_a_margin_alone_and_in_a_batch():
    workshop = small_workshop()
    X = np.random.default_rng(3).normal(size=(400, workshop.rows.X.shape[1])).astype(np.float32)
    for trained in workshop.trained:
        policy = (workshop.stage(trained, 0.5),)
        graph = compile_policy(
            policy, dimension=X.shape[1], denied=[False] * workshop.rows.n_classes, open_thresholds=True
        )
        scorer = Scorer(graph.SerializeToString())

        def scores(rows, scorer=scorer, policy=policy):
            return scorer.run({"embedding": rows}, outputs=["score"], constants=overrides(policy))[0]

        together = scores(X)
        alone = np.concatenate([scores(row[np.newaxis]) for row in X])
        assert (np.abs(alone.astype(np.float64) - together) <= margin(together) / 2).all()
