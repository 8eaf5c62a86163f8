"""Overrides, ``--set KEY=VALUE``, applied to the tree of a spec and checked like what is in the file."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace

from tracer_spec.errors import Problem, SpecError
from tracer_spec.spec.nodes import Entry, Items, Node, Pairs, Path, Place, Scalar, address, as_written, is_typed, quoted
from tracer_spec.spec.reader import read_yaml

_SEGMENT = re.compile(
    r"""(?:^|(?P<dot>\.))(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<word>[^.\[\]="]+))|\[(?P<index>[0-9]{1,6})\]"""
)
_OF_A_PLUGIN = frozenset(("use", "as", "with"))


def apply_overrides(root: Node, overrides: Sequence[str]) -> tuple[Node, list[Problem]]:
    """Return the tree with every override applied, in order, and what is wrong with those that cannot be.

    The value is read as YAML (``0.95``, ``[strip, casefold]``, ``'a string'``); missing mappings on the way
    are made; an index may be one past the end of a list, which appends. Setting ``zoo[0].with.C`` where
    ``zoo[0]`` is a bare name makes it ``{use: NAME}`` first.
    """
    problems: list[Problem] = []
    for override in overrides:
        where = f"--set {quoted(override)}"
        path: Path = ()
        try:
            path, text = split_override(override)
            where = f"--set {address(path)}"
            value, found = _value(text, where)
            problems += found
            root = _set(root, path, 0, value, Place(where))
        except SpecError as error:  # what is wrong in the value has its place already
            problems += [
                each if each.where else replace(each, where=where, address=address(path)) for each in error.problems
            ]
    return root, problems


def set_at(root: Node, path: Path, value: Node) -> Node:
    """Return the tree with a value at a path, where the mappings on the way are made.

    Raises
    ------
    SpecError
        Where something else than a mapping or a list stands on the way.
    """
    return _set(root, path, 0, value, value.place)


def split_override(override: str) -> tuple[Path, str]:
    """Split ``zoo[0].with.C=2`` into its path and its text."""
    path: list[str | int] = []
    position = 0
    while position < len(override) and override[position] != "=":
        match = _SEGMENT.match(override, position)
        if match is None or (not path and (match["index"] or match["dot"])):
            raise SpecError(f"the key cannot be read from character {position + 1} on", hint=_FORM)
        position = match.end()
        path.append(_segment(match))
    if not path or position == len(override):
        raise SpecError("there is no KEY=VALUE in it", hint=_FORM)
    return tuple(path), override[position + 1 :]


_FORM = "write KEY=VALUE, for instance target.agreement=0.95 or zoo[0].with.C=2; quote a key that holds a dot"


def _segment(match: re.Match[str]) -> str | int:
    if match["index"] is not None:
        return int(match["index"])
    if match["word"] is not None:
        return match["word"].strip()
    try:
        return str(json.loads(f'"{match["quoted"]}"'))
    except ValueError:
        raise SpecError(f"the key {quoted(match['quoted'])} holds a bad escape", hint=_FORM) from None


def _value(text: str, where: str) -> tuple[Node, list[Problem]]:
    if not text.strip():
        return Scalar(Place(where), "", plain=True), []
    return read_yaml(text, where, override=True)


def _set(node: Node | None, path: Path, depth: int, value: Node, place: Place) -> Node:
    """Return ``node`` with ``value`` at ``path[depth:]``, sharing all that stays the same."""
    if depth == len(path):
        return value
    segment = path[depth]
    if isinstance(segment, int):
        return _set_item(node, segment, path, depth, value, place)
    if isinstance(node, Scalar) and segment in _OF_A_PLUGIN and not is_typed(node):
        node = Pairs(node.place, {"use": Entry(node.place, node)})
    if node is not None and not isinstance(node, Pairs) and not _is_null(node):
        raise SpecError(f"{_name(path[:depth])} is {as_written(node)}, which has no keys to set")
    pairs = node if isinstance(node, Pairs) else Pairs(place, {})
    before = pairs.entries.get(segment)
    below = _set(before.node if before else None, path, depth + 1, value, place)
    entry = Entry(before.place if before else place, below)
    return Pairs(pairs.place, {**pairs.entries, segment: entry})


def _set_item(node: Node | None, index: int, path: Path, depth: int, value: Node, place: Place) -> Node:
    if node is not None and not isinstance(node, Items) and not _is_null(node):
        raise SpecError(f"{_name(path[:depth])} is {as_written(node)}, which is no list")
    items = node.items if isinstance(node, Items) else ()
    if index > len(items):
        count = f"has {len(items)} items" if node is not None else "is not in the spec"
        raise SpecError(
            f"{_name(path[:depth])} {count}: [{index}] is past the end", hint=f"the next one would be [{len(items)}]"
        )
    below = _set(items[index] if index < len(items) else None, path, depth + 1, value, place)
    return Items(node.place if node is not None else place, (*items[:index], below, *items[index + 1 :]))


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and as_written(node) == "null"


def _name(path: Path) -> str:
    return address(path) or "the spec"
