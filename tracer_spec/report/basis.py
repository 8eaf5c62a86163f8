"""What the policy costs and saves, what the claim rests on, and what the bundle was made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer_spec.report.facts import Facts
from tracer_spec.report.number_format import NONE, count, percent, shown, usd
from tracer_spec.report.section import Absent, Room, Section

_PERIODS = (("a day", 1), ("30 days", 30), ("a year", 365))


def cost(facts: Facts, _room: Room) -> Section | Absent:
    """Project what the router saves."""
    title = "What it saves"
    prices, estimate = facts.audit.cost, facts.estimate
    if prices is None:
        return Absent(title, "the spec says nothing under 'cost', or the bundle is older than this section")
    if estimate is None:
        return Absent(title, "the bundle tells no coverage")
    day = prices.usd_per_day
    kept = 1 - estimate.coverage
    rows = [
        {
            "period": name,
            "without": usd(day * days),
            "with": usd(day * kept * days),
            "saved": usd(day * estimate.coverage * days),
        }
        for name, days in _PERIODS
    ]
    return Section(
        id="cost",
        title=title,
        shows=f"What the teacher costs for {count(prices.requests_per_day)} requests a day at "
        f"{usd(prices.teacher_usd_per_1k)} per thousand, without the router and with it, at the estimated coverage of "
        f"{percent(estimate.coverage)}.",
        caveat="A projection from an estimate. Neither coverage nor savings are certified; running the router is not priced.",
        view={"rows": rows},
    )


def basis(facts: Facts, _room: Room) -> Section | Absent:
    """Tell what the claim rests on, and what ends it."""
    title = "What the claim rests on"
    certificate = facts.certificate
    if not certificate.assumptions and not certificate.voided_by:
        return Absent(title, "the certificate lists no assumptions")
    return Section(
        id="basis",
        title=title,
        shows="What must hold for the claim to hold, and what ends it.",
        caveat="None of this can be seen in the bundle; 'tracer-spec verify' on fresh traces tells whether traffic has moved.",
        view={"assumptions": certificate.assumptions, "voided_by": certificate.voided_by},
    )


def provenance(facts: Facts, room: Room) -> Section:
    """Tell what the bundle was made from and with."""
    manifest = facts.bundle.manifest
    told = manifest.provenance
    traces = _mapping(told.get("traces"))
    embedder = manifest.embedder
    made = [
        ("Bundle", f"{manifest.name} {manifest.version}, format {manifest.format}"),
        ("File sha256", facts.bundle.sha256),
        ("Spec digest", manifest.spec_digest),
        ("Traces digest", str(traces.get("digest", NONE))),
        ("Traces", _traces(traces)),
        ("Embedder", f"{embedder.use} ({embedder.distribution} {embedder.version}), {manifest.dimension} dimensions"),
        ("Embedder fingerprint", embedder.fingerprint or "none: the app brings vectors"),
        ("Seed", str(told.get("seed", NONE))),
        (
            "Libraries",
            ", ".join(f"{name} {version}" for name, version in _mapping(told.get("libraries")).items()) or NONE,
        ),
        ("Created", manifest.created or "not told: the build is reproducible, and reads no clock"),
    ]
    overrides = told.get("overrides")
    if isinstance(overrides, list) and overrides:
        made.append(("Overrides", ", ".join(str(each) for each in overrides)))
    spec = facts.spec.encode()
    cut = spec[: room.spec_bytes].decode(errors="ignore")
    return Section(
        id="provenance",
        title="Provenance",
        shows="What the bundle was made from and with, and the digests that pin it.",
        caveat="Digests show damage; against somebody who can write the file, compare the sha256 with one that you trust.",
        view={
            "facts": [(name, shown(text, 600)) for name, text in made],
            "plugins": _plugins(told.get("plugins")),
            "members": sorted(manifest.members.items()),
            "spec": cut,
            "spec_withheld": len(facts.spec) - len(cut),
        },
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _plugins(value: Any) -> list[list[str]]:
    """Return kind, name, distribution and version of each plugin; provenance is free JSON."""
    keys = ("kind", "name", "distribution", "version")
    found = value if isinstance(value, list) else []
    return [[shown(str(each.get(key, NONE)), 60) for key in keys] for each in found if isinstance(each, Mapping)][:100]


def _traces(traces: Mapping[str, Any]) -> str:
    names = (("read", "read"), ("kept", "kept"), ("fit", "fit rows"), ("certify", "certify rows"))
    parts = [f"{count(traces[key])} {name}" for key, name in names if type(traces.get(key)) is int]
    dropped = _mapping(traces.get("dropped"))
    parts += [f"{n} dropped for {reason}" for reason, n in dropped.items()]
    return ", ".join(parts) or NONE
