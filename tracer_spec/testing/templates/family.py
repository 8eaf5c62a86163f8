"""A family: the best surrogate alone, behind its acceptor, at a few thresholds."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from tracer_spec.plugin import Chain, Family, Options, Plugin, Workshop, hookimpl

NAME = "my-family"


class BestOptions(Options):
    """Options of the family."""

    every: int = Field(5, ge=1, description="take every so-manyth threshold: fewer tests, coarser coverage")


class Best:
    """One chain: thresholds fall, so each candidate handles what the one before it handles, and more."""

    def __init__(self, options: BestOptions) -> None:
        self.every = options.every

    def propose(self, workshop: Workshop) -> Iterable[Chain]:
        """Yield one chain, or none where nothing was trained; every number in it is the workshop's."""
        for best in workshop.trained[:1]:
            thresholds = [*workshop.thresholds(best)[:: self.every], None]  # None accepts all that may be answered
            policies = [(workshop.stage(best, threshold),) for threshold in thresholds]
            yield Chain(NAME, (best.name,), tuple(workshop.candidate(NAME, policy) for policy in policies))


@hookimpl
def tracer_spec_families() -> Iterable[Plugin[Family]]:
    """Yield what this package provides."""
    yield Plugin(NAME, "the best surrogate behind its acceptor", Best, BestOptions)
