"""Ranks: each candidate is tested on a number of certify rows that was fixed before they were opened, those it is surest of.

An exact test of n rows often allows no more errors than one of fewer rows, and so spends less than delta. How many certify rows
reach a threshold is chance, and with it how much of delta is lost. So a candidate is tested at the fewest rows that allow as
many errors as those it is predicted to handle, and its threshold is moved to where just these reach it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from tracer_spec.plugin import Candidate, Policy, Target
from tracer_spec.stats.binomial import fewest_alike

if TYPE_CHECKING:
    from tracer_spec.flow.certify_rows import OpenedRows


def ranks(ordered: Sequence[Candidate], n_certify: int, target: Target) -> tuple[int | None, ...]:
    """Return on how many certify rows each candidate of an order is tested; None: on all that its thresholds let through.

    Parameters
    ----------
    ordered : sequence of Candidate
        Of a calibrator that tests a fixed sequence.
    n_certify : int
    target : Target

    Notes
    -----
    Ranks need one order of all rows, and one claim: candidates of rising coverage of which each handles what the one before it
    does, and no targets of labels. A candidate that accepts all has no threshold to move. Where an order is not like that, no
    candidate of it is tested at a rank.
    """
    thresholds = [each for each in ordered if each.policy[-1].acceptor is not None]
    rising = all(a.coverage <= b.coverage for a, b in pairwise(ordered))
    nested = all(_is_within(each.policy, thresholds[-1].policy) for each in thresholds)
    last = (
        all(_opens(each.policy, thresholds[-1].policy) for each in ordered[len(thresholds) :]) if thresholds else False
    )
    if target.measure != "agreement" or target.labels or not (rising and nested and last):
        return (None,) * len(ordered)
    expected = np.array([round(each.coverage * n_certify) for each in thresholds])
    fewest = fewest_alike(expected, target.level, target.delta)
    sizes = np.where(fewest < target.min_coverage * n_certify, expected, fewest)
    return (*sizes.tolist(), *(None for _ in ordered[len(thresholds) :]))


def at_ranks(ordered: Sequence[Candidate], rows: OpenedRows, target: Target) -> tuple[Candidate, ...]:
    """Return the candidates as they are tested: thresholds moved to their ranks among the opened certify rows.

    Notes
    -----
    The policy of a rank handles the rows above the one that comes next. Where that one's score is also the rank's own, the rank
    lies within rows of one score: then the rows above that score are tested, and the rows down to it. Nothing is read of the
    rows but scores, and docs/guarantee.md has the proof that the first false policy still passes with probability delta at
    most.
    """
    sizes = ranks(ordered, len(rows), target)
    widest = next(
        (each.policy for each, n in zip(reversed(ordered), reversed(sizes), strict=True) if n is not None), None
    )
    if widest is None:
        return tuple(ordered)
    stages, scores = rows.surest(widest)
    tested: dict[int, Candidate] = {}
    for candidate, n in zip(ordered, sizes, strict=True):
        if n is not None and n < len(scores):
            for handled, policy in _cuts(widest, stages, scores, n):
                tested.setdefault(handled, _on(candidate, policy, handled / len(rows)))
    return (*tested.values(), *(each for each, n in zip(ordered, sizes, strict=True) if n is None))


def _cuts(policy: Policy, stages: np.ndarray, scores: np.ndarray, n: int) -> Iterator[tuple[int, Policy]]:
    """Yield how many rows are handled, and by which policy, on either side of the score of the row after the first n."""
    stage, score = int(stages[n]), scores[n]
    same = np.flatnonzero((stages == stage) & (scores == score))
    first, end = int(same[0]), int(same[-1]) + 1

    def cut(threshold: np.float32) -> Policy:
        return (*policy[:stage], replace(policy[stage], threshold=float(threshold)))

    if first:
        yield first, cut(np.nextafter(score, np.float32(np.inf)))
    if first < n:
        yield end, cut(score)


def _on(candidate: Candidate, policy: Policy, coverage: float) -> Candidate:
    """Return a candidate with another threshold: its estimates are those of before, on as many rows as it now handles."""
    share = coverage / candidate.coverage
    return replace(candidate, policy=policy, n_handled=share * candidate.n_handled, n_agree=share * candidate.n_agree)


def _is_within(policy: Policy, widest: Policy) -> bool:
    """Return whether a policy is another one with a higher last threshold, or the first stages of it."""
    *before, last = policy
    if len(policy) > len(widest) or tuple(before) != widest[: len(before)]:
        return False
    same = widest[len(before)]
    return replace(last, threshold=same.threshold) == same and (
        len(policy) == len(widest) or last.threshold >= same.threshold
    )


def _opens(policy: Policy, widest: Policy) -> bool:
    """Return whether a policy is another one whose last stage accepts all."""
    return policy == (*widest[:-1], replace(widest[-1], acceptor=None, threshold=policy[-1].threshold))
