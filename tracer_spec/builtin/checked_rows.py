"""Checks of the rows that the built-in learners are given."""

from __future__ import annotations

import numpy as np

from tracer_spec.errors import PluginError
from tracer_spec.plugin import Classes, Vectors


def checked_vectors(X: Vectors, who: str) -> Vectors:
    """Return finite vectors as float32, without a copy where they are already; ``who`` got them, for messages."""
    if X.ndim != 2 or 0 in X.shape:
        raise PluginError(f"{who} got X of shape {X.shape}; expected (n, d), both above 0")
    X = np.ascontiguousarray(X, np.float32)
    if not np.isfinite(X).all():
        lost = int((~np.isfinite(X).all(axis=1)).sum())
        raise PluginError(f"{who} got {lost} vectors that are not finite", hint="fix the embedder")
    return X


def checked_classes(y: Classes, n: int, n_classes: int, who: str) -> Classes:
    """Return n classes in [0, n_classes) as int64."""
    y = np.asarray(y)
    if y.shape != (n,) or y.dtype.kind not in "iu":
        raise PluginError(f"{who} got y of shape {y.shape} and type {y.dtype}; expected integers of shape ({n},)")
    if y.min() < 0 or y.max() >= n_classes:
        raise PluginError(f"{who} got classes from {y.min()} to {y.max()}; 0 to {n_classes - 1} are allowed")
    return y.astype(np.int64)
