"""An acceptor: how often the surrogate agreed, by how high its best score was (histogram binning)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from tracer_spec.plugin import AcceptorLearner, Classes, Evidence, Options, Plugin, Scores, Vectors, hookimpl

if TYPE_CHECKING:
    from onnx import ModelProto


class HistogramOptions(Options):
    """Options of the acceptor."""

    bins: int = Field(10, ge=1, le=1000, description="equal parts of [0, 1] that best scores are sorted into")


class Histogram:
    """A trained acceptor: the share that agreed, one for each bin."""

    def __init__(self, shares: Scores) -> None:
        self.shares = shares

    def accepts(self, X: Vectors, scores: Scores, votes: Scores | None = None) -> Scores:  # noqa: ARG002 - the contract's
        """Return the predicted probability of agreement, shape (n,)."""
        accept: Scores = self.shares[_bin(scores, len(self.shares))]
        return accept

    def to_onnx(self) -> ModelProto:
        """Return ``scores (n, k) -> accept (n,)``: inputs that it has no use for are left out."""
        from onnx import TensorProto, helper, numpy_helper

        from tracer_spec.graph import finished, tidy

        n = len(self.shares)
        graph = helper.make_graph(
            [
                helper.make_node("ReduceMax", ["scores", "axis"], ["best"], keepdims=0),
                helper.make_node("Mul", ["best", "bins"], ["scaled"]),
                helper.make_node("Clip", ["scaled", "first", "last"], ["clipped"]),
                helper.make_node("Cast", ["clipped"], ["bin"], to=TensorProto.INT64),
                helper.make_node("Gather", ["shares", "bin"], ["accept"]),
            ],
            "histogram",
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", None])],
            [helper.make_tensor_value_info("accept", TensorProto.FLOAT, ["n"])],
            [
                numpy_helper.from_array(np.array([1], np.int64), "axis"),
                numpy_helper.from_array(np.array(n, np.float32), "bins"),
                numpy_helper.from_array(np.array(0, np.float32), "first"),
                numpy_helper.from_array(np.array(n - 1, np.float32), "last"),
                numpy_helper.from_array(self.shares, "shares"),
            ],
        )
        return tidy(finished(graph), inputs=["scores"], outputs=["accept"])


class HistogramLearner:
    """Trains :class:`Histogram`."""

    def __init__(self, options: HistogramOptions) -> None:
        self.bins = options.bins

    def fit(self, evidence: Evidence, *, seed: int) -> Histogram:  # noqa: ARG002 - nothing is drawn
        """Count, in each bin, the rows and those that agree; (agreeing + 1) / (rows + 2) is never 0 or 1."""
        bins = _bin(evidence.scores, self.bins)
        rows = np.bincount(bins, minlength=self.bins)
        agreeing = np.bincount(bins[evidence.agrees], minlength=self.bins)
        return Histogram(((agreeing + 1) / (rows + 2)).astype(np.float32))


def _bin(scores: Scores, bins: int) -> Classes:
    """Return the bin of each row's best score, in float32 as the graph does it."""
    found: Classes = np.clip(scores.max(axis=1) * np.float32(bins), 0, bins - 1).astype(np.int64)
    return found


@hookimpl
def tracer_spec_acceptors() -> Iterable[Plugin[AcceptorLearner]]:
    """Yield what this package provides."""
    yield Plugin("my-acceptor", "agreement by bins of the best score", HistogramLearner, HistogramOptions)
