"""Embedders of a list that fail: what a machine lacks ends the build, and what cannot be trained has lost."""

from __future__ import annotations

import importlib
import json
import sys

import numpy as np
import pytest

import tracer_spec as ts
from tracer_spec.cli import main
from tracer_spec.cli.text.build import build_outcome
from tracer_spec.errors import LockError, PluginError
from tracer_spec.flow.progress import LearnerDone
from tracer_spec.testing.distribution import put_distribution

# a learner that a machine keeps from some numbers of dimensions, and an embedder whose model may be missing
PLUGIN = """
import os
import numpy as np
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.errors import PluginError
from tracer_spec.plugin import Options, Plugin, hookimpl


class Picky:
    takes_weights = False

    def __init__(self, options):
        logreg = find_plugins().get("surrogate", "logreg").plugin
        self.inner = logreg.make(logreg.options())

    def fit(self, X, y, *, n_classes, seed):
        if str(X.shape[1]) in os.environ.get("TOO_MANY", "").split():
            raise PluginError(f"{X.shape[1]} dimensions are not mine")
        return self.inner.fit(X, y, n_classes=n_classes, seed=seed)


class PickyOptions(Options):
    pass


class LetterOptions(Options):
    letters: str = "acdelnort"
    model: str = ""


class Letters:
    def __init__(self, options):
        if options.model:
            raise PluginError(f"'{options.model}' is not there", address="embedder.with.model", hint="put it there")
        self.letters = options.letters

    def embed(self, texts):
        return np.array([[text.count(each) for each in self.letters] for text in texts], np.float32).reshape(len(texts), -1)

    def fingerprint(self):
        return os.environ.get("LETTERS", "letters") + self.letters

    def state(self):
        return {}


@hookimpl
def tracer_spec_surrogates():
    yield Plugin("picky", "logistic regression of some dimensions", Picky, PickyOptions)


@hookimpl
def tracer_spec_embedders():
    yield Plugin("letters", "counts letters", Letters, LetterOptions)
"""
WORDS = ("card", "loan", "rent")
WIDE = {"use": "lsa", "as": "wide", "with": {"dim": 16}}


@pytest.fixture(autouse=True)
def picky(tmp_path, monkeypatch):
    site = tmp_path / "site"
    put_distribution(site, "tracer_picky", "1.0", {"picky": "picky_parts"}, picky_parts=PLUGIN)
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    yield
    sys.modules.pop("picky_parts", None)


@pytest.fixture
def spec(tmp_path):
    rng = np.random.default_rng(0)
    said = [WORDS[at] for at in rng.integers(0, 3, 300)]
    lines = [
        json.dumps({"id": f"e{i}", "input": f"my {each} number {i}", "teacher": each}) for i, each in enumerate(said)
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    settings = {
        "version": 1,
        "name": "lost",
        "traces": {"use": "jsonl", "with": {"path": "t.jsonl"}},
        "embedder": ["letters", WIDE],
        "zoo": ["picky"],
        "families": ["l2d"],
        "target": {"agreement": 0.8},
    }

    def write(**changes):
        path = tmp_path / "router.yaml"
        path.write_text(json.dumps(settings | changes))
        return path

    return write


def built(path, **asked):
    return ts.build(path, out=path.with_suffix(".tracer"), workers=1, **({"cache": False} | asked))


def test_an_embedder_on_whose_vectors_nothing_trains_has_lost_and_the_rest_goes_on(spec, monkeypatch):
    monkeypatch.setenv("TOO_MANY", "9")
    result = built(spec())
    letters, wide = result.embedders
    assert (result.status, letters.chosen, wide.chosen) == ("certified", False, True)
    assert letters.reason == "no surrogate of the zoo could be trained (picky: 9 dimensions are not mine)"
    assert (letters.agreement, letters.coverage) == (None, None)
    assert wide.reason == "nothing could be trained on the vectors of the others"
    (note,) = [each for each in result.certificate.assumptions if "the embedder 'wide' was chosen of 2" in each]
    assert f"letters: {letters.reason}" in note
    facts = {each.name: each for each in build_outcome(result, "build", out=result.bundle).facts}
    assert facts["skipped"].text == f"the embedder letters has lost: {letters.reason}"
    assert result.document()["embedders"][0]["reason"] == letters.reason


def test_a_build_fails_where_nothing_trains_on_any_vectors_and_every_reason_is_told(spec, monkeypatch):
    monkeypatch.setenv("TOO_MANY", "9 16")
    with pytest.raises(PluginError) as caught:
        built(spec())
    lost = "no surrogate of the zoo could be trained (picky: {} dimensions are not mine)"
    assert [(each.address, each.what) for each in caught.value.problems] == [
        ("zoo", f"on the vectors of 'letters': {lost.format(9)}"),
        ("zoo", f"on the vectors of 'wide': {lost.format(16)}"),
    ]


def test_a_model_that_is_missing_ends_the_build_at_its_address_before_anything_trains(spec, capsys):
    path, heard = spec(embedder=[WIDE, {"use": "letters", "with": {"model": "nowhere"}}]), []
    with pytest.raises(PluginError) as caught:
        built(path, observe=heard.append)
    (problem,) = caught.value.problems
    assert (problem.address, problem.what) == ("embedder[1].with.model", "'nowhere' is not there")
    assert not [each for each in heard if isinstance(each, LearnerDone)]
    assert main(["plan", str(path)]) == 1
    assert "embedder[1].with.model" in capsys.readouterr().err


def test_a_locked_build_says_which_choice_the_lock_holds_and_which_was_made(spec, monkeypatch):
    monkeypatch.setenv("TOO_MANY", "9")
    path = spec()
    built(path)
    monkeypatch.setenv("TOO_MANY", "16")
    for asked in ({"locked": True}, {"check": True}):
        with pytest.raises(LockError) as caught:
            built(path, **asked)
        (problem,) = caught.value.problems
        assert problem.what == (
            "of 2 embedders that compete, the lock holds the choice of 'wide', and here 'letters' was chosen"
        )
        assert [each.address for each in caught.value.differences] == ["embedder.fingerprint"]


def test_a_locked_build_refuses_before_it_trains_where_no_embedder_is_the_chosen_one(spec, monkeypatch):
    path = spec(embedder=["letters", {"use": "letters", "as": "few", "with": {"letters": "xyz"}}])
    built(path)
    monkeypatch.setenv("LETTERS", "other ")
    heard = []
    with pytest.raises(LockError, match="none of the 2 embedders that compete is the chosen one of the lock") as caught:
        built(path, locked=True, observe=heard.append)
    assert "its fingerprint was 'lettersacdelnort', that of 'letters' is 'other acdelnort'" in str(caught.value)
    assert not [each for each in heard if isinstance(each, LearnerDone)]
