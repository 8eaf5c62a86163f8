"""Reads fresh traces for ``tracer-spec verify`` as the build read its own: by the spec inside the bundle."""

from __future__ import annotations

import contextlib
import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracer_spec.errors import DataError
from tracer_spec.fresh.fresh_labels import FreshLabels, look_at_labels, reworded
from tracer_spec.fresh.spec_of_bundle import (
    named_in_the_call,
    source_of,
    text_at,
    traces_spec,
    written_spec,
)

if TYPE_CHECKING:
    from tracer_spec.builtin.formats import Format
    from tracer_spec.flow.traces.trace_set import TraceSet
    from tracer_spec.plugin import Record, Vectors
    from tracer_spec.runtime import Bundle
    from tracer_spec.spec.nodes import Node


@dataclass(frozen=True, slots=True)
class FreshTraces:
    """Traces to verify on, with their vectors where the app brings them; ``grouped`` where the claim is per group.

    ``repeats`` is what the spec says of rows that say the same; copies are left out already.
    """

    traces: TraceSet
    vectors: Vectors | None
    grouped: bool
    repeats: str


def read_fresh_traces(
    bundle: Bundle, path: str, preset: str | None, source: int | None = None, *, need_label: bool = True
) -> FreshTraces:
    """Read traces from a file, or from the JSON Lines of a folder, laid out and labelled as the bundle's ``router.yaml`` says.

    Bad records are dropped and counted, whatever the spec says of them, and a label off the list is a disagreement.

    Parameters
    ----------
    bundle, path
    preset : str or None
        A format's name, instead of the spec's.
    source : int or None
        Which source of the spec the traces are like, where it has several.
    need_label : bool
        Whether a record without a teacher's label is dropped where others have one, unless its format says that the teacher
        was not asked; else its label is :data:`NOT_ANSWERED`.
    """
    from tracer_spec.builtin.embedders.precomputed import Precomputed
    from tracer_spec.builtin.formats import compile_format, find_format
    from tracer_spec.flow.traces.collect import collect
    from tracer_spec.flow.traces.optional_labels import LabelIfAny
    from tracer_spec.flow.traces.repeats import COPIES, without_copies
    from tracer_spec.inputs.files import STDIN
    from tracer_spec.inputs.remote import is_remote

    if not path or not (path == STDIN or is_remote(path) or glob.has_magic(path) or Path(path).exists()):
        raise DataError("there is no such file", where=path, hint="relative paths start at the current folder")
    tree = written_spec(bundle, source, preset)
    spec = traces_spec(bundle, tree)
    grouped = text_at(tree, "split", "strategy") == "grouped"
    chosen = _with_parts(find_format(preset or spec.layout), tree, grouped=grouped)
    # another format has other keys
    where = text_at(tree, "split", "certify_where") if preset is None else None
    brings_vectors = bundle.manifest.embedder.probe is None
    allowed = None if spec.labels.allowed == "infer" else bundle.manifest.labels
    read = compile_format(chosen, where).traces

    def answers_of(records: Sequence[Record]) -> Iterator[Any]:
        return (
            raw.label for _, raw in read(records) if raw.label is not None and not raw.reason and not raw.unlabelled
        )

    def cleaner_of(steps: Sequence[str]) -> LabelIfAny:
        return LabelIfAny(steps, spec.labels.aliases, allowed)

    with named_in_the_call():
        fresh = FreshLabels(source_of(bundle, _files_of(path), tree).records(), spec.labels.normalize)
        if not chosen.reads_decisions:  # a deployment's log holds what the teacher wrote
            fresh = look_at_labels(
                fresh.records,
                answers_of,
                cleaner_of,
                normalize=spec.labels.normalize,
                labels=bundle.manifest.labels,
                layout=chosen.name,
            )
        with _about_the_bundles_steps(spec.labels.normalize):
            traces = collect(
                fresh.records,
                read,
                cleaner_of(fresh.normalize),
                on_error="drop",
                unanswered=spec.labels.unanswered,
                teachers=spec.teachers,
                need_text=not brings_vectors,
                need_vector=brings_vectors,
            )
    if fresh.note:
        notes = (*traces.accounting.notes, fresh.note)
        traces = replace(traces, accounting=replace(traces.accounting, notes=notes))
    # a format that tells why a label is missing leaves none to be missing by some fault
    if need_label and traces.sampling is None and not chosen.unlabelled:
        traces = _as_labelled(traces)
    if need_label and spec.repeats == COPIES:
        traces = without_copies(traces)
    vectors = None
    if brings_vectors:
        vectors = Precomputed().read(traces.rows.tolist(), traces.ids, traces.vectors or ())
    return FreshTraces(traces, vectors, grouped, spec.repeats)


def _with_parts(chosen: Format, tree: Node, *, grouped: bool) -> Format:
    """Return a format with the places of group and vector that a spec names elsewhere."""
    key, column = text_at(tree, "split", "key"), text_at(tree, "embedder", "with", "column")
    group = key or chosen.group or (chosen.trace if grouped else None)
    return replace(chosen, group=group, embedding=column or chosen.embedding or "embedding")


@contextlib.contextmanager
def _about_the_bundles_steps(normalize: Sequence[str]) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        raise reworded(error, normalize) from None


def _files_of(path: str) -> str | list[str]:
    """Return the files of a folder, as the monitor finds those of a log; anything else is the source's to find."""
    from tracer_spec.production.monitoring.log import find_files

    return [str(each) for each in find_files([path])] if Path(path).is_dir() else path


def _as_labelled(traces: TraceSet) -> TraceSet:
    """Return the traces without those that lack a label, where others have one."""
    from tracer_spec.flow.traces.optional_labels import NOT_ANSWERED
    from tracer_spec.text_steps.labels import NO_LABEL

    has_label = [label != NOT_ANSWERED for label in traces.labels]
    if all(has_label) or not any(has_label):
        return traces
    missing = traces.rows[[not each for each in has_label]]
    kept = traces.take([row for row, has in enumerate(has_label) if has])
    return replace(kept, accounting=kept.accounting.without(missing.tolist(), NO_LABEL))
