"""RSB, residual surrogate boosting: what a first stage defers trains, and then meets, a second one."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tracer_spec.builtin.families.gated import gate
from tracer_spec.plugin import Candidate, Chain, Mask, Trained, Workshop

# a residual of fewer rows than this teaches a second stage nothing
_FEWEST_RESIDUAL_ROWS = 50


class Cascade:
    """Two stages: the first keeps what it is sure of, the second opens on the rest.

    Notes
    -----
    The first stage's threshold is the lowest whose handled rows agree, out of fold, at ``(1 + target) / 2``: half of the
    disagreement allowed is left to the second stage. Up to there the chain is the first stage alone, of rising coverage;
    from there on the second stage's threshold falls. So the chain is nested, and it is tested as a whole.
    """

    def propose(self, workshop: Workshop) -> Iterable[Chain]:
        """Yield a chain for each choice of a second surrogate behind the best first one."""
        for first in workshop.trained[:1]:
            split = _first_threshold(workshop, first)
            if split is None:
                continue
            kept = first.handles(split)
            if int((~kept).sum()) < _FEWEST_RESIDUAL_ROWS:
                continue
            for second_name in [each.name for each in workshop.trained]:
                second = workshop.residual(second_name, ~kept)
                if second is not None:
                    yield _chain(workshop, first, split, kept, second)


def _first_threshold(workshop: Workshop, first: Trained) -> float | None:
    """Return where the first stage stops, None where it is nowhere that sure."""
    wanted = (1 + workshop.target.agreement) / 2
    sure = [at for at in workshop.thresholds(first) if gate(workshop, "rsb", first, at).agreement >= wanted]
    return min(sure, default=None)


def _chain(workshop: Workshop, first: Trained, split: float, kept: Mask, second: Trained) -> Chain:
    """Return the nested chain: the first stage up to ``split``, then the second one opening behind it."""
    candidates: list[Candidate] = [
        gate(workshop, "rsb", first, at) for at in workshop.thresholds(first) if at >= split
    ]
    agrees = np.where(kept, first.agrees, second.agrees)
    for at in [*workshop.thresholds(second, ~kept), None]:
        policy = (workshop.stage(first, split), workshop.stage(second, at))
        candidates.append(workshop.candidate("rsb", policy, kept | second.handles(at), agrees))
    return Chain("rsb", (first.name, second.name), tuple(candidates))
