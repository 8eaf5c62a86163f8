"""The test: the certify rows are opened once, and the calibrator tests its frozen order on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tracer_spec.flow.certifying.nets import believed, stands_by_rates, stands_since
from tracer_spec.flow.certifying.ranks import at_ranks
from tracer_spec.plugin import Candidate, Certificate, CertifyRows, Policy, Target, WalkStep

if TYPE_CHECKING:
    from tracer_spec.flow.certify_rows import EmbeddedRows
    from tracer_spec.flow.lock.ledger import Look
    from tracer_spec.plan import Resolved

_READ_TWICE = (
    "some rows say what others say, and one of the two has no id: whether these are requests made again or copies of one call, "
    "the policy passed the test, on all certify rows and on the {n:,} of them that no other row repeats"
)
_FAILS_AS_COPIES = (
    "on all {n_all:,} certify rows a policy passes, on the {n:,} that no other row repeats none does: an id for each call "
    "('traces.format.id') tells requests made again from copies, or 'traces.repeats: traffic' or 'copies' says which they are"
)


def certify(
    calibrator: Resolved,
    ordered: Sequence[Candidate],
    rows: EmbeddedRows,
    target: Target,
    look: Look | None,
    *,
    estimate: Callable[[str, Policy], Candidate],
    believes_repeats: bool = False,
) -> Certificate:
    """Write the look down, break the seal, and let the calibrator test its frozen order, under every reading of the rows.

    Parameters
    ----------
    estimate : callable
        ``estimate(family, policy)``: a policy with what fit rows say of it, out of fold.
    believes_repeats : bool
        Whether the spec says that rows which say the same are traffic: then a test far above its estimate is believed.
    """
    if look is not None:
        look.write_down()
    opened, readings = rows.open()
    # each reading has ranks of its own: where there are two, thresholds stay as they were frozen
    moves = calibrator.tests_ranks and len(readings) == 1
    tested, failed = ordered, None
    if moves:
        moved, failed = at_ranks(ordered, opened, target)
        tested = [each if each in ordered else estimate(each.family, each.policy) for each in moved]
    certificates = [_tested(calibrator, tested, reading, target) for reading in readings]
    certificate = _under_all(certificates)
    if failed is not None and all(step.passed for step in certificate.walk):
        certificate = replace(certificate, walk=(*certificate.walk, failed))
    if certificate.chosen and len(readings) > 1:
        said = _READ_TWICE.format(n=len(readings[1]))
        certificate = replace(certificate, assumptions=(*certificate.assumptions, said))
    elif certificates[0].chosen and len(readings) > 1:
        doubt = _FAILS_AS_COPIES.format(n_all=len(readings[0]), n=len(readings[1]))
        certificate = replace(certificate, doubt=doubt)
    if certificate.chosen and not believes_repeats:
        certificate = believed(certificate, target, certificate.chosen)
    if certificate.chosen and rows.since is not None:
        certificate = stands_since(certificate, opened, rows.since, certificate.chosen)
    if certificate.chosen and rows.rates is not None:
        certificate = stands_by_rates(certificate, opened, rows.rates, certificate.chosen)
    scores = opened.score_quantiles(certificate.chosen.candidate.policy) if certificate.chosen else ()
    return replace(certificate, look=look.number if look else None, scores=scores)


def refuse_untested(calibrator: Resolved, rows: CertifyRows, target: Target) -> Certificate:
    """Return the certificate of a build in which nothing is worth a test: the seal holds, and no look is spent."""
    return _tested(calibrator, (), rows, target)


def _tested(calibrator: Resolved, ordered: Sequence[Candidate], rows: CertifyRows, target: Target) -> Certificate:
    """Let the calibrator test; who tested, and what the target is a rate of, are the build's to say."""
    with calibrator.attribute_errors():
        certificate: Certificate = calibrator.make().certify(ordered, rows, target)
        if breach := _breach(certificate, ordered, rows, target, tests=calibrator.tests):
            raise calibrator.fault(breach)
    return replace(certificate, calibrator=calibrator.provided.name, measure=target.measure, labels=target.labels)


def _breach(
    certificate: Certificate, ordered: Sequence[Candidate], rows: CertifyRows, target: Target, *, tests: bool
) -> str:
    """Say what a certificate states that the build knows to be otherwise; empty where there is nothing."""
    if not isinstance(certificate, Certificate):
        return f"gave {type(certificate).__name__}, not a Certificate"
    asked = (target.level, target.confidence if tests else None, len(rows))
    stated = (certificate.target, certificate.confidence, certificate.n_certify)
    if stated != asked:
        told = "; ".join("target {}, confidence {}, certify rows {}".format(*each) for each in (stated, asked))
        return f"states what was not asked for: {told} were"
    chosen = certificate.chosen
    if chosen is not None and not (chosen.passed and chosen in certificate.walk):
        return "chose what is no step of its walk that passed"
    for step in certificate.walk:
        if step.candidate not in ordered:
            return "tested a candidate that is not in its order"
        if tuple(test.target for test in step.labels) != target.labels:
            return "did not test every candidate for each of the target's labels"
        n_handled, n_agree = rows.count(step.candidate.policy)
        n, k = (n_handled, n_agree) if target.measure == "agreement" else (asked[2], asked[2] - (n_handled - n_agree))
        if (step.n, step.k) != (n, k):
            return f"counts {step.k:,} of {step.n:,} certify rows where there are {k:,} of {n:,}"
        if tests and not (step.p_value is not None and 0 <= step.p_value <= (target.delta if step.passed else 1)):
            verdict = "passed" if step.passed else "failed"
            p = step.p_value if step.p_value is None else f"{step.p_value:.6g}"
            return f"has a step that {verdict} with p = {p}, of {target.delta if step.passed else 1:g} allowed"
    return ""


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
    of_labels = zip(*(step.labels for step in steps), strict=True)
    labels = tuple(max(tests, key=lambda test: test.p_value) for tests in of_labels)
    return replace(worst, passed=all(step.passed for step in steps), labels=labels)
