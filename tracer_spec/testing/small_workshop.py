"""A real workshop over made-up rows, small enough to build families from in a test."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.flow.training.workshop import Workshop
from tracer_spec.plan import Resolved
from tracer_spec.plugin import Target
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.testing.rows import DIMENSION, N_CLASSES

N_ROWS = 600


@lru_cache(maxsize=2)
def small_workshop(*, closed: bool = False) -> Workshop:
    """Train two surrogates on 600 rows of 4 classes, some easy and some hard, at a target of 0.8.

    A ``closed`` one denies every label, so that no surrogate may answer anything.
    """
    rng = np.random.default_rng(3)
    y = rng.integers(N_CLASSES, size=N_ROWS)
    X = 3.0 * np.eye(N_CLASSES, DIMENSION)[y] + rng.normal(
        scale=rng.uniform(0.3, 2.5, size=(N_ROWS, 1)), size=(N_ROWS, DIMENSION)
    )
    X = (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)
    y[:6] = -1
    registry = find_plugins()

    def resolved(kind: str, name: str) -> Resolved:
        provided = registry.get(kind, name)
        return Resolved(name, provided, provided.plugin.options())

    return Workshop(
        FitRows(X, y.astype(np.int64), np.arange(N_ROWS, dtype=np.int64) % 3, N_CLASSES),
        zoo=[resolved("surrogate", "logreg"), resolved("surrogate", "dt")],
        acceptors=[resolved("acceptor", "logistic")],
        guards=[],
        denied=np.full(N_CLASSES, closed),
        target=Target(agreement=0.8, confidence=0.9),
        seed=0,
        average=False,
    )
