"""Advice after a refusal: how many traces would certify, estimated from fit rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tracer_spec.plugin import Chain, Target
from tracer_spec.stats.binomial import fewest_trials, trials_estimate, trials_needed

# how far under the exact number of trials the estimate may lie
_SLACK = 0.75


@dataclass(frozen=True, slots=True)
class Advice:
    """What a refused build would need.

    Parameters
    ----------
    n_certify : int
        Certify rows there were.
    fewest_handled : int
        Certify rows that a policy must handle to be certifiable at all, every one of them agreeing.
    traces_needed : int or None
        Traces in all that would certify with 90 % power, if agreement and coverage stay as estimated; None where the
        best estimate itself is under the target, so that more traces alone will not do.
    """

    n_certify: int
    fewest_handled: int
    traces_needed: int | None


def advise(chains: Sequence[Chain], n_traces: int, n_certify: int, target: Target) -> Advice:
    """Say how many traces would certify something, if agreement and coverage stay as estimated.

    Parameters
    ----------
    chains : sequence of Chain
    n_traces, n_certify : int
        Traces in all, and those of them that certify.
    target : Target
        With the error that a new build may spend.

    Notes
    -----
    For each candidate whose estimated agreement A is above the target, the exact test needs some number of handled
    certify rows to reject with 90 % power; dividing by the candidate's coverage and by the share of traces that certify
    gives traces. The least over all candidates is the advice. It is an extrapolation of an estimate: A is shrunk by one
    row's worth of disagreement, so that a handful of clean rows does not promise too much.
    """
    fewest = fewest_trials(target.level, target.delta)
    share = n_certify / n_traces if n_traces else 0.0
    rated = []
    for candidate in (each for chain in chains for each in chain.candidates):
        if share and candidate.n_handled and candidate.coverage >= target.min_coverage:
            shrunk = candidate.n_agree / (candidate.n_handled + 1)
            about = max(fewest, trials_estimate(shrunk, target.level, target.delta)) / candidate.coverage
            rated.append((about, shrunk, candidate.coverage))
    best = math.inf
    for about, shrunk, coverage in sorted(rated):
        if about * _SLACK > best:
            break
        needed = trials_needed(shrunk, target.level, target.delta)
        best = min(best, math.inf if needed is None else needed / coverage)
    return Advice(n_certify, fewest, None if math.isinf(best) else math.ceil(best / share))
