"""What the policy costs and saves, what the claim rests on, and what the bundle was made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer_spec.flow.traces.accounting import in_order
from tracer_spec.report.documents import Documents
from tracer_spec.report.section import Absent, Room, Section
from tracer_spec.report.told import is_count, mapping
from tracer_spec.text_format import NONE, as_share, count, one_line, usd

_PERIODS = (("a day", 1), ("30 days", 30), ("a year", 365))
_TRACES = {"read": "read", "kept": "kept", "fit": "fit rows", "certify": "certify rows"}


def cost(documents: Documents, _room: Room) -> Section | Absent:
    """Project what the router saves."""
    title = "What it saves"
    prices, estimate = documents.audit.cost, documents.estimate
    if prices is None:
        return Absent(title, "the spec says nothing under 'cost', or the bundle is older than this section")
    if estimate is None:
        return Absent(title, "the bundle tells no coverage")
    shares = (1.0, 1 - estimate.coverage, estimate.coverage)
    return Section(
        id="cost",
        title=title,
        shows=f"What the teacher costs for {count(prices.requests_per_day)} requests a day at "
        f"{usd(prices.teacher_usd_per_1k)} per thousand, without the router and with it, at the estimated coverage of "
        f"{as_share(estimate.coverage)}.",
        caveat="A projection from an estimate. Neither coverage nor savings are certified; running the router is not priced.",
        view={
            "rows": [(name, *(usd(prices.usd_per_day * share * days) for share in shares)) for name, days in _PERIODS]
        },
    )


def basis(documents: Documents, _room: Room) -> Section | Absent:
    """Tell what the claim rests on, and what ends it."""
    title, certificate = "What the claim rests on", documents.certificate
    if not certificate.assumptions and not certificate.voided_by:
        return Absent(title, "the certificate lists no assumptions")
    return Section(
        id="basis",
        title=title,
        shows="What must hold for the claim to hold, and what ends it.",
        caveat="None of this can be seen in the bundle; 'tracer-spec verify' on fresh traces tells whether traffic has moved.",
        view={"assumptions": certificate.assumptions, "voided_by": certificate.voided_by},
    )


def provenance(documents: Documents, room: Room) -> Section:
    """Tell what the bundle was made from and with."""
    manifest = documents.bundle.manifest
    told, embedder = manifest.provenance, manifest.embedder
    traces = mapping(told.get("traces"))
    libraries = ", ".join(f"{name} {version}" for name, version in mapping(told.get("libraries")).items())
    made = {
        "Bundle": f"{manifest.name} {manifest.version}, format {manifest.format}",
        "File sha256": documents.bundle.sha256,
        "Spec digest": manifest.spec_digest,
        "Traces digest": str(traces.get("digest", NONE)),
        "Traces": _traces(traces),
        "Embedder": f"{embedder.use} ({embedder.distribution} {embedder.version}), {manifest.dimension} dimensions",
        "Embedder fingerprint": embedder.fingerprint or "none: the app brings vectors",
        "Seed": str(told.get("seed", NONE)),
        "Libraries": libraries or NONE,
        "Created": manifest.created or "not told: the build is reproducible, and reads no clock",
    }
    overrides = told.get("overrides")
    if isinstance(overrides, list) and overrides:
        made["Overrides"] = ", ".join(map(str, overrides))
    cut = documents.spec.encode()[: room.spec_bytes].decode(errors="ignore")
    return Section(
        id="provenance",
        title="Provenance",
        shows="What the bundle was made from and with, and the digests that pin it.",
        caveat="Digests show damage; against somebody who can write the file, compare the sha256 with one that you trust.",
        view={
            "facts": list(made.items()),
            "plugins": _plugins(told.get("plugins")),
            "members": sorted(manifest.members.items()),
            "spec": cut,
            "spec_withheld": len(documents.spec) - len(cut),
        },
    )


def _plugins(value: Any) -> list[list[str]]:
    """Return kind, name, distribution and version of each plugin."""
    keys = ("kind", "name", "distribution", "version")
    found = value if isinstance(value, list) else []
    return [[one_line(str(each.get(key, NONE))) for key in keys] for each in found if isinstance(each, Mapping)][:100]


def _traces(traces: Mapping[str, Any]) -> str:
    parts = [f"{count(traces[key])} {name}" for key, name in _TRACES.items() if is_count(traces.get(key))]
    dropped = mapping(traces.get("dropped"))
    parts += [f"{count(n)} dropped for {reason}" for reason in in_order(dropped) if is_count(n := dropped[reason])]
    return ", ".join(parts) or NONE
