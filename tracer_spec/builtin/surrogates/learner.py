"""The learner that all built-in surrogates share: checks, bounds, warnings as notes, missing classes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tracer_spec.builtin.checked_rows import checked_classes, checked_vectors
from tracer_spec.builtin.surrogates.bounds import at_most, sample_rows
from tracer_spec.errors import PluginError
from tracer_spec.plugin import Classes, Options, Scores, Vectors
from tracer_spec.plugin.one_thread import one_thread

if TYPE_CHECKING:
    from onnx import ModelProto

_NOTE_CHARACTERS = 200


class BoundedOptions(Options):
    """The options that every built-in surrogate has."""

    max_seconds: float = Field(
        120.0, gt=0, le=86_400, description="a fit that takes longer, in seconds of wall time, is abandoned"
    )
    max_rows: int | None = Field(
        20_000, ge=2, description="train on at most so many rows: a sample that keeps every class where it can"
    )


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the classes of a model are among those of the problem.

    Parameters
    ----------
    dimension : int
        d.
    seen : ndarray of shape (s,), int64
        The classes met in training, rising: the model's class i is ``seen[i]``.
    n_classes : int
        k.
    """

    dimension: int
    seen: Classes = field(repr=False)
    n_classes: int


Weights: TypeAlias = NDArray[np.float64]
OptionsT = TypeVar("OptionsT", bound=BoundedOptions)


def _predict_proba(model: Any, X: Vectors) -> NDArray[np.floating[Any]]:
    """Return a scikit-learn classifier's probabilities, shape (n, s)."""
    probabilities: NDArray[np.floating[Any]] = model.predict_proba(X)
    return probabilities


@dataclass(frozen=True, slots=True)
class Recipe(Generic[OptionsT]):
    """How one kind of model is trained, exported and asked. Its classes are dense: 0 to s - 1, s >= 2.

    Parameters
    ----------
    train : callable
        ``train(options, X, y, seed, weights)`` gives the model; ``seed`` is in [0, 2**31), ``weights`` of shape (n,) or None.
    export : callable
        ``export(model, layout)`` gives ``embedding (n, d) -> scores (n, k)``, tidy.
    smaller : str
        What makes the export smaller, for messages.
    predict : callable
        ``predict(model, X)`` gives probabilities, shape (n, s).
    """

    train: Callable[[OptionsT, Vectors, Classes, int, Weights | None], Any]
    export: Callable[[Any, Layout], ModelProto]
    smaller: str = "train a smaller model"
    predict: Callable[[Any, Vectors], NDArray[np.floating[Any]]] = _predict_proba


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained surrogate.

    Parameters
    ----------
    model : object or None
        None where training met one class only: it is always that one.
    notes : tuple of str
        What a reader of the report should know: warnings met in training, rows left out.
    """

    name: str
    layout: Layout
    model: Any = field(repr=False)
    recipe: Recipe[Any] = field(repr=False)
    notes: tuple[str, ...] = ()

    def scores(self, X: Vectors) -> Scores:
        """Return class probabilities, shape (n, k).

        Raises
        ------
        PluginError
            For vectors of another dimension, or not finite.
        """
        X = checked_vectors(X, f"'{self.name}'")
        if X.shape[1] != self.layout.dimension:
            raise PluginError(f"'{self.name}' was trained on {self.layout.dimension} dimensions; X has {X.shape[1]}")
        scores = np.zeros((len(X), self.layout.n_classes), np.float32)
        scores[:, self.layout.seen] = 1.0 if self.model is None else self.recipe.predict(self.model, X)
        return scores

    def to_onnx(self) -> ModelProto:
        """Return the graph ``embedding (n, d) -> scores (n, k)``.

        Raises
        ------
        PluginError
            Where the graph would be larger than :data:`tracer_spec.graph.MAX_EXPORT_BYTES`.
        """
        from tracer_spec.graph import check_export_size, constant_scores

        if self.model is None:
            row = np.zeros(self.layout.n_classes)
            row[self.layout.seen] = 1.0
            return constant_scores(row.tolist(), self.layout.dimension)
        graph = self.recipe.export(self.model, self.layout)
        check_export_size(graph, name=self.name, remedy=self.recipe.smaller)
        return graph


@dataclass(frozen=True, slots=True)
class Learner(Generic[OptionsT]):
    """A built-in surrogate learner."""

    name: str
    recipe: Recipe[OptionsT] = field(repr=False)
    options: OptionsT

    def fit(self, X: Vectors, y: Classes, *, n_classes: int, seed: int, sample_weight: Weights | None = None) -> Fitted:
        """Train; see :class:`~tracer_spec.plugin.SurrogateLearner`.

        Raises
        ------
        PluginError
            For rows that cannot be learned, and for training that takes longer than ``max_seconds``.
        """
        X = checked_vectors(X, f"'{self.name}'")
        y = checked_classes(y, len(X), n_classes, f"'{self.name}'")
        notes: list[str] = []
        if self.options.max_rows is not None and len(X) > self.options.max_rows:
            notes.append(f"trained on {self.options.max_rows:,} of {len(X):,} rows (max_rows)")
            rows = sample_rows(y, self.options.max_rows, seed)
            X, y = X[rows], y[rows]
            sample_weight = None if sample_weight is None else sample_weight[rows]
        seen, dense = np.unique(y, return_inverse=True)
        layout = Layout(X.shape[1], seen, n_classes)
        if len(seen) == 1:
            notes.append("the training rows have one class only")
            return Fitted(self.name, layout, None, self.recipe, tuple(notes))
        try:
            with _warnings_as(notes), one_thread(), at_most(self.options.max_seconds, self.name):
                model = self.recipe.train(self.options, X, dense.astype(np.int64), seed % 2**31, sample_weight)
        except (ValueError, ArithmeticError) as error:
            reason = " ".join(str(error).split())[:_NOTE_CHARACTERS]
            raise PluginError(f"'{self.name}' cannot learn these rows: {reason}") from error
        return Fitted(self.name, layout, model, self.recipe, tuple(dict.fromkeys(notes)))


@contextmanager
def _warnings_as(notes: list[str]) -> Iterator[None]:
    """Turn warnings, such as that a solver has not converged, into notes."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for each in caught:
        text = " ".join(str(each.message).split())[:_NOTE_CHARACTERS]
        notes.append(f"{each.category.__name__}: {text}")
