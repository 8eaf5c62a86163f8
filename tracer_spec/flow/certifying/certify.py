"""The test: the certify rows are opened once, and the calibrator tests its frozen order on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracer_spec.flow.certify_rows import OpenedRows, Reading
from tracer_spec.plugin import Candidate, Certificate, CertifyRows, Target, WalkStep
from tracer_spec.stats.binomial import p_value, predicted_surprise

if TYPE_CHECKING:
    from tracer_spec.flow.certify_rows import EmbeddedRows
    from tracer_spec.flow.lock.ledger import Look
    from tracer_spec.plan import Resolved

# a policy learns from a quarter more rows than its out-of-fold estimate did, and errs less for it: on 400 draws of
# real data sets by
# a factor of .55 at the least. Beyond a factor of .6, and by more than chance, rows that taught it are among those
# that test it
_FEWER_ERRORS, _SURPRISE = 0.6, 0.01
# rows from behind a router are few beside older ones, which may speak of another teacher: less than certainty is enough
_DOUBT = 0.2
_READ_TWICE = (
    "some rows say what others say, and one of the two has no id: whether these are requests made again or copies of one call, "
    "the policy passed the "
    "test, on all certify rows and on the {n:,} of them that no other row repeats"
)


def certify(
    calibrator: Resolved,
    ordered: Sequence[Candidate],
    rows: EmbeddedRows,
    target: Target,
    look: Look | None,
    *,
    believes_repeats: bool = False,
) -> Certificate:
    """Write the look down, break the seal, and let the calibrator test its frozen order, under every reading of the rows.

    Parameters
    ----------
    believes_repeats : bool
        Whether the spec says that rows which say the same are traffic: then a test far above its estimate is believed.
    """
    if look is not None:
        look.write_down()
    opened, readings = rows.open()
    certificate = _under_all([_tested(calibrator, ordered, reading, target) for reading in readings])
    if certificate.chosen and len(readings) > 1:
        said = _READ_TWICE.format(n=len(readings[1]))
        certificate = replace(certificate, assumptions=(*certificate.assumptions, said))
    if certificate.chosen and not believes_repeats:
        certificate = _believed(certificate, certificate.chosen)
    if certificate.chosen and rows.since is not None:
        certificate = _stands_since(certificate, Reading(opened, rows.since), certificate.chosen)
    if certificate.chosen and rows.rates is not None:
        certificate = _stands_by_rates(certificate, opened, rows.rates, certificate.chosen)
    scores = opened.score_quantiles(certificate.chosen.candidate.policy) if certificate.chosen else ()
    return replace(certificate, look=look.number if look else None, scores=scores)


def _stands_since(certificate: Certificate, late: Reading, chosen: WalkStep) -> Certificate:
    """Return a certificate, refused where the rows from behind a router, by themselves, contradict it.

    Notes
    -----
    The test counts older rows and these as one traffic. Where that is so, and the agreement is just the target, these refuse it
    one time in five; where it is higher, as it must be to pass, seldom.
    """
    n, k = late.count(chosen.candidate.policy)
    if certificate.measure != "agreement":
        n, k = len(late), len(late) - (n - k)
    if not n or p_value(n, n - k, 1 - certificate.target) > _DOUBT:
        return certificate
    return replace(
        certificate,
        chosen=None,
        claim=(
            f"the test is not believed: of the certify rows from behind a router {k:,} of {n:,} ({k / n:.3f}) are right, too "
            f"few for {certificate.target:.6g}; the older ones speak of another traffic, or another teacher"
        ),
        doubt=(
            "certify on the rows since then alone: 'split: {strategy: fresh}', or 'split.certify_where' with a time; look at "
            "what has changed: the teacher's model, its prompt, what people ask"
        ),
    )


def _stands_by_rates(
    certificate: Certificate, opened: OpenedRows, rates: NDArray[np.float64], chosen: WalkStep
) -> Certificate:
    """Return a certificate, refused where the certify rows, each weighted by how many requests it stands for, contradict it.

    Notes
    -----
    The test counts rows of all rates alike, so it is about the traffic in the shares in which it was audited. A row that was
    chosen at the rate q stands for 1 / q requests; rows of several weights tell as much as (sum of w)² / (sum of w²) of one
    (Kish 1965). This is a net, as above, and no proof.
    """
    steps = [(1 / rate, rates == rate) for rate in np.unique(rates).tolist()]
    total = squares = right = 0.0
    for weight, among in steps:
        n, k = opened.count(chosen.candidate.policy, among)
        if certificate.measure != "agreement":
            n, k = int(among.sum()), int(among.sum()) - (n - k)
        total, squares, right = total + n * weight, squares + n * weight**2, right + k * weight
    n_effective, share = (total**2 / squares, right / total) if total else (0.0, 1.0)
    n_alike = round(n_effective)
    if not n_alike or p_value(n_alike, round(n_effective * (1 - share)), 1 - certificate.target) > _DOUBT:
        return certificate
    return replace(
        certificate,
        chosen=None,
        claim=(
            f"the test is not believed: certify rows were chosen at rates from {rates.min():.4g} to {rates.max():.4g}, and "
            f"weighted by how many requests each stands for {share:.3f} of them are right, too few for "
            f"{certificate.target:.6g}; the traffic of the higher rates is another"
        ),
        doubt=(
            "audit all requests at one rate, whichever app they come from, and certify on the rows since then: "
            "'split: {strategy: fresh}', or 'split.certify_where' with a time"
        ),
    )


def refuse_untested(calibrator: Resolved, rows: CertifyRows, target: Target) -> Certificate:
    """Return the certificate of a build in which nothing is worth a test: the seal holds, and no look is spent."""
    return _tested(calibrator, (), rows, target)


def _tested(calibrator: Resolved, ordered: Sequence[Candidate], rows: CertifyRows, target: Target) -> Certificate:
    """Let the calibrator test; who tested, and what the target is a rate of, are the build's to say."""
    with calibrator.attribute_errors():
        certificate: Certificate = calibrator.make().certify(ordered, rows, target)
    return replace(certificate, calibrator=calibrator.provided.name, measure=target.measure)


def _under_all(certificates: Sequence[Certificate]) -> Certificate:
    """Return what holds under every reading: a candidate passes where it passes in each, and its step is the least favourable.

    Notes
    -----
    One of the readings is true, and under it each false rejection has the probability that the calibrator promises.
    What is certified was rejected under that reading too, so the promise holds whichever it is.
    """
    first, *others = certificates
    if not others or first.confidence is None:
        return first
    walk = tuple(_worst(steps) for steps in zip(*(each.walk for each in certificates), strict=False))
    chosen = max((step for step in walk if step.passed), key=lambda step: step.candidate.coverage, default=None)
    refusal = next((each.claim for each in certificates if each.chosen is None), first.claim)
    return replace(first, walk=walk, chosen=chosen, claim=first.claim if chosen else refusal)


def _worst(steps: Sequence[WalkStep]) -> WalkStep:
    worst = max(steps, key=lambda step: -1.0 if step.p_value is None else step.p_value)
    return replace(worst, passed=all(step.passed for step in steps))


def _believed(certificate: Certificate, chosen: WalkStep) -> Certificate:
    """Return a certificate, refused where its test is far above the out-of-fold estimate of the same policy."""
    candidate = chosen.candidate
    wrong = (candidate.n_handled - candidate.n_agree) * _FEWER_ERRORS
    n_fit = candidate.n_handled if certificate.measure == "agreement" else candidate.n_rows
    if predicted_surprise(chosen.n, chosen.k, n_fit, n_fit - wrong) > _SURPRISE:
        return certificate
    tested, estimated = chosen.k / chosen.n, 1 - (n_fit and (candidate.n_handled - candidate.n_agree) / n_fit)
    return replace(
        certificate,
        chosen=None,
        claim=(
            f"the test is not believed: {chosen.k:,} of {chosen.n:,} certify rows ({tested:.3f}) are right where "
            f"fit rows, out of fold, "
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
