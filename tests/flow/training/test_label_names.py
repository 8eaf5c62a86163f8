"""Label names as training rows: what they say, what they weigh, and who sees them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tracer_spec.errors import DataError
from tracer_spec.flow.cache.memory import Memory
from tracer_spec.flow.cache.store import Store
from tracer_spec.flow.traces.fit_weights import FitWeights
from tracer_spec.flow.traces.label_space import LabelSpace
from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.flow.training.label_names import (
    WEIGHTS,
    LabelTexts,
    check_described,
    check_own_words,
    is_weighed,
    weigh_names,
)
from tracer_spec.flow.training.label_rows import LabelRows, readable
from tracer_spec.flow.training.zoo import Trainer
from tracer_spec.graph import constant_scores
from tracer_spec.plan import Resolved
from tracer_spec.plugin import Options, Plugin
from tracer_spec.plugin.contracts import Provided
from tracer_spec.plugin.registry import find_plugins

SEEN: list[tuple[np.ndarray, np.ndarray, np.ndarray | None]] = []


class Watches:
    """Learns nothing, and writes down what it is given."""

    def __init__(self, options):
        self.options = options

    def fit(self, X, y, *, n_classes, seed, sample_weight=None):
        SEEN.append((X.copy(), y.copy(), sample_weight))
        self.n_classes = n_classes
        return self

    def to_onnx(self):
        return constant_scores([1.0] * self.n_classes, 2)


def watching(alias, *, takes_weights):
    plugin = Plugin("watches", "writes down what it is given", Watches, Options, takes_weights=takes_weights)
    return Resolved(alias, Provided("surrogate", plugin, "tests", "1"), Options())


def learner(name):
    provided = find_plugins().get("surrogate", name)
    return Resolved(name, provided, provided.plugin.options())


def world(n_classes=12, a_class=2, *, noise=0.9, telling=True, seed=0):
    """Draw a few noisy rows around the centre of each class; names stand at the centres, or anywhere."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_classes, 24))
    y = np.repeat(np.arange(n_classes), a_class)
    X = (centres[y] + noise * rng.normal(size=(len(y), 24))).astype(np.float32)
    at = centres if telling else rng.normal(size=centres.shape)
    names = LabelRows(at.astype(np.float32), np.arange(n_classes))
    return FitRows(X, y, rng.permutation(len(y)) % 4, n_classes, names=names)


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("card_arrival", "card arrival"),
        ("cardArrival", "card arrival"),
        ("TopUp-failed", "top up failed"),
        ("billing/refund.late", "billing refund late"),
        ("HTTPError", "http error"),
        ("Größe_ändern", "größe ändern"),
        ("reverted_card_payment?", "reverted card payment?"),
        ("C++", "c++"),
        ("__", "__"),
    ],
)
def test_the_text_of_a_label_is_its_name_in_words(label, words):
    assert readable(label) == words


def test_a_label_that_the_embedder_knows_nothing_of_is_no_row():
    rows = LabelTexts(("a", "b", "c")).rows(np.array([[1, 0], [0, 0], [0, 1]], np.float32))
    assert rows.y.tolist() == [0, 2]
    assert LabelTexts(("a",)).rows(np.zeros((1, 2), np.float32)) is None


def test_names_train_in_every_fold_and_on_all_rows_by_their_weight_of_mean_one():
    SEEN.clear()
    rows = world()
    rows = replace(rows, names=replace(rows.names, weight=3.0))
    trainer = Trainer(rows, [watching("w", takes_weights=True)], seed=0)
    list(trainer.cross_fit(["w"], np.ones(len(rows), bool)))
    assert len(SEEN) == rows.n_folds + 1
    for X, y, weights in SEEN:
        assert np.array_equal(X[-len(rows.names) :], rows.names.X)
        assert np.array_equal(y[-len(rows.names) :], rows.names.y)
        assert weights.mean() == pytest.approx(1)
        assert weights[-1] / weights[0] == pytest.approx(3)


def test_names_weigh_beside_rows_that_are_weighted_themselves():
    SEEN.clear()
    rows = world()
    learning = np.linspace(0.5, 1.5, len(rows))
    rows = replace(rows, names=replace(rows.names, weight=3.0), weights=FitWeights(learning, np.ones(len(rows))))
    trainer = Trainer(rows, [watching("w", takes_weights=True)], seed=0)
    list(trainer.cross_fit(["w"], np.ones(len(rows), bool)))
    _, _, whole = SEEN[0]
    assert whole == pytest.approx(np.r_[learning, np.full(12, 3.0)] / np.r_[learning, np.full(12, 3.0)].mean())


def test_a_learner_that_takes_no_weights_trains_on_traces_alone_and_is_named():
    SEEN.clear()
    rows = weigh_names(world(), [watching("plain", takes_weights=False), learner("logreg")], seed=0)
    assert rows.names_gain.unable == ("plain",)
    list(Trainer(rows, [watching("plain", takes_weights=False)], seed=0).cross_fit(["plain"], np.ones(len(rows), bool)))
    assert all(weights is None and len(X) <= len(rows) for X, _, weights in SEEN)
    assert weigh_names(world(), [watching("plain", takes_weights=False)], seed=0).names is None


def test_names_are_scored_nowhere_and_counted_nowhere():
    rows = weigh_names(world(), [learner("logreg")], seed=0)
    (fitted,) = Trainer(rows, [learner("logreg")], seed=0).cross_fit(["logreg"], np.ones(len(rows), bool))
    assert rows.names_gain.weight > 0
    assert len(rows) == len(fitted.scores) == 24
    assert rows.counts(np.ones(24, bool), np.ones(24, bool)) == (24, 24, 24)


def test_nothing_but_names_is_nothing_to_learn_from():
    rows = world()
    rows = replace(rows, names=replace(rows.names, weight=1.0))
    (fitted,) = Trainer(rows, [learner("logreg")], seed=0).cross_fit(["logreg"], np.zeros(len(rows), bool))
    assert fitted.failure == "no rows to learn from"


def test_names_that_tell_are_weighed_and_the_gain_is_that_of_the_folds():
    rows = weigh_names(world(), [learner("logreg")], seed=0)
    gain, before, after = (
        rows.names_gain,
        *(Trainer(each, [learner("logreg")], seed=0).agrees_out_of_fold().mean() for each in (world_without(), rows)),
    )
    assert gain.weight in WEIGHTS
    assert (gain.without, gain.agreement) == (before, after)
    assert after > before + 0.1


def world_without():
    return replace(world(), names=None)


@pytest.mark.parametrize("seed", range(6))
def test_names_that_tell_nothing_weigh_nothing_where_rows_tell_enough(seed):
    rows = weigh_names(world(a_class=12, telling=False, seed=seed), [learner("logreg")], seed=0)
    assert (rows.names.weight, rows.names_gain.agreement) == (0.0, rows.names_gain.without)


def test_names_that_are_asked_for_train_whatever_they_bring():
    rows = world(a_class=12, telling=False)
    asked = weigh_names(replace(rows, names=replace(rows.names, is_asked=True)), [learner("logreg")], seed=0)
    assert asked.names.weight in WEIGHTS


def test_without_a_weight_rows_are_those_without_names_byte_for_byte():
    rows = world()
    assert rows.digest == world_without().digest
    outcomes = [
        next(Trainer(each, [learner("logreg")], seed=0).cross_fit(["logreg"], np.ones(len(rows), bool))).graph
        for each in (rows, world_without())
    ]
    assert outcomes[0] == outcomes[1]


def test_the_weight_and_the_vectors_of_names_are_part_of_what_the_cache_knows_rows_by():
    rows = world()
    digests = {replace(rows, names=replace(rows.names, weight=weight)).digest for weight in (0.0, *WEIGHTS)}
    other = replace(rows.names, X=rows.names.X + 1, weight=1.0)
    assert len(digests | {replace(rows, names=other).digest}) == len(WEIGHTS) + 2


def test_the_choice_is_remembered_and_known_to_be(tmp_path):
    memory, zoo = Memory(Store(tmp_path, 1 << 24)), [learner("logreg")]
    assert not is_weighed(world(), zoo, seed=0, memory=memory)
    first = weigh_names(world(), zoo, seed=0, memory=memory)
    assert is_weighed(world(), zoo, seed=0, memory=memory)
    assert weigh_names(world(), zoo, seed=0, memory=memory).names_gain == first.names_gain
    assert is_weighed(world_without(), zoo, seed=0, memory=memory)


def test_a_learner_that_fails_leaves_names_out():
    off_list = replace(world(), y=np.full(24, -1))
    assert weigh_names(off_list, [learner("logreg")], seed=0).names is None


def test_a_description_of_what_looks_misspelt_is_refused_and_of_a_label_not_met_is_not():
    labels = LabelSpace(("card_arrival", "refund"))
    with pytest.raises(DataError) as caught:
        check_described({"card_arival": "when it comes"}, labels)
    assert str(caught.value) == (
        "traces.labels.describe\n  no fit row has the label 'card_arival'\n  hint: did you mean 'card_arrival'? correct it, "
        "or list the labels there are in 'traces.labels.allowed'"
    )
    check_described({"top_up": "money in"}, labels)
    check_described({"card_arrival": "when it comes", "card_arrivals": "many of them"}, labels)


def test_a_description_that_is_or_quotes_the_text_of_a_trace_is_refused():
    texts = ["Where is my card?", "cancel", "I was charged twice for one coffee"]
    for sentence in ("where is  my card", "such as: 'i was charged twice for one coffee'"):
        with pytest.raises(DataError, match="described by the text of a trace: a") as caught:
            check_own_words({"a": sentence, "b": "to cancel something"}, texts)
        assert caught.value.problems[0].address == "traces.labels.describe"
    check_own_words({"a": "about where my card is", "b": "the customer wants to cancel"}, texts)
    check_own_words({}, texts)
