"""Gradient-boosted trees by LightGBM, as a surrogate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import Field
from tracer_spec.plugin import Options, Plugin, SurrogateLearner, hookimpl

if TYPE_CHECKING:
    from tracer_spec_lightgbm.learner import LightgbmLearner


class LightgbmOptions(Options):
    """Options of ``lightgbm``."""

    rounds: int = Field(60, ge=1, le=10_000, description="rounds of boosting, each one tree a class")
    learning_rate: float = Field(0.1, gt=0, le=1, description="how far each round goes")
    leaves: int = Field(15, ge=2, le=4096, description="leaves of a tree at most")
    min_rows_in_leaf: int = Field(5, ge=1, description="a leaf holds at least so many rows")
    row_share: float = Field(0.7, gt=0, le=1, description="share of the rows each round sees")
    dimension_share: float = Field(0.3, gt=0, le=1, description="share of the dimensions each tree sees")
    l2: float = Field(1.0, ge=0, description="strength of L2 regularisation of the leaves")
    bins: int = Field(63, ge=2, le=65_535, description="candidates for a split in each dimension")


def _make(options: LightgbmOptions) -> LightgbmLearner:
    from tracer_spec_lightgbm.learner import LightgbmLearner

    return LightgbmLearner(options)


@hookimpl
def tracer_spec_surrogates() -> Iterable[Plugin[SurrogateLearner]]:
    """Yield the surrogate."""
    yield Plugin("lightgbm", "gradient-boosted trees by LightGBM", _make, LightgbmOptions)
