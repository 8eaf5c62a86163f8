"""``mlp``, a multi-layer perceptron: the most accurate of the small models where there are some dozen rows a class."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from tracer_spec.builtin.surrogates.dense import dense_graph
from tracer_spec.builtin.surrogates.learner import BoundedOptions, Layout, Recipe, Weights
from tracer_spec.plugin import Classes, Vectors

if TYPE_CHECKING:
    from onnx import ModelProto

_PATIENCE = 3
_INTERRUPTED = "Training interrupted"


class MlpOptions(BoundedOptions):
    """Options of ``mlp``."""

    hidden: list[Annotated[int, Field(ge=1, le=4096)]] = Field(
        [256], min_length=1, max_length=2, description="sizes of the one or two hidden layers"
    )
    alpha: float = Field(1e-3, ge=0, le=100, description="strength of L2 regularisation")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="of Adam, at the start")
    batch_size: int = Field(64, ge=1, le=100_000, description="rows per step")
    max_iter: int = Field(60, ge=1, le=10_000, description="passes over the rows at most")
    tol: float = Field(
        0.02,
        ge=0,
        le=10,
        description=f"stop when the training loss falls by less than this for {_PATIENCE} passes running",
    )


def _train(options: MlpOptions, X: Vectors, y: Classes, seed: int, weights: Weights | None) -> Any:
    from sklearn.neural_network import MLPClassifier

    # stopping by the training loss, not by held-out rows: small classes cannot spare any
    perceptron = MLPClassifier(
        tuple(options.hidden),
        alpha=options.alpha,
        learning_rate_init=options.learning_rate,
        batch_size=min(options.batch_size, len(X)),
        max_iter=options.max_iter,
        tol=options.tol,
        n_iter_no_change=_PATIENCE,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # scikit-learn takes Ctrl-C for "that will do": it warns, and gives back half a model
        warnings.filterwarnings("error", message=_INTERRUPTED)
        try:
            return perceptron.fit(X, y, sample_weight=weights)
        except UserWarning as warning:
            raise KeyboardInterrupt from warning


def _export(model: Any, layout: Layout) -> ModelProto:
    return dense_graph(list(zip(model.coefs_, model.intercepts_, strict=True)), layout)


MLP = Recipe(_train, _export, smaller="choose smaller hidden layers")
