"""The built-in zoo. One file a family of learners; nothing heavy is imported before one is trained."""

from __future__ import annotations

from tracer_spec.builtin.surrogates.forest import forest
from tracer_spec.builtin.surrogates.gbt import gbt
from tracer_spec.builtin.surrogates.linear import linear
from tracer_spec.builtin.surrogates.mlp import mlp
from tracer_spec.builtin.surrogates.xgb import xgb
from tracer_spec.plugin import Plugin, SurrogateLearner


def surrogates() -> list[Plugin[SurrogateLearner]]:
    """Return the built-in surrogates."""
    return [*linear(), *mlp(), *forest(), *gbt(), *xgb()]
