"""Pareto front of all candidates, for people; the calibrator decides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tracer_spec.plugin import Candidate, Chain, Workshop

if TYPE_CHECKING:
    from tracer_spec.plan import Resolved


def propose(families: Iterable[Resolved], workshop: Workshop) -> tuple[Chain, ...]:
    """Ask every family for its chains.

    Returns
    -------
    tuple of Chain
        In the order of the families; candidates that handle no fit row are left out, and so are chains left empty.
    """
    chains = []
    for family in families:
        with family.attribute_errors():
            proposed = list(family.make().propose(workshop))
        for chain in proposed:
            candidates = tuple(candidate for candidate in chain.candidates if candidate.n_handled > 0)
            if candidates:
                chains.append(Chain(chain.family, chain.surrogates, candidates))
    return tuple(chains)


def pareto_front(chains: Sequence[Chain]) -> tuple[Candidate, ...]:
    """Return the candidates that no other beats in both coverage and agreement.

    Parameters
    ----------
    chains : sequence of Chain

    Returns
    -------
    tuple of Candidate
        Of rising coverage and falling agreement; of equals the first proposed stays.

    Notes
    -----
    Both axes are estimates from fit rows, out of fold. A point dominates another where it is at least as good on both
    axes and better on one.
    """
    candidates = [candidate for chain in chains for candidate in chain.candidates]
    order = sorted(range(len(candidates)), key=lambda i: (-candidates[i].coverage, -candidates[i].agreement, i))
    front: list[Candidate] = []
    best = -1.0
    for index in order:
        if candidates[index].agreement > best:
            best = candidates[index].agreement
            front.append(candidates[index])
    return tuple(reversed(front))
