"""What a bundle holds, told for people: ``inspect`` and the end of ``build`` tell the same, from the same file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tracer_spec.cli.console import listing, one_line, paint, plural, rows, size
from tracer_spec.cli.text.summary import dropped_text, estimate_text, policy_text, sides_text, test_text
from tracer_spec.cli.text.terminal_chart import Picture, draw

if TYPE_CHECKING:
    from tracer_spec.flow.documents.audit import AuditDocument, Cost
    from tracer_spec.flow.documents.certificate import CertificateDocument
    from tracer_spec.runtime import Bundle

Facts = list[tuple[str, str]]

# of the names beside the facts, so that what is told before and after the picture lines up
NAME_WIDTH = 10

_COLOURS = {"certified": "green", "uncertified": "yellow", "draft": "yellow"}


def tell_bundle(bundle: Bundle, *, ending: str = "", extra: Facts | None = None, verbose: bool = False) -> str:
    """Return the story of a bundle in some twenty lines: verdict, claim, numbers, picture, file.

    Parameters
    ----------
    bundle : Bundle
    ending : str
        What follows the verdict on its line.
    extra : list of (str, str), optional
        Facts of whoever tells, put before the picture.
    verbose : bool
        Tell what it was made with, too.
    """
    from tracer_spec.flow.documents.audit import AuditDocument
    from tracer_spec.flow.documents.certificate import CertificateDocument
    from tracer_spec.flow.documents.frontier import FrontierDocument

    certificate, audit = CertificateDocument.of_bundle(bundle), AuditDocument.of_bundle(bundle)
    picture = Picture.of(certificate, FrontierDocument.of_bundle(bundle), audit)
    verdict = f"{bundle.manifest.status}  {bundle.manifest.name} {bundle.manifest.version}"
    head = paint(verdict, "bold", _COLOURS.get(bundle.manifest.status, "default"), stream=sys.stdout)
    facts = [*_numbers(bundle, certificate, audit), *(_makings(bundle) if verbose else []), *(extra or [])]
    numbers = rows(facts, width=NAME_WIDTH, stream=sys.stdout)
    file = rows(_file(bundle), width=NAME_WIDTH, stream=sys.stdout)
    return "\n".join([f"{head}{ending}", numbers, *draw(picture), file])


def _numbers(bundle: Bundle, certificate: CertificateDocument, audit: AuditDocument) -> Facts:
    """Tell the claim and what it rests on."""
    policy = bundle.manifest.policy
    stages = [(stage.surrogate, stage.threshold) for stage in policy.stages]
    facts = [("claim", certificate.claim or ""), ("policy", policy_text(policy.family, stages))]
    guards = sorted({guard for stage in policy.stages for guard in stage.guards})
    if guards:
        facts.append(("guards", ", ".join(guards)))
    if policy.defer_labels:
        facts.append(("deferred", f"always, where the answer would be {listing(map(one_line, policy.defer_labels))}"))
    estimate = certificate.estimate
    if estimate:
        facts.append(("estimate", estimate_text(estimate.coverage, estimate.agreement)))
        facts += _cost(audit.cost, estimate.coverage)
    if certificate.n is not None and certificate.k is not None:
        test = test_text(certificate.measure, certificate.n, certificate.k, certificate.p_value)
        facts.append(("test", test))
    return facts + _traces(bundle)


def _cost(cost: Cost | None, coverage: float) -> Facts:
    """Project what is saved, where the spec says what the teacher costs; no part of the claim."""
    if not cost:
        return []
    whole = cost.usd_per_day
    return [("cost", f"at the estimated coverage, {whole * coverage:,.2f} of {whole:,.2f} USD a day are saved")]


def _traces(bundle: Bundle) -> Facts:
    """Tell what became of the traces, and what the teacher's labels are like."""
    traces = bundle.manifest.provenance.get("traces", {})
    if not {"read", "kept", "dropped", "fit", "certify"} <= traces.keys():
        return []
    kept = dropped_text(traces["read"], traces["kept"], traces["dropped"])
    # of all traces, as far as they may be told; the audit's count is of fit rows
    n_unknown = traces.get("unknown_labels", 0)
    off = f"; {plural(n_unknown, 'answer')} off the list" if n_unknown else ""
    sides = sides_text(traces["fit"], traces["certify"], len(bundle.manifest.labels))
    return [("traces", f"{kept}; {sides}{off}")]


def _makings(bundle: Bundle) -> Facts:
    """Tell what it was made with."""
    manifest, facts = bundle.manifest, Facts()
    facts.append(("labels", ", ".join(map(one_line, manifest.labels))))
    embedder = manifest.embedder
    shipped = f"{embedder.distribution} {embedder.version}"
    facts.append(("embedder", f"{embedder.use} ({shipped}), {manifest.dimension} dimensions, {comes(bundle)}"))
    libraries = manifest.provenance.get("libraries", {})
    facts.append(("built with", ", ".join(f"{name} {version}" for name, version in libraries.items())))
    if manifest.created:
        facts.append(("created", manifest.created))
    return facts


def comes(bundle: Bundle) -> str:
    """Say where a router takes its vectors from."""
    from tracer_spec.runtime.embedding import is_built_in

    if bundle.manifest.embedder.probe is None:
        return "with each request: the app brings vectors"
    return "in the bundle" if is_built_in(bundle.manifest.embedder) else "from the plugin, which must be installed"


def _file(bundle: Bundle) -> Facts:
    n_bytes, n_members = Path(bundle.where).stat().st_size, len(bundle.members) + 1
    return [
        ("file", f"{bundle.where}  ({size(n_bytes)}, {plural(n_members, 'member')}, all verified)"),
        ("sha256", bundle.sha256),
    ]
