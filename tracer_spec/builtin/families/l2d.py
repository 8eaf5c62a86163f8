"""L2D, learning to defer: one surrogate behind an acceptor that predicts where it agrees with the teacher.

References
----------
Madras, Pitassi, Zemel (2018), Predict responsibly: improving fairness and accuracy by learning to defer.
"""

from __future__ import annotations

from collections.abc import Iterable

from tracer_spec.plugin import Chain, Workshop


class L2D:
    """Accept where the acceptor's score reaches a threshold; the last candidate of the chain accepts all."""

    def propose(self, workshop: Workshop) -> Iterable[Chain]:
        """Yield one chain per surrogate and acceptor, of falling thresholds."""
        for trained in workshop.trained:
            thresholds = [*workshop.thresholds(trained), None]
            policies = [(workshop.stage(trained, at),) for at in thresholds]
            yield Chain("l2d", (trained.name,), tuple(workshop.candidate("l2d", policy) for policy in policies))
