"""The built-in acceptors."""

from __future__ import annotations

from tracer_spec.builtin.acceptors.logistic import LogisticOptions, make
from tracer_spec.plugin import AcceptorLearner, Plugin


def acceptors() -> list[Plugin[AcceptorLearner]]:
    """Return the built-in acceptors."""
    return [Plugin("logistic", "logistic regression on the two best scores and the entropy", make, LogisticOptions)]
