"""The walk over the certify rows: exact tests in a frozen order, until the first candidate that fails one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tracer_spec.plugin import Candidate, CertifyRows, LabelStep, Target, WalkStep
from tracer_spec.stats.binomial import p_value
from tracer_spec.stats.multiple import fixed_sequence


def walk(
    ordered: Sequence[Candidate], rows: CertifyRows, count: Callable[[Candidate], tuple[int, int]], target: Target
) -> tuple[WalkStep, ...]:
    """Test candidates in order, each at the whole of delta, and stop for good at the first failure.

    Parameters
    ----------
    ordered : sequence of Candidate
        Frozen before the certify rows were opened.
    rows : CertifyRows
        On which the target's labels are counted.
    count : callable
        Gives trials and successes of a candidate for the target itself, (n, k); nothing after the first failure is counted.
    target : Target

    Returns
    -------
    tuple of WalkStep
        One step per candidate tested; all passed but perhaps the last.

    Notes
    -----
    With targets for labels a candidate passes where the test of each passes, each at the whole of delta: the largest of its
    p-values is one for "some rate of it is under its level", since a candidate for which that is true has one such rate, whose
    own p-value is delta or less with probability at most delta (intersection-union test).

    References
    ----------
    Berger (1982), Multiparameter hypothesis testing and acceptance sampling, Theorem 1.
    """
    counted: list[tuple[int, int, float, tuple[LabelStep, ...]]] = []

    def p_values() -> Iterator[float]:
        for candidate in ordered:
            n, k = count(candidate)
            p, labels = p_value(n, k, target.level), _label_steps(candidate, rows, target)
            counted.append((n, k, p, labels))
            yield max([p, *(each.p_value for each in labels)])

    passed = fixed_sequence(p_values(), target.delta)
    steps = zip(ordered, counted, passed, strict=False)
    return tuple(WalkStep(candidate, n, k, p, ok, labels) for candidate, (n, k, p, labels), ok in steps)


def _label_steps(candidate: Candidate, rows: CertifyRows, target: Target) -> tuple[LabelStep, ...]:
    """Test a candidate for each of the target's labels."""
    counts = ((asked, *rows.count_label(candidate.policy, asked)) for asked in target.labels)
    return tuple(LabelStep(asked, n, k, p_value(n, k, asked.level)) for asked, n, k in counts)
