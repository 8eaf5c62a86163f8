"""Reads fresh traces for ``tracer-spec verify`` as the build read its own: by the spec inside the bundle."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracer_spec.errors import BundleError, DataError, SpecError
from tracer_spec.runtime.archive import MANIFEST, SPEC

if TYPE_CHECKING:
    from tracer_spec.flow.traces.trace_set import TraceSet
    from tracer_spec.plugin import Source, Vectors
    from tracer_spec.runtime import Bundle
    from tracer_spec.spec.nodes import Node
    from tracer_spec.spec.traces import TracesSpec

# where the build's own traces lay, which may name variables of another machine; and what it did with bad records
_NOT_ASKED = ("use", "with", "on_error")
# endings of files that are no JSON Lines, or need not be
_GUESSED = (".csv", ".tsv", ".parquet", ".pq", ".json")


@dataclass(frozen=True, slots=True)
class FreshTraces:
    """Traces to verify on, with their vectors where the app brings them; ``grouped`` where the claim is per group."""

    traces: TraceSet
    vectors: Vectors | None
    grouped: bool


def read_fresh_traces(bundle: Bundle, path: str, preset: str | None, *, need_label: bool = True) -> FreshTraces:
    """Read traces from JSON Lines, laid out and labelled as the bundle's ``router.yaml`` says.

    Bad records are dropped and counted, whatever the spec says of them, and a label off the list is a disagreement.

    Parameters
    ----------
    bundle, path
    preset : str or None
        A format's name, instead of the spec's.
    need_label : bool
        Whether a record without a teacher's label is dropped; else its label is empty.
    """
    from tracer_spec.builtin.embedders.precomputed import Precomputed
    from tracer_spec.builtin.formats import compile_format, find_format
    from tracer_spec.builtin.sources.files import STDIN
    from tracer_spec.builtin.sources.remote import is_remote
    from tracer_spec.flow.traces.collect import collect
    from tracer_spec.flow.traces.labels import LabelCleaner
    from tracer_spec.flow.traces.optional_labels import LabelIfAny

    if not path or not (path == STDIN or is_remote(path) or glob.has_magic(path) or Path(path).exists()):
        raise DataError("there is no such file", where=path, hint="relative paths start at the current folder")
    tree = _tree(bundle)
    spec = _traces_spec(bundle, tree)
    key, column = _text(tree, "split", "key"), _text(tree, "embedder", "with", "column")
    asked = preset or (spec.format if isinstance(spec.format, str) else spec.format.model_dump())
    chosen = find_format(asked)
    chosen = replace(chosen, group=key or chosen.group, embedding=column or chosen.embedding or "embedding")
    brings_vectors = bundle.manifest.embedder.probe is None
    allowed = None if spec.labels.allowed == "infer" else bundle.manifest.labels
    traces = collect(
        _source(bundle, path, tree).records(),
        compile_format(chosen).traces,
        (LabelCleaner if need_label else LabelIfAny)(spec.labels.normalize, spec.labels.aliases, allowed),
        on_error="drop",
        unanswered=spec.labels.unanswered,
        teachers=spec.teachers,
        need_text=not brings_vectors,
        need_vector=brings_vectors,
    )
    vectors = None
    if brings_vectors:
        vectors = Precomputed().read(traces.rows.tolist(), traces.ids, traces.vectors or ())
    return FreshTraces(traces, vectors, grouped=_text(tree, "split", "strategy") == "grouped")


def _source(bundle: Bundle, path: str, tree: Node) -> Source:
    """Return what reads the file: by the end of its name, with the options of the spec where the build read such files too."""
    from pydantic import ValidationError

    from tracer_spec.builtin import tracer_spec_sources
    from tracer_spec.init.files import guess_source
    from tracer_spec.spec.environment import expand
    from tracer_spec.spec.nodes import Pairs, find

    guessed = guess_source(path) if path.lower().removesuffix(".gz").removesuffix(".zst").endswith(_GUESSED) else None
    name, options = ("jsonl", {}) if guessed is None else (guessed.use, dict(guessed.options))
    plugin = next(each for each in tracer_spec_sources() if each.name == name)
    written = find(tree, ("traces", "with"))
    if _text(tree, "traces", "use") == name and isinstance(written, Pairs):
        known = {key: each for key, each in written.entries.items() if key in plugin.options.model_fields}
        expanded = expand(Pairs(written.place, {key: each for key, each in known.items() if key != "path"}), os.environ)
        if expanded.problems:
            raise SpecError.of(expanded.problems)
        options |= expanded.data
    try:
        return plugin.make(plugin.options.model_validate({**options, "path": path}))
    except ValidationError:
        raise _refusal(bundle, SPEC, f"has options under traces.with that '{name}' does not take") from None


def _tree(bundle: Bundle) -> Node:
    """Return the spec as built: as written, with the overrides of that build."""
    from tracer_spec.report.written_spec import NOT_TOLD
    from tracer_spec.spec.overrides import apply_overrides
    from tracer_spec.spec.reader import read_yaml

    overrides = bundle.manifest.provenance.get("overrides", [])
    if not isinstance(overrides, list) or not all(isinstance(each, str) for each in overrides):
        raise _refusal(bundle, f"{MANIFEST} provenance.overrides", "is not a list of texts")
    try:
        tree, problems = read_yaml(bundle.members[SPEC].decode(), f"{bundle.where}:{SPEC}")
    except UnicodeDecodeError:
        raise _refusal(bundle, SPEC, "is not UTF-8") from None
    tree, found = apply_overrides(tree, [each for each in overrides if not each.endswith(NOT_TOLD)])
    if problems or found:
        raise SpecError.of((*problems, *found))
    return tree


def _traces_spec(bundle: Bundle, tree: Node) -> TracesSpec:
    """Return the spec's ``traces``, but for where they lay."""
    from pydantic import ValidationError

    from tracer_spec.spec.environment import expand
    from tracer_spec.spec.nodes import Pairs, find
    from tracer_spec.spec.problems import problems_of
    from tracer_spec.spec.traces import TracesSpec

    written = find(tree, ("traces",))
    if not isinstance(written, Pairs):
        raise _refusal(bundle, SPEC, "has no traces")
    kept = {key: entry for key, entry in written.entries.items() if key not in _NOT_ASKED}
    expanded = expand(Pairs(written.place, kept), os.environ)
    if expanded.problems:
        raise SpecError.of(expanded.problems)
    data: Mapping[str, Any] = {"use": "jsonl", **expanded.data}
    try:
        return TracesSpec.model_validate(data)
    except ValidationError as error:
        problems = tuple(problem for _, problem in problems_of(error, tree, TracesSpec, ("traces",)))
        raise SpecError.of(problems) from None


def _text(tree: Node, *path: str) -> str | None:
    """Return a text of the spec, None where none is written."""
    from tracer_spec.spec.nodes import Scalar, find, is_typed

    node = find(tree, path)
    return node.text if isinstance(node, Scalar) and not is_typed(node) else None


def _refusal(bundle: Bundle, address: str, what: str) -> BundleError:
    hint = "fetch the bundle again, or build it again with 'tracer-spec build'"
    return BundleError(what, where=bundle.where, address=address, hint=hint)
