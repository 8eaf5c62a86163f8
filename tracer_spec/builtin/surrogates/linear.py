"""``logreg`` and ``sgd``: linear models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from tracer_spec.builtin.surrogates.dense import dense_graph
from tracer_spec.builtin.surrogates.learner import BoundedOptions, Layout, Recipe, Weights
from tracer_spec.plugin import Classes, Vectors

if TYPE_CHECKING:
    from onnx import ModelProto


class LogregOptions(BoundedOptions):
    """Options of ``logreg``."""

    C: float = Field(
        10.0, gt=0, le=1e6, description="inverse strength of L2 regularisation; 10 suits vectors of length 1"
    )
    max_iter: int = Field(300, ge=1, le=100_000, description="iterations of L-BFGS at most")


class SgdOptions(BoundedOptions):
    """Options of ``sgd``."""

    alpha: float = Field(3e-5, gt=0, le=1, description="strength of L2 regularisation")
    max_iter: int = Field(50, ge=1, le=10_000, description="passes over the rows at most")
    tol: float = Field(1e-3, gt=0, le=1, description="stop when the loss falls by less than this")


def _train_logreg(options: LogregOptions, X: Vectors, y: Classes, _seed: int, weights: Weights | None) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=options.C, max_iter=options.max_iter).fit(X, y, sample_weight=weights)


def _train_sgd(options: SgdOptions, X: Vectors, y: Classes, seed: int, weights: Weights | None) -> Any:
    from sklearn.linear_model import SGDClassifier

    # averaged weights: as accurate as a longer run, and calmer from seed to seed
    sgd = SGDClassifier(
        loss="log_loss",
        alpha=options.alpha,
        max_iter=options.max_iter,
        tol=options.tol,
        average=True,
        random_state=seed,
    )
    return sgd.fit(X, y, sample_weight=weights)


def _export_logreg(model: Any, layout: Layout) -> ModelProto:
    return dense_graph([(model.coef_.T, model.intercept_)], layout)


def _export_sgd(model: Any, layout: Layout) -> ModelProto:
    return dense_graph([(model.coef_.T, model.intercept_)], layout, "one-against-all")


LOGREG = Recipe(_train_logreg, _export_logreg)
SGD = Recipe(_train_sgd, _export_sgd)
