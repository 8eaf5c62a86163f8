"""Rows on their way through the graph of a policy: one, in memory that is bound to the session once, or many in chunks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer_spec.runtime.decision import INPUT, OUTPUTS, REASONS, Batch, Reason
from tracer_spec.runtime.inputs import Rows, log_failure
from tracer_spec.runtime.limits import CHUNK_ROWS
from tracer_spec.runtime.onnx_runtime import runtime_errors

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TYPES = {"tensor(int64)": np.int64, "tensor(bool)": np.bool_, "tensor(float)": np.float32}

_REASONS = np.array(REASONS, dtype=object)
_UNAVAILABLE = Reason.UNAVAILABLE.number
OUT_OF_RANGE = IndexError("a label or reason out of range")


class OneRow:
    """The memory of one vector and of its five outputs: making arrays is half of what a small graph costs.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    dimension : int
        d.

    Notes
    -----
    Neither threads nor a signal's handler may share one.
    """

    __slots__ = ("binding", "handled", "label", "reason", "score", "stage", "vector")

    vector: NDArray[np.float32]
    label: NDArray[np.int64]
    handled: NDArray[np.bool_]
    score: NDArray[np.float32]
    stage: NDArray[np.int64]
    reason: NDArray[np.int64]

    def __init__(self, session: Any, dimension: int) -> None:
        self.binding = session.io_binding()
        self.vector = np.zeros((1, dimension), np.float32)
        self.binding.bind_input(INPUT, "cpu", 0, np.float32, self.vector.shape, self.vector.ctypes.data)
        for name, kind in OUTPUTS.items():
            answer: NDArray[Any] = np.zeros(1, _TYPES[kind])
            setattr(self, name, answer)
            self.binding.bind_output(name, "cpu", 0, _TYPES[kind], answer.shape, answer.ctypes.data)


class RowBatches:
    """Runs a graph on chunks of rows."""

    __slots__ = ("_errors", "_n_labels", "_names", "_session", "_table")

    def __init__(self, session: Any, labels: Sequence[str]) -> None:
        self._session, self._n_labels = session, len(labels)
        self._names, self._errors = list(OUTPUTS), runtime_errors()
        # here -1, deferred, is the last
        self._table = np.array((*labels, None), dtype=object)

    def route(self, rows: Rows, embed: Callable[[Sequence[str]], NDArray[np.float32] | None]) -> Batch:
        """Decide on inputs that are as the graph takes them, or as ``embed`` does, which gives None where it fails."""
        n = len(rows.texts if rows.matrix is None else rows.matrix)
        label = np.full(n, -1, np.int64)
        handled = np.zeros(n, np.bool_)
        score = np.zeros(n, np.float32)
        stage = np.full(n, -1, np.int64)
        reason = np.full(n, _UNAVAILABLE, np.int64)
        for start in range(0, n, CHUNK_ROWS):
            chunk = slice(start, min(start + CHUNK_ROWS, n))
            vectors = embed(rows.texts[chunk]) if rows.matrix is None else rows.matrix[chunk]
            answers = None if vectors is None else self._decide(vectors)
            if answers is not None:
                label[chunk], handled[chunk], score[chunk], stage[chunk], reason[chunk] = answers
        score[reason == _UNAVAILABLE] = 0.0
        return Batch(self._table.take(label).tolist(), handled, score, stage, _REASONS.take(reason))

    def _decide(self, vectors: NDArray[np.float32]) -> list[NDArray[Any]] | None:
        """Run the graph on one chunk; None where it fails."""
        try:
            answers: list[NDArray[Any]] = self._session.run(self._names, {INPUT: vectors})
        except self._errors as error:
            return log_failure(error, None)
        label, reason = answers[0], answers[4]
        if label.max() >= self._n_labels or label.min() < -1 or reason.max() >= len(REASONS) or reason.min() < 0:
            return log_failure(OUT_OF_RANGE, None)
        return answers
