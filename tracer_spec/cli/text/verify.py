"""Facts that fresh rows tell of a bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tracer_spec.cli.text.outcome import Outcome
from tracer_spec.errors import printable
from tracer_spec.flow.documents.certificate import AGREEMENT
from tracer_spec.flow.rates import LabelRate, upper_of
from tracer_spec.flow.traces.traffic import Traffic
from tracer_spec.flow.verification import CONTRADICTED, NOT_MEASURED, NOTHING_CLAIMED, Verification
from tracer_spec.report.facts import Fact, at_release, dropped_text, rate_text
from tracer_spec.text_format import counted_names, label_counted_text, one_line, plural, reasons, size

if TYPE_CHECKING:
    from tracer_spec.flow.traces.counts import Accounting

_SHOWN_LABELS = 5
_UNUSUAL = 0.05
_LEAST_SHOWN = 1e-9
ONE_LOOK = "exact for rows that took no part in anything before and are looked at once"


def verify_outcome(
    found: Verification, accounting: Accounting, document: Mapping[str, Any], *, verbose: bool
) -> Outcome:
    """Return what fresh rows say: the verdict first, then the numbers, then what limits them."""
    facts = [*_facts(found, accounting, verbose), Fact("sha256", document["file"]["sha256"])]
    return Outcome(found.verdict, f"{document['name']} {document['version']}", facts)


def intact_outcome(document: Mapping[str, Any]) -> Outcome:
    """Return what was checked of a bundle without traces, and what was not."""
    file, checked = document["file"], document["checked"]
    as_written = "(as written; only fresh traces can contradict it: tracer-spec verify BUNDLE TRACES)"
    facts = [
        Fact("file", f"{file['path']}  ({size(file['bytes'])})"),
        Fact("sha256", f"{file['sha256']}  ({checked['sha256']})"),
        *(Fact(name, text) for name, text in checked.items() if name != "sha256"),
        Fact("claim", f"{printable(document['claim'] or '')}\n{as_written}"),
    ]
    return Outcome("intact", f"{document['name']} {document['version']}", facts)


def _facts(found: Verification, accounting: Accounting, verbose: bool) -> Iterator[Fact]:
    yield Fact("claim", printable(found.claim.text))
    yield Fact("verdict", _verdict(found))
    if found.verdict != NOT_MEASURED:
        yield Fact("agreement", rate_text(found.agreement, f"handled{_audited(found)} rows agree with the teacher"))
    if found.of_traffic:
        counted = f"{found.of_traffic.share:.3f}, at most {found.of_traffic.upper:.3f}"
        yield Fact(
            "of requests", f"{counted}: each audited row counted as the requests that it stands for, by its rate"
        )
    if found.verdict != NOT_MEASURED and found.without_repeats:
        alone = rate_text(found.without_repeats, "rows, counted once for those that say the same")
        yield Fact(
            "repeats", f"{alone}; within a minute, or without an id to tell them apart, they may be copies of one call"
        )
    yield Fact("coverage", rate_text(found.coverage, f"{'' if found.traffic.is_whole else 'audited '}rows are handled"))
    if found.verdict != NOT_MEASURED:
        yield Fact(
            "end to end",
            rate_text(found.end_to_end, f"{_audited(found)[1:]} rows get no label but the teacher's".lstrip())
            + ("" if found.macro_f1 is None else f"; macro-F1 {found.macro_f1:.3f} (descriptive)"),
        )
    yield from at_release(found.claimed, found.at_release)
    if found.verdict != NOT_MEASURED and found.label_claims:
        yield Fact("by label", "\n".join(_label_claim(each, found) for each in found.label_claims))
    yield Fact("intervals", f"at {found.confidence:.6g} (Clopper-Pearson), {ONE_LOOK}{_shared(found)}")
    yield Fact("traces", _traces(found, accounting))
    if found.unknown.n:
        rows, names = plural(found.unknown.n, "row"), counted_names(found.unknown_labels.items(), 6)
        unknown = f"{rows} with a label that the bundle does not know, {found.unknown.handled:,} of them handled"
        yield Fact("unknown", f"{unknown}, each a disagreement: {names}")
    if found.reasons:
        yield Fact("deferred", reasons((reason.replace("_", " "), n) for reason, n in found.reasons.items()))
    yield Fact("drift", _drift(found))
    yield Fact("labels", _labels(found, verbose))


def _label_claim(found: LabelRate, of: Verification) -> str:
    """Describe what fresh rows say of one label's claim."""
    asked = found.asked
    told = rate_text(found.rate, label_counted_text(asked.measure, asked.label, f"{_audited(of)[1:]} rows".lstrip()))
    if found.with_known_texts:
        told += f"; {rate_text(found.with_known_texts, 'with the rows left out for their text alone')}"
    if found.without_repeats:
        told += f"; {rate_text(found.without_repeats, 'counted once for rows that say the same')}"
    if found.of_traffic:
        told += f"; as requests {found.of_traffic.share:.3f}, at most {found.of_traffic.upper:.3f}"
    verdict = f"{asked.level:.6g} is claimed"
    return f"{told}; {verdict}, which is contradicted" if found.is_contradicted else f"{told}; {verdict}"


def _shared(found: Verification) -> str:
    """Say that the doubt is shared among several claims."""
    n = 1 + len(found.label_claims)
    return f"; the doubt is shared among {n} claims (Bonferroni)" if n > 1 else ""


def _verdict(found: Verification) -> str:
    """Say what the interval means for the claim, and never more."""
    rate, target = found.claimed, found.claim.target
    name = "agreement" if found.claim.measure == AGREEMENT else "the end-to-end rate"
    if found.verdict == NOT_MEASURED:
        n = found.end_to_end.n
        why = f"none of {plural(n, 'row')} with a teacher's label was handled" if n else "no row has a teacher's label"
        return f"{why}: {name} was not measured, and the claim of {target:.6g} is left as it is"
    if found.verdict == NOTHING_CLAIMED:
        return f"there is no claim to contradict; the build aimed at {target:.6g}"
    fallen = [
        f"'{one_line(each.asked.label)}' ({each.asked.measure})" for each in found.label_claims if each.is_contradicted
    ]
    if fallen:
        is_under = upper_of(rate, found.of_traffic, found.with_known_texts, found.without_repeats) < target
        own = f"{name} {'is contradicted, too' if is_under else 'is not contradicted'}"
        return f"fresh rows contradict what is claimed of {', '.join(fallen)}, see 'by label'; {own}"
    if not rate.n:
        return f"no row was handled: {name} was not measured, and nothing contradicts the claim"
    if found.verdict == CONTRADICTED:
        most = upper_of(rate, found.of_traffic, found.without_repeats)
        return f"{name} is at most {most:.3f} on fresh rows, under the {target:.6g} that was claimed"
    if rate.upper < target and found.without_repeats and found.without_repeats.upper >= target:
        alone = rate_text(found.without_repeats, "without rows that say what another one says")
        return (
            f"{name} is under {target:.6g} where each row counts; counted {alone}, which does not contradict the claim; ids "
            "would tell requests made again, which are traffic, from copies of one call"
        )
    if rate.upper < target and found.with_known_texts:
        with_them = rate_text(found.with_known_texts, "with the rows left out for their text alone")
        return (
            f"{name} is under {target:.6g} on texts the build never saw; counted {with_them}, which does not contradict the "
            "claim; traces with ids would tell repeated requests, which are traffic, from rows of the build"
        )
    but = "; the traffic they come from has changed, see drift" if _has_changed(found) else ""
    return f"{name} may be {target:.6g} or more: fresh rows do not contradict the claim, nor can they prove it{but}"


def _has_changed(found: Verification) -> bool:
    return found.drift is not None and found.drift.p_value <= _UNUSUAL


def _traces(found: Verification, accounting: Accounting) -> str:
    """Account for every row."""
    lines = [dropped_text(accounting.read, accounting.kept, accounting.dropped)]
    lines += [f"{count:,} left out: {reason}" for reason, count in found.left_out.items()]
    if found.n_repeats:
        lines.append(f"{found.n_repeats:,} ask, as events of their own, what the build has seen word for word")
    lines += _sample_lines(found.traffic)
    if not found.known_rows:
        lines.append("this bundle does not know its own rows: that none of these is among them is your word")
    return "\n".join((*lines, f"{plural(found.coverage.n, 'row')} measured", *accounting.notes))


def _audited(found: Verification) -> str:
    """Say which rows agreement is counted on, where those are not all."""
    traffic = found.traffic
    return " audited" if traffic.rates and (traffic.n_chosen or traffic.n_unlabelled or not traffic.is_whole) else ""


def _sample_lines(traffic: Traffic) -> Iterator[str]:
    """Say which rows count for what."""
    both, but = ("coverage and drift", ", not for agreement") if traffic.is_whole else ("nothing", "")
    if traffic.n_unlabelled:
        yield f"{traffic.n_unlabelled:,} have no label of the teacher's: they count for {both}"
    if traffic.n_chosen:
        yield f"{traffic.n_chosen:,} were deferred by a router, and not audited: they count for {both}{but}"
    if not traffic.is_whole:
        yield (
            "the log does not hold all requests, or the build saw some of it: audited rows alone are a sample of the "
            "traffic, and all rates are theirs"
        )
    if traffic.rates and traffic.rates[0] < traffic.rates[1]:
        low, high = traffic.rates
        yield f"audited at rates from {low:.4g} to {high:.4g}: the rates above are mostly those of when that was high"


def _drift(found: Verification) -> str:
    """Tell the effect size beside the p-value; silence of the test is not sameness."""
    drift = found.drift
    if drift is None:
        return "not measured: the certificate holds no scores to compare with"
    p_value = f"p = {drift.p_value:.2g}" if drift.p_value >= _LEAST_SHOWN else f"p < {_LEAST_SHOWN:.0e}"
    seen = "no change was seen, which is no evidence that there is none"
    if _has_changed(found):
        seen = (
            "the traffic has changed, and the claim is about traffic like the traces: what is measured above is of these "
            "rows; build again on traces that have them among them"
        )
    return (
        f"distance {drift.distance:.3f} (Kolmogorov-Smirnov, 0 to 1) between the acceptance scores of "
        f"{drift.n_certify:,} certify rows and {drift.n:,} fresh ones, {p_value}: {seen}"
    )


def _labels(found: Verification, verbose: bool) -> str:
    """List the labels with most disagreements, or all of them."""
    met = [each for each in found.labels if each.n]
    ranked = sorted(met, key=lambda each: (each.agree - each.handled, each.label))
    shown = met if verbose else [each for each in ranked[:_SHOWN_LABELS] if each.agree < each.handled]
    width = max((len(one_line(each.label)) for each in shown), default=0)
    but = "but for the claims above" if found.label_claims else "since nothing is certified per label"
    head = f"{len(met)} of {len(found.labels)} met; descriptive, {but}"
    lines = [
        f"{one_line(each.label):<{width}}  {each.handled - each.agree:,} of {each.handled:,} handled disagree "
        f"({plural(each.n, 'row')})"
        for each in shown
    ]
    return "\n".join((f"{head}; most disagreements:" if shown and not verbose else head, *lines))
