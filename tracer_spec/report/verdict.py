"""The opening of the page: the claim in one sentence, the verdict, and the few numbers that matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tracer_spec.flow.documents.certificate import CertificateDocument, LabelClaim
from tracer_spec.production.monitoring.monitor import REFUTED, Monitor
from tracer_spec.production.monitoring.reference import END_TO_END
from tracer_spec.report.documents import Documents
from tracer_spec.report.facts import Fact, bundle_facts
from tracer_spec.report.monitor_facts import monitor_verdict, of_which_log, refutations
from tracer_spec.stats.rate import Rate
from tracer_spec.text_format import as_share, one_line, percent, usd

_SHOWN_LABELS = 4
_HISTORY = (
    "What the sections tell of its making is an estimate from fit rows, out of fold, and may no longer hold either."
)
_UNCERTIFIED = {
    "draft": "Nothing is certified and the certify rows stay sealed: every number here is an estimate from fit rows.",
    "uncertified": "The certificate states no confidence: every number here is an estimate or a count, and none is a promise.",
}


@dataclass(frozen=True, slots=True)
class Tile:
    """A number under its name, with the kind of knowledge it is."""

    name: str
    value: str
    note: str
    kind: str = "estimate"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The opening of the page.

    Parameters
    ----------
    word : str
        ``certified``, ``draft``, or ``uncertified``, where the calibrator promises nothing; ``refuted`` where the log since
        release refutes what was certified.
    headline : str
        What is true now: the claim, or that it is refuted.
    policy : str
    meaning : str
        What the verdict is worth.
    tiles : list of Tile
    notes : list of str
        What the log says since release, and what the claim does not say.
    """

    word: str
    headline: str
    policy: str
    meaning: str
    tiles: list[Tile]
    notes: list[str]


def verdict(documents: Documents) -> Verdict:
    """Return the opening of a bundle's page."""
    status = documents.bundle.manifest.status
    word = "uncertified" if status == "certified" and documents.certificate.confidence is None else status
    told = bundle_facts(documents.bundle, documents.certificate, documents.audit)
    facts = {each.name: each.text for each in told}
    claim = one_line(facts["claim"], 2000).rstrip(".")
    claim = f"{claim[:1].upper()}{claim[1:]}." if claim else "The certificate of this bundle states no claim."
    tests = facts["test"].splitlines() if "test" in facts else []
    test = f"Its {'test' if len(tests) == 1 else 'tests'}: {'; '.join(tests)}. " if tests else ""
    certified = (
        f"Only the sentence above is certified. {test}Everything else here is an estimate from fit rows, out of fold."
    )
    opening = claim, _UNCERTIFIED.get(word, certified), _tiles(documents, word)
    monitor = documents.followed[0] if documents.followed else None
    if monitor is not None and monitor.verdict == REFUTED:
        word = REFUTED
        headline = f"Refuted, by the log since release: {'; '.join(refutations(monitor))}."
        opening = headline, f"At release this was certified: {claim} {test}{_HISTORY}", _tiles_since(documents, monitor)
    headline, meaning, tiles = opening
    notes = [f"{text[:1].upper()}{text[1:]}." for text in _notes(monitor, told)]
    return Verdict(word, headline, one_line(facts["policy"], 600), meaning, tiles, notes)


def _notes(monitor: Monitor | None, told: Sequence[Fact]) -> Iterator[str]:
    if monitor is not None:
        said, *remedy = monitor_verdict(monitor).splitlines()
        if monitor.verdict == REFUTED:
            yield "; ".join(remedy)
        else:
            yield f"{monitor.verdict}{of_which_log(monitor) or ', by the log since release'}: {said}"
    yield from (each.text for each in told if each.name == "note")


def _label_tile(claim: LabelClaim) -> Tile:
    """Return the number that is certified of one label."""
    name = one_line(claim.label, 40)
    if claim.measure == "missed":
        return Tile(f"{name}: missed", f"≤ {percent(claim.limit)}", "of what the teacher calls so", "certified")
    return Tile(f"{name}: agreement", f"≥ {percent(claim.limit)}", "of what the router calls so", "certified")


def _certified_tiles(certificate: CertificateDocument) -> Iterator[Tile]:
    """Yield the numbers that are certified, that of all traffic first."""
    if certificate.target is not None and certificate.confidence is not None:
        whole = certificate.measure == "end_to_end"
        name, of = ("No wrong label", "of all traffic") if whole else ("Agreement", "of what is handled")
        sure = f"{of}, with {percent(certificate.confidence)} confidence"
        yield Tile(name, f"≥ {percent(certificate.target)}", sure, "certified")
        yield from (_label_tile(each) for each in (certificate.labels or ())[:_SHOWN_LABELS])


def _tiles(documents: Documents, word: str) -> list[Tile]:
    certificate, estimate = documents.certificate, documents.estimate
    tiles = list(_certified_tiles(certificate)) if word == "certified" else []
    if not tiles and certificate.target is not None:
        tiles.append(Tile("Target", percent(certificate.target), "asked for, not certified", "target"))
    if estimate is not None:
        tiles.append(Tile("Coverage", as_share(estimate.coverage), "of traffic is handled"))
        tiles.append(Tile("Agreement", as_share(estimate.agreement), "of what is handled"))
        tiles += _saved(documents, estimate.coverage)
    return tiles


def _tiles_since(documents: Documents, monitor: Monitor) -> list[Tile]:
    """Return what was certified, as what was claimed and is refuted, and what the log has measured instead."""
    is_refuted = [monitor.tally.refuted is not None, *(each.refuted is not None for each in monitor.claims)]
    claimed = [
        replace(tile, note=f"{tile.note}: certified at release", kind=REFUTED if fallen else "claimed")
        for tile, fallen in zip(_certified_tiles(documents.certificate), is_refuted, strict=False)
    ]
    measured = [_measured("Coverage", monitor.coverage), _measured("Agreement", monitor.agreement)]
    if monitor.reference.measure == END_TO_END:
        measured.append(_measured("No wrong label", monitor.rate))
    return [*claimed, *measured, *_saved(documents, monitor.coverage.share or 0.0)]


def _measured(name: str, rate: Rate) -> Tile:
    return Tile(
        name, as_share(rate.share), f"{as_share(rate.lower)} to {as_share(rate.upper)} since release", "measured"
    )


def _saved(documents: Documents, coverage: float) -> Iterator[Tile]:
    if (cost := documents.audit.cost) is not None:
        yield Tile("Saved", usd(cost.usd_per_day * coverage), f"of {usd(cost.usd_per_day)} a day", "projection")
