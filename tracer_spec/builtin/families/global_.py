"""Global: one surrogate that answers everything it may."""

from __future__ import annotations

from collections.abc import Iterable

from tracer_spec.plugin import Chain, Trained, Workshop


class Global:
    """Accept all: a chain of one candidate per surrogate."""

    def propose(self, workshop: Workshop) -> Iterable[Chain]:
        """Yield one chain per surrogate, whatever its acceptor: it is not asked."""
        surrogates: dict[str, Trained] = {}
        for each in workshop.trained:
            surrogates.setdefault(each.name, each)
        for trained in surrogates.values():
            candidate = workshop.candidate("global", (workshop.stage(trained, None),))
            yield Chain("global", (trained.name,), (candidate,))
