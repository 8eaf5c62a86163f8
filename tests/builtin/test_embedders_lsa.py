from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.sparse import hstack
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from tracer_spec.builtin import tracer_spec_embedders
from tracer_spec.builtin.embedders.lsa import LsaLearner, LsaOptions
from tracer_spec.errors import DataError
from tracer_spec.plugin import Fittable, Restorable, VectorReader

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"


def corpus(n, seed=0, n_words=60):
    """Return n different texts of made-up words, the common ones common."""
    rng = np.random.default_rng(seed)
    words = ["".join(rng.choice(list("abdeikmnorst"), rng.integers(2, 8))) for _ in range(n_words)]
    odds = 1 / np.arange(1, n_words + 1)
    picks = [rng.choice(n_words, rng.integers(4, 12), p=odds / odds.sum()) for _ in range(n)]
    return [f"{' '.join(words[word] for word in pick)} n{row}" for row, pick in enumerate(picks)]


def oracle(texts, dim, chars):
    """The same embedding of scikit-learn's parts, in float64."""
    settings = {"sublinear_tf": True, "norm": None, "dtype": np.float64}
    words = TfidfVectorizer(token_pattern=r"\w+", ngram_range=(1, 2), **settings).fit(texts)
    grams = TfidfVectorizer(analyzer="char_wb", ngram_range=chars, **settings).fit(texts)

    def tfidf(rows):
        return normalize(hstack([words.transform(rows), grams.transform(rows)]).tocsr())

    svd = TruncatedSVD(dim, algorithm="arpack", random_state=0).fit(tfidf(texts))
    return lambda rows: normalize(svd.transform(tfidf(rows)))


@pytest.mark.parametrize("dim", [2, 10, 40])
@pytest.mark.parametrize("chars", [(2, 4), (3, 5)])
def test_cosines_are_those_of_scikit_learns_parts_up_to_rounding(dim, chars):
    fit, new = corpus(150), corpus(220)[150:]
    # every term of the corpus is kept: one that occurs once too, since no more than dim would be left otherwise
    learner = LsaLearner(LsaOptions(dim=dim, vocabulary=200_000, chars=chars))
    X = learner.fit([*fit, *fit], seed=0).embed(new)
    Z = oracle([*fit, *fit], dim, chars)(new)
    assert X.shape == (70, dim)
    assert np.abs(X @ X.T - Z @ Z.T).max() < 0.015
    # signs are the only freedom of singular vectors
    assert np.abs(np.abs(X) - np.abs(Z)).max() < 0.015


def test_the_subspace_of_many_texts_is_nearly_the_best():
    texts = corpus(1200, n_words=400)
    embedder = LsaLearner(LsaOptions(dim=40, vocabulary=200_000)).fit([*texts, *texts], seed=3)
    X = embedder.embed(texts)
    Z = oracle([*texts, *texts], 40, (2, 4))(texts)
    assert embedder.components.shape[0] > 1024 + 128, "too few terms to leave the exact path"
    # how far each pair of cosines differs, over all pairs
    assert np.sqrt(np.mean((X @ X.T - Z @ Z.T) ** 2)) < 0.01


SCRIPT = """
import json, sys
from tracer_spec.builtin.embedders.lsa import LsaLearner, LsaOptions
embedder = LsaLearner(LsaOptions(dim=32, vocabulary=2000)).fit(json.load(sys.stdin), seed=5)
print(embedder.fingerprint(), embedder.embed(["rd en"]).tobytes().hex())
"""


def fit_in_a_process(texts, **environment):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], input=json.dumps(texts), env=os.environ | environment,
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return done.stdout


def test_processes_with_other_hash_seeds_and_threads_fit_the_same_bytes():
    texts = corpus(1300, n_words=500)
    outputs = {
        fit_in_a_process(texts, PYTHONHASHSEED="1", OMP_NUM_THREADS="1"),
        fit_in_a_process(texts, PYTHONHASHSEED="2", OMP_NUM_THREADS="2"),
    }
    embedder = LsaLearner(LsaOptions(dim=32, vocabulary=2000)).fit(texts, seed=5)
    outputs.add(f"{embedder.fingerprint()} {embedder.embed(['rd en']).tobytes().hex()}\n")
    assert len(outputs) == 1


@pytest.mark.parametrize(
    ("texts", "dim"),
    [
        (["where is my card"], 1),
        (["where is my card", "i lost it"], 2),
        (["where is my card", "i lost it", "what", "why me", "help"], 5),
        (["where is my card", "", "", "why me", "?!"], 5),
        (["same text"] * 50, 27),
        (["a"] * 50, 4),
        (["कार्ड खो गया", "卡在哪里", "где моя карта", "\ud800 x", "👍 ok"], 5),
    ],
)
def test_small_corpora_have_no_more_dimensions_than_texts_or_terms(texts, dim):
    embedder = LsaLearner(LsaOptions()).fit(texts, seed=0)
    assert embedder.dim == dim == min(len(texts), len(embedder.words) + len(embedder.grams))
    norms = np.linalg.norm(embedder.embed(texts), axis=1)
    has_term = [bool(text.strip("?! ")) for text in texts]
    assert norms[has_term] == pytest.approx(1, abs=1e-6)
    assert not norms[np.logical_not(has_term)].any()


def test_dimensions_beyond_the_rank_are_zero_not_noise():
    embedder = LsaLearner(LsaOptions(dim=20)).fit(["red card", "blue card", "red card", "blue card"] * 30, seed=0)
    assert embedder.dim == 20
    assert embedder.components[:, :2].any(axis=0).all()
    assert not embedder.components[:, 2:].any()


@given(st.lists(st.text(max_size=20), min_size=1, max_size=12), st.integers(0, 2**63))
@settings(max_examples=60, deadline=None)
def test_any_texts_fit_or_hold_no_word(texts, seed):
    learner = LsaLearner(LsaOptions(dim=3, vocabulary=40))
    try:
        embedder = learner.fit(texts, seed=seed)
    except DataError:
        return
    X = embedder.embed(texts)
    assert X.shape == (len(texts), embedder.dim)
    assert np.isfinite(X).all()
    assert learner.restore(embedder.state()).embed(texts).tobytes() == X.tobytes()


@pytest.mark.parametrize("texts", [[], ["", "?!", "👍"]])
def test_texts_without_a_word_are_an_error_with_a_remedy(texts):
    with pytest.raises(DataError) as caught:
        LsaLearner(LsaOptions()).fit(texts, seed=0)
    (problem,) = caught.value.problems
    assert (
        problem.what == f"none of {len(texts)} texts holds a letter or a digit, so that lsa has nothing to learn from"
    )
    assert problem.hint == "check that traces.format maps 'text' to the text of the request"


def test_the_vocabulary_holds_the_most_frequent_terms():
    texts = [*["card card lost"] * 5, *["card money"] * 3, *["zebra"] * 2]
    embedder = LsaLearner(LsaOptions(dim=2, vocabulary=16, chars=(4, 4))).fit(texts, seed=0)
    # in eight texts, in five, then in three: words before n-grams, and both by the alphabet
    assert embedder.words == ("card", "card card", "card lost", "card money", "lost", "money")
    assert embedder.grams == (" car", " los", " mon", "ard ", "card", "lost", "mone", "ney ", "oney", "ost ")


def test_terms_of_one_text_are_dropped_where_enough_others_are_left():
    texts = [f"where is my card number{n}" for n in range(30)]
    assert "number7" not in LsaLearner(LsaOptions(dim=8)).fit(texts, seed=0).words
    assert "number7" in LsaLearner(LsaOptions(dim=500)).fit(texts, seed=0).words


def test_many_texts_are_sampled_by_the_seed(monkeypatch):
    monkeypatch.setattr("tracer_spec.builtin.embedders.lsa.SAMPLE", 100)
    texts = corpus(400)
    learner = LsaLearner(LsaOptions(dim=8))
    first, again, other = (learner.fit(texts, seed=seed).fingerprint() for seed in (0, 0, 1))
    assert first == again != other
    assert learner.fit(texts[:100], seed=0).fingerprint() == learner.fit(texts[:100], seed=1).fingerprint()


def test_the_input_is_left_as_it_is():
    texts = corpus(20)
    LsaLearner(LsaOptions(dim=4)).fit(texts, seed=0)
    assert texts == corpus(20)


def test_the_plugin_keeps_its_contract():
    plugin = {each.name: each for each in tracer_spec_embedders()}["lsa"]
    made = plugin.make(plugin.options.model_validate({"dim": 3, "vocabulary": 100, "max_chars": 50, "chars": [3, 5]}))
    assert made == LsaLearner(LsaOptions(dim=3, vocabulary=100, max_chars=50, chars=(3, 5)))
    assert isinstance(made, Fittable)
    assert isinstance(made, Restorable)
    assert not isinstance(made, VectorReader)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dim": 1}, "greater than or equal to 2"),
        ({"vocabulary": 0}, "greater than or equal to 16"),
        ({"max_chars": 0}, "greater than or equal to 16"),
        ({"chars": [5, 3]}, r"chars is \[5, 3\]; expected the shortest first, both from 1 to 16"),
        ({"chars": [0, 3]}, r"chars is \[0, 3\]; expected the shortest first, both from 1 to 16"),
        ({"dims": 3}, "Extra inputs are not permitted"),
    ],
)
def test_options_out_of_range_are_refused(options, said):
    with pytest.raises(ValidationError, match=said):
        LsaOptions.model_validate(options)


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the real traces in ../shared/data")
def test_a_linear_model_on_real_intents_reaches_the_accuracy_that_was_measured():
    def read(name, every):
        with (DATA / name).open() as lines:
            rows = [json.loads(line) for line in lines][::every]
        return [row["input"] for row in rows], [row["teacher"] for row in rows]

    texts, labels = read("banking77_train.jsonl", 3)
    new, wanted = read("banking77_test.jsonl", 1)
    embedder = LsaLearner(LsaOptions(dim=256, vocabulary=6000)).fit(texts, seed=0)
    model = LogisticRegression(C=10, max_iter=300, tol=1e-3).fit(embedder.embed(texts), labels)
    assert model.score(embedder.embed(new), wanted) > 0.84
