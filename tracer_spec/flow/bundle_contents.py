"""Contents of a bundle: the members and the manifest of a policy that ships."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer_spec.flow.bundle_file import Contents
from tracer_spec.flow.cache.text_vectors import PROBES
from tracer_spec.flow.compile import compile_policy
from tracer_spec.flow.documents.audit import AuditDocument
from tracer_spec.flow.documents.certificate import CertificateDocument
from tracer_spec.flow.documents.frontier import Competitor, FrontierDocument, LabelNames, Learner
from tracer_spec.flow.documents.lock import PolicyEntry
from tracer_spec.flow.traces.answer_steps import usual_form
from tracer_spec.flow.versions import libraries
from tracer_spec.preconditions import source_date
from tracer_spec.runtime.archive import AUDIT, CERTIFICATE, EMBEDDER, FRONTIER, POLICY, ROWS, SPEC
from tracer_spec.runtime.field_rules import plain
from tracer_spec.runtime.manifest import (
    Alias,
    Answers,
    EmbedderIdentity,
    Manifest,
    PartIdentity,
    PolicySummary,
    Probe,
    Serve,
    StageSummary,
)
from tracer_spec.spec import spec_digest
from tracer_spec.spec.carried_steps import steps_note
from tracer_spec.spec.told_overrides import told_overrides

if TYPE_CHECKING:
    from tracer_spec.flow.certifying.choice import Choice, EmbedderReport
    from tracer_spec.flow.certifying.proposal import Proposal
    from tracer_spec.flow.prepared import Prepared
    from tracer_spec.flow.traces.counts import Accounting
    from tracer_spec.flow.traces.trace_set import TraceSet
    from tracer_spec.flow.training.embed import FittedEmbedder
    from tracer_spec.flow.training.zoo import LearnerReport
    from tracer_spec.plan import Plan
    from tracer_spec.plugin import Candidate, Certificate
    from tracer_spec.spec.model import RouterSpec


def bundle_contents(
    plan: Plan, choice: Choice, proposal: Proposal, certificate: Certificate, audited: AuditDocument
) -> Contents:
    """Compile the policy that ships, and put everything of its bundle together."""
    chosen, spec, prepared = certificate.shipped, plan.spec, choice.entrant.prepared
    if chosen is None:
        raise ValueError("a refused policy has no bundle")
    dimension, labels = prepared.fit.X.shape[1], prepared.labels.labels
    graph = compile_policy(chosen.policy, dimension=dimension, denied=prepared.denied, labels=labels, name=spec.name)
    members = {
        CERTIFICATE: CertificateDocument.of(certificate).to_json(),
        POLICY: graph.SerializeToString(deterministic=True),
        FRONTIER: _frontier(choice, proposal, chosen).to_json(),
        AUDIT: audited.to_json(),
        SPEC: plan.loaded.text.encode(),
        ROWS: prepared.traces.row_hashes,
    }
    embedder = prepared.embedder
    with embedder.resolved.attribute_errors():
        if embedder.brings_text:
            members |= {f"{EMBEDDER}{name}": content for name, content in embedder.embedder.state().items()}
        identity = _embedder_identity(embedder)
    policy = PolicyEntry.of(chosen)
    manifest = Manifest(
        name=spec.name,
        status=certificate.status,
        spec_digest=spec_digest(spec),
        labels=labels,
        dimension=dimension,
        extract=spec.extract,
        answers=_answers(spec),
        serve=_serve(spec, prepared.fit_traces),
        embedder=identity,
        policy=PolicySummary(
            policy.family, tuple(StageSummary(**dict(stage)) for stage in policy.stages), tuple(spec.defer_labels)
        ),
        provenance=_provenance(plan, prepared, proposal.accounting(prepared)),
        created=source_date(os.environ),
    )
    return Contents(manifest, members)


def _frontier(choice: Choice, proposal: Proposal, chosen: Candidate) -> FrontierDocument:
    """Tell all that was proposed, by learners and embedders, beside what was chosen."""
    workshop = choice.entrant.trained
    gain = workshop.rows.names_gain
    return FrontierDocument.of(
        proposal.chains,
        proposal.front,
        chosen,
        tuple(map(_learner, workshop.reports)),
        None if gain is None else LabelNames(**asdict(gain)),
        tuple(map(_competitor, choice.reports)),
    )


def _answers(spec: RouterSpec) -> Answers | None:
    """Say how the teacher's answers become labels; nothing where sources differ, or some answer could keep a step busy."""
    if steps_note(spec):
        return None
    labels = spec.sources[0].labels
    return Answers(labels.normalize, tuple(Alias(answer, label) for answer, label in sorted(labels.aliases.items())))


def _serve(spec: RouterSpec, fit: TraceSet) -> Serve | None:
    """Say how requests are told and answered; where the spec does not say how they are answered, as most fit rows are."""
    told = spec.serve
    answer = told.answer if told else None
    if answer is None and not steps_note(spec):
        given = [fit.answers[row] for row in fit.rows.tolist() if row in fit.answers]
        answer = usual_form(given, spec.sources[0].labels.normalize)
    if told is None:
        return None if answer is None else Serve(None, None, answer)
    return Serve(told.match, told.text, answer)


def _learner(report: LearnerReport) -> Learner:
    """Tell what became of a learner; how long it took differs from one build to the next."""
    return Learner(
        name=report.name,
        status=report.status,
        agreement=report.agreement,
        reason=report.reason,
        bytes=report.n_bytes,
        notes=report.notes,
    )


def _competitor(report: EmbedderReport) -> Competitor:
    """Tell what became of an embedder; how long it took differs from one build to the next."""
    return Competitor(
        name=report.name,
        chosen=report.chosen,
        agreement=report.agreement,
        coverage=report.coverage,
        power=report.power,
        candidate_coverage=report.candidate_coverage,
        reason=report.reason,
        zoo=tuple(map(_learner, report.zoo)),
    )


def _embedder_identity(fitted: FittedEmbedder) -> EmbedderIdentity:
    """Say which embedder the policy was built on."""
    part, probe = _part_identity(fitted), None
    if fitted.brings_text:
        vectors = np.round(fitted.probe_vectors().astype(np.float64), 6)
        probe = Probe(PROBES, tuple(map(tuple, vectors.tolist())))
    return EmbedderIdentity(part.use, part.distribution, part.version, part.options, part.fingerprint, probe)


def _part_identity(fitted: FittedEmbedder) -> PartIdentity:
    """Say which embedder it is, by the options that decide its vectors: nothing of where it runs."""
    resolved = fitted.resolved
    options: dict[str, Any] = {}
    if fitted.parts:
        options = {"of": [plain(_part_identity(part)) for part in fitted.parts], **fitted.embedder.settings()}
    elif fitted.brings_text:
        options = resolved.options.model_dump(mode="json") | dict(resolved.written)
        for name in resolved.options.deployment_options():
            options.pop(name, None)
    return PartIdentity(
        use=resolved.provided.name,
        distribution=resolved.provided.distribution,
        version=resolved.provided.version,
        options=options,
        fingerprint=fitted.embedder.fingerprint(),
    )


def _provenance(plan: Plan, prepared: Prepared, accounting: Accounting) -> dict[str, Any]:
    """Say what the bundle was made from and with; no clock, no path, no name of a machine."""
    provided = (each.provided for each in plan.resolved)
    # of these 'verify' and 'route' need the options; an address in those of a source is refused where it holds credentials
    as_given = ("traces",) if prepared.embedder.brings_text else ("traces", "embedder")
    used = sorted({(each.kind, each.name, each.distribution, each.version) for each in provided})
    return {
        "traces": {
            "digest": prepared.traces.digest,
            "read": accounting.read,
            "kept": accounting.kept,
            "dropped": dict(accounting.dropped),
            "unknown_labels": accounting.n_unknown,
            "fit": len(prepared.fit),
            "certify": len(prepared.certify),
            **accounting.by_source(),
        },
        "plugins": [dict(zip(("kind", "name", "distribution", "version"), each, strict=True)) for each in used],
        "libraries": libraries(),
        "seed": plan.spec.seed,
        "overrides": told_overrides(plan.loaded.overrides, as_given=as_given),
    }
