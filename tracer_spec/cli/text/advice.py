"""Advice of a build: what a refused one lacks, or a draft that would likely be refused."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tracer_spec.flow.certifying.advice import bound_hint, encoder_hint, nearest_text
from tracer_spec.report.facts import Fact
from tracer_spec.stats.expected_coverage import two_digits
from tracer_spec.text_format import one_line

if TYPE_CHECKING:
    from tracer_spec.flow.certifying.advice import Advice, LabelAdvice, RefusingGuard
    from tracer_spec.flow.result import BuildResult


def advice_facts(result: BuildResult) -> Iterator[Fact]:
    """Yield what would help, where something has to."""
    if result.certificate.doubt:
        yield Fact("advice", result.certificate.doubt)
    elif result.advice is not None:
        yield Fact("advice", "\n".join(_lines(result, result.advice)))


def _lines(result: BuildResult, advice: Advice) -> Iterator[str]:
    n_traces, is_tested = result.n_fit + result.n_certify, bool(result.certificate.walk)
    yield from _family_advice(result)
    yield from (_guard_advice(each) for each in advice.guards)
    # behind a guard that lets less pass than a policy must handle, neither traces nor another target help
    is_shut = any(1 - each.refused < result.min_coverage for each in advice.guards)
    nearest = [] if is_shut else list(_nearest(result))
    yield from nearest
    # with a curve at hand, that agreement stays as it is estimated is the poorer guess
    if not is_shut and not (nearest and advice.nearest and advice.nearest.more_traces):
        yield from _more_traces(advice.traces_needed, n_traces, is_tested, bool(encoder_hint(result.embedder)))
    yield from _bound(advice, n_traces)
    rows = f"{advice.fewest_handled:,} certify rows or more"
    must = f"a policy must handle {rows}" if result.certificate.measure == "agreement" else f"it takes {rows}"
    yield f"in the next build {must} to be certifiable at all; there are {advice.n_certify:,}"
    for each in advice.labels:
        if (each.traces_needed or math.inf) > n_traces:
            yield _label_advice(each, result.labels)
    if not result.certificate.draft:
        yield "building again and again on the same traces until something passes would be no certificate"


def _more_traces(needed: int | None, n_traces: int, is_tested: bool, may_encode: bool) -> Iterator[str]:
    """Say what more traces would bring, if coverage and agreement stay as estimated."""
    if needed is None:
        yield (
            "no policy is estimated to reach the target on a fair share of the traffic, so more traces alone will not help: "
            "lower the target, add to the zoo, or look at where the teacher contradicts itself"
        )
    elif needed > n_traces:
        encoder = "; a sentence encoder (plugin tracer-spec-encoder) may need fewer" if may_encode else ""
        yield (
            f"about {two_digits(needed - n_traces):,} more traces than there are would certify nine times in ten, if coverage "
            f"and agreement stay as estimated{encoder}"
        )
    elif is_tested:
        yield (
            "by its estimates, the traces there are should have been enough nine times in ten: a chance failure, or "
            "certify rows that are not like the fit rows, as where the teacher or the traffic changed in between; more "
            "traces tell which, and of a teacher that changed only those since help"
        )


def _bound(advice: Advice, n_traces: int) -> Iterator[str]:
    """Say where the traces are that are missing, if 'traces.max_rows' left them out."""
    nearest, needed = advice.nearest, (advice.traces_needed or 0) - n_traces
    if nearest is not None and nearest.more_traces != 0:
        yield from bound_hint(advice.n_left_out, n_traces, nearest.more_traces)
    elif needed > 0:
        yield from bound_hint(advice.n_left_out, n_traces, needed)


def _family_advice(result: BuildResult) -> Iterator[str]:
    """Say where no candidate could leave a part of the traffic to the teacher."""
    if result.chains and all(len(chain.candidates) == 1 for chain in result.chains):
        yield (
            "each policy that the families propose handles all or nothing: list 'l2d' in 'families', which leaves to the "
            "teacher what would likely come out otherwise"
        )


def _guard_advice(guard: RefusingGuard) -> str:
    """Say which guard keeps most of the traffic from every surrogate."""
    return (
        f"{guard.address}: the guard '{guard.name}' refuses {guard.refused:.1%} of the fit rows, whatever surrogate is "
        "asked: set it to let more pass, or take it out"
    )


def _nearest(result: BuildResult) -> Iterator[str]:
    """Say in one line what is nearest, and which look it would be; and what helps where traces are few."""
    nearest = result.advice.nearest if result.advice else None
    if nearest is None or nearest.more_traces == 0:
        return
    asked = "target.agreement" if result.certificate.measure == "agreement" else "target.end_to_end"
    look = result.certificate.look
    text = f"nearest: {nearest_text(nearest, asked)}"
    less = (
        "on these certify rows that is another look, for which less error is left; traces that are new since are none "
        "('split: {strategy: fresh}')"
    )
    yield text if look is None else f"{text}; {less}"
    yield from encoder_hint(result.embedder)


def _label_advice(advice: LabelAdvice, labels: Sequence[str]) -> str:
    """Say what the test of one label lacks, and the ways out: what to leave to the teacher, what to ask instead."""
    asked, name = advice.asked, f"'{one_line(advice.asked.label)}'"
    missed = asked.measure == "missed"
    rate = "unknown" if advice.rate is None else f"{1 - advice.rate if missed else advice.rate:.3f}"
    limit = f"at most {asked.limit:.6g}" if missed else f"at least {asked.limit:.6g}"
    said = f"{name} {asked.measure}: {rate} by the estimates, {limit} is asked"
    rows = f"its test needs {advice.fewest:,} certify rows or more, and about {advice.n_test:,} can be expected"
    out = f"'defer_labels: [{asked.label}]' leaves the label to the teacher, and then nothing is to be tested"
    if missed:
        instead = "[" + ", ".join(one_line(labels[number]) for number in advice.instead) + "]"
        out = f"'defer_labels: {instead}', which such requests get instead, leaves those to the teacher"
    less = "ask less of it"
    if advice.within_reach is not None and 0 < advice.within_reach < 1:
        key = f"target.labels.{one_line(asked.label)}.{asked.measure}"
        less = f"ask '{key}: {advice.within_reach:.6g}', which is within reach now (likelier than not, as estimated)"
    more = "more traces alone will not help"
    if advice.traces_needed is not None:
        more = f"about {two_digits(advice.traces_needed):,} traces in all would show it nine times in ten; without them"
    out = "" if missed and not advice.instead else f"{out}, or "
    return f"{said}; {rows}; {more}: {out}{less}"
