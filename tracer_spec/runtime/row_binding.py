"""Memory for one decision, bound to a session once: making arrays is half of what a small graph costs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer_spec.runtime.decision import INPUT, OUTPUTS

_TYPES = {"tensor(int64)": np.int64, "tensor(bool)": np.bool_, "tensor(float)": np.float32}


class OneRow:
    """The memory of one vector and of its five outputs.

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
