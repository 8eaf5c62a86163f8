"""RSB, residual surrogate boosting: a second stage, trained on what the first one defers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from tracer_spec.plugin import Candidate, Chain, Mask, Trained, Workshop

# a residual of fewer rows than this teaches a second stage nothing
_FEWEST_RESIDUAL_ROWS = 50
# the share of rows, those the first stage is surest of, that the second stage does not learn from
_EASY = 0.5


class RSB:
    """Two stages: the first keeps what it is sure of, the second opens on the rest.

    Notes
    -----
    The first stage's threshold is the lowest whose handled rows agree, out of fold, at ``(1 + target) / 2``: half of the
    disagreement allowed is left to the second stage. Up to there the chain is the first stage alone, of rising coverage;
    from there on the second stage's threshold falls. So the chain is nested, and it is tested as a whole.

    The second stage learns from what the first one defers at a coverage of a half, whatever the target. To learn from no
    more than it will meet leaves it too few rows: on Banking77 at .92 and .95 that cost the cascade 2 and 6 points of
    coverage, out of fold. It also lets a build at another target use the same second stage.
    """

    def propose(self, workshop: Workshop) -> Iterable[Chain]:
        """Yield a chain for each acceptor: the best surrogate with it, and the same one taught again behind it."""
        firsts: dict[str, Trained] = {}
        for each in workshop.trained:
            firsts.setdefault(each.acceptor.name, each)
        for first in firsts.values():
            yield from self._behind(workshop, first)

    def _behind(self, workshop: Workshop, first: Trained) -> Iterator[Chain]:
        """Yield the chain that opens with a surrogate; none where nothing is sure, or too little is left to learn from."""
        opening = _opening(workshop, first)
        if not opening:
            return
        (kept_stage,) = opening[-1].policy
        kept, _ = workshop.replay(opening[-1].policy)
        taught = ~_easy(workshop, first)
        if min(int((~kept).sum()), int(taught.sum())) < _FEWEST_RESIDUAL_ROWS:
            return
        second = workshop.residual(first, taught)
        if second is None:
            return
        thresholds = [*workshop.thresholds(second, ~kept), None]
        policies = [(kept_stage, workshop.stage(second, at)) for at in thresholds]
        rest = tuple(workshop.candidate("rsb", policy) for policy in policies)
        yield Chain("rsb", (first.name, second.name), (*opening, *rest))


def _easy(workshop: Workshop, first: Trained) -> Mask:
    """Return the rows that the first stage keeps at the greatest coverage up to ``_EASY``, or at its smallest of all."""
    kept = np.zeros(workshop.n_rows, bool)
    for at in workshop.thresholds(first):
        policy = (workshop.stage(first, at),)
        if kept.any() and workshop.candidate("rsb", policy).coverage > _EASY:
            break
        kept, _ = workshop.replay(policy)
    return kept


def _opening(workshop: Workshop, first: Trained) -> tuple[Candidate, ...]:
    """Return the candidates of the first stage alone, up to where half of the disagreement allowed is spent."""
    wanted = (1 + workshop.target.level) / 2
    candidates = [workshop.candidate("rsb", (workshop.stage(first, at),)) for at in workshop.thresholds(first)]
    sure = [position for position, each in enumerate(candidates) if each.agreement >= wanted]
    return tuple(candidates[: max(sure) + 1]) if sure else ()
