"""How policies, estimates, tests and counts are put into words, wherever they are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tracer_spec.cli.console import plural

if TYPE_CHECKING:
    from tracer_spec.plugin import Measure

# what the test of a target counts, by what the target is a rate of
_COUNTED: Mapping[Measure, str] = {
    "agreement": "handled certify rows agree",
    "end_to_end": "certify rows get no label but the teacher's",
}


def policy_text(family: str, stages: Sequence[tuple[str, float | None]]) -> str:
    """Describe a policy on one line.

    Examples
    --------
    >>> policy_text("rsb", [("logreg", 0.9312), ("mlp", 0.95)])
    'rsb: logreg where accept >= 0.9312, then mlp where accept >= 0.9500, else defer'
    >>> policy_text("global", [("logreg", None)])
    'global: logreg for all'
    """
    parts = [
        f"{name} for all" if threshold is None else f"{name} where accept >= {threshold:.4f}"
        for name, threshold in stages
    ]
    ending = "" if stages and stages[-1][1] is None else ", else defer"
    return f"{family}: {', then '.join(parts)}{ending}"


def estimate_text(coverage: float, agreement: float) -> str:
    """Describe an estimate; it is no part of the claim."""
    return f"coverage {coverage:.3f}, agreement {agreement:.3f} (fit rows, out of fold)"


def test_text(measure: Measure, n: int, k: int, p_value: float | None) -> str:
    """Describe one exact test.

    Examples
    --------
    >>> test_text("agreement", 3570, 3331, 0.00271)
    '3,331 of 3,570 handled certify rows agree (p = 0.0027)'
    >>> test_text("end_to_end", 4000, 3971, 0.0021)
    "3,971 of 4,000 certify rows get no label but the teacher's (p = 0.0021)"
    """
    sure = "no test was made" if p_value is None else f"p = {p_value:.2g}"
    return f"{k:,} of {n:,} {_COUNTED[measure]} ({sure})"


def dropped_text(read: int, kept: int, dropped: Mapping[str, int]) -> str:
    """Describe what became of the records.

    Examples
    --------
    >>> dropped_text(1521, 1500, {"duplicate id": 21})
    '1,521 read, 1,500 kept; dropped: 21 duplicate id'
    """
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items())
    return f"{read:,} read, {kept:,} kept" + (f"; dropped: {reasons}" if reasons else "")


def sides_text(n_fit: int, n_certify: int, n_labels: int) -> str:
    """Describe the sides of the split.

    Examples
    --------
    >>> sides_text(910, 590, 10)
    '910 fit, 590 certify; 10 labels'
    """
    return f"{n_fit:,} fit, {n_certify:,} certify; {plural(n_labels, 'label')}"
