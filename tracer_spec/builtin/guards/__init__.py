"""The built-in guards."""

from __future__ import annotations

from tracer_spec.builtin.guards.prototypes import PrototypesOptions, make
from tracer_spec.plugin import GuardLearner, Plugin


def guards() -> list[Plugin[GuardLearner]]:
    """Return the built-in guards."""
    return [
        Plugin(
            "prototypes", "distance to the nearest k-means prototype of the predicted label", make, PrototypesOptions
        )
    ]
