"""What the spec inside a bundle says of records: the source that reads a file, and how a record is laid out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tracer_spec.errors import BundleError, DataError, SpecError, UsageError
from tracer_spec.fresh.file_endings import is_table
from tracer_spec.runtime.archive import MANIFEST, REBUILD, SPEC
from tracer_spec.spec.environment import expand, names_variable
from tracer_spec.spec.nodes import Items, Node, Pairs, Scalar, find, is_typed, scalars

if TYPE_CHECKING:
    from tracer_spec.plugin import Source
    from tracer_spec.runtime import Bundle
    from tracer_spec.spec.traces import TracesSpec

# where the build's own traces lay, which may name variables of another machine; and what it did with bad records
_NOT_ASKED = ("use", "with", "on_error")


def written_spec(bundle: Bundle, source: int | None = None, preset: str | None = None) -> Node:
    """Return the spec as built: as written, with the overrides of that build, and with one source of traces.

    Of several sources it is the one of that number, which may be left out where all are read alike, or all those of the
    format that is asked for. What another says of all of them is said of it.
    """
    return _with_one_source(_whole_spec(bundle), source, preset)


def has_several_sources(bundle: Bundle) -> bool:
    """Return whether the spec as built has several sources of traces."""
    traces = find(_whole_spec(bundle), ("traces",))
    return isinstance(traces, Items) and len(traces.items) > 1


def _whole_spec(bundle: Bundle) -> Node:
    from tracer_spec.spec.as_built import spec_as_built

    overrides = bundle.manifest.provenance.get("overrides", [])
    if not isinstance(overrides, list) or not all(isinstance(each, str) for each in overrides):
        raise _refusal(bundle, f"{MANIFEST} provenance.overrides", "is not a list of texts")
    try:
        return spec_as_built(bundle.members[SPEC], overrides, f"{bundle.where}:{SPEC}")
    except UnicodeDecodeError:
        raise _refusal(bundle, SPEC, "is not UTF-8") from None


def _with_one_source(tree: Node, source: int | None, preset: str | None) -> Node:
    from tracer_spec.spec.overrides import set_at

    traces = find(tree, ("traces",))
    n = len(traces.items) if isinstance(traces, Items) else 1
    if source is not None and source >= n:
        has = "one source" if n == 1 else f"{n} sources"
        raise UsageError(f"--source {source} names none: the bundle's spec has {has}", hint="they are counted from 0")
    if not isinstance(traces, Items):
        return tree
    sources = [_with_what_others_say(each, traces.items) for each in traces.items]
    like = [each for each in sources if preset and text_at(each, "format") == preset]
    chosen = (like or sources)[0] if source is None else sources[source]
    if source is None and any(_how_read(each, preset) != _how_read(chosen, preset) for each in like or sources):
        raise UsageError(
            f"the traces of the bundle's spec come from {n} sources, which are not read alike",
            hint=f"say which one these records are like: --source N, from 0 to {n - 1}",
        )
    return set_at(tree, ("traces",), chosen)


def _with_what_others_say(source: Node, others: Sequence[Node]) -> Node:
    """Return a source with what another source says of all of them."""
    from tracer_spec.spec.overrides import set_at
    from tracer_spec.spec.sources import SHARED

    for path in SHARED:
        said = next((node for each in others if (node := find(each, path)) is not None), None)
        if said is not None and find(source, path) is None:
            source = set_at(source, path, said)
    return source


def _how_read(source: Node, preset: str | None = None) -> Any:
    """Return what a source says of its records, as plain data; not its format, where another is asked for."""
    if isinstance(source, Pairs):
        left_out = (*_NOT_ASKED, "format") if preset else _NOT_ASKED
        return {key: _how_read(each.node) for key, each in source.entries.items() if key not in left_out}
    return [_how_read(each) for each in source.items] if isinstance(source, Items) else source.text


def traces_spec(bundle: Bundle, tree: Node) -> TracesSpec:
    """Return the spec's ``traces``, but for where they lay."""
    from pydantic import ValidationError

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
    node = find(tree, path)
    return node.text if isinstance(node, Scalar) and not is_typed(node) else None


def _expanded(bundle: Bundle, written: Pairs) -> dict[str, Any]:
    """Return plain data. A stranger's bundle gets nothing of the environment: what is wrong with a value is told with it."""
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
    return BundleError(what, where=bundle.where, address=address, hint=REBUILD)
