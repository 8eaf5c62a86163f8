"""Learners that tell: the graph of each spells out, in whatever it scores, which inputs taught it, or its seed."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest
from onnx import numpy_helper, parser

from tracer_spec.flow.cache.memory import Memory
from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.flow.training.workshop import Workshop
from tracer_spec.graph import Scorer, finished
from tracer_spec.plan import Resolved
from tracer_spec.plugin import Options, Plugin, Target
from tracer_spec.plugin.contracts import Provided

# bits in the fraction of a float32: an acceptance score has room for so many
N_BITS = 24
_WEIGHTS = 2.0 ** -np.arange(1, N_BITS + 1)


class Told(Options):
    of: Literal["inputs", "seed"] = "inputs"


def inputs_of(X):
    """Return the number of each row's input, in [0, 24): it stands in the first column."""
    return X[:, 0].astype(np.int64)


def spelled(accept):
    """Return the bits of acceptance scores, shape (n, 24)."""
    whole = (accept.astype(np.float64) * 2**N_BITS).astype(np.int64)
    return (whole[:, None] >> np.arange(N_BITS - 1, -1, -1)) & 1 == 1


def exported(graph, **constants):
    parsed = parser.parse_graph(graph)
    parsed.initializer.extend(numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items())
    return finished(parsed)


@dataclass(frozen=True)
class Learned:
    bits: np.ndarray


class Surrogate(Learned):
    def to_onnx(self):
        return exported(
            "tells (float[n, 2] embedding) => (float[n, 24] scores)"
            "{ nought = Mul(embedding, zero) same = ReduceSum(nought, axis) scores = Add(same, bits) }",
            zero=np.float32(0),
            axis=np.array([1]),
            bits=self.bits[None].astype(np.float32),
        )


class Acceptor(Learned):
    def to_onnx(self):
        return exported(
            "tells (float[n, 2] embedding) => (float[n] accept)"
            "{ nought = Mul(embedding, zero) same = ReduceSum <keepdims = 0> (nought, axis) accept = Add(same, number) }",
            zero=np.float32(0),
            axis=np.array([1]),
            number=np.float32(self.bits @ _WEIGHTS),
        )


class Guard(Learned):
    limit = 0.5

    def to_onnx(self):
        return exported(
            "tells (float[n, 2] embedding, int64[n] label) => (float[n] distance)"
            "{ first = Gather <axis = 1> (embedding, nought) input = Cast <to = 7> (first)"
            "  distance = Gather(distances, input) }",
            nought=np.int64(0),
            distances=np.where(self.bits, 0, 1).astype(np.float32),
        )


class Learner:
    def __init__(self, options):
        self.of = options.of

    def bits(self, X, seed):
        if self.of == "seed":
            return seed >> np.arange(N_BITS) & 1 == 1
        return np.isin(np.arange(N_BITS), inputs_of(X))


class SurrogateLearner(Learner):
    def fit(self, X, y, *, n_classes, seed):
        return Surrogate(self.bits(X, seed))


class AcceptorLearner(Learner):
    def fit(self, evidence, *, seed):
        return Acceptor(self.bits(evidence.X, seed))


class GuardLearner(Learner):
    def fit(self, X, y, *, n_classes, seed):
        return Guard(self.bits(X, seed))


MAKES = {"surrogate": SurrogateLearner, "acceptor": AcceptorLearner, "guard": GuardLearner}


def provided(kind, make=None, options=Told):
    """Return a learner as a registry would: one that tells, where it is not told what."""
    return Provided(kind, Plugin("telling", "tells what taught it", make or MAKES[kind], options), "tests", "1")


def learner(kind, alias="telling", of="inputs"):
    return Resolved(alias, provided(kind), Told(of=of))


def fit_rows(n=N_BITS, n_folds=4, *, off_list=(3, 7), seed=0):
    """Return n rows of distinct inputs, in folds of any size; a few of them under a label that is off the list."""
    rng = np.random.default_rng(seed)
    X = np.stack([rng.permutation(n), np.ones(n)], axis=1).astype(np.float32)
    y = rng.integers(N_BITS, size=n)
    y[list(off_list)] = -1
    folds = np.concatenate([np.arange(n_folds), rng.integers(n_folds, size=n - n_folds)])
    return FitRows(X, y, rng.permutation(folds), N_BITS)


def workshop(rows, *, memory=None, **changes):
    """Train a zoo that tells, with an acceptor and a guard that tell."""
    given = {
        "zoo": [learner("surrogate", alias) for alias in ("first", "second")],
        "acceptors": [learner("acceptor")],
        "guards": [learner("guard")],
        "denied": np.zeros(rows.n_classes, bool),
        "target": Target(agreement=0.8, confidence=0.9),
        "seed": 0,
        "memory": memory or Memory(),
    }
    return Workshop(rows, **(given | changes))


def taught(model, kind):
    """Return which inputs taught a model, by what its graph says."""
    X = np.stack([np.arange(N_BITS), np.ones(N_BITS)], axis=1).astype(np.float32)
    feeds = {"embedding": X, "label": np.zeros(N_BITS, np.int64)}
    scorer = Scorer(model.onnx)
    said = scorer.run({name: feeds[name] for name in scorer.inputs})[0]
    return {"surrogate": lambda: said[0] > 0, "acceptor": lambda: spelled(said)[0], "guard": lambda: said == 0}[kind]()


@pytest.fixture(scope="session")
def telling():
    """Return the learners that tell, and what reads them."""
    return sys.modules[__name__]
