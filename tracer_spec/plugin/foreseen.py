"""Tests that a candidate would have to pass, as its fit rows foresee them."""

from __future__ import annotations

from dataclasses import dataclass

from tracer_spec.errors import PluginError
from tracer_spec.plugin.label_targets import LabelTarget
from tracer_spec.plugin.policy import Candidate
from tracer_spec.plugin.proposing import Target


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One exact test to come.

    Parameters
    ----------
    asked : LabelTarget or None
        None for the target's own rate.
    level : float
        The rate that it must show, in (0, 1).
    share : float
        The share of the certify rows that are predicted to be trials, in [0, 1].
    n_test : int
        As many certify rows.
    n_fit, k_fit : float
        Out-of-fold trials and successes.
    """

    asked: LabelTarget | None
    level: float
    share: float
    n_test: int
    n_fit: float
    k_fit: float


def foresee(candidate: Candidate, n_certify: int, target: Target) -> tuple[Foreseen, ...]:
    """Return the tests that a candidate would have to pass on so many certify rows: the target's, then its labels'.

    Raises
    ------
    PluginError
        Where the candidate was not counted for each of the target's labels.
    """
    if len(candidate.labels) != len(target.labels):
        raise PluginError(
            f"a candidate of the family '{candidate.family}' has no counts of the labels that have targets",
            address="families",
            hint="a family makes its candidates by workshop.candidate, which counts them",
        )
    if target.measure == "agreement":
        share, n_fit, k_fit = candidate.coverage, candidate.n_handled, candidate.n_agree
    else:
        share, n_fit = 1.0, candidate.n_rows
        k_fit = n_fit - (candidate.n_handled - candidate.n_agree)
    own = Foreseen(None, target.level, share, round(share * n_certify), n_fit, k_fit)
    return own, *(
        Foreseen(asked, asked.level, each.share, round(each.share * n_certify), each.n, each.k)
        for asked, each in zip(target.labels, candidate.labels, strict=True)
    )
