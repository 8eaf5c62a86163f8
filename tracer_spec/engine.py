"""The build as one page of verbs: plan, read, part, prepare, train, propose, certify, compile, write."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracer_spec.build_packages import check_build_packages
from tracer_spec.errors import UsageError
from tracer_spec.flow.progress import Observer, no_observer, staged
from tracer_spec.flow.result import BuildResult, conclude

if TYPE_CHECKING:
    from tracer_spec.flow.bundle_file import Contents, Written
    from tracer_spec.flow.cache.memory import Memory
    from tracer_spec.flow.certifying.choice import Choice
    from tracer_spec.flow.certifying.proposal import Proposal
    from tracer_spec.flow.documents.audit import AuditDocument
    from tracer_spec.flow.entrants import Entrant
    from tracer_spec.flow.lock.comparison import Pinned
    from tracer_spec.flow.prepared import Parted
    from tracer_spec.flow.traces.trace_set import TraceSet
    from tracer_spec.plan import Plan
    from tracer_spec.plugin import Certificate, Policy

__all__ = ["BuildResult", "build"]


def build(
    source: str | Path | Mapping[str, Any],
    *,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    draft: bool = False,
    locked: bool = False,
    check: bool = False,
    workers: int | None = None,
    cache: bool = True,
    observe: Observer = no_observer,
) -> BuildResult:
    """Build, certify and write the policy that a spec describes.

    Parameters
    ----------
    source : path or mapping
        A ``router.yaml``, ``-`` for one from stdin, or the same as a mapping.
    out : path, optional
        The bundle to write; ``dist/NAME.tracer`` by default; ``dist/NAME.draft.tracer`` for a draft, and
        ``dist/NAME.uncertified.tracer`` where the calibrator promises nothing.
    overrides : sequence of str
        ``key=value`` as ``--set`` takes them.
    draft : bool
        Estimate everything from fit rows and leave the certify rows sealed: no look is spent, nothing is certified, and
        the bundle routes only where it is asked to as a draft.
    locked : bool
        Refuse, before anything is trained, where an input is not the one that ``router.lock`` pins; leave the lock as it is.
    check : bool
        Build what ``router.lock`` pins again, and write nothing: neither bundle nor lock, and no look is spent. The result
        then has the sha256 that the lock says, and no ``bundle``.
    workers : int, optional
        Processes that train side by side; all processors by default. It changes nothing in the outcome.
    cache : bool
        Reuse what earlier builds on this machine embedded and trained, and keep what this one does. It changes nothing in
        the outcome.
    observe : callable
        Is told of every stage and learner as it goes.

    Returns
    -------
    BuildResult
        ``certified``, ``uncertified`` or ``draft`` with its bundle, or ``refused`` with the numbers and an advice; a
        refusal writes no bundle and leaves an earlier one as it was.

    Raises
    ------
    SpecError
        Where the spec is invalid.
    DataError, PluginError
        Where the traces or a plugin fail; :class:`~tracer_spec.errors.MissingDependencyError`, before anything is read,
        where the packages of the extra ``build`` are not installed.
    TracerError
        Where the bundle or the lock could not be written, or ONNX Runtime not be imported; before anything is read.
    LockError
        Where ``locked`` or ``check`` finds a difference, or no lock; its ``differences`` say what was and what is.
    """
    check_build_packages("building")
    from tracer_spec.flow.bundle_file import bundle_place
    from tracer_spec.flow.cache.memory import Memory
    from tracer_spec.flow.cache.store import open_store
    from tracer_spec.flow.documents.certificate import CertificateDocument
    from tracer_spec.flow.lock.comparison import pinned_build, same_result
    from tracer_spec.flow.lock.file import lock_path
    from tracer_spec.flow.remarks import remarks
    from tracer_spec.plan import load_plan
    from tracer_spec.plugin.registry import find_plugins
    from tracer_spec.preconditions import check_surroundings
    from tracer_spec.spec.placed import placed

    if draft and (locked or check):
        raise UsageError("a draft is neither locked nor checked: a lock pins what was certified")
    started = time.perf_counter()
    # a check is there to find out whether training comes to the same
    memory = Memory(open_store(cache), recalls=not check)
    with staged(observe, "plan") as done:
        plan = load_plan(source, find_plugins(), overrides=overrides)
        place = bundle_place(out, plan.spec.name, "draft" if draft else "certified")
        pinned = pinned_build(plan, place) if locked or check else None
        # a draft writes it before it trains, and only where it tells something new
        lock = None if pinned or draft else lock_path(plan.loaded.file)
        check_surroundings(None if check else place, lock)
        done(f"{plan.spec.name}; zoo: {', '.join(each.alias for each in plan.zoo)}")
    run = _Run(plan, pinned, memory, observe, out=out, draft=draft, locked=locked, check=check)
    with placed(plan.loaded):
        parted = _part(run, _read(run))
        entrants = _train(run, _embed(run, parted), workers)
        choice, proposal = _propose(run, entrants)
        certificate = _certify(run, choice, proposal)
        contents = written = None
        told: tuple[str, ...] = ()
        if certificate.shipped is not None:
            audited = _audit(run, choice, certificate.shipped.policy)
            contents, written = _write(run, parted, choice, proposal, certificate, audited)
            told = remarks(contents.manifest.policy, audited, CertificateDocument.of(certificate))
        if pinned and check:
            same_result(pinned, certificate, contents, written)
    result = conclude(plan, choice, proposal, certificate, written)
    return replace(
        result,
        bundle=None if check else result.bundle,
        remarks=told,
        warnings=(*result.warnings, *plan.notes, *(pinned.notes_on(written) if pinned else ())),
        seconds=time.perf_counter() - started,
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """What every stage needs: the plan, the build that it is compared with, and how it was asked for."""

    plan: Plan
    pinned: Pinned | None
    memory: Memory
    observe: Observer
    out: str | Path | None
    draft: bool
    locked: bool
    check: bool


def _read(run: _Run) -> TraceSet:
    from tracer_spec.flow.prepare import read_traces

    with staged(run.observe, "read") as done:
        traces = read_traces(run.plan)
        done(f"{traces.accounting.kept:,} of {traces.accounting.read:,} traces kept")
    return traces


def _part(run: _Run, traces: TraceSet) -> Parted:
    """Deal out the traces, of which those that neither train nor certify are not held any longer."""
    from tracer_spec.flow.lock.comparison import same_inputs
    from tracer_spec.flow.lock.fitted import dealt_before, dealt_then, write_dealt
    from tracer_spec.flow.prepare import check_teachers, part
    from tracer_spec.flow.prepared import Parted
    from tracer_spec.flow.training.label_names import check_own_words
    from tracer_spec.flow.training.missing_vectors import check_vectors, on_either_side

    plan = run.plan
    with staged(run.observe, "split") as done:
        dealt = (dealt_then(run.pinned.build) if run.pinned else None) or dealt_before(plan, traces)
        sides = part(traces, plan.spec.split, dealt, draft=run.draft)
        check_teachers(plan, traces, sides)
        check_own_words(plan.label_texts, traces.texts)
        check_vectors(plan.embedder, on_either_side(traces, sides, draft=run.draft))
        if run.pinned:
            same_inputs(run.pinned, plan, traces, sides, text=run.check)
        else:
            write_dealt(plan, traces, sides)
        done(f"{len(sides.fit):,} fit, {len(sides.certify):,} certify")
        return Parted.of(traces, sides)


def _embed(run: _Run, parted: Parted) -> tuple[Entrant, ...]:
    from tracer_spec.flow.entrants import embed_each
    from tracer_spec.flow.lock.comparison import same_embedder

    with staged(run.observe, "embed") as done:
        embedded = embed_each(run.plan, parted, memory=run.memory, observe=run.observe)
        if run.pinned:
            same_embedder(run.pinned, [each.prepared for each in embedded])
        dimensions = ", ".join(str(each.prepared.fit.X.shape[1]) for each in embedded)
        done(f"{dimensions} dimensions, {len(embedded[0].prepared.labels)} labels")
    return embedded


def _train(run: _Run, embedded: Sequence[Entrant], workers: int | None) -> tuple[Entrant, ...]:
    from tracer_spec.flow.entrants import train_each, trained_names

    with staged(run.observe, "train") as done:
        entrants = train_each(run.plan, embedded, workers=workers, memory=run.memory, observe=run.observe)
        done(f"trained: {trained_names(entrants)}{run.memory.progress_note}")
    return entrants


def _propose(run: _Run, entrants: Sequence[Entrant]) -> tuple[Choice, Proposal]:
    """Choose an embedder, and freeze the order of testing."""
    from tracer_spec.flow.certifying.choice import choose
    from tracer_spec.flow.certifying.proposal import make_proposal
    from tracer_spec.flow.lock.comparison import same_choice, same_test

    with staged(run.observe, "propose") as done:
        choice = choose(run.plan, entrants)
        prepared = choice.entrant.prepared
        if run.pinned:
            same_choice(run.pinned, prepared, [each.prepared for each in entrants])
        proposal = make_proposal(run.plan, prepared, choice.chains, draft=run.draft)
        if run.pinned:
            same_test(run.pinned, proposal.look)
        done(f"candidates: {proposal.n_candidates:,}; chains: {len(proposal.chains)}")
    return choice, proposal


def _certify(run: _Run, choice: Choice, proposal: Proposal) -> Certificate:
    from tracer_spec.flow.certifying.choice import choice_notes
    from tracer_spec.flow.certifying.proposal import decide

    with staged(run.observe, "certify") as done:
        prepared, workshop = choice.entrant.prepared, choice.entrant.trained
        certificate = decide(proposal, prepared, workshop.candidate, repeats=run.plan.spec.repeats)
        done(f"{certificate.status}; tests: {len(certificate.walk)}")
    return replace(certificate, assumptions=(*certificate.assumptions, *choice_notes(choice.reports)))


def _audit(run: _Run, choice: Choice, policy: Policy) -> AuditDocument:
    from tracer_spec.flow.audit.document import audit, audited_rows
    from tracer_spec.flow.prepared import sealed_accounting

    spec, prepared = run.plan.spec, choice.entrant.prepared
    with staged(run.observe, "audit") as done:
        rows = audited_rows(prepared, choice.entrant.trained, policy, tells_text=spec.report.text, seed=spec.seed)
        audited = audit(rows, sealed_accounting(prepared), spec.cost)
        done(f"fit rows: {audited.n:,}; suspected errors of the teacher: {audited.n_suspects or 0:,}")
    return audited


def _write(
    run: _Run, parted: Parted, choice: Choice, proposal: Proposal, certificate: Certificate, audited: AuditDocument
) -> tuple[Contents, Written]:
    """Write bundle and lock; a check comes to the same bundle, and writes nothing."""
    from tracer_spec.flow.bundle_contents import bundle_contents
    from tracer_spec.flow.bundle_file import bundle_place, seal_bundle
    from tracer_spec.flow.lock.record import deliver

    plan, prepared = run.plan, choice.entrant.prepared
    place = bundle_place(run.out, plan.spec.name, certificate.status)
    with staged(run.observe, "write") as done:
        contents = bundle_contents(plan, choice, proposal, certificate, audited)
        if run.pinned and run.check:
            contents = contents.dated(run.pinned.created)
            written = seal_bundle(place, contents.manifest, contents.members)
        else:
            written = deliver(plan, prepared, parted.sides, certificate, place, contents, record=not run.locked)
        done("nothing, as asked" if run.check else str(place))
    return contents, written
