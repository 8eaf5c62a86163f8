"""Overrides as a bundle may tell them: without the options of plugins, which can hold secrets and paths of a machine."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from tracer_spec.spec.nodes import Entry, Items, Node, Pairs, Path, address, in_flow
from tracer_spec.spec.overrides import split_override
from tracer_spec.spec.reader import read_yaml

NOT_TOLD = "=..."
"""Ends an override whose value is not told."""
_OPTIONS = "with"


def told_overrides(overrides: Sequence[str], *, as_given: Collection[str] = ()) -> list[str]:
    """Return overrides without the options of plugins: each of those is named, and its value left out.

    A whole value for a key of ``as_given`` is told as it is: records are read again by what it says.

    Examples
    --------
    >>> told_overrides(["seed=3", "zoo[0].with.C=2", "zoo=[dt, {use: mlp, with: {hidden: [8]}}]"])
    ['seed=3', 'zoo[0].with.C=...', 'zoo=[dt, {use: mlp}]', 'zoo[1].with=...']
    """
    return [told for override in overrides for told in _told(override, as_given)]


def _told(override: str, as_given: Collection[str]) -> Iterator[str]:
    path, text = split_override(override)
    key = override[: len(override) - len(text) - 1]
    if _OPTIONS in path:
        yield f"{key}{NOT_TOLD}"
        return
    value, problems = read_yaml(text, "", override=True) if text.strip() else (None, ())
    is_told = value is None or problems or path[0] in as_given
    hidden = [] if value is None or is_told else list(_options(value, path))
    if value is None or not hidden:
        yield override
        return
    yield f"{key}={in_flow(_without_options(value))}"
    yield from (f"{address(each)}{NOT_TOLD}" for each in hidden)


def _options(node: Node, path: Path) -> Iterator[Path]:
    """Yield the paths of all options of plugins."""
    if isinstance(node, Items):
        for index, item in enumerate(node.items):
            yield from _options(item, (*path, index))
    elif isinstance(node, Pairs):
        for key, entry in node.entries.items():
            if _holds_options(key, entry):
                yield (*path, key)
            else:
                yield from _options(entry.node, (*path, key))


def _holds_options(key: str, entry: Entry) -> bool:
    """Return whether options stand under a key; a label may be called ``with`` too."""
    return key == _OPTIONS and isinstance(entry.node, Pairs)


def _without_options(node: Node) -> Node:
    if isinstance(node, Items):
        return Items(node.place, tuple(map(_without_options, node.items)))
    if isinstance(node, Pairs):
        kept = {key: each for key, each in node.entries.items() if not _holds_options(key, each)}
        return Pairs(node.place, {key: replace(each, node=_without_options(each.node)) for key, each in kept.items()})
    return node
