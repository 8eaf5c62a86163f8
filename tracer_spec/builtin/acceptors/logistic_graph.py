"""The trained logistic acceptor, and its graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tracer_spec.graph import finished, tidy
from tracer_spec.plugin import Scores, Vectors

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

SMALLEST_SHARE = 1e-12
# beyond this sum of weights they cancel each other, and rounding in float32 would show in what is accepted
_MOST_IN_FLOAT32 = 100.0


@dataclass(frozen=True, slots=True)
class LogisticAcceptor:
    """A trained acceptor: a weighted sum of features of the scores, through a sigmoid.

    Parameters
    ----------
    n_classes, dimension : int
        k and d of the rows it was trained on.
    top : ndarray of shape (2,), float64
        Weights of the best and the second-best score, that of their margin included.
    votes : ndarray of shape (v,), float64
        Weights of what members of an average give to the best class; v is 0 for a surrogate of its own.
    entropy, bias : float
    notes : tuple of str
        Warnings met in training.

    Notes
    -----
    Sums are taken in float64, and in the graph too where weights are so large that they cancel each other: in float32 the
    order of summation would show.
    """

    n_classes: int
    dimension: int
    top: NDArray[np.float64] = field(repr=False)
    votes: NDArray[np.float64] = field(repr=False)
    entropy: float
    bias: float
    notes: tuple[str, ...] = ()

    def accepts(
        self,
        X: Vectors,  # noqa: ARG002 - the contract's
        scores: Scores,
        votes: Scores | None = None,
    ) -> Scores:
        """Return the predicted probability of agreement, shape (n,); NaN, which defers, where scores are not finite."""
        best, second, entropy = sureness(scores).T
        with np.errstate(invalid="ignore", over="ignore"):
            sums = self.top[0] * best + self.top[1] * second + self.entropy * entropy
            if votes is not None:
                sums = sums + np.asarray(votes, np.float64) @ self.votes
            sums = sums + self.bias
            return np.where(np.isfinite(sums), 1.0 / (1.0 + np.exp(-sums)), np.nan).astype(np.float32)

    def to_onnx(self) -> ModelProto:
        """Return ``embedding (n, d), scores (n, k) -> accept (n,)``, with ``votes (n, v)`` between where v > 0.

        Each operator costs a decision half a microsecond, so all features meet in one product.
        """
        node = helper.make_node
        inputs = {"embedding": self.dimension, "scores": self.n_classes}
        # the entropy twice, with weights of opposite signs: a score that is not finite makes it infinite, and their sum NaN
        above = abs(self.entropy) + 1
        weights = [*self.top, *self.votes, above, -self.entropy - above]
        exact = sum(map(abs, weights)) > _MOST_IN_FLOAT32
        number, kind = (np.float64, TensorProto.DOUBLE) if exact else (np.float32, TensorProto.FLOAT)
        constants: dict[str, Any] = {
            "two": np.array([2], np.int64),
            "last_axis": np.array([1], np.int64),
            "smallest_share": number(SMALLEST_SHARE),
            "weights": np.array(weights, number),
            "bias": number(self.bias),
        }
        nodes: list[NodeProto] = []
        shares, votes, accept = (
            ("exact_shares", "exact_votes", "exact_accept") if exact else ("scores", "votes", "accept")
        )
        ranked, features = shares, ["top", "negative_entropy", "negative_entropy"]
        if self.n_classes == 1:
            ranked = "padded"
            constants["one_column"] = np.array([0, 0, 0, 1], np.int64)
            nodes.append(node("Pad", [shares, "one_column"], [ranked]))
        if len(self.votes):
            inputs["votes"] = len(self.votes)
            features.insert(1, votes)
        if exact:
            given = {"scores": shares, "votes": votes}
            nodes[:0] = [node("Cast", [name], [given[name]], to=kind) for name in inputs if name in given]
        nodes += [
            node("TopK", [ranked, "two"], ["top", "classes"], axis=1),
            node("Max", [shares, "smallest_share"], ["clipped"]),
            node("Log", ["clipped"], ["logarithms"]),
            node("Mul", [shares, "logarithms"], ["terms"]),
            node("ReduceSum", ["terms", "last_axis"], ["negative_entropy"], keepdims=1),
            node("Concat", features, ["features"], axis=1),
            node("MatMul", ["features", "weights"], ["weighted"]),
            node("Add", ["weighted", "bias"], ["sum"]),
            node("Sigmoid", ["sum"], [accept]),
        ]
        if exact:
            nodes.append(node("Cast", [accept], ["accept"], to=TensorProto.FLOAT))
        graph = helper.make_graph(
            nodes,
            "logistic",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width]) for name, width in inputs.items()],
            [helper.make_tensor_value_info("accept", TensorProto.FLOAT, ["n"])],
            [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
        )
        return tidy(finished(graph), inputs=list(inputs), outputs=["accept"])


def sureness(scores: Scores) -> NDArray[np.float64]:
    """Return best score, second-best score and entropy in nats, shape (n, 3); NaN where a score is NaN."""
    shares = np.asarray(scores, np.float64)
    if shares.shape[1] == 1:
        shares = np.pad(shares, ((0, 0), (0, 1)))
    top = np.partition(shares, shares.shape[1] - 2, axis=1)[:, -2:]
    with np.errstate(invalid="ignore"):
        entropy = -(shares * np.log(np.maximum(shares, SMALLEST_SHARE))).sum(axis=1)
    return np.column_stack([top[:, 1], top[:, 0], entropy])
