"""What the spec inside a bundle says of records: the source that reads a file, and how a record is laid out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tracer_spec.errors import BundleError, DataError, SpecError, UsageError
from tracer_spec.runtime.archive import MANIFEST, SPEC

if TYPE_CHECKING:
    from tracer_spec.plugin import Source
    from tracer_spec.runtime import Bundle
    from tracer_spec.spec.nodes import Node, Pairs
    from tracer_spec.spec.traces import TracesSpec

# where the build's own traces lay, which may name variables of another machine; and what it did with bad records
_NOT_ASKED = ("use", "with", "on_error")
# endings of files that are no JSON Lines, or need not be
_PARQUET = (".parquet", ".pq")
_GUESSED = (".csv", ".tsv", ".json", *_PARQUET)


def is_parquet(path: str) -> bool:
    """Tell by its ending whether a file is Parquet."""
    return path.lower().endswith(_PARQUET)


def is_table(path: str) -> bool:
    """Tell by its ending whether a file is no JSON Lines, or need not be."""
    return path.lower().removesuffix(".gz").removesuffix(".zst").endswith(_GUESSED)


def written_spec(bundle: Bundle, source: int | None = None) -> Node:
    """Return the spec as built: as written, with the overrides of that build, and with one source of traces.

    Of several sources it is the one of that number, which may be left out where all are read alike. What another says of all
    of them is said of it.
    """
    from tracer_spec.spec.overrides import apply_overrides
    from tracer_spec.spec.reader import read_yaml
    from tracer_spec.spec.told_overrides import NOT_TOLD

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
    return _with_one_source(tree, source)


def _with_one_source(tree: Node, source: int | None) -> Node:
    from tracer_spec.spec.nodes import Entry, Items, Pairs, find

    traces = find(tree, ("traces",))
    n = len(traces.items) if isinstance(traces, Items) else 1
    if source is not None and source >= n:
        has = "one source" if n == 1 else f"{n} sources"
        raise UsageError(f"--source {source} names none: the bundle's spec has {has}", hint="they are counted from 0")
    if not isinstance(traces, Items) or not isinstance(tree, Pairs):
        return tree
    sources = [_with_what_others_say(each, traces.items) for each in traces.items]
    if source is None and any(_how_read(each) != _how_read(sources[0]) for each in sources):
        raise UsageError(
            f"the traces of the bundle's spec come from {n} sources, which are not read alike",
            hint=f"say which one these records are like: --source N, from 0 to {n - 1}",
        )
    entry = Entry(tree.entries["traces"].place, sources[source or 0])
    return Pairs(tree.place, {**tree.entries, "traces": entry})


def _with_what_others_say(source: Node, others: Sequence[Node]) -> Node:
    """Return a source with what another source says of all of them."""
    from tracer_spec.spec.nodes import Entry, Pairs, find
    from tracer_spec.spec.sources import SHARED

    for *above, key in SHARED:
        said = next((node for each in others if (node := find(each, (*above, key))) is not None), None)
        holder = find(source, tuple(above)) or Pairs(source.place, {})
        if said is None or not isinstance(source, Pairs) or not isinstance(holder, Pairs) or key in holder.entries:
            continue
        holder = Pairs(holder.place, {**holder.entries, key: Entry(said.place, said)})
        source = Pairs(source.place, {**source.entries, above[0]: Entry(said.place, holder)}) if above else holder
    return source


def _how_read(source: Node) -> Any:
    """Return what a source says of its records, as plain data."""
    from tracer_spec.spec.nodes import Items, Pairs

    if isinstance(source, Pairs):
        return {key: _how_read(each.node) for key, each in source.entries.items() if key not in _NOT_ASKED}
    return [_how_read(each) for each in source.items] if isinstance(source, Items) else source.text


def traces_spec(bundle: Bundle, tree: Node) -> TracesSpec:
    """Return the spec's ``traces``, but for where they lay."""
    from pydantic import ValidationError

    from tracer_spec.spec.nodes import Pairs, find
    from tracer_spec.spec.problems import problems_of
    from tracer_spec.spec.traces import TracesSpec

    written = find(tree, ("traces",))
    if not isinstance(written, Pairs):
        raise _refusal(bundle, SPEC, "has no traces")
    kept = {key: entry for key, entry in written.entries.items() if key not in _NOT_ASKED}
    data: Mapping[str, Any] = {"use": "jsonl", **_expanded(bundle, Pairs(written.place, kept))}
    try:
        return TracesSpec.model_validate(data)
    except ValidationError as error:
        problems = tuple(problem for _, problem in problems_of(error, tree, TracesSpec, ("traces",)))
        raise SpecError.of(problems) from None


@contextlib.contextmanager
def named_in_the_call() -> Iterator[None]:
    """Say of a file that the call names what a source says of one that a spec names: it has no address in a spec."""
    from tracer_spec.inputs.streams import ADDRESS

    try:
        yield
    except DataError as error:
        found = (
            replace(each, address="", hint=each.hint.replace("the spec's folder", "the current folder"))
            if each.address == ADDRESS
            else each
            for each in error.problems
        )
        raise DataError.of(tuple(found)) from None


def source_of(bundle: Bundle, path: str | Sequence[str], tree: Node) -> Source:
    """Return what reads files: by the end of their name, with the options of the spec where the build read such files too.

    Several are JSON Lines.
    """
    from pydantic import ValidationError

    from tracer_spec.builtin import tracer_spec_sources
    from tracer_spec.init.files import guess_source
    from tracer_spec.spec.nodes import Pairs, find

    guessed = guess_source(path) if isinstance(path, str) and is_table(path) else None
    name, options = ("jsonl", {}) if guessed is None else (guessed.use, dict(guessed.options))
    plugin = next(each for each in tracer_spec_sources() if each.name == name)
    written = find(tree, ("traces", "with"))
    if text_at(tree, "traces", "use") == name and isinstance(written, Pairs):
        known = {key: each for key, each in written.entries.items() if key in plugin.options.model_fields}
        options |= _expanded(bundle, Pairs(written.place, {key: each for key, each in known.items() if key != "path"}))
    try:
        return plugin.make(plugin.options.model_validate({**options, "path": path}))
    except ValidationError:
        raise _refusal(bundle, SPEC, f"has options under traces.with that '{name}' does not take") from None


def text_at(tree: Node, *path: str) -> str | None:
    """Return a text of the spec, None where none is written."""
    from tracer_spec.spec.nodes import Scalar, find, is_typed

    node = find(tree, path)
    return node.text if isinstance(node, Scalar) and not is_typed(node) else None


def _expanded(bundle: Bundle, written: Pairs) -> dict[str, Any]:
    """Return plain data. A stranger's bundle gets nothing of the environment: what is wrong with a value is told with it."""
    from tracer_spec.spec.environment import expand, names_variable
    from tracer_spec.spec.nodes import scalars

    if not bundle.is_pinned and any(map(names_variable, scalars(written))):
        raise BundleError(
            "takes values from the environment, and only the bundle itself says so",
            where=bundle.where,
            address=f"{SPEC} traces",
            hint="--sha256 HEX, where you trust who made the bundle",
        )
    expanded = expand(written, os.environ)
    if expanded.problems:
        raise SpecError.of(expanded.problems)
    data: dict[str, Any] = expanded.data
    return data


def _refusal(bundle: Bundle, address: str, what: str) -> BundleError:
    hint = "fetch the bundle again, or build it again with 'tracer-spec build'"
    return BundleError(what, where=bundle.where, address=address, hint=hint)
