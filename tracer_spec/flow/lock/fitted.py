"""Which rows builds and drafts of a spec have fitted, kept in ``router.lock``: they never certify."""

from __future__ import annotations

import hashlib
import json
import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tracer_spec.atomic_write import alone_in
from tracer_spec.flow.documents.lock import Build, DealtEntry, FittedEntry
from tracer_spec.flow.lock.file import FITTED_SIZE, lock_path, read_lock, smallest, write_lock
from tracer_spec.flow.lock.ledger import sketch
from tracer_spec.flow.traces.accounting import BEYOND
from tracer_spec.flow.traces.dealt import NEVER, Dealt
from tracer_spec.spec import spec_digest

if TYPE_CHECKING:
    from tracer_spec.flow.traces.splits import Split
    from tracer_spec.flow.traces.trace_set import TraceSet
    from tracer_spec.plan import Plan

_HEAD = 12
_DAY_S = 86_400.0


def dealt_before(plan: Plan, traces: TraceSet) -> Dealt:
    """Return how earlier builds and drafts of a spec dealt rows out, as far as the lock knows.

    Notes
    -----
    Where rows are told apart by other expressions than before, and the log is the same, nobody can tell which rows were
    fitted: then all of them were, up to the newest. Where ids show that it is another log, and none of its rows has the very
    time of the newest that was dealt out, nothing is known of it; without ids, the same log with texts that are cut otherwise
    cannot be told from another, and counts as the same.
    Building again what the lock pins deals out as it did then, although its own rows have been looked at since.
    """
    path = lock_path(plan.loaded.file)
    if path is None:
        return NEVER
    now = time.time() + _DAY_S
    document = read_lock(path).document
    entry = document.fitted
    if entry is None:
        return replace(NEVER, now=now)
    same_expressions = entry.told_apart_by in _told_apart_by(plan, traces)
    if not same_expressions and _is_another_log(traces, entry):
        return replace(NEVER, now=now)
    dealt = _read(entry, now, _fresh_after(document.build, plan, traces) or entry.looked_until)
    dealt = replace(dealt, n_left_out=entry.left_out or 0)
    return dealt if same_expressions else dealt.all_fitted()


def _is_another_log(traces: TraceSet, entry: FittedEntry) -> bool:
    has_newest = entry.newest != "unknown" and bool((traces.times == entry.newest).any())
    return None not in traces.ids and not has_newest and entry.rows.isdisjoint(_rows(traces))


def dealt_then(build: Build) -> Dealt | None:
    """Return how the build that the lock pins dealt rows out, None where the lock does not say.

    Notes
    -----
    What was fitted since keeps no row from it: it opens its certify rows for no other test than one that the lock counts.
    """
    return None if build.dealt is None else _read(build.dealt, time.time() + _DAY_S, build.traces.fresh_after)


def as_entry(dealt: Dealt) -> DealtEntry:
    """Return how rows are dealt out as a lock holds it."""
    return DealtEntry(
        share=dealt.share,
        groups=dealt.groups,
        until="all" if dealt.until == math.inf else dealt.until,
        newest="unknown" if dealt.newest in (None, math.inf) else dealt.newest,
        routed_from=dealt.routed_from,
        ahead=dealt.ahead or None,
    )


def _read(entry: FittedEntry | DealtEntry, now: float, looked_until: float | None) -> Dealt:
    return Dealt(
        share=entry.share,
        groups=entry.groups,
        until=math.inf if entry.until == "all" else entry.until,
        newest=math.inf if entry.newest == "unknown" else entry.newest,
        looked_until=looked_until,
        routed_from=entry.routed_from,
        ahead=entry.ahead or frozenset(),
        now=now,
    )


def _fresh_after(build: Build | None, plan: Plan, traces: TraceSet) -> float | None:
    """Return after which time rows were fresh to the build that the lock pins, where this is that build again."""
    if build is None or (build.traces.digest, build.spec.digest) != (traces.digest, spec_digest(plan.spec)):
        return None
    return build.traces.fresh_after


def write_dealt(plan: Plan, traces: TraceSet, sides: Split) -> None:
    """Write down how rows are dealt out, before any of them is fitted; drafts do so too."""
    path = lock_path(plan.loaded.file)
    if path is None:
        return
    told_apart_by, dealt = _told_apart_by(plan, traces)[-1], sides.dealt
    with alone_in(path.parent):
        now = read_lock(path)
        before = now.document.fitted
        known = before.rows if before and before.told_apart_by in _told_apart_by(plan, traces) else frozenset[int]()
        entry = FittedEntry(
            told_apart_by=told_apart_by,
            looked_until=before.looked_until if before and dealt.looked_until is not None else None,
            **dict(as_entry(dealt)),
            left_out=max(traces.accounting.dropped.get(BEYOND, 0), dealt.n_left_out) or None,
            rows=smallest(known | _rows(traces), FITTED_SIZE),
        )
        if entry != before:
            write_lock(path, now.document.model_copy(update={"fitted": entry}))


def _rows(traces: TraceSet) -> frozenset[int]:
    ids = (event.encode("utf-8", "surrogatepass") for event in traces.ids if event is not None)
    return sketch(ids, traces.contents(), FITTED_SIZE)


def _told_apart_by(plan: Plan, traces: TraceSet) -> list[str]:
    """Return heads of digests of what tells rows apart: of the first source, of the first two, and so on.

    A source at the end of the list moves no row of those before it. Rows that all have ids are the same however texts are cut.
    """
    parts: list[Any] = []
    heads = []
    cuts = list(plan.spec.extract) if None in traces.ids else []
    # what may certify by another condition may have been fitted by this one
    where = plan.spec.split.certify_where
    parts += ["certify_where", where] if where else []
    for chosen in plan.formats:
        vector = plan.embedder.column or chosen.embedding
        parts += [chosen.id, chosen.text, chosen.iterate, chosen.view, repr(chosen.join), vector, *cuts]
        coin = [chosen.certify, chosen.rate]
        parts += coin if any(coin) else []
        heads.append(hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:_HEAD])
    return heads
