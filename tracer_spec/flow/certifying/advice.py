"""Advice after a refusal: how many traces would certify, estimated from fit rows."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tracer_spec.plugin import Candidate, Chain, Foreseen, LabelEstimate, LabelTarget, Target, foresee
from tracer_spec.stats.binomial import fewest_trials, predicted_power, predicted_powers, trials_estimate, trials_needed
from tracer_spec.stats.expected_coverage import Nearest, Prospects
from tracer_spec.stats.learning_curve import RankedRows, fit_learning_curve
from tracer_spec.text_format import install_text, plural

# how far under the exact number of trials the estimate may lie
_SLACK = 0.75
# what helps most where traces are few: an embedder that has read other texts
ENCODER = (
    f"with few traces an encoder helps most: {install_text('tracer-spec-encoder')}, "
    "'embedder: {use: encoder, with: {path: FOLDER}}'"
)


def encoder_hint(embedder: str) -> tuple[str, ...]:
    """Return what helps where traces are few; nothing where the spec's embedder is another than the built-in ``lsa``."""
    return (ENCODER,) if embedder == "lsa" else ()


@dataclass(frozen=True, slots=True)
class LabelAdvice:
    """What the test of one label needs, at the candidate that is nearest to passing all of its tests.

    Parameters
    ----------
    asked : LabelTarget
    fewest : int
        Trials without which it cannot pass, every one of them a success.
    n_test : int
        Trials that the certify rows are predicted to hold.
    rate : float or None
        The estimated rate of successes, in [0, 1]; None where no fit row is a trial.
    traces_needed : int or None
        Traces in all with which this test would pass nine times in ten; None where the estimate is under its level.
    within_reach : float or None
        The strictest limit whose test likelier passes than not, if the rate stays as estimated; None without trials.
    instead : tuple of int
        The classes that the router gives to trials that fail, the most frequent first.
    """

    asked: LabelTarget
    fewest: int
    n_test: int
    rate: float | None
    traces_needed: int | None
    within_reach: float | None = None
    instead: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusingGuard:
    """A guard, its place in the spec, and the share of fit rows that it refuses, whatever surrogate is asked."""

    name: str
    address: str
    refused: float


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
    labels : tuple of LabelAdvice
        One for each of the target's labels, in its order.
    nearest : Nearest or None
        What would likely be certified, as routers mostly learn; None where single labels have targets, or nothing can be told.
    n_left_out : int
        Traces that ``traces.max_rows`` left out and that a next build may certify on.
    guards : tuple of RefusingGuard
        Those that refuse more fit rows than they let pass.
    """

    n_certify: int
    fewest_handled: int
    traces_needed: int | None
    labels: tuple[LabelAdvice, ...] = ()
    nearest: Nearest | None = None
    n_left_out: int = 0
    guards: tuple[RefusingGuard, ...] = ()


def advise(
    chains: Sequence[Chain],
    n_traces: int,
    n_certify: int,
    target: Target,
    *,
    n_folds: int = 4,
    learns_texts: bool = False,
    tests_ranks: bool = False,
    refused_at: float | None = None,
    n_left_out: int = 0,
    guards: tuple[RefusingGuard, ...] = (),
) -> Advice:
    """Say how many traces would certify something, if agreement and coverage stay as estimated.

    Parameters
    ----------
    chains : sequence of Chain
    n_traces, n_certify : int
        Traces in all, and those of them that certify.
    target : Target
        With the error that a new build may spend.
    n_folds : int
        That the estimates are out of.
    learns_texts : bool
        Whether the embedder learned from the texts of the fit rows.
    tests_ranks : bool
        Whether candidates are tested at ranks of certify rows.
    refused_at : float or None
        The error that the test was allowed which failed; None where the certify rows were not opened.
    n_left_out : int
        Traces that ``traces.max_rows`` left out and that a next build may certify on.
    guards : tuple of RefusingGuard
        Those that refuse more fit rows than they let pass.

    Notes
    -----
    For each candidate whose estimated agreement A is above the target, the exact test needs some number of handled
    certify rows to reject with 90 % power; dividing by the candidate's coverage and by the share of traces that certify
    gives traces. The least over all candidates is the advice. It is an extrapolation of an estimate: A is shrunk by one
    row's worth of disagreement, so that a handful of clean rows does not promise too much. Where labels have targets, a
    candidate needs as many traces as the most demanding of its tests.

    More traces teach a better router too. What is nearest is read from a learning curve through the errors of the chain that
    comes closest; having one size alone, it falls as its prior says.
    """
    share = n_certify / n_traces if n_traces else 0.0
    able = [
        candidate
        for chain in chains
        for candidate in chain.candidates
        if share and candidate.n_handled and candidate.coverage >= target.min_coverage
    ]
    rated = sorted(
        (max(_about(each, target.delta) for each in foresee(one, 0, target)), n) for n, one in enumerate(able)
    )
    best, nearest = math.inf, None
    for about, number in rated:
        if about * _SLACK > best:
            break
        needed = max(_needed(each, target.delta) for each in foresee(able[number], 0, target))
        if needed < best:
            best, nearest = needed, able[number]
    if nearest is None and target.labels:
        nearest = max(able, key=lambda each: _power(each, n_certify, target), default=None)
    told = zip(target.labels, foresee(nearest, n_certify, target)[1:], nearest.labels, strict=False) if nearest else ()
    return Advice(
        n_certify,
        fewest_trials(target.level, target.delta),
        _traces(best, share),
        tuple(_label(*each, target.delta, share) for each in told),
        _nearest(chains, n_traces - n_certify, n_certify, target, n_folds, learns_texts, tests_ranks, refused_at),
        n_left_out,
        guards,
    )


def nearest_text(nearest: Nearest, asked: str) -> str:
    """Say in one line what would likely be certified: with so many more traces, or that target now.

    Examples
    --------
    >>> from tracer_spec.stats.expected_coverage import Nearest
    >>> nearest_text(Nearest(900, 0.88), "target.agreement")
    'about 900 more traces, or target.agreement 0.88 now (four times in five, as estimated)'
    """
    more = f"about {nearest.more_traces:,} more traces" if nearest.more_traces else "many times as many traces"
    if nearest.target_now is None:
        return f"{more}; no target of 0.5 or more is within reach now"
    return f"{more}, or {asked} {nearest.target_now:.2f} now (four times in five, as estimated)"


def bound_hint(n_left_out: int, n_traces: int, more: int | None) -> tuple[str, ...]:
    """Return where more traces are that ``traces.max_rows`` left out; ``more`` of them would do, None where that is unknown.

    Examples
    --------
    >>> bound_hint(93000, 6000, 59000)
    ("they are there: 'traces.max_rows' leaves out 93,000 traces; raise it to 65,000 or more, or leave it out",)
    >>> bound_hint(500, 6000, 59000)
    ("'traces.max_rows' leaves out 500 traces: raise it first, or leave it out",)
    >>> bound_hint(0, 6000, 59000)
    ()
    """
    if not n_left_out:
        return ()
    left_out = f"'traces.max_rows' leaves out {plural(n_left_out, 'trace')}"
    if more is None or more > n_left_out:
        return (f"{left_out}: raise it first, or leave it out",)
    return (f"they are there: {left_out}; raise it to {n_traces + more:,} or more, or leave it out",)


def _nearest(
    chains: Sequence[Chain],
    n_fit: int,
    n_certify: int,
    target: Target,
    n_folds: int,
    learns_texts: bool,
    tests_ranks: bool,
    refused_at: float | None,
) -> Nearest | None:
    """Return what would likely be certified by the chain that comes closest to its target."""
    if target.labels or not chains or not n_certify:
        return None
    closest = max(chains, key=lambda chain: max(_excess(each, target) for each in chain.candidates))
    candidates = sorted(closest.candidates, key=lambda each: each.coverage)
    counts = np.array([(0, 0), *((each.n_handled, each.n_handled - each.n_agree) for each in candidates)], float)
    new, wrong = np.diff(counts, axis=0).T
    some = new > 0
    rows = RankedRows(
        errs=(wrong[some] / new[some]).clip(0, 1),
        ranks=((counts[1:, 0] - new / 2) / candidates[0].n_rows)[some],
        n_learned=n_fit * (1 - 1 / n_folds),
        weights=new[some],
        is_text_seen=learns_texts,
    )
    prospects = Prospects(
        curve=fit_learning_curve([rows]),
        n_fit=n_fit,
        n_certify=n_certify,
        share=n_certify / (n_fit + n_certify),
        n_folds=n_folds,
        reach=candidates[-1].coverage,
        delta=target.delta,
        min_coverage=target.min_coverage,
        learns_texts=learns_texts,
        is_end_to_end=target.agreement is None,
        tests_ranks=tests_ranks,
    )
    return prospects.nearest(target.level, refused_at=refused_at)


def _excess(candidate: Candidate, target: Target) -> float:
    """Return by how many deviations, but for a factor, a candidate is above the target."""
    return (candidate.n_agree - target.level * candidate.n_handled) / math.sqrt(max(1.0, candidate.n_handled))


def _about(test: Foreseen, delta: float) -> float:
    """Return about how many certify rows a test needs."""
    trials = max(fewest_trials(test.level, delta), trials_estimate(_rate(test), test.level, delta))
    return trials / test.share if test.share else math.inf


def _needed(test: Foreseen, delta: float) -> float:
    """Return how many certify rows a test needs; infinity where none suffice."""
    trials = trials_needed(_rate(test), test.level, delta) if test.share else None
    return math.inf if trials is None else trials / test.share


def _rate(test: Foreseen) -> float:
    """Return the estimated rate of successes, shrunk by one failure."""
    return test.k_fit / (test.n_fit + 1)


def _traces(rows: float, share: float) -> int | None:
    """Return of how many traces so many rows certify; None where none suffice."""
    return None if math.isinf(rows) else math.ceil(rows / share)


def _power(candidate: Candidate, n_certify: int, target: Target) -> tuple[float, float]:
    """Return the predicted powers of a candidate's weakest test and, of equals, of all of them together."""
    powers = predicted_powers(foresee(candidate, n_certify, target), target.delta)
    return min(powers), sum(powers)


def _within_reach(asked: LabelTarget, test: Foreseen, delta: float) -> float | None:
    """Return the strictest limit, in whole thousandths, whose test is predicted to pass at least as often as not.

    That is with as many trials less as their number may well fall short by: one deviation.
    """
    n_test = int(test.n_test - math.sqrt(test.n_test))

    def passes(thousandths: int) -> bool:
        return predicted_power(n_test, test.n_fit, test.k_fit, thousandths / 1000, delta) >= 0.5

    if not n_test or not test.n_fit or not passes(1):
        return None
    level = bisect.bisect_left(range(1, 1000), True, key=lambda each: not passes(each)) / 1000
    return round(1 - level, 3) if asked.measure == "missed" else level


def _label(asked: LabelTarget, test: Foreseen, estimate: LabelEstimate, delta: float, share: float) -> LabelAdvice:
    """Say what the test of one label needs; ``share`` of the traces certify."""
    needed = _needed(test, delta)
    return LabelAdvice(
        asked=asked,
        fewest=fewest_trials(test.level, delta),
        n_test=test.n_test,
        rate=test.k_fit / test.n_fit if test.n_fit else None,
        traces_needed=_traces(needed, share),
        within_reach=_within_reach(asked, test, delta),
        instead=estimate.instead,
    )
