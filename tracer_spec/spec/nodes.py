"""A spec as it was written: a small tree in which every value knows its place.

Messages quote a value *as written* (``${TOKEN}``, ``1.20``), never as expanded, so that what comes from the
environment cannot reach an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tracer_spec.spec.scalars import OutOfRangeError, resolve

Path: TypeAlias = tuple[str | int, ...]

_WORD = re.compile(r"[A-Za-z0-9_$-]+")
# what needs no quotes wherever it stands
_PLAIN = re.compile(r"-?[A-Za-z0-9_./$][A-Za-z0-9_./$+-]*(?: [A-Za-z0-9_./$][A-Za-z0-9_./$+-]*)*")
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: ``file:line:column`` (from 1), an override, or nowhere (a Python mapping)."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar before expansion; ``plain`` ones are typed by YAML's rules, the others are strings."""

    place: Place
    text: str
    plain: bool


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    place: Place
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A value under its key; ``place`` is the key's."""

    place: Place
    node: Node


@dataclass(frozen=True, slots=True)
class Pairs:
    """A mapping; keys are strings, whatever they look like."""

    place: Place
    entries: Mapping[str, Entry]


Node: TypeAlias = Scalar | Items | Pairs


def child(node: Node, segment: str | int) -> Node | None:
    """Return what stands under a key or an index, or None."""
    if isinstance(node, Pairs) and isinstance(segment, str) and segment in node.entries:
        return node.entries[segment].node
    if isinstance(node, Items) and isinstance(segment, int) and 0 <= segment < len(node.items):
        return node.items[segment]
    return None


def find(root: Node, path: Path) -> Node | None:
    """Return the node at ``path``, or None where nothing is written there."""
    node: Node | None = root
    for segment in path:
        if node is None:
            return None
        node = child(node, segment)
    return node


def nearest(root: Node, path: Path) -> Node:
    """Return the node at ``path``, or its nearest parent that is written."""
    node = root
    for segment in path:
        below = child(node, segment)
        if below is None:
            return node
        node = below
    return node


def children(node: Node) -> Iterator[tuple[str | int, Node]]:
    """Yield what stands right below a node, with its key or index."""
    if isinstance(node, Pairs):
        yield from ((key, entry.node) for key, entry in node.entries.items())
    elif isinstance(node, Items):
        yield from enumerate(node.items)


def path_of(root: Node, wanted: str) -> Path:
    """Return the path that an address names, or of its nearest parent that is written."""
    path: Path = ()
    node: Node | None = root
    while node is not None:
        below = {(*path, segment): each for segment, each in children(node)}
        on_the_way = (each for each in below if is_within(wanted, address(each)))
        found = max(on_the_way, key=lambda each: len(address(each)), default=None)
        path, node = found or path, below.get(found) if found else None
    return path


def is_within(wanted: str, place: str) -> bool:
    """Return whether an address is that of a place, or of what is in it."""
    return wanted == place or wanted.startswith((f"{place}.", f"{place}["))


def key_place(root: Node, path: Path) -> Place:
    """Return the place of the key that ``path`` ends in, or of the nearest parent."""
    parent = find(root, path[:-1])
    if path and isinstance(parent, Pairs) and path[-1] in parent.entries:
        return parent.entries[str(path[-1])].place
    return nearest(root, path).place


def as_written(node: Node) -> str:
    """Return a value the way messages quote it: as in the file, before expansion."""
    if isinstance(node, Pairs):
        return "a mapping"
    if isinstance(node, Items):
        return "a list"
    return (node.text or "null") if is_typed(node) else quoted(node.text)


def in_flow(node: Node) -> str:
    """Write a value as YAML on one line, before expansion.

    Examples
    --------
    >>> nowhere = Place("")
    >>> in_flow(Pairs(nowhere, {"hidden": Entry(nowhere, Items(nowhere, (Scalar(nowhere, "64", True),)))}))
    '{hidden: [64]}'
    """
    if isinstance(node, Scalar):
        return node.text if node.plain and _PLAIN.fullmatch(node.text) else json.dumps(node.text)
    if isinstance(node, Items):
        return f"[{', '.join(map(in_flow, node.items))}]"
    return f"{{{', '.join(f'{_key(key)}: {in_flow(each.node)}' for key, each in node.entries.items())}}}"


def _key(key: str) -> str:
    return key if _PLAIN.fullmatch(key) else json.dumps(key)


def is_typed(scalar: Scalar) -> bool:
    """Return whether YAML reads the scalar as a number, true, false or null."""
    if not scalar.plain:
        return False
    try:
        return not isinstance(resolve(scalar.text), str)
    except OutOfRangeError:
        return True


def quoted(text: str) -> str:
    """Return ``'text'`` on one line, cut where it is long."""
    cut = _cut(text)
    return f"'{cut}'" if cut.isprintable() else repr(cut)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def scalars(node: Node) -> Iterator[Scalar]:
    """Yield every scalar of a tree."""
    if isinstance(node, Scalar):
        yield node
    elif isinstance(node, Items):
        for item in node.items:
            yield from scalars(item)
    else:
        for entry in node.entries.values():
            yield from scalars(entry.node)


def address(path: Path) -> str:
    """Write a path the way people do: ``zoo[1].with.C``; keys that are no words are quoted."""
    parts: list[str] = []
    for segment in path:
        if isinstance(segment, int):
            parts.append(f"[{segment}]")
            continue
        cut = _cut(segment)
        word = cut if _WORD.fullmatch(cut) else json.dumps(cut, ensure_ascii=not cut.isprintable())
        parts.append(f".{word}" if parts else word)
    return "".join(parts)
