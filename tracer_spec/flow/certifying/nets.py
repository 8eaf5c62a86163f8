"""Nets beneath the test: what the certify rows themselves say against a test that passed.

Each holds every claim of the certificate, the target's own rate and those of its labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tracer_spec.flow.certify_rows import OpenedRows
from tracer_spec.plugin import Certificate, LabelTarget, Mask, Policy, Target, WalkStep, foresee
from tracer_spec.stats.binomial import p_value, predicted_surprise
from tracer_spec.text_format import label_counted_text

# a policy learns from a quarter more rows than its out-of-fold estimate did, and errs less for it: on 400 draws of real data
# sets by a factor of .55 at the least. Beyond a factor of .6, and by more than chance, rows that taught it are among those
# that test it
_FEWER_ERRORS, _SURPRISE = 0.6, 0.01
# rows from behind a router are few beside older ones, which may speak of another teacher: less than certainty is enough
_DOUBT = 0.2


@dataclass(frozen=True, slots=True)
class _Claim:
    """A rate that is claimed: its level, and its (n trials, k successes) among some rows."""

    asked: LabelTarget | None
    level: float
    count: Callable[[Mask], tuple[int, int]]

    def told(self, rows: str, own: str) -> str:
        """Say what is counted, ``own`` being the words for the target's own rate."""
        return own if self.asked is None else label_counted_text(self.asked.measure, self.asked.label, rows)


def _claims(certificate: Certificate, opened: OpenedRows, policy: Policy) -> Iterator[_Claim]:
    def own(among: Mask) -> tuple[int, int]:
        n, k = opened.count(policy, among)
        n_all = int(among.sum())
        return (n, k) if certificate.measure == "agreement" else (n_all, n_all - (n - k))

    yield _Claim(None, certificate.target, own)
    for asked in certificate.labels:
        yield _Claim(asked, asked.level, partial(opened.count_label, policy, asked))


def stands_since(certificate: Certificate, opened: OpenedRows, since: Mask, chosen: WalkStep) -> Certificate:
    """Return a certificate, refused where the rows from behind a router, by themselves, contradict a claim of it.

    Notes
    -----
    The test counts older rows and these as one traffic. Where that is so, and the rate is just the level, these refuse it
    one time in five; where it is higher, as it must be to pass, seldom.
    """
    for each in _claims(certificate, opened, chosen.candidate.policy):
        n, k = each.count(since)
        if not n or p_value(n, n - k, 1 - each.level) > _DOUBT:
            continue
        behind = "certify rows from behind a router"
        right = f"of the {behind} {k:,} of {n:,} ({k / n:.3f}) are right"
        if each.asked is not None:
            right = f"{k:,} of {n:,} {each.told(behind, '')} ({k / n:.3f})"
        return replace(
            certificate,
            chosen=None,
            claim=(
                f"the test is not believed: {right}, too few for {each.level:.6g}; the older ones speak of another traffic, "
                "or another teacher"
            ),
            doubt=(
                "certify on the rows since then alone: 'split: {strategy: fresh}', or 'split.certify_where' with a time; look "
                "at what has changed: the teacher's model, its prompt, what people ask"
            ),
        )
    return certificate


def stands_by_rates(
    certificate: Certificate, opened: OpenedRows, rates: NDArray[np.float64], chosen: WalkStep
) -> Certificate:
    """Return a certificate, refused where the certify rows, each weighted by how many requests it stands for, contradict it.

    Notes
    -----
    The test counts rows of all rates alike, so it is about the traffic in the shares in which it was audited. A row that was
    chosen at the rate q stands for 1 / q requests; rows of several weights tell as much as (sum of w)² / (sum of w²) of one
    (Kish 1965). This is a net, as above, and no proof.
    """
    for each in _claims(certificate, opened, chosen.candidate.policy):
        n_effective, share = _weighted(each, rates)
        n_alike = round(n_effective)
        if not n_alike or p_value(n_alike, round(n_effective * (1 - share)), 1 - each.level) > _DOUBT:
            continue
        return replace(
            certificate,
            chosen=None,
            claim=(
                f"the test is not believed: certify rows were chosen at rates from {rates.min():.4g} to {rates.max():.4g}, and "
                f"weighted by how many requests each stands for {share:.3f} of {each.told('those', 'them are right')}, too "
                f"few for {each.level:.6g}; the traffic of the higher rates is another"
            ),
            doubt=(
                "audit all requests at one rate, whichever app they come from, and certify on the rows since then: "
                "'split: {strategy: fresh}', or 'split.certify_where' with a time"
            ),
        )
    return certificate


def _weighted(claim: _Claim, rates: NDArray[np.float64]) -> tuple[float, float]:
    """Return the trials of a claim, as many of equal weight as tell as much, and the share of successes by requests."""
    total = squares = right = 0.0
    for rate in np.unique(rates).tolist():
        n, k = claim.count(rates == rate)
        total, squares, right = total + n / rate, squares + n / rate**2, right + k / rate
    return (total**2 / squares, right / total) if total else (0.0, 1.0)


def believed(certificate: Certificate, target: Target, chosen: WalkStep) -> Certificate:
    """Return a certificate, refused where one of its tests is far above the out-of-fold estimate of the same policy.

    Notes
    -----
    The chance of a refusal without cause is shared among the tests.
    """
    tests = foresee(chosen.candidate, certificate.n_certify, target)
    counts = ((chosen.n, chosen.k), *((each.n, each.k) for each in chosen.labels))
    for each, (n, k) in zip(tests, counts, strict=True):
        wrong = each.n_fit - each.k_fit
        if predicted_surprise(n, k, each.n_fit, each.n_fit - wrong * _FEWER_ERRORS) > _SURPRISE / len(tests):
            continue
        estimated = 1 - (each.n_fit and wrong / each.n_fit)
        rows = "certify rows" if each.asked is None else label_counted_text(each.asked.measure, each.asked.label)
        right = f"{k:,} of {n:,} {rows} ({k / n:.3f})" + (" are right" if each.asked is None else "")
        return replace(
            certificate,
            chosen=None,
            claim=(
                f"the test is not believed: {right} where fit rows, out of fold, "
                f"say {estimated:.3f}; rows that taught the policy seem to be among those that test it"
            ),
            doubt=(
                "find rows that stand twice: one call under two ids (a parent and a child span, two loggers), an "
                "export read twice. "
                "'traces.repeats: copies' counts each once; 'split: {strategy: grouped, key: ...}' keeps what "
                "belongs together on one side; "
                "if people do ask the same again and again, 'traces.repeats: traffic' says so"
            ),
        )
    return certificate
