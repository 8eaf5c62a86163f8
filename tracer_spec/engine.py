"""The build as one page of verbs: plan, read, part, prepare, train, propose, certify, compile, write."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tracer_spec.build_packages import check_build_packages
from tracer_spec.errors import UsageError
from tracer_spec.flow.progress import Observer, no_observer, staged
from tracer_spec.flow.result import BuildResult

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
    from tracer_spec.flow.audit.document import audit, audited_rows
    from tracer_spec.flow.bundle_contents import bundle_contents
    from tracer_spec.flow.bundle_file import bundle_place, seal_bundle
    from tracer_spec.flow.cache.memory import Memory
    from tracer_spec.flow.cache.store import open_store
    from tracer_spec.flow.certifying.choice import choice_notes, choose
    from tracer_spec.flow.certifying.proposal import decide, make_proposal
    from tracer_spec.flow.documents.certificate import CertificateDocument
    from tracer_spec.flow.entrants import embed_each, train_each, trained_names
    from tracer_spec.flow.lock.comparison import (
        pinned_build,
        same_choice,
        same_embedder,
        same_inputs,
        same_result,
        same_test,
    )
    from tracer_spec.flow.lock.file import lock_path
    from tracer_spec.flow.lock.fitted import dealt_before, dealt_then, write_dealt
    from tracer_spec.flow.lock.record import deliver
    from tracer_spec.flow.prepare import check_teachers, part, read_traces
    from tracer_spec.flow.prepared import Parted, sealed_accounting
    from tracer_spec.flow.remarks import remarks
    from tracer_spec.flow.result import conclude
    from tracer_spec.flow.training.label_names import check_own_words
    from tracer_spec.plan import load_plan
    from tracer_spec.plugin.registry import find_plugins
    from tracer_spec.preconditions import check_surroundings

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
        check_surroundings({"the bundle": None if check else place, "the lock": lock})
        done(f"{plan.spec.name}; zoo: {', '.join(each.alias for each in plan.zoo)}")
    with staged(observe, "read") as done:
        traces = read_traces(plan)
        done(f"{traces.accounting.kept:,} of {traces.accounting.read:,} traces kept")
    with staged(observe, "split") as done:
        dealt = (dealt_then(pinned.build) if pinned else None) or dealt_before(plan, traces)
        sides = part(traces, plan.spec.split, dealt, draft=draft)
        check_teachers(plan, traces, sides)
        check_own_words(plan.label_texts, traces.texts)
        if pinned:
            same_inputs(pinned, plan, traces, sides, text=check)
        else:
            write_dealt(plan, traces, sides)
        parted = Parted.of(traces, sides)
        del traces  # rows that neither train nor certify are not held any longer
        done(f"{len(sides.fit):,} fit, {len(sides.certify):,} certify")
    with staged(observe, "embed") as done:
        embedded = embed_each(plan, parted, memory=memory, observe=observe)
        if pinned:
            same_embedder(pinned, [each.prepared for each in embedded])
        dimensions = ", ".join(str(each.prepared.fit.X.shape[1]) for each in embedded)
        done(f"{dimensions} dimensions, {len(embedded[0].prepared.labels)} labels")
    with staged(observe, "train") as done:
        entrants = train_each(plan, embedded, workers=workers, memory=memory, observe=observe)
        done(f"trained: {trained_names(entrants)}{memory.progress_note}")
    with staged(observe, "propose") as done:
        chosen = choose(plan, entrants)
        prepared, workshop = chosen.entrant.prepared, chosen.entrant.trained
        if pinned:
            same_choice(pinned, prepared, [each.prepared for each in embedded])
        proposal = make_proposal(plan, prepared, chosen.chains, draft=draft)
        if pinned:
            same_test(pinned, proposal.look)
        done(f"candidates: {proposal.n_candidates:,}; chains: {len(proposal.chains)}")
    with staged(observe, "certify") as done:
        certificate = decide(proposal, prepared, repeats=plan.spec.repeats)
        certificate = replace(certificate, assumptions=(*certificate.assumptions, *choice_notes(chosen.reports)))
        place = bundle_place(out, plan.spec.name, certificate.status)
        done(f"{certificate.status}; tests: {len(certificate.walk)}")
    contents = written = None
    told: tuple[str, ...] = ()
    if certificate.shipped is not None:
        with staged(observe, "audit") as done:
            rows = audited_rows(
                workshop,
                certificate.shipped.policy,
                prepared.denied,
                prepared.fit_traces,
                prepared.labels.labels,
                tells_text=plan.spec.report.text,
                seed=plan.spec.seed,
            )
            audited = audit(rows, sealed_accounting(prepared), plan.spec.cost)
            done(f"fit rows: {audited.n:,}; suspected errors of the teacher: {audited.n_suspects or 0:,}")
        with staged(observe, "write") as done:
            contents = bundle_contents(
                plan.loaded,
                plan.resolved,
                prepared,
                proposal,
                certificate,
                audited,
                zoo=workshop.reports,
                names_gain=workshop.rows.names_gain,
                embedders=chosen.reports,
            )
            told = remarks(contents.manifest.policy, audited, CertificateDocument.of(certificate))
            if pinned and check:
                contents = contents.dated(pinned.created)
                written = seal_bundle(place, contents.manifest, contents.members)
            else:
                written = deliver(plan, prepared, sides, certificate, place, contents, record=not locked)
            done("nothing, as asked" if check else str(place))
    if pinned and check:
        same_result(pinned, certificate, contents, written)
    result = conclude(
        prepared,
        proposal,
        certificate,
        written,
        name=plan.spec.name,
        target=plan.target,
        zoo=workshop.reports,
        teacher_usd_per_day=plan.teacher_usd_per_day,
        names_gain=workshop.rows.names_gain,
    )
    return replace(
        result,
        embedders=chosen.reports,
        bundle=None if check else result.bundle,
        remarks=told,
        warnings=(*result.warnings, *plan.notes, *(pinned.notes_on(written) if pinned else ())),
        seconds=time.perf_counter() - started,
        embedder=prepared.embedder.resolved.provided.name,
    )
