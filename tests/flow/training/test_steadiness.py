"""A text's vector depends on the text alone, or nothing is certified."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest

from tracer_spec.errors import PluginError
from tracer_spec.flow.training.embed import FittedEmbedder
from tracer_spec.flow.training.steadiness import check_steady
from tracer_spec.plan import Resolved
from tracer_spec.plugin import Options

TEXTS = tuple("x" * (n % 17) + str(n) for n in range(200))


class Steady:
    """Gives a text's length, and counts its calls."""

    def __init__(self, _options):
        self.calls = []

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


def test_a_steady_embedder_passes_by_single_texts_and_a_service_by_one_call(fitted):
    for make, calls in ((Steady, [1] * 32), (Service, [4])):
        one = fitted(make)
        check_steady(one, TEXTS, Steady(None).embed(TEXTS))
        assert one.embedder.calls == calls


def test_texts_that_are_mixed_vectors_that_are_drawn_and_vectors_of_another_model_are_refused(fitted):
    for make in (Mixing, Drawing, Service):
        one = fitted(make)
        X = one.embedder.embed(TEXTS) + np.float32(0.01 * (make is Service))
        with pytest.raises(PluginError, match="the embedder 'words' gives a text another vector when asked again"):
            check_steady(one, TEXTS, X)


def test_vectors_of_another_width_are_refused(fitted):
    with pytest.raises(PluginError, match="differ by inf"):
        check_steady(fitted(Steady), TEXTS, np.ones((len(TEXTS), 3), np.float32))
