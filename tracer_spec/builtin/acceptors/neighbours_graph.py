"""The trained acceptor ``neighbours``, and its graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tracer_spec.builtin.acceptors.logistic_graph import LogisticAcceptor
from tracer_spec.graph import check_export_size, finished, inline, tidy
from tracer_spec.plugin import Scores, Vectors

if TYPE_CHECKING:
    from onnx import ModelProto

_STEPS = 127


@dataclass(frozen=True, slots=True)
class Reference:
    """Unit vectors of each label, in int8.

    Parameters
    ----------
    steps : ndarray of shape (k, m, d), int8
        m for each of at least two labels; a label with fewer has zeros, which are as near as nothing is.
    scale : float
        What one step is.
    """

    steps: NDArray[np.int8] = field(repr=False)
    scale: np.float32

    @classmethod
    def of(cls, rows: Sequence[Vectors], dimension: int) -> Self:
        """Round the unit vectors of each label."""
        most = max(1, *map(len, rows)) if len(rows) > 1 else max(1, len(rows[0]))
        whole = np.zeros((max(2, len(rows)), most, dimension), np.float32)
        for label, own in enumerate(rows):
            whole[label, : len(own)] = own
        largest = float(np.abs(whole).max()) or 1.0
        return cls(np.rint(whole * (_STEPS / largest)).astype(np.int8), np.float32(largest / _STEPS))

    def similarities(self, X: Vectors, scores: Scores) -> Scores:
        """Return the cosine to the nearest row of the label put first, and of the second, shape (n, 2)."""
        wide = np.pad(scores, ((0, 0), (0, max(0, 2 - scores.shape[1]))))
        top = np.argsort(-wide, axis=1, kind="stable")[:, :2]
        unit = normalised(X)
        near = np.empty((len(X), 2), np.float32)
        for label in np.unique(top):
            rows, place = np.nonzero(top == label)
            near[rows, place] = (unit[rows] @ self.steps[label].T.astype(np.float32)).max(axis=1)
        return near * self.scale


@dataclass(frozen=True, slots=True)
class NeighboursAcceptor:
    """A trained acceptor: a logistic one that takes two similarities for two more votes."""

    logistic: LogisticAcceptor
    reference: Reference

    @property
    def notes(self) -> tuple[str, ...]:
        """Return warnings met in training."""
        return self.logistic.notes

    def accepts(self, X: Vectors, scores: Scores, votes: Scores | None = None) -> Scores:
        """Return the predicted probability of agreement, shape (n,); NaN, which defers, where scores are not finite."""
        near = self.reference.similarities(X, scores)
        return self.logistic.accepts(X, scores, near if votes is None else np.concatenate([votes, near], axis=1))

    def to_onnx(self) -> ModelProto:
        """Return ``embedding (n, d), scores (n, k) -> accept (n,)``, with ``votes (n, v)`` between where there are any.

        Only rows of two labels are looked at, so that a decision costs 2 x m x d multiplications however many labels there
        are. The runtime finds the two best scores once, though the logistic part asks for them too.

        Raises
        ------
        PluginError
            Where it would be larger than :data:`tracer_spec.graph.MAX_EXPORT_BYTES`.
        """
        node = helper.make_node
        n_votes = len(self.logistic.votes) - 2
        inputs = {"embedding": self.logistic.dimension, "scores": self.logistic.n_classes}
        constants: dict[str, Any] = {
            "two": np.array([2], np.int64),
            "first_two": np.array([0, 1], np.int64),
            "middle_and_last": np.array([1, 3], np.int64),
            "compared": np.array([2, 3], np.int64),
            "reference": self.reference.steps,
            "scale": self.reference.scale,
        }
        nodes, ranked, all_votes = [], "scores", "near"
        if self.logistic.n_classes == 1:
            ranked = "padded"
            constants["one_column"] = np.array([0, 0, 0, 1], np.int64)
            nodes.append(node("Pad", ["scores", "one_column"], [ranked]))
        nodes += [
            node("TopK", [ranked, "two"], ["top", "ranked_classes"], axis=1),
            # the loader bounds what TopK gives by all classes, and what this gives by two
            node("Gather", ["ranked_classes", "first_two"], ["classes"], axis=1),
            node("Gather", ["reference", "classes"], ["steps"], axis=0),
            node("Cast", ["steps"], ["rows"], to=TensorProto.FLOAT),
            node("LpNormalization", ["embedding"], ["unit"], axis=1, p=2),
            node("Unsqueeze", ["unit", "middle_and_last"], ["column"]),
            node("MatMul", ["rows", "column"], ["products"]),
            node("ReduceMax", ["products", "compared"], ["nearest"], keepdims=0),
            node("Mul", ["nearest", "scale"], ["near"]),
        ]
        if n_votes:
            inputs["votes"] = n_votes
            all_votes = "all_votes"
            nodes.append(node("Concat", ["votes", "near"], [all_votes], axis=1))
        feeds = {"embedding": "embedding", "scores": "scores", "votes": all_votes}
        inlined = inline(self.logistic.to_onnx(), "logistic.", feeds)
        graph = helper.make_graph(
            [*nodes, *inlined.nodes],
            "neighbours",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width]) for name, width in inputs.items()],
            [helper.make_tensor_value_info(inlined.outputs["accept"], TensorProto.FLOAT, ["n"])],
            [
                *[numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
                *inlined.initializers,
            ],
        )
        model = tidy(finished(graph), inputs=list(inputs), outputs=["accept"])
        check_export_size(model, name="neighbours", remedy="lower 'rows'")
        return model


def normalised(X: Vectors) -> Vectors:
    """Return vectors of length 1; zero stays zero."""
    with np.errstate(invalid="ignore", over="ignore"):
        lengths = np.linalg.norm(X, axis=1, keepdims=True)
        return np.asarray(X / np.where(lengths == 0, np.float32(1), lengths), np.float32)
