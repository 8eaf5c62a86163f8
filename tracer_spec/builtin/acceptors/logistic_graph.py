"""The graph of the logistic acceptor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tracer_spec.graph import finished, tidy

if TYPE_CHECKING:
    from onnx import ModelProto

    from tracer_spec.builtin.acceptors.logistic import LogisticAcceptor


def logistic_graph(acceptor: LogisticAcceptor, smallest_share: float, largest_sum: float) -> ModelProto:
    """Return ``embedding (n, d), scores (n, k) -> accept (n,)``."""
