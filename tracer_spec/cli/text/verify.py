"""What fresh rows say of a bundle, for people and as a document."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tracer_spec.cli.console import listing, one_line, paint, plural, rows
from tracer_spec.cli.text.summary import dropped_text
from tracer_spec.flow.documents.certificate import AGREEMENT
from tracer_spec.flow.verify import CONTRADICTED, NOTHING_CLAIMED, Rate, Verification

if TYPE_CHECKING:
    from tracer_spec.flow.traces.accounting import Accounting

_SHOWN_LABELS = 5
_UNUSUAL = 0.05
_LEAST_SHOWN = 1e-9
ONE_LOOK = "exact for rows that took no part in anything before and are looked at once"


def tell(found: Verification, accounting: Accounting, document: Mapping[str, Any], *, verbose: bool) -> str:
    """Return the story: the verdict first, then the numbers, then what limits them."""
    colour = {CONTRADICTED: "red", NOTHING_CLAIMED: "yellow"}.get(found.verdict, "green")
    head = paint(f"{found.verdict}  {document['name']} {document['version']}", "bold", colour, stream=sys.stdout)
    facts = [
        ("claim", found.claim.text),
        ("verdict", _verdict(found)),
        ("agreement", rate_text(found.agreement, "handled rows agree with the teacher")),
        ("coverage", rate_text(found.coverage, "rows are handled")),
        ("end to end", rate_text(found.end_to_end, "rows get no label but the teacher's")),
        ("intervals", f"at {found.confidence:.6g} (Clopper-Pearson), {ONE_LOOK}"),
        ("traces", _traces(found, accounting)),
    ]
    if found.unknown.n:
        facts.append(("unknown", _unknown(found)))
    if found.reasons:
        reasons = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in found.reasons.items())
        facts.append(("deferred", reasons))
    facts += [("drift", _drift(found)), ("labels", _labels(found, verbose)), ("sha256", document["file"]["sha256"])]
    return f"{head}\n\n{rows(facts, stream=sys.stdout)}"


def rate_text(rate: Rate, counted: str) -> str:
    """Describe a rate with its interval.

    Examples
    --------
    >>> rate_text(Rate(200, 190, 0.9101, 0.9756), "rows agree")
    '0.950 in [0.910, 0.976]: 190 of 200 rows agree'
    >>> rate_text(Rate(0, 0, 0.0, 1.0), "rows agree")
    'unknown: 0 of 0 rows agree'
    """
    share = "unknown" if rate.share is None else f"{rate.share:.3f} in [{rate.lower:.3f}, {rate.upper:.3f}]"
    return f"{share}: {rate.k:,} of {rate.n:,} {counted}"


def document_of(found: Verification, accounting: Accounting) -> dict[str, Any]:
    """Return the ``measured`` part of the document of ``verify --json``."""
    claim, drift = found.claim, found.drift
    return {
        "verdict": found.verdict,
        "claim": {"measure": claim.measure, "target": claim.target, "confidence": claim.confidence},
        "confidence": found.confidence,
        "coverage": _rate(found.coverage),
        "agreement": _rate(found.agreement),
        "end_to_end": _rate(found.end_to_end),
        "claimed_with_known_texts": _rate(found.with_known_texts) if found.with_known_texts else None,
        "traces": {"read": accounting.read, "kept": accounting.kept, "dropped": dict(accounting.dropped)},
        "left_out": dict(found.left_out),
        "repeats": found.n_repeats,
        "knows_its_rows": found.known_rows,
        "deferred": dict(found.reasons),
        "unknown_labels": {
            "n": found.unknown.n,
            "handled": found.unknown.handled,
            "labels": dict(found.unknown_labels),
        },
        "drift": drift
        and {"distance": drift.distance, "p_value": drift.p_value, "n_certify": drift.n_certify, "n": drift.n},
        "labels": [{"label": e.label, "n": e.n, "handled": e.handled, "agree": e.agree} for e in found.labels],
    }


def _rate(rate: Rate) -> dict[str, Any]:
    return {"n": rate.n, "k": rate.k, "share": rate.share, "lower": rate.lower, "upper": rate.upper}


def _verdict(found: Verification) -> str:
    """Say what the interval means for the claim, and never more."""
    rate, target = found.claimed, found.claim.target
    name = "agreement" if found.claim.measure == AGREEMENT else "the end-to-end rate"
    if found.verdict == NOTHING_CLAIMED:
        return f"there is no claim to contradict; the build aimed at {target:.6g}"
    if not rate.n:
        return f"no row was handled: {name} was not measured, and nothing contradicts the claim"
    if found.verdict == CONTRADICTED:
        return f"{name} is at most {rate.upper:.3f} on fresh rows, under the {target:.6g} that was claimed"
    text = f"{name} may be {target:.6g} or more: fresh rows do not contradict the claim, nor can they prove it"
    if rate.upper < target and found.with_known_texts:
        with_them = rate_text(found.with_known_texts, "with the rows left out for their text alone")
        text = (
            f"{name} is under {target:.6g} on texts the build never saw; counted {with_them}, which does not contradict\n"
            "the claim; traces with ids would tell repeated requests, which are traffic, from rows of the build"
        )
    return text


def _traces(found: Verification, accounting: Accounting) -> str:
    """Account for every row."""
    lines = [dropped_text(accounting.read, accounting.kept, accounting.dropped)]
    lines += [f"{count:,} left out: {reason}" for reason, count in found.left_out.items()]
    if found.n_repeats:
        lines.append(f"{found.n_repeats:,} ask, as events of their own, what the build has seen word for word")
    if not found.known_rows:
        lines.append("this bundle does not know its own rows: that none of these is among them is your word")
    return "\n".join((*lines, f"{plural(found.coverage.n, 'row')} measured", *accounting.notes))


def _unknown(found: Verification) -> str:
    labels = listing([f"'{one_line(label)}' {count:,}" for label, count in found.unknown_labels.items()], 6)
    n, handled = plural(found.unknown.n, "row"), found.unknown.handled
    return (
        f"{n} with a label that the bundle does not know, {handled:,} of them handled, each a disagreement:\n{labels}"
    )


def _drift(found: Verification) -> str:
    """Tell the effect size beside the p-value; silence of the test is not sameness."""
    drift = found.drift
    if drift is None:
        return "not measured: the certificate holds no scores to compare with"
    size = f"distance {drift.distance:.3f} (Kolmogorov-Smirnov, 0 to 1) between the acceptance scores of"
    p_value = f"p = {drift.p_value:.2g}" if drift.p_value >= _LEAST_SHOWN else f"p < {_LEAST_SHOWN:.0e}"
    rest = f"{drift.n_certify:,} certify rows and {drift.n:,} fresh ones, {p_value}:"
    if drift.p_value <= _UNUSUAL:
        return f"{size}\n{rest} the traffic has changed, and the claim is about traffic like the traces"
    return f"{size}\n{rest} no change was seen, which is no evidence that there is none"


def _labels(found: Verification, verbose: bool) -> str:
    """List the labels with most disagreements, or all of them."""
    met = [each for each in found.labels if each.n]
    ranked = sorted(met, key=lambda each: (each.agree - each.handled, each.label))
    shown = met if verbose else [each for each in ranked[:_SHOWN_LABELS] if each.agree < each.handled]
    width = max((len(one_line(each.label)) for each in shown), default=0)
    head = f"{len(met)} of {len(found.labels)} met; descriptive, since nothing is certified per label"
    if shown and not verbose:
        head += "; most disagreements:"
    lines = [
        f"{one_line(each.label):<{width}}  {each.handled - each.agree:,} of {each.handled:,} handled disagree "
        f"({plural(each.n, 'row')})"
        for each in shown
    ]
    return "\n".join((head, *lines))
