"""A text's vector depends on the text alone, or nothing is certified."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from tracer_spec.errors import PluginError
from tracer_spec.flow.cache.memory import Memory
from tracer_spec.flow.cache.store import Store
from tracer_spec.flow.cache.text_vectors import PROBES, KnownVectors
from tracer_spec.flow.training.embed import FittedEmbedder
from tracer_spec.flow.training.steadiness import check_steady
from tracer_spec.plan import Resolved
from tracer_spec.plugin import Options

TEXTS = tuple("x" * (n % 17) + str(n) for n in range(200))


class Steady:
    """Gives a text's length, and counts its calls."""

    def __init__(self, _options):
        self.calls = []

    def fingerprint(self):
        return "lengths"

    def embed(self, texts):
        self.calls.append(len(texts))
        return np.array([[len(text), 1.0] for text in texts], np.float32)


class Mixing(Steady):
    """Takes the mean of all texts at hand off each."""

    def embed(self, texts):
        X = super().embed(texts)
        return X - X.mean(axis=0) * np.float32(0.01)


class Drawing(Steady):
    """Gives other vectors at each call."""

    n = count()

    def embed(self, texts):
        return super().embed(texts) + np.float32(0.01 * next(self.n))


class Service(Steady):
    """Is called over a network."""

    is_service = True


@pytest.fixture
def fitted(telling):
    def of(make):
        part = make(None)
        return FittedEmbedder(Resolved("words", telling.provided("embedder", lambda _: part, Options), Options()), part)

    return of


def test_a_steady_embedder_is_asked_for_single_texts_once_and_a_service_for_none(fitted, tmp_path, monkeypatch):
    monkeypatch.setattr("tracer_spec.flow.cache.memory.identity", lambda _: b"as installed")
    memory = Memory(Store(tmp_path))
    X = Steady(None).embed(TEXTS)
    for make, calls in ((Steady, [1] * 32), (Steady, []), (Service, [])):
        one = fitted(make)
        check_steady(one, TEXTS, X, memory)
        assert one.embedder.calls == calls


def test_texts_that_are_mixed_vectors_that_are_drawn_and_vectors_of_another_model_are_refused(fitted, tmp_path):
    memory = Memory(Store(tmp_path))
    for make, moved in ((Mixing, 0), (Drawing, 0), (Steady, 0.01)):
        one = fitted(make)
        X = one.embedder.embed(TEXTS) + np.float32(moved)
        for _ in range(2):  # what failed is not remembered
            with pytest.raises(PluginError, match="the embedder 'words' gives a text another vector when asked again"):
                check_steady(one, TEXTS, X, memory)


def test_vectors_of_another_width_are_refused(fitted):
    with pytest.raises(PluginError, match=r"gave vectors of shape \(1, 2\), and before of shape \(n, 3\)") as caught:
        check_steady(fitted(Steady), TEXTS, np.ones((len(TEXTS), 3), np.float32), Memory())
    assert "an embedder has one dimension" in caught.value.problems[0].hint


def test_one_that_changes_its_width_between_calls_is_refused_with_both_shapes(fitted, tmp_path):
    class Growing(Steady):
        def embed(self, texts):
            super().embed(texts)
            return np.ones((len(texts), 4 + (len(texts) != len(PROBES))), np.float32)

    one = fitted(Growing)
    known = KnownVectors(Store(tmp_path), one.embedder.embed, "growing")
    with pytest.raises(PluginError, match=r"gave vectors of shape \(200, 5\), and before of shape \(n, 4\)"):
        known.vectors(TEXTS, lambda _: None)
    part = FittedEmbedder(replace(one.resolved, place="with.of[1]"), one.embedder, known)
    with pytest.raises(PluginError) as caught:
        part.vectors_of(TEXTS)
    assert caught.value.problems[0].address == "embedder.with.of[1]"
