"""Facts that are told of a bundle and of what made it: one sentence each, wherever it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer_spec.errors import printable
from tracer_spec.flow.remarks import remarks
from tracer_spec.flow.traces.accounting import in_order
from tracer_spec.report.told import told_traces
from tracer_spec.text_format import label_counted_text, listing, one_line, percent, plural, reasons

if TYPE_CHECKING:
    from tracer_spec.flow.documents.audit import AuditDocument
    from tracer_spec.flow.documents.certificate import CertificateDocument
    from tracer_spec.flow.documents.frontier import LabelNames
    from tracer_spec.flow.training.label_rows import NamesGain
    from tracer_spec.plugin import Measure
    from tracer_spec.runtime import Bundle
    from tracer_spec.stats.rate import Rate

# what the test of a target counts, by what the target is a rate of
_COUNTED: Mapping[Measure, str] = {
    "agreement": "handled certify rows agree with the teacher",
    "end_to_end": "certify rows get no label but the teacher's",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a command tells.

    Parameters
    ----------
    name, text : str
        ``text`` may have several lines.
    level : str
        ``error``, ``warning`` or ``notice`` where it is an annotation of a pipeline too; else empty.
    address : str
        What the annotation is about in the spec; a learner goes by ``zoo.NAME``.
    title : str
        Of the annotation; its name by default.
    """

    name: str
    text: str
    level: str = ""
    address: str = ""
    title: str = ""


def bundle_facts(bundle: Bundle, certificate: CertificateDocument, audit: AuditDocument) -> list[Fact]:
    """Return the claim of a bundle and what it rests on."""
    policy = bundle.manifest.policy
    stages = [(stage.surrogate, stage.threshold) for stage in policy.stages]
    facts = [Fact("claim", printable(certificate.claim or "")), Fact("policy", policy_text(policy.family, stages))]
    guards = sorted({guard for stage in policy.stages for guard in stage.guards})
    if guards:
        facts.append(Fact("guards", ", ".join(guards)))
    if policy.defer_labels:
        denied = listing(map(one_line, policy.defer_labels))
        facts.append(Fact("deferred", f"always, where the answer would be {denied}"))
    estimate = certificate.estimate
    if estimate:
        facts.append(Fact("estimate", estimate_text(estimate.coverage, estimate.agreement)))
        if audit.cost:
            facts.append(Fact("cost", cost_text(audit.cost.usd_per_day, estimate.coverage)))
    if certificate.n is not None and certificate.k is not None:
        counts = certificate.n, certificate.k, certificate.p_value, certificate.level
        labels = [
            (each.measure, each.label, each.limit, each.n, each.k, each.p_value)
            for each in certificate.labels or ()
            if each.n is not None and each.k is not None and each.p_value is not None
        ]
        tests = (exact_test_text(certificate.measure, *counts), *label_tests_text(labels, certificate.level))
        facts.append(Fact("test", "\n".join(tests)))
    traces = told_traces(bundle)
    if traces is not None:
        kept = dropped_text(traces.records.read, traces.records.kept, traces.records.dropped)
        sides = sides_text(traces.n_fit, traces.n_certify, len(bundle.manifest.labels))
        # of all traces, as far as they may be told; the audit's count is of fit rows
        off = f"; {plural(traces.n_unknown, 'answer')} off the list" if traces.n_unknown else ""
        facts.append(Fact("traces", f"{kept}; {sides}{off}"))
        facts += source_facts((name, each.read, each.kept, each.dropped) for name, each in traces.sources)
    facts += [Fact("note", text, "notice", "families", "policy") for text in remarks(policy, audit, certificate)]
    return facts


def source_facts(sources: Iterable[tuple[str, int, int, Mapping[str, int]]]) -> Iterator[Fact]:
    """Yield what became of the records of each source, where there are several: (name, read, kept, dropped)."""
    told = [f"{printable(name)}: {dropped_text(read, kept, dropped)}" for name, read, kept, dropped in sources]
    if told:
        yield Fact("sources", "\n".join(told))


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


def acceptor_fact(chosen: Sequence[str], tried: Iterable[Sequence[str]]) -> Iterator[Fact]:
    """Yield which acceptors the policy asks, where several competed; ``tried`` are those of each chain."""
    competed = list(dict.fromkeys(name for names in tried for name in names))
    if len(competed) > 1:
        ships = ", ".join(map(one_line, dict.fromkeys(chosen))) or "none"
        yield Fact("acceptor", f"{ships}  (of {', '.join(map(one_line, competed))}, by the fit rows)")


def estimate_text(coverage: float, agreement: float) -> str:
    """Describe an estimate; it is no part of the claim."""
    return f"coverage {coverage:.3f}, agreement {agreement:.3f} (fit rows, out of fold)"


def rate_text(rate: Rate, counted: str) -> str:
    """Describe a rate with its interval.

    Examples
    --------
    >>> from tracer_spec.stats.rate import Rate
    >>> rate_text(Rate(200, 190, 0.9101, 0.9756), "rows agree")
    '0.950 in [0.910, 0.976]: 190 of 200 rows agree'
    >>> rate_text(Rate(0, 0, 0.0, 1.0), "rows agree")
    'unknown: 0 of 0 rows agree'
    """
    share = "unknown" if rate.share is None else f"{rate.share:.3f} in [{rate.lower:.3f}, {rate.upper:.3f}]"
    return f"{share}: {rate.k:,} of {rate.n:,} {counted}"


def at_release(now: Rate, before: Rate) -> Iterator[Fact]:
    """Yield that a rate is far above what the certify rows said: rows that speak against the claim may be missing."""
    from tracer_spec.stats.rate import is_far_above

    if is_far_above(now, before):
        text = (
            f"WARNING: of certify rows {before.k:,} of {before.n:,} were right; far fewer are wrong here, whatever is true in "
            "either interval\nrows that are wrong are missing, what the router answered stands as the teacher's, rows of the "
            "build are among these, or the traffic has become easier: but for the last, the rate is not that of the traffic"
        )
        yield Fact("at release", text, "warning", title="far fewer rows are wrong than at release")


def label_names_text(gain: NamesGain | LabelNames) -> str:
    """Say what the names of labels brought as training rows.

    Examples
    --------
    >>> from tracer_spec.flow.documents.frontier import LabelNames
    >>> label_names_text(LabelNames(weight=3.0, agreement=0.671, without=0.65))
    'label names train too, weight 3: +2.1 points out of fold'
    >>> label_names_text(LabelNames(weight=0.0, agreement=0.65, without=0.65))
    'label names do not train: out of fold they bring nothing beyond noise'
    """
    if not gain.weight:
        return "label names do not train: out of fold they bring nothing beyond noise"
    change = 100 * (gain.agreement - gain.without)
    alone = f"; without them, since they take no weights: {listing(map(one_line, gain.unable))}" if gain.unable else ""
    return f"label names train too, weight {gain.weight:g}: {change:+.1f} points out of fold{alone}"


def cost_text(usd_per_day: float, coverage: float) -> str:
    """Project what is saved; no part of the claim."""
    return f"at the estimated coverage, {usd_per_day * coverage:,.2f} of {usd_per_day:,.2f} USD a day are saved"


def exact_test_text(measure: Measure, n: int, k: int, p_value: float | None, level: float | None) -> str:
    """Describe one exact test.

    Examples
    --------
    >>> exact_test_text("agreement", 3570, 3331, 0.00271, 0.05)
    '3,331 of 3,570 handled certify rows agree with the teacher (p = 0.0027, of 0.05 allowed)'
    >>> exact_test_text("end_to_end", 4000, 3971, 0.0021, None)
    "3,971 of 4,000 certify rows get no label but the teacher's (p = 0.0021)"
    """
    allowed = "" if level is None else f", of {level:.2g} allowed"
    sure = "no test was made" if p_value is None else f"p = {p_value:.2g}{allowed}"
    return f"{k:,} of {n:,} {_COUNTED[measure]} ({sure})"


def label_tests_text(
    tests: Iterable[tuple[str, str, float, int, int, float]], level: float | None, *, judged: bool = False
) -> list[str]:
    """Describe the tests of labels, a line each: (measure, label, limit, n, k, p-value); ``judged`` says which failed.

    Examples
    --------
    >>> label_tests_text([("missed", "fraud", 0.02, 320, 319, 0.012)], 0.05)
    ["319 of 320 certify rows that the teacher calls 'fraud' get no other label, 98 % asked (p = 0.012, of 0.05 allowed)"]
    """
    allowed = "" if level is None else f", of {level:.2g} allowed"
    lines = []
    for measure, label, limit, n, k, p in tests:
        asked = percent(limit if measure == "agreement" else 1 - limit)
        verdict = "" if not judged or level is None else ", passed" if p <= level else ", failed"
        lines.append(
            f"{k:,} of {n:,} {label_counted_text(measure, label)}, {asked} asked (p = {p:.2g}{allowed}){verdict}"
        )
    return lines


def dropped_text(read: int, kept: int, dropped: Mapping[str, int]) -> str:
    """Describe what became of the records; the reasons in the one order, which a document in a bundle does not keep.

    Examples
    --------
    >>> dropped_text(1521, 1480, {"duplicate id": 21, "no text": 20})
    '1,521 read, 1,480 kept; dropped: 20 no text, 21 duplicate id'
    """
    told = reasons((reason, dropped[reason]) for reason in in_order(dropped))
    return f"{read:,} read, {kept:,} kept" + (f"; dropped: {told}" if dropped else "")


def sides_text(n_fit: int, n_certify: int, n_labels: int) -> str:
    """Describe the sides of the split.

    Examples
    --------
    >>> sides_text(910, 590, 10)
    '910 fit, 590 certify; 10 labels'
    """
    return f"{n_fit:,} fit, {n_certify:,} certify; {plural(n_labels, 'label')}"
