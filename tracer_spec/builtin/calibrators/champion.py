"""Champion of several chains: the one that promises most, and of acceptors that promise the same the cheaper one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tracer_spec.plugin import Candidate, Chain


@dataclass(frozen=True, slots=True)
class Promise:
    """What a chain promises: its best candidate, and the coverage expected of it, in [0, 1]."""

    chain: Chain
    best: Candidate
    utility: float


def champion(promises: Sequence[Promise]) -> Promise | None:
    """Return the promise whose chain is to be tested; None where none promises anything.

    Notes
    -----
    Each acceptor, with the chains that ask none, has a champion: the first of the greatest utility. Of those within noise of
    the greatest of all, the cheapest is taken. All of it comes from fit rows, so the order that is tested stays frozen
    before the certify rows are opened. Where there is one acceptor, this is the first chain of the greatest utility.
    """
    able = [promise for promise in promises if promise.utility > 0]
    if not able:
        return None
    acceptors = dict.fromkeys(promise.chain.acceptors for promise in able if promise.chain.acceptors)
    champions = [_greatest([each for each in able if each.chain.acceptors in ((), one)]) for one in acceptors or ((),)]
    greatest = _greatest(champions)
    equals = [promise for promise in champions if promise.utility >= greatest.utility - greatest.best.coverage_error]
    cheapest = min(promise.best.cost for promise in equals)
    return _greatest([promise for promise in equals if promise.best.cost == cheapest])


def _greatest(promises: Sequence[Promise]) -> Promise:
    return max(promises, key=lambda promise: promise.utility)
