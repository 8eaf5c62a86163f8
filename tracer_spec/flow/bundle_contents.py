"""A certified policy to the members of a bundle."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer_spec.errors import UsageError
from tracer_spec.flow.bundle_file import Contents
from tracer_spec.flow.cache.text_vectors import PROBES
from tracer_spec.flow.compile import compile_policy
from tracer_spec.flow.documents.audit import AuditDocument
from tracer_spec.flow.documents.certificate import CertificateDocument
from tracer_spec.flow.documents.frontier import FrontierDocument, Learner
from tracer_spec.flow.documents.lock import PolicyEntry
from tracer_spec.flow.traces.row_hashes import row_hashes
from tracer_spec.flow.versions import libraries
from tracer_spec.runtime.archive import AUDIT, CERTIFICATE, EMBEDDER, FRONTIER, POLICY, ROWS, SPEC
from tracer_spec.runtime.manifest import EmbedderIdentity, Manifest, PolicySummary, Probe, StageSummary
from tracer_spec.spec import spec_digest

if TYPE_CHECKING:
    from tracer_spec.flow.certifying.proposal import Proposal
    from tracer_spec.flow.prepared import Prepared
    from tracer_spec.flow.traces.accounting import Accounting
    from tracer_spec.flow.training.embed import FittedEmbedder
    from tracer_spec.flow.training.workshop import Workshop
    from tracer_spec.plan import Plan
    from tracer_spec.plugin import Candidate, Certificate


def bundle_contents(
    plan: Plan,
    prepared: Prepared,
    workshop: Workshop,
    proposal: Proposal,
    certificate: Certificate,
    audited: AuditDocument,
) -> Contents:
    """Compile the policy that ships, and put everything of its bundle together."""
    chosen = certificate.shipped
    if chosen is None:
        raise ValueError("a refused policy has no bundle")
    graph = compile_policy(
        chosen.policy,
        dimension=prepared.fit.X.shape[1],
        denied=prepared.denied,
        labels=prepared.labels.labels,
        name=plan.spec.name,
    )
    members = {
        CERTIFICATE: CertificateDocument.of(certificate).to_json(),
        POLICY: graph.SerializeToString(deterministic=True),
        FRONTIER: FrontierDocument.of(proposal.chains, proposal.front, chosen, _zoo(workshop)).to_json(),
        AUDIT: audited.to_json(),
        SPEC: plan.loaded.text.encode(),
        ROWS: row_hashes(prepared.traces),
    }
    if prepared.embedder.brings_text:
        members |= {f"{EMBEDDER}{name}": content for name, content in prepared.embedder.embedder.state().items()}
    manifest = Manifest(
        name=plan.spec.name,
        status=certificate.status,
        spec_digest=spec_digest(plan.spec),
        labels=prepared.labels.labels,
        dimension=prepared.fit.X.shape[1],
        embedder=_embedder_identity(prepared.embedder, plan.spec.embedder.options),
        policy=_policy_summary(chosen, plan.spec.defer_labels),
        provenance=_provenance(plan, prepared, proposal.accounting(prepared)),
        created=_created(os.environ),
    )
    return Contents(manifest, members)


def _zoo(workshop: Workshop) -> tuple[Learner, ...]:
    """Tell what became of every learner; how long it took differs from one build to the next."""
    return tuple(
        Learner(
            name=each.name,
            status=each.status,
            agreement=each.agreement,
            reason=each.reason,
            bytes=each.n_bytes,
            notes=each.notes,
        )
        for each in workshop.reports
    )


def _embedder_identity(fitted: FittedEmbedder, written: Mapping[str, Any]) -> EmbedderIdentity:
    """Say which embedder the policy was built on, by the options that decide its vectors."""
    provided = fitted.resolved.provided
    probe = None
    options: dict[str, Any] = {}
    if fitted.brings_text:
        vectors = np.round(fitted.probe_vectors().astype(np.float64), 6)
        probe = Probe(PROBES, tuple(tuple(float(value) for value in vector) for vector in vectors))
        options = fitted.resolved.options.model_dump(mode="json") | dict(written)
        for name in fitted.resolved.options.deployment_options():
            options.pop(name)
    return EmbedderIdentity(
        use=provided.name,
        distribution=provided.distribution,
        version=provided.version,
        options=options,
        fingerprint=fitted.embedder.fingerprint(),
        probe=probe,
    )


def _policy_summary(candidate: Candidate, defer_labels: Sequence[str]) -> PolicySummary:
    policy = PolicyEntry.of(candidate)
    return PolicySummary(
        policy.family, tuple(StageSummary(**dict(stage)) for stage in policy.stages), tuple(defer_labels)
    )


def _provenance(plan: Plan, prepared: Prepared, accounting: Accounting) -> dict[str, Any]:
    """Say what the bundle was made from and with; no clock, no path, no name of a machine."""
    used = sorted(
        {
            (each.provided.kind, each.provided.name, each.provided.distribution, each.provided.version)
            for each in plan.resolved
        }
    )
    return {
        "traces": {
            "digest": prepared.traces.digest,
            "read": accounting.read,
            "kept": accounting.kept,
            "dropped": dict(accounting.dropped),
            "unknown_labels": accounting.n_unknown,
            "fit": len(prepared.fit.y),
            "certify": len(prepared.certify),
        },
        "plugins": [dict(zip(("kind", "name", "distribution", "version"), each, strict=True)) for each in used],
        "libraries": libraries(),
        "seed": plan.spec.seed,
        "overrides": [_told(override) for override in plan.loaded.overrides],
    }


def _told(override: str) -> str:
    """Return an override as a bundle may tell it: a plugin's options can hold paths of a machine."""
    key, equals, value = override.partition("=")
    return f"{key}=..." if ".with" in key else f"{key}{equals}{value}"


def _created(environ: Mapping[str, str]) -> str | None:
    """Return the time of ``SOURCE_DATE_EPOCH``, None where it is not set: the clock is not asked."""
    text = environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return None
    try:
        return datetime.fromtimestamp(int(text), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"SOURCE_DATE_EPOCH is '{text}'", hint="it is a whole number of seconds since 1970") from None
