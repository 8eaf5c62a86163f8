"""The kit catches what it is there to catch: one plugin broken in many ways, and a message that says how to fix each."""

from __future__ import annotations

import socket
import subprocess
import sys
from dataclasses import replace
from itertools import count
from typing import Annotated

import numpy as np
import onnx
import pytest
from pydantic import AliasChoices, ConfigDict, Field, SecretStr, create_model

from tracer_spec.errors import PluginError
from tracer_spec.graph import Scorer
from tracer_spec.plugin import (
    CalibratorPlugin,
    Chain,
    DeploymentOption,
    Options,
    Plugin,
    Record,
    Target,
    VectorReaderPlugin,
    WalkStep,
)
from tracer_spec.plugin.deployment import KEY_WORDS, SECRET_WORDS
from tracer_spec.plugin.paths import LocalPath
from tracer_spec.testing import (
    AcceptorContract,
    CalibratorContract,
    ContractBreachError,
    EmbedderContract,
    FamilyContract,
    GuardContract,
    SourceContract,
    SurrogateContract,
    VectorReaderContract,
    breaches,
)
from tracer_spec.testing.templates import acceptor, calibrator, embedder, family, guard, surrogate

_numbers = count()


def found(contract, part, options=Options, **members):
    """Return what the kit says of a plugin whose make is ``part``."""
    plugin = Plugin("broken", "broken on purpose", part, options)
    return breaches(type("TestIt", (contract,), {"plugin": plugin, **members}))


def learner(trained, kept=surrogate.CentroidLearner, options=surrogate.CentroidOptions):
    """Return a learner that trains ``trained`` as the template trains its own."""

    class Learner(kept):
        def fit(self, *args, **named):
            fitted = super().fit(*args, **named)
            fitted.__class__ = trained
            return fitted

    return Learner, options


# --- surrogates -------------------------------------------------------------------------------------------------------


class InFloat64(surrogate.Centroid):
    def scores(self, X):
        return super().scores(X).astype(np.float64)


class AnotherTemperature(surrogate.Centroid):
    def scores(self, X):
        return surrogate.Centroid(self.weights * np.float32(1.001), self.bias).scores(X)


class Margins(surrogate.Centroid):
    def scores(self, X):
        return (X @ self.weights + np.maximum(self.bias, -10)).astype(np.float32)


class Renamed(surrogate.Centroid):
    def to_onnx(self):
        model = super().to_onnx()
        model.graph.output[0].name = model.graph.node[-1].output[0] = "probabilities"
        return model


class WithNoise(surrogate.Centroid):
    def to_onnx(self):
        model = super().to_onnx()
        model.producer_version = str(next(_numbers))
        return model


class OfAnotherDomain(surrogate.Centroid):
    def to_onnx(self):
        model = super().to_onnx()
        model.graph.node[-1].domain = "com.acme"
        model.opset_import.append(onnx.helper.make_opsetid("com.acme", 1))
        return model


@pytest.mark.parametrize(
    ("trained", "test", "said"),
    [
        (InFloat64, "probabilities_and_its_graph_gives_the_same", "scores(X) gives float64 of shape (200, 4)"),
        (AnotherTemperature, "probabilities_and_its_graph_gives_the_same", "at most 1e-05 is allowed"),
        (Margins, "probabilities_and_its_graph_gives_the_same", "fix: give probabilities"),
        (Renamed, "probabilities_and_its_graph_gives_the_same", "the graph's outputs are probabilities"),
        (WithNoise, "equal_seeds_give_equal_bytes", "exporting one model twice gives two graphs"),
        (OfAnotherDomain, "probabilities_and_its_graph_gives_the_same", "the domain 'com.acme'"),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_a_surrogate_that_breaks_its_contract_is_told_how(trained, test, said):
    (told,) = [text for name, text in found(SurrogateContract, *learner(trained)).items() if name.endswith(test)]
    assert said in told


class WritesIntoX(surrogate.CentroidLearner):
    def fit(self, X, y, **named):
        X -= X.mean(axis=0)
        return super().fit(X, y, **named)


class OfThisBatch(surrogate.CentroidLearner):
    def fit(self, X, y, **named):
        noise = np.random.default_rng(next(_numbers)).normal(scale=1e-3, size=X.shape)
        return super().fit(X + noise.astype(np.float32), y, **named)


class TakesNan(surrogate.CentroidLearner):
    def fit(self, X, y, **named):
        return super().fit(np.nan_to_num(X, posinf=0.0), y, **named)


class WantsTwoClasses(surrogate.CentroidLearner):
    def fit(self, X, y, **named):
        if len(np.unique(y)) < 2:
            raise ValueError("needs samples of at least 2 classes")
        return super().fit(X, y, **named)


class DropsMissingClasses(surrogate.CentroidLearner):
    def fit(self, X, y, *, n_classes, seed):
        seen, dense = np.unique(y, return_inverse=True)
        return super().fit(X, dense, n_classes=len(seen), seed=seed)


class KnowsNothing(surrogate.CentroidLearner):
    def fit(self, X, y, **named):
        return super().fit(X, (y + 1) % 4, **named)


@pytest.mark.parametrize(
    ("part", "test", "said"),
    [
        (WritesIntoX, "test_inputs_stay_as_they_are", "read-only"),
        (OfThisBatch, "test_equal_seeds_give_equal_bytes", "training twice with seed 1 gives two graphs"),
        (TakesNan, "test_vectors_that_are_not_finite_are_refused", "it trained on a vector that holds nan"),
        (WantsTwoClasses, "test_two_rows_or_one_class_are_learned_or_refused", "raise tracer_spec.errors.PluginError"),
        (DropsMissingClasses, "test_a_class_never_met_scores_zero", "of shape (50, 3)"),
        (KnowsNothing, "test_it_learns", "column i is class i"),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_a_learner_that_breaks_its_contract_is_told_how(part, test, said):
    assert said in found(SurrogateContract, part, surrogate.CentroidOptions)[test]


def test_a_breach_names_the_plugin_what_was_found_the_contract_and_the_remedy():
    told = found(SurrogateContract, TakesNan, surrogate.CentroidOptions)
    assert told == {
        "test_vectors_that_are_not_finite_are_refused": (
            "surrogate 'broken': it trained on a vector that holds nan\n"
            "  contract: Training on NaN or infinity raises PluginError: a vector that is not finite is a fault of the "
            "embedder.\n"
            "  fix: raise tracer_spec.errors.PluginError where not numpy.isfinite(X).all()"
        )
    }


# --- acceptors and guards ---------------------------------------------------------------------------------------------


class AboveOne(acceptor.HistogramLearner):
    def fit(self, evidence, *, seed):
        return acceptor.Histogram(2 * super().fit(evidence, seed=seed).shares)


class WantsBothKinds(acceptor.HistogramLearner):
    def fit(self, evidence, *, seed):
        if evidence.agrees.all() or not evidence.agrees.any():
            raise PluginError("one class only")
        return super().fit(evidence, seed=seed)


class Contrary(acceptor.HistogramLearner):
    def fit(self, evidence, *, seed):
        return acceptor.Histogram(1 - super().fit(evidence, seed=seed).shares)


class WantsVotes(acceptor.HistogramLearner):
    def fit(self, evidence, *, seed):
        return super().fit(replace(evidence, scores=evidence.votes[:, :1]), seed=seed)


@pytest.mark.parametrize(
    ("part", "test", "said"),
    [
        (AboveOne, "test_it_gives_a_probability_and_its_graph_gives_the_same", "fix: give a probability"),
        (WantsBothKinds, "test_it_learns_from_evidence_of_one_kind", "raised PluginError: one class only"),
        (Contrary, "test_it_accepts_more_readily_where_the_surrogate_agrees", "a higher value means"),
        (WantsVotes, "test_it_gives_a_probability_and_its_graph_gives_the_same", "raised TypeError"),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_an_acceptor_that_breaks_its_contract_is_told_how(part, test, said):
    assert said in found(AcceptorContract, part, acceptor.HistogramOptions)[test]


class WithoutLimit(guard.RadiusLearner):
    def fit(self, X, y, **named):
        return guard.Radius(super().fit(X, y, **named).means, float("inf"))


class Strict(guard.RadiusLearner):
    def fit(self, X, y, **named):
        return guard.Radius(super().fit(X, y, **named).means, 0.0)


class Signed(guard.Radius):
    def distances(self, X, labels):
        return super().distances(X, labels) - np.float32(1)


@pytest.mark.parametrize(
    ("part", "test", "said"),
    [
        (WithoutLimit, "test_it_gives_distances_and_its_graph_gives_the_same", "its limit is inf"),
        (Strict, "test_most_fit_rows_pass", "0% of the fit rows pass"),
        (
            learner(Signed, guard.RadiusLearner)[0],
            "test_it_gives_distances_and_its_graph_gives_the_same",
            "give a distance",
        ),
    ],
    ids=["WithoutLimit", "Strict", "Signed"],
)
def test_a_guard_that_breaks_its_contract_is_told_how(part, test, said):
    assert said in found(GuardContract, part, guard.RadiusOptions)[test]


# --- embedders and sources --------------------------------------------------------------------------------------------


class Padded(embedder.Trigrams):
    def embed(self, texts):
        return super().embed([text.ljust(max(map(len, texts)), "~") for text in texts])


class Chopped(embedder.Trigrams):
    def embed(self, texts):
        return super().embed([text for text in texts if text.strip()])


class Timed(embedder.Trigrams):
    def fingerprint(self):
        return f"trigrams at {next(_numbers)}"


class Forgetful(embedder.Trigrams):
    def fingerprint(self):
        return "trigrams"


class Stateful(embedder.Trigrams):
    def state(self):
        return {"../weights": b"..."}


class Scalar(embedder.Trigrams):
    def embed(self, texts):
        return super().embed(texts) if texts else np.zeros(0)


@pytest.mark.parametrize(
    ("part", "test", "said"),
    [
        (Padded, "test_a_text_has_the_same_vector_alone_and_in_any_batch", "no padding, no statistics of the batch"),
        (Chopped, "test_any_unicode_text_has_a_vector", "embed([''])"),
        (Timed, "test_its_fingerprint_is_of_the_function", "one function has the fingerprints"),
        (Forgetful, "test_its_fingerprint_is_of_the_function", "digest every option that changes vectors"),
        (Stateful, "test_it_comes_back_from_its_state", "the state holds '../weights'"),
        (Scalar, "test_no_texts_give_no_rows", "embed([]) gives float64 of shape (0,)"),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_an_embedder_that_breaks_its_contract_is_told_how(part, test, said):
    assert said in found(EmbedderContract, part, embedder.TrigramOptions, others=[{"dim": 8}])[test]


class Hidden(Options):
    dim: int = Field(64, description="dimension")
    max_tokens: int = Field(64, description="of a text")
    base_url: str = Field("http://localhost", description="the endpoint")
    api_key_env: Annotated[str, DeploymentOption()] = Field("KEY", description="the key's variable")
    model: LocalPath | None = Field(None, description="a folder")
    login: Nested | None = Field(None, description="how to log in")
    words: list[Words] = Field([], description="words")


class Nested(Options):
    password: str = Field("", description="the password")


class Words(Options):
    word: str = Field("", description="a word")


Hidden.model_rebuild()


def test_an_embedder_that_declares_no_address_path_or_key_is_told_how():
    told = found(EmbedderContract, embedder.Trigrams, Hidden)["test_options_that_say_where_it_runs_are_declared"]
    assert "the options base_url, login, model go into bundles and are read from them" in told
    assert "base_url: Annotated[str, DeploymentOption()]" in told


@pytest.mark.parametrize("name", sorted({*SECRET_WORDS, *KEY_WORDS, "apiKey", "api_key", "accessToken"}))
def test_what_a_build_refuses_by_its_name_is_asked_to_be_declared(name):
    options = create_model("Named", __base__=Options, **{name: (str, Field("", description="it opens the door"))})
    told = found(EmbedderContract, embedder.Trigrams, options)["test_options_that_say_where_it_runs_are_declared"]
    assert f"the options {name} go into bundles" in told


class Typed(Options):
    dim: int = Field(64, description="dimension")
    door: SecretStr = Field(SecretStr(""), description="it opens the door")
    entry: str = Field("", description="it opens the door too", validation_alias=AliasChoices("entry", "apikey"))


def test_what_a_build_refuses_by_its_type_or_another_name_is_asked_to_be_declared():
    told = found(EmbedderContract, embedder.Trigrams, Typed)["test_options_that_say_where_it_runs_are_declared"]
    assert "the options door, entry go into bundles" in told


class Eager(embedder.Trigrams):
    is_service = True

    def fingerprint(self):
        with socket.socket() as line:
            line.connect(("127.0.0.1", 9))
        return super().fingerprint()


def test_a_service_that_connects_before_it_is_given_a_text_is_told_how():
    told = found(EmbedderContract, Eager, embedder.TrigramOptions)["test_a_service_is_called_for_texts_alone"]
    assert "it connects to [('127.0.0.1', 9)] before it is given a text" in told


def test_a_reader_of_vectors_is_sent_to_its_own_contract_and_held_to_it():
    class Constant:
        def read(self, rows, ids, vectors, texts):
            return np.arange(2 * len(rows), dtype=np.float32).reshape(-1, 2)

        def embed(self, texts):
            raise PluginError("no text")

        def fingerprint(self):
            return "constant"

        def state(self):
            return {}

    told = found(EmbedderContract, lambda options: Constant())
    assert all("VectorReaderContract" in text for text in told.values() if "reads vectors" in text)
    assert "test_each_text_gets_a_finite_row" in told
    assert "VectorReaderPlugin" in found(VectorReaderContract, lambda options: Constant())["test_it_is_a_reader"]
    reader = VectorReaderPlugin("broken", "broken on purpose", lambda options: Constant())
    told = breaches(type("TestIt", (VectorReaderContract,), {"plugin": reader}))
    assert list(told) == ["test_each_trace_gets_its_own_finite_vector_in_any_order"]


class Records:
    def __init__(self, options):
        self.rows = [Record("a:1", {"input": "x"}), Record("a:2", {"input": "y"})]

    def records(self):
        yield from self.rows


class AsList(Records):
    def records(self):
        return self.rows


class SamePlace(Records):
    def records(self):
        yield from (replace(each, where="a") for each in self.rows)


class OnceOnly(Records):
    def records(self):
        while self.rows:
            yield self.rows.pop()


@pytest.mark.parametrize(
    ("part", "test", "said"),
    [
        (AsList, "test_it_streams", "records() gives a list"),
        (SamePlace, "test_every_record_has_an_address_and_data", "count lines or rows in where"),
        (OnceOnly, "test_reading_again_gives_the_same_records", "start at the beginning"),
        (Records, "test_it_gives_the_records_that_are_there", "2 records, 1 expected; they differ from number 0 on"),
        (Records, "test_what_does_not_exist_is_a_data_error", "it reads what does not exist"),
    ],
)
def test_a_source_that_breaks_its_contract_is_told_how(part, test, said):
    assert said in found(SourceContract, part, expected=[{"input": "z"}], missing={})[test]


# --- families and calibrators -----------------------------------------------------------------------------------------


class Falling(family.Best):
    def propose(self, workshop):
        for each in super().propose(workshop):
            yield replace(each, candidates=each.candidates[::-1])


class Hopeful(family.Best):
    def propose(self, workshop):
        for each in super().propose(workshop):
            yield replace(each, candidates=tuple(replace(one, n_agree=one.n_handled) for one in each.candidates))


class Nameless(family.Best):
    def propose(self, workshop):
        for each in super().propose(workshop):
            yield Chain("other", each.surrogates, each.candidates)


@pytest.mark.parametrize(
    ("part", "test", "said"),
    [
        (Falling, "test_coverage_rises_along_a_chain", "decisions back"),
        (Hopeful, "test_candidates_carry_the_workshops_counts", "make candidates with workshop.candidate"),
        (Nameless, "test_it_proposes_chains", "a chain of the family 'other'"),
    ],
)
def test_a_family_that_breaks_its_contract_is_told_how(part, test, said):
    assert said in found(FamilyContract, part, family.BestOptions)[test]


class Picks(calibrator.OneTest):
    """Tests every candidate at delta and ships the largest that passes."""

    def order(self, chains, n_certify, target):
        return tuple(each for chain in chains for each in chain.candidates)

    def certify(self, ordered, rows, target):
        tested = [super(Picks, self).certify((each,), rows, target) for each in ordered]
        walk = tuple(one.walk[0] for one in tested)
        chosen = max((each for each in walk if each.passed), key=lambda each: each.candidate.coverage, default=None)
        return replace(super().certify((), rows, target), walk=walk, chosen=chosen, claim="it does")


class Remembers(calibrator.OneTest):
    def __init__(self, margin):
        vars(self).update(margin=margin, seen=[])

    def order(self, chains, n_certify, target):
        best = [each for chain in chains for each in chain.candidates]
        return tuple(best[:1] if self.seen else best[1:2])

    def certify(self, ordered, rows, target):
        self.seen.append(len(rows))
        return super().certify(ordered, rows, target)


class BelievesNothing(calibrator.OneTest):
    def certify(self, ordered, rows, target):
        step = WalkStep(ordered[0], 0, 0, 0.0, True) if ordered else None
        return replace(super().certify((), rows, target), walk=(step,) if step else (), chosen=step)


class SpendsAll(calibrator.OneTest):
    def certify(self, ordered, rows, target):
        return super().certify(ordered, rows, replace(target, budget=None))


class StatesItsLook(calibrator.OneTest):
    def certify(self, ordered, rows, target):
        return replace(super().certify(ordered, rows, target), confidence=1 - target.delta)


class SkipsSome(calibrator.OneTest):
    def certify(self, ordered, rows, target):
        found = super().certify(ordered, rows, target)
        return replace(found, walk=(*found.walk, *(replace(each, p_value=None, passed=False) for each in found.walk)))


@pytest.mark.parametrize(
    ("part", "test", "said"),
    [
        (Picks, "test_it_errs_no_more_often_than_it_says", "of 200 certificates are false"),
        (Remembers, "test_the_order_is_frozen_before_any_row_is_seen", "the order changed after rows were counted"),
        (BelievesNothing, "test_without_rows_nothing_is_certified", "it certifies on no certify rows"),
        (BelievesNothing, "test_the_certificate_tells_what_was_tested", "the rows say"),
        (SpendsAll, "test_it_spends_no_more_than_the_looks_budget", "compare with target.delta"),
        (StatesItsLook, "test_it_spends_no_more_than_the_looks_budget", "state target.confidence"),
        (SkipsSome, "test_the_certificate_tells_what_was_tested", "None where the calibrator tests nothing"),
    ],
)
def test_a_calibrator_that_breaks_its_contract_is_told_how(part, test, said):
    told = found(CalibratorContract, lambda options: part(0.0), target=Target(0.9, 0.9))
    assert said in told[test]


class HoldsLabelsAlone(calibrator.OneTest):
    """Holds the target of the first label in place of the target's own, and does not write it down."""

    def certify(self, ordered, rows, target):
        return super().certify(ordered, rows, replace(target, agreement=target.labels[0].level, labels=()))


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (calibrator.OneTest, "a step of the walk does not hold the test of the target's label"),
        (HoldsLabelsAlone, "a step of the walk does not hold the test of the target's label"),
    ],
)
def test_a_calibrator_that_says_that_it_tests_labels_and_does_not_is_told_how(part, said):
    plugin = CalibratorPlugin("broken", "broken on purpose", lambda options: part(0.0), tests_labels=True)
    told = found(CalibratorContract, None, plugin=plugin, target=Target(0.9, 0.9))
    assert said in told["test_labels_with_targets_are_tested_in_every_step"]


# --- of all kinds -----------------------------------------------------------------------------------------------------


def test_a_plugin_that_hides_its_options_or_takes_any_is_told_how():
    class Loose(Options):
        model_config = ConfigDict(extra="allow", frozen=False)
        sharpness: float = 10.0

    plugin = Plugin("Broken One", "two\nlines", surrogate.CentroidLearner, Loose)
    told = breaches(type("TestIt", (SurrogateContract,), {"plugin": plugin}))
    assert "it is called 'Broken One'" in told["test_it_describes_itself"]
    assert "extra='allow' and frozen=False" in told["test_its_options_are_frozen_and_refuse_unknown_keys"]
    plugin = Plugin("broken", "one line", surrogate.CentroidLearner, Loose)
    told = breaches(type("TestIt", (SurrogateContract,), {"plugin": plugin}))
    assert "the options sharpness have no description" in told["test_it_describes_itself"]


def test_a_name_that_is_not_installed_is_said_with_those_that_are():
    told = breaches(type("TestIt", (FamilyContract,), {"plugin": "l2e"}))
    assert "no family is called 'l2e'; known: global, l2d, rsb" in told["test_it_describes_itself"]


def test_a_contract_without_a_plugin_says_so():
    contract = type("TestIt", (FamilyContract,), {})
    contract.setup_class()
    with pytest.raises(ContractBreachError, match="set plugin = 'its-name'"):
        contract().test_it_proposes_chains()
    contract.teardown_class()


def test_the_kit_needs_no_pytest_and_warns_of_nothing():
    code = (
        "import sys; sys.modules['pytest'] = None\n"
        "from tracer_spec.testing import FamilyContract, breaches\n"
        "class Mine(FamilyContract): plugin = 'l2d'\n"
        "print(breaches(Mine))"
    )
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("{}\n", "")


def test_the_templates_own_graph_is_scored_by_onnx_runtime():
    fitted = surrogate.CentroidLearner(surrogate.CentroidOptions()).fit(
        np.eye(3, dtype=np.float32), np.arange(3), n_classes=3, seed=0
    )
    (scores,) = Scorer(fitted.to_onnx().SerializeToString()).run({"embedding": np.eye(3, dtype=np.float32)})
    expected = np.exp(10 * np.eye(3)) / np.exp(10 * np.eye(3)).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(scores, expected, atol=1e-6)


# --- weights ----------------------------------------------------------------------------------------------------------


class DeafToWeights(surrogate.CentroidLearner):
    def fit(self, X, y, *, n_classes, seed, sample_weight=None):
        return super().fit(X, y, n_classes=n_classes, seed=seed)


class Weighs(surrogate.CentroidLearner):
    """Draws rows as they weigh: the simplest way to learn with weights."""

    def fit(self, X, y, *, n_classes, seed, sample_weight=None):
        if sample_weight is not None:
            chance = sample_weight / sample_weight.sum()
            drawn = np.random.default_rng(seed).choice(len(y), 4 * len(y), p=chance)
            X, y = X[drawn], y[drawn]
        return super().fit(X, y, n_classes=n_classes, seed=seed)


class DeafAcceptor(acceptor.HistogramLearner):
    def fit(self, evidence, *, seed, sample_weight=None):
        return super().fit(evidence, seed=seed)


def of_weights(contract, part, options):
    plugin = Plugin("broken", "broken on purpose", part, options, takes_weights=True)
    told = breaches(type("TestIt", (contract,), {"plugin": plugin}))
    return [text for name, text in told.items() if "weights" in name]


def test_a_learner_that_says_it_takes_weights_must_heed_them():
    (said,) = of_weights(SurrogateContract, DeafToWeights, surrogate.CentroidOptions)
    assert "hand sample_weight to the loss, or take takes_weights from the plugin" in said
    assert of_weights(SurrogateContract, Weighs, surrogate.CentroidOptions) == []
    (said,) = of_weights(AcceptorContract, DeafAcceptor, acceptor.HistogramOptions)
    assert "hand sample_weight to the loss" in said


def test_notes_that_are_one_text_are_caught():
    class Noted(surrogate.Centroid):
        notes = "did not converge"

    said = found(SurrogateContract, *learner(Noted))
    assert list(said) == ["test_its_notes_are_sentences"]
    assert "its notes are 'did not converge'" in said["test_its_notes_are_sentences"]
