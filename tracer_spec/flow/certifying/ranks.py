"""Ranks: each candidate is tested on a number of certify rows that was fixed before they were opened, those it is surest of.

An exact test of n rows often allows no more errors than one of fewer rows, and so spends less than delta. How many certify rows
reach a threshold is chance, and with it how much of delta is lost. So a candidate is tested at the fewest rows that allow as
many errors as those it is predicted to handle, and its threshold is moved to where just these reach it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer_spec.plugin import Candidate, Classes, Policy, Scores, Target, WalkStep
from tracer_spec.stats.binomial import critical_count, fewest_alike, p_value

if TYPE_CHECKING:
    from tracer_spec.flow.certify_rows import OpenedRows

# scores of one step count as one: a text that people send again is then seldom so near a threshold that the last bits of its
# score, which hang on the processor and on the other texts of a batch, decide; these move it the less the surer it is, so from
# each of these scores on steps are half as wide
_STEP = 2.0**-18
_HALVED_AT = 1 - 0.5 ** np.arange(2, 6)


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


def at_ranks(
    ordered: Sequence[Candidate], rows: OpenedRows, target: Target
) -> tuple[tuple[Candidate, ...], WalkStep | None]:
    """Return the candidates as they are tested, thresholds moved to their ranks among the opened certify rows.

    Returns
    -------
    tuple of Candidate
        For the calibrator to test, in their order; their estimates are those of the thresholds before.
    WalkStep or None
        The test of a rank at which the order ended, since it lies within rows of one score and failed.

    Notes
    -----
    The policy of a rank handles the rows above the one that comes next; docs/guarantee.md has the proof that the first false
    one still passes with probability delta at most. Where the next row shares its score with the rank's own, fewer rows are
    handled than the rank has. Then the rank itself has a test too, as if those of the rows of that score that err came first;
    the order ends where it fails. Scores alone move thresholds.
    """
    sizes = ranks(ordered, len(rows), target)
    widest = next(
        (each.policy for each, n in zip(reversed(ordered), reversed(sizes), strict=True) if n is not None), None
    )
    if widest is None:
        return tuple(ordered), None
    stages, scores = rows.surest(widest)
    tested: dict[int, Candidate] = {}
    for candidate, n in zip(ordered, sizes, strict=True):
        if not n or n >= len(scores):
            continue
        cut = _cut(widest, stages, scores, n)
        moved = replace(candidate, policy=cut.above)
        if cut.n_above < n and (k := _fewest_agreeing(cut, n, rows)) < critical_count(n, target.level, target.delta):
            return tuple(tested.values()), WalkStep(moved, n, k, p_value(n, k, target.level), passed=False)
        if cut.n_above:
            tested.setdefault(cut.n_above, moved)
    return (*tested.values(), *(each for each, n in zip(ordered, sizes, strict=True) if n is None)), None


@dataclass(frozen=True, slots=True)
class _Cut:
    """The score of the row that comes next to a rank: the policy above it, which handles so many, and that down to it."""

    n_above: int
    above: Policy
    down_to: Policy


def _cut(policy: Policy, stages: Classes, scores: Scores, n: int) -> _Cut:
    """Return the two policies on either side of the score of the row after the first n."""
    stage, width = int(stages[n]), _STEP * 0.5 ** np.searchsorted(_HALVED_AT, scores, side="right")
    begins = np.floor(scores / width) * width
    same = np.flatnonzero((stages == stage) & (begins == begins[n]))
    highest, lowest = scores[same[0]], scores[same[-1]]

    def reaching(threshold: np.floating[Any]) -> Policy:
        return (*policy[:stage], replace(policy[stage], threshold=float(threshold)))

    # numbers so large that the next one is further than a step are steps of their own
    above = max(begins[n] + width[n], np.nextafter(highest, np.float32(np.inf)))
    return _Cut(int(same[0]), reaching(above), reaching(min(begins[n], lowest)))


def _fewest_agreeing(cut: _Cut, n: int, rows: OpenedRows) -> int:
    """Return how many of the first n rows agree, were those of the rows of one score that err the first of them."""
    (n_above, k_above), (n_down, k_down) = rows.count(cut.above), rows.count(cut.down_to)
    wrong = n_above - k_above
    return n - wrong - min(n - n_above, n_down - k_down - wrong)


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
