"""The walk over the certify rows: exact tests in a frozen order, until the first that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tracer_spec.plugin import Candidate, Target, WalkStep
from tracer_spec.stats.binomial import p_value
from tracer_spec.stats.multiple import fixed_sequence


def walk(
    ordered: Sequence[Candidate], count: Callable[[Candidate], tuple[int, int]], target: Target
) -> tuple[WalkStep, ...]:
    """Test candidates in order, each at the whole of delta, and stop for good at the first failure.

    Parameters
    ----------
    ordered : sequence of Candidate
        Frozen before the certify rows were opened.
    count : callable
        Gives trials and successes of a candidate, (n, k); nothing after the first failure is counted.
    target : Target

    Returns
    -------
    tuple of WalkStep
        One step per test carried out; all passed but perhaps the last.
    """
    counted: list[tuple[int, int, float]] = []

    def p_values() -> Iterator[float]:
        for candidate in ordered:
            n, k = count(candidate)
            counted.append((n, k, p_value(n, k, target.level)))
            yield counted[-1][2]

    passed = fixed_sequence(p_values(), target.delta)
    steps = zip(ordered, counted, passed, strict=False)
    return tuple(WalkStep(candidate, n, k, p, ok) for candidate, (n, k, p), ok in steps)
