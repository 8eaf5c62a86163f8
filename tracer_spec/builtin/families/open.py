"""Global: one surrogate that answers everything it may."""

from __future__ import annotations

from collections.abc import Iterable

from tracer_spec.plugin import Chain, Workshop


class Open:
    """Accept all: a chain of one candidate per surrogate."""

    def propose(self, workshop: Workshop) -> Iterable[Chain]:
        """Yield one chain per surrogate."""
        for trained in workshop.trained:
            candidate = workshop.candidate("global", (workshop.stage(trained, None),))
            yield Chain("global", (trained.name,), (candidate,))
