"""RSB, residual surrogate boosting: what a first stage defers trains, and then meets, a second one."""

from __future__ import annotations

from collections.abc import Iterable

from tracer_spec.plugin import Candidate, Chain, Trained, Workshop

# a residual of fewer rows than this teaches a second stage nothing
_FEWEST_RESIDUAL_ROWS = 50
# second stages tried behind the best first one: each is trained on every fold once more
_SECONDS = 1


class Cascade:
    """Two stages: the first keeps what it is sure of, the second opens on the rest.

    Notes
    -----
    The first stage's threshold is the lowest whose handled rows agree, out of fold, at ``(1 + target) / 2``: half of the
    disagreement allowed is left to the second stage. Up to there the chain is the first stage alone, of rising coverage;
    from there on the second stage's threshold falls. So the chain is nested, and it is tested as a whole.
    """

    def propose(self, workshop: Workshop) -> Iterable[Chain]:
        """Yield a chain for each of the best surrogates as a second stage behind the best one."""
        for first in workshop.trained[:1]:
            opening = _opening(workshop, first)
            if not opening:
                continue
            (kept_stage,) = opening[-1].policy
            kept, _ = workshop.replay(opening[-1].policy)
            if int((~kept).sum()) < _FEWEST_RESIDUAL_ROWS:
                continue
            for each in workshop.trained[:_SECONDS]:
                second = workshop.residual(each, ~kept)
                if second is None:
                    continue
                thresholds = [*workshop.thresholds(second, ~kept), None]
                policies = [(kept_stage, workshop.stage(second, at)) for at in thresholds]
                rest = tuple(workshop.candidate("rsb", policy) for policy in policies)
                yield Chain("rsb", (first.name, second.name), (*opening, *rest))


def _opening(workshop: Workshop, first: Trained) -> tuple[Candidate, ...]:
    """Return the candidates of the first stage alone, up to where half of the disagreement allowed is spent."""
    wanted = (1 + workshop.target.level) / 2
    candidates = [workshop.candidate("rsb", (workshop.stage(first, at),)) for at in workshop.thresholds(first)]
    sure = [position for position, each in enumerate(candidates) if each.agreement >= wanted]
    return tuple(candidates[: max(sure) + 1]) if sure else ()
