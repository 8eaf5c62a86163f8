"""Result of a build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracer_spec.errors import without_secrets
from tracer_spec.flow.certifying.advice import Advice, LabelAdvice, RefusingGuard, advise
from tracer_spec.flow.documents.certificate import CertificateDocument, estimate_of
from tracer_spec.flow.documents.lock import PolicyEntry
from tracer_spec.flow.traces.accounting import BEYOND
from tracer_spec.flow.traces.repeats import is_read_twice
from tracer_spec.flow.traces.splits import FRESH
from tracer_spec.plugin import Candidate, Certificate, Chain, Policy
from tracer_spec.plugin.deployment import opens_a_door, words_of

if TYPE_CHECKING:
    from tracer_spec.flow.bundle_file import Written
    from tracer_spec.flow.certifying.choice import Choice, EmbedderReport
    from tracer_spec.flow.certifying.proposal import Proposal
    from tracer_spec.flow.prepared import Prepared
    from tracer_spec.flow.traces.counts import Accounting
    from tracer_spec.flow.training.embed import FittedEmbedder
    from tracer_spec.flow.training.label_rows import NamesGain
    from tracer_spec.flow.training.workshop import Workshop
    from tracer_spec.flow.training.zoo import LearnerReport
    from tracer_spec.plan import Plan


# a guard that refuses more of the fit rows is told of where a build is refused
_MOST_ROWS = 0.5
_TOLD_OF_CERTIFICATE = ("claim", "target", "confidence", "look", "level", "n", "k", "p_value", "labels")


@dataclass(frozen=True, slots=True)
class BuildResult:
    """The outcome of :func:`tracer_spec.build`.

    Parameters
    ----------
    status : str
        ``certified``, ``uncertified``, ``draft`` or ``refused``.
    name : str
        The router's.
    bundle : Path or None
        The file written; None where nothing was.
    version, sha256 : str
        The bundle's version and the digest of its file; empty where nothing was written.
    certificate : Certificate
    policy : Policy
        The stages that ship; empty where refused.
    chains : tuple of Chain
        Everything proposed.
    front : tuple of Candidate
        The Pareto front of all candidates.
    zoo : tuple of LearnerReport
    accounting : Accounting
        Traces read, kept and dropped, by reason.
    n_fit, n_certify : int
        Rows on either side of the split.
    min_coverage : float
        The spec's: candidates predicted to handle less are not considered.
    labels : tuple of str
    teacher_usd_per_day : float or None
        What the teacher costs for all traffic, where the spec says so.
    advice : Advice or None
        Where refused, and for a draft that a build would likelier refuse than not.
    warnings : tuple of str
    seconds : float
    remarks : tuple of str
        What to know of the policy besides its claim; empty where refused.
    names_gain : NamesGain or None
        What the names of labels brought as training rows; None where that was not tried.
    embedder : str
        The plugin that the spec names.
    embedders : tuple of EmbedderReport
        Those that competed, in the spec's order; empty where there is one.
    is_tested : bool
        Whether the calibrator tests anything, and so can certify.
    embedder_options : mapping
        What the spec tells the embedder of where it runs, which the bundle does not hold: an app gives it when it loads one.
        Without options whose name says that they are keys; a secret in another one is ``...``.
    """

    status: str
    name: str
    bundle: Path | None
    version: str
    sha256: str
    certificate: Certificate
    policy: Policy = field(repr=False)
    chains: tuple[Chain, ...] = field(repr=False)
    front: tuple[Candidate, ...] = field(repr=False)
    zoo: tuple[LearnerReport, ...] = field(repr=False)
    accounting: Accounting = field(repr=False)
    n_fit: int
    n_certify: int
    min_coverage: float
    labels: tuple[str, ...] = field(repr=False)
    teacher_usd_per_day: float | None
    advice: Advice | None
    warnings: tuple[str, ...]
    seconds: float
    remarks: tuple[str, ...] = ()
    names_gain: NamesGain | None = None
    embedder: str = ""
    embedders: tuple[EmbedderReport, ...] = ()
    is_tested: bool = True
    embedder_options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def estimate(self) -> Candidate | None:
        """Return the shipped candidate, or the best one of a refused build, as the fit rows see it."""
        if self.certificate.shipped:
            return self.certificate.shipped
        seen = [each for each in self.front if each.coverage >= self.min_coverage]
        able = [each for each in seen if each.agreement >= self.certificate.target]
        return max(able or seen, key=lambda each: each.coverage if able else each.agreement, default=None)

    @property
    def saved_usd_per_day(self) -> float | None:
        """Return what the handled share of the teacher's cost is, at the estimated coverage; no part of the claim."""
        if self.teacher_usd_per_day is None or self.certificate.shipped is None:
            return None
        return self.teacher_usd_per_day * self.certificate.shipped.coverage

    def document(self) -> dict[str, Any]:
        """Return what ``build --json`` prints."""
        shipped, estimate, advice = self.certificate.shipped, self.estimate, self.advice
        certificate = CertificateDocument.of(self.certificate).document()
        return {
            "schema_version": 1,
            "status": self.status,
            "name": self.name,
            "bundle": str(self.bundle) if self.bundle else None,
            "version": self.version or None,
            "sha256": self.sha256 or None,
            "policy": PolicyEntry.of(shipped).document() if shipped else None,
            "estimate": estimate_of(estimate).document() if estimate else None,
            "certificate": {key: certificate[key] for key in _TOLD_OF_CERTIFICATE if key in certificate},
            "traces": {
                "read": self.accounting.read,
                "kept": self.accounting.kept,
                "dropped": dict(self.accounting.dropped),
                "unusable_labels": dict(self.accounting.unusable),
                "unknown_labels": dict(self.accounting.unknown_labels),
                "n_unknown_labels": self.accounting.n_unknown,
                "fit": self.n_fit,
                "certify": self.n_certify,
                **self.accounting.by_source(),
            },
            "zoo": [
                {
                    "name": row.name,
                    "status": row.status,
                    "agreement": row.agreement,
                    "seconds": round(row.seconds, 3),
                    "reason": row.reason or None,
                }
                for row in self.zoo
            ],
            **({"embedders": [each.document() for each in self.embedders]} if self.embedders else {}),
            "label_names": asdict(self.names_gain) if self.names_gain else None,
            "cost": {"teacher_usd_per_day": self.teacher_usd_per_day, "saved_usd_per_day": self.saved_usd_per_day},
            "advice": {
                "certify": advice.n_certify,
                "fewest_handled": advice.fewest_handled,
                "traces_needed": advice.traces_needed,
                "nearest": asdict(advice.nearest) if advice.nearest else None,
                **({"labels": [_label_advice(each, self.labels) for each in advice.labels]} if advice.labels else {}),
                **({"guards": [asdict(each) for each in advice.guards]} if advice.guards else {}),
            }
            if advice
            else None,
            "warnings": list(self.warnings),
            "remarks": list(self.remarks),
            "seconds": round(self.seconds, 3),
        }


def _label_advice(advice: LabelAdvice, labels: Sequence[str]) -> dict[str, Any]:
    """Return what the test of one label needs as JSON values."""
    return {
        "label": advice.asked.label,
        "measure": advice.asked.measure,
        "limit": advice.asked.limit,
        "fewest": advice.fewest,
        "expected": advice.n_test,
        "estimated_successes": advice.rate,
        "traces_needed": advice.traces_needed,
        "within_reach": advice.within_reach,
        "instead": [labels[number] for number in advice.instead],
    }


def _left_out(plan: Plan, prepared: Prepared, certificate: Certificate) -> int:
    """Count what ``traces.max_rows`` left out and a next build may certify on: nothing older than a look, with fresh rows."""
    is_over = plan.spec.split.strategy == FRESH and certificate.walk
    return 0 if is_over else prepared.traces.accounting.dropped.get(BEYOND, 0)


def _refusing(plan: Plan, workshop: Workshop) -> tuple[RefusingGuard, ...]:
    """Return the guards that refuse more fit rows than they let pass, out of fold, whatever surrogate is asked."""
    by_surrogate = [workshop.guarded(each) for each in workshop.trained]
    refused = [1 - max(float(mask.mean()) for mask in masks) for masks in zip(*by_surrogate, strict=True)]
    told = zip(plan.guards, refused, strict=False)
    return tuple(RefusingGuard(each.alias, each.address, share) for each, share in told if share > _MOST_ROWS)


def conclude(
    plan: Plan, choice: Choice, proposal: Proposal, certificate: Certificate, written: Written | None
) -> BuildResult:
    """Put together what a build comes back with; how long it took is the caller's to say."""
    prepared, workshop = choice.entrant.prepared, choice.entrant.trained
    n_traces, n_certify = len(prepared.traces), len(prepared.certify)
    next_target = proposal.target_after_look(plan.target)
    needs_advice = not (proposal.promises(n_certify) if proposal.draft else certificate.shipped)
    return BuildResult(
        status=certificate.status,
        name=plan.spec.name,
        bundle=written.path if written else None,
        version=written.version if written else "",
        sha256=written.sha256 if written else "",
        certificate=certificate,
        policy=certificate.shipped.policy if certificate.shipped else (),
        chains=tuple(proposal.chains),
        front=tuple(proposal.front),
        zoo=workshop.reports,
        accounting=proposal.accounting(prepared),
        n_fit=len(prepared.fit),
        n_certify=n_certify,
        min_coverage=plan.target.min_coverage,
        labels=prepared.labels.labels,
        teacher_usd_per_day=plan.teacher_usd_per_day,
        advice=advise(
            proposal.chains,
            n_traces,
            n_certify,
            next_target,
            n_folds=prepared.fit.n_folds,
            learns_texts=prepared.embedder.learns_texts,
            tests_ranks=plan.calibrator.tests_ranks and not is_read_twice(prepared.fit_traces, plan.spec.repeats),
            refused_at=proposal.target.delta if certificate.walk else None,
            n_left_out=_left_out(plan, prepared, certificate),
            guards=_refusing(plan, workshop),
        )
        if needs_advice
        else None,
        warnings=(
            *prepared.traces.accounting.notes,
            *prepared.split_notes,
            *prepared.bound_notes,
            *(proposal.look.notes if proposal.look else ()),
            *_idle_acceptors(plan, proposal),
        ),
        seconds=0.0,
        names_gain=workshop.rows.names_gain,
        embedder=prepared.embedder.resolved.provided.name,
        embedders=choice.reports,
        is_tested=plan.makes_a_test,
        embedder_options=_app_options(prepared.embedder),
    )


def _idle_acceptors(plan: Plan, proposal: Proposal) -> tuple[str, ...]:
    """Say that the acceptor that the spec asks for is in no candidate."""
    stages = [stage for chain in proposal.chains for each in chain.candidates for stage in each.policy]
    if "acceptor" not in plan.spec.model_fields_set or not stages or any(stage.acceptor for stage in stages):
        return ()
    families = ", ".join(each.alias for each in plan.families)
    return (f"'acceptor' has no effect: no policy of the families ({families}) has an acceptor",)


def _app_options(embedder: FittedEmbedder) -> dict[str, Any]:
    """Return the deployment options that the spec gives an embedder, as ``load`` takes them, but for keys."""
    found: dict[str, Any] = {}
    for number, part in enumerate(embedder.parts or (embedder,)):
        resolved, prefix = part.resolved, f"{number}." if embedder.parts else ""
        if not part.brings_text:
            continue
        marked = resolved.options.deployment_options(resolved.options.model_dump())
        for name in sorted(resolved.written.keys() & marked):
            if opens_a_door(words_of(name), is_private=True):
                continue  # no command line is the place for one
            value = getattr(resolved.options, name, resolved.written[name])
            is_plain = without_secrets(str(value), resolved.secrets) == str(value)
            found[prefix + name] = value if is_plain else "..."
    return found
