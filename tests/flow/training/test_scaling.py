"""Vector scaling of surrogates, against closed forms and against a search of its own."""

import numpy as np
import pytest
from scipy.special import softmax

from tracer_spec.flow.cache.memory import Memory
from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.flow.training.scaling import Scaling, fit_scaling, scaled_surrogate
from tracer_spec.flow.training.zoo import CrossFitted
from tracer_spec.graph import Scorer, constant_scores
from tracer_spec.graph.scaled import scaled

N, K, D = 4000, 4, 2
RNG = np.random.default_rng(0)
Z = RNG.normal(size=(N, K)) * 1.5
Y = np.array([RNG.choice(K, p=p) for p in softmax(Z, axis=1)])
BIAS = np.array([0, 1.5, -1.5, 0])
BIASED = softmax(Z + BIAS, axis=1).astype(np.float32)
ONES = np.ones(N)


def rows(y=Y):
    return FitRows(RNG.normal(size=(len(y), D)).astype(np.float32), y, np.arange(len(y)) % 4, K)


def trained(scores):
    return CrossFitted("any", constant_scores(np.array([0.5, 0.3, 0.2, 0.0]), D).SerializeToString(), scores)


def test_biases_that_were_put_on_the_scores_are_taken_back():
    found = fit_scaling(BIASED, Y, ONES)
    assert found.biases - found.biases[0] == pytest.approx(-BIAS, abs=0.25)
    assert found.factors == pytest.approx(np.ones(K), abs=0.15)


def test_no_rows_and_rows_of_no_weight_change_nothing():
    for found in (fit_scaling(BIASED[:0], Y[:0], ONES[:0]), fit_scaling(BIASED, Y, 0 * ONES)):
        assert found.factors.tolist() == [1] * K
        assert found.biases.tolist() == [0] * K


def test_a_row_of_weight_two_counts_as_two_rows():
    weights = np.repeat([2.0, 1.0], N // 2)
    twice = np.concatenate([np.arange(N // 2), np.arange(N)])
    one, other = fit_scaling(BIASED, Y, weights), fit_scaling(BIASED[twice], Y[twice], np.ones(len(twice)))
    assert one.factors == pytest.approx(other.factors, abs=0.01)
    assert one.biases == pytest.approx(other.biases, abs=0.01)


def test_no_point_near_the_one_found_has_a_lower_penalised_loss():
    def loss(factors, biases):
        P = softmax(factors * np.log(BIASED[:500], dtype=np.float64) + biases, axis=1)
        return -np.log(P[np.arange(500), Y[:500]]).sum() + ((factors - 1) ** 2).sum() + (biases**2).sum()

    found = fit_scaling(BIASED[:500], Y[:500], ONES[:500])
    least = loss(found.factors, found.biases)
    for _ in range(200):
        step = RNG.normal(size=(2, K)) * 0.2
        assert loss(found.factors + step[0], found.biases + step[1]) > least - 1e-2


def test_the_graph_says_what_the_scaling_says_and_a_score_of_zero_stays_zero():
    scaling = Scaling(np.array([0.5, 2, 1, 3], np.float32), np.array([0, 1, -1, 5], np.float32))
    plain = np.array([[0.5, 0.3, 0.2, 0.0]], np.float32)
    powers = plain.astype(np.float64) ** scaling.factors * np.exp(scaling.biases)
    graph = scaled(constant_scores(plain[0], D).SerializeToString(), scaling.factors, scaling.biases)
    (scores,) = Scorer(graph.SerializeToString()).run({"embedding": np.zeros((1, D), np.float32)})
    for found in (scores, scaling(plain)):
        assert found == pytest.approx(powers / powers.sum(), abs=1e-6)
        assert found[0, 3] == 0
        assert found.dtype == np.float32


def test_a_row_is_scaled_by_what_other_folds_say():
    given, other = rows(), Y.copy()
    in_first = given.folds == 0
    # other labels in the first fold, of which as many have each: they may change the scaling of every other row
    other[in_first] = RNG.permutation(Y[in_first])
    made = [
        scaled_surrogate(trained(BIASED), each, ONES > 0, Memory())
        for each in (given, FitRows(given.X, other, given.folds, K))
    ]
    assert np.array_equal(made[0].scores[in_first], made[1].scores[in_first])
    assert not np.allclose(made[0].scores[~in_first], made[1].scores[~in_first])
    assert made[0].graph != made[1].graph


def test_folds_in_which_labels_are_rare_by_chance_are_not_taken_for_evidence():
    # scores that know nothing, and folds each of which holds one label alone: without balance each fold unlearns its label
    y = np.repeat(np.arange(K), 100)
    flat = np.full((len(y), K), 1 / K, np.float32) + RNG.uniform(0, 1e-3, (len(y), K)).astype(np.float32)
    mixed = FitRows(np.ones((len(y), D), np.float32), y, np.where(np.arange(len(y)) % 100 < 60, y, (y + 1) % K), K)
    made = scaled_surrogate(trained(flat), mixed, np.ones(len(y), bool), Memory())
    mean = made.scores[np.arange(len(y)), y].mean()
    assert mean == pytest.approx(1 / K, abs=0.01)


@pytest.mark.parametrize(
    "scores",
    [np.eye(K, dtype=np.float32)[Y], BIASED - 1, 0 * BIASED],
    ids=["right already", "negative", "all zero"],
)
def test_scores_that_gain_nothing_or_are_no_probabilities_stay_as_they_are(scores):
    plain = trained(scores)
    given = rows(Y[: len(scores)])
    assert scaled_surrogate(plain, given, np.ones(len(scores), bool), Memory()) is plain


def test_a_learner_that_failed_stays_failed_and_rows_off_the_list_teach_nothing():
    failed = CrossFitted("any", failure="no")
    assert scaled_surrogate(failed, rows(), ONES > 0, Memory()) is failed
    assert scaled_surrogate(trained(BIASED), rows(np.full(N, -1)), ONES > 0, Memory()).scores is BIASED
