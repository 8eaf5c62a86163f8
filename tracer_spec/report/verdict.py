"""The opening of the page: the claim in one sentence, the verdict, and the few numbers that matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tracer_spec.flow.documents.certificate import LabelClaim
from tracer_spec.production.monitoring.monitor import REFUTED, Monitor
from tracer_spec.report.documents import Documents
from tracer_spec.report.facts import Fact, bundle_facts
from tracer_spec.report.monitor_facts import monitor_verdict
from tracer_spec.text_format import as_share, one_line, percent, usd

_SHOWN_LABELS = 4
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
    claim, policy : str
    meaning : str
        What the verdict is worth.
    tiles : list of Tile
    notes : list of str
        What the log says since release, and what the claim does not say.
    """

    word: str
    claim: str
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
    tests = facts["test"].splitlines() if "test" in facts else []
    test = f"Its {'test' if len(tests) == 1 else 'tests'}: {'; '.join(tests)}. " if tests else ""
    certified = (
        f"Only the sentence above is certified. {test}Everything else here is an estimate from fit rows, out of fold."
    )
    monitor = documents.followed[0] if documents.followed else None
    return Verdict(
        word=REFUTED if monitor is not None and monitor.verdict == REFUTED else word,
        claim=f"{claim[:1].upper()}{claim[1:]}." if claim else "The certificate of this bundle states no claim.",
        policy=one_line(facts["policy"], 600),
        meaning=_UNCERTIFIED.get(word, certified),
        tiles=_tiles(documents, word),
        notes=[f"{text[:1].upper()}{text[1:]}." for text in _notes(monitor, told)],
    )


def _notes(monitor: Monitor | None, told: Sequence[Fact]) -> Iterator[str]:
    if monitor is not None:
        yield f"{monitor.verdict}, by the log since release: {monitor_verdict(monitor).splitlines()[0]}"
    yield from (each.text for each in told if each.name == "note")


def _label_tile(claim: LabelClaim) -> Tile:
    """Return the number that is certified of one label."""
    name = one_line(claim.label, 40)
    if claim.measure == "missed":
        return Tile(f"{name}: missed", f"≤ {percent(claim.limit)}", "of what the teacher calls so", "certified")
    return Tile(f"{name}: agreement", f"≥ {percent(claim.limit)}", "of what the router calls so", "certified")


def _tiles(documents: Documents, word: str) -> list[Tile]:
    certificate, estimate, cost = documents.certificate, documents.estimate, documents.audit.cost
    tiles = []
    if word == "certified" and certificate.target is not None and certificate.confidence is not None:
        whole = certificate.measure == "end_to_end"
        name, of = ("No wrong label", "of all traffic") if whole else ("Agreement", "of what is handled")
        sure = f"{of}, with {percent(certificate.confidence)} confidence"
        tiles.append(Tile(name, f"≥ {percent(certificate.target)}", sure, "certified"))
        tiles += [_label_tile(each) for each in (certificate.labels or ())[:_SHOWN_LABELS]]
    elif certificate.target is not None:
        tiles.append(Tile("Target", percent(certificate.target), "asked for, not certified", "target"))
    if estimate is not None:
        tiles.append(Tile("Coverage", as_share(estimate.coverage), "of traffic is handled"))
        tiles.append(Tile("Agreement", as_share(estimate.agreement), "of what is handled"))
        if cost is not None:
            saved = usd(cost.usd_per_day * estimate.coverage)
            tiles.append(Tile("Saved", saved, f"of {usd(cost.usd_per_day)} a day", "projection"))
    return tiles
