"""Decides the same traces by two bundles, for ``tracer-spec diff --traces``."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer_spec.errors import DataError, UsageError

if TYPE_CHECKING:
    from tracer_spec.flow.traces.row_hashes import KnownRows
    from tracer_spec.flow.traces.trace_set import TraceSet
    from tracer_spec.fresh.fresh_traces import FreshTraces
    from tracer_spec.report.decision_changes import Flips
    from tracer_spec.runtime import Batch, Bundle

ONLY_OLD, ONLY_NEW = "read as a trace by the old bundle's spec alone", "read as a trace by the new bundle's spec alone"


def measure_flips(
    old: Bundle,
    new: Bundle,
    path: str,
    preset: str | None,
    source: int | None,
    *,
    embedder: str | None,
    embedder_options: Mapping[str, Any],
    text: bool,
) -> Flips:
    """Read traces as each bundle's spec says, decide them by both, and find those whose decision differs.

    ``preset`` is a format's name, instead of the specs'; ``source`` the number of a source of theirs, or of the one that has
    several; ``embedder`` the plugin that may embed for the bundles it belongs to, with its deployment options.
    """
    from tracer_spec.flow.traces.optional_labels import NOT_ANSWERED
    from tracer_spec.flow.traces.out_of_prompts import out_of_prompts
    from tracer_spec.flow.traces.row_hashes import KnownRows
    from tracer_spec.fresh.fresh_traces import read_fresh_traces
    from tracer_spec.fresh.spec_of_bundle import has_several_sources
    from tracer_spec.inputs.files import STDIN
    from tracer_spec.report.decision_changes import find_flips
    from tracer_spec.text_steps.labels import UNUSABLE

    if path == STDIN:
        raise DataError(
            "stdin cannot be read twice, once for each bundle", where=path, hint="write the traces to a file"
        )
    several = [has_several_sources(bundle) for bundle in (old, new)]
    sources = [source if each or not any(several) else None for each in several]
    sides = [
        read_fresh_traces(bundle, path, preset, each, need_label=False)
        for bundle, each in zip((old, new), sources, strict=True)
    ]
    before, after = (each.traces.rows for each in sides)
    common, in_old, in_new = np.intersect1d(before, after, assume_unique=True, return_indices=True)
    if not len(common):
        raise DataError("no record is a trace by the specs of both bundles", where=path, hint="give --format")
    asked = _asked_of_each((old, new), embedder, embedder_options)
    batches = [
        _decide(bundle, side, at, *each)
        for bundle, side, at, each in zip((old, new), sides, (in_old, in_new), asked, strict=True)
    ]
    traces = sides[1].traces.take(in_new)
    known = [KnownRows.read(bundle.members, bundle.manifest.provenance) for bundle in (old, new)]
    alone = [out_of_prompts(traces, bundle.manifest.extract)[0] for bundle in (old, new)]
    seen = [_n_seen(each, rows) for each, rows in zip(known, alone, strict=True)]
    left_out = {
        **sides[1].traces.accounting.dropped,
        ONLY_OLD: len(before) - len(common),
        ONLY_NEW: len(after) - len(common),
    }
    return find_flips(
        *batches,
        rows=[int(row) for row in common],
        ids=traces.ids,
        teachers=[None if label in (UNUSABLE, NOT_ANSWERED) else label for label in traces.labels],
        texts=traces.texts if text else None,
        n_known=None if seen[0] is None or seen[1] is None else (seen[0], seen[1]),
        left_out={reason: count for reason, count in left_out.items() if count},
    )


def _asked_of_each(
    bundles: Sequence[Bundle], embedder: str | None, given: Mapping[str, Any]
) -> list[tuple[str | None, Mapping[str, Any]]]:
    """Return the plugins that each bundle may use, and its options of them.

    Raises
    ------
    BundleError
        Where a bundle needs a plugin that is not among those asked for.
    UsageError
        Where neither bundle needs a plugin that is.
    """
    from tracer_spec.runtime.bundle import naming
    from tracer_spec.runtime.embedder_identity import SEPARATOR, check_consent, from_plugins, names_in, placed_parts
    from tracer_spec.runtime.embedder_plugins import taken_options

    identities = [bundle.manifest.embedder for bundle in bundles]
    needed = [{each.use for each in from_plugins(one)} if one.probe is not None else set() for one in identities]
    unneeded = names_in(embedder) - set().union(*needed)
    if unneeded:
        raise UsageError(
            f"neither bundle needs the embedder '{min(unneeded)}'",
            hint="'tracer-spec inspect' says what a bundle needs",
        )
    names = [SEPARATOR.join(sorted(names_in(embedder) & each)) or None for each in needed]
    taken: list[Mapping[str, Any]] = []
    for bundle, identity, name, each in zip(bundles, identities, names, needed, strict=True):
        with naming(bundle.where):
            check_consent(identity, name, is_pinned=bundle.is_pinned)  # before a plugin is imported to ask it
        taken.append(taken_options(placed_parts(identity), given) if each else {})
    # what neither takes is refused where it is given, with what there is instead
    if given.keys() - set().union(*taken):
        taken = [given if each else {} for each in needed] if any(needed) else [given] * len(bundles)
    return list(zip(names, taken, strict=True))


def _decide(
    bundle: Bundle,
    side: FreshTraces,
    at: np.ndarray[tuple[int], np.dtype[np.intp]],
    embedder: str | None,
    embedder_options: Mapping[str, Any],
) -> Batch:
    from tracer_spec.runtime.load import open_router

    with contextlib.redirect_stdout(sys.stderr):  # a plugin's embedder may print
        router = open_router(bundle, embedder=embedder, embedder_options=embedder_options, allow_uncertified=True)
        router.check_embedder()
        return router.route_batch(list(side.traces.take(at).texts) if side.vectors is None else side.vectors[at])


def _n_seen(known: KnownRows | None, traces: TraceSet) -> int | None:
    """Return how many of the traces a build has seen; None where its bundle does not say."""
    if known is None:
        return None
    seen = known.find(traces)
    return int((seen.event | seen.content | seen.repeat).sum())
