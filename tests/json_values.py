"""Places inside JSON values, and copies that differ in one of them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

REMOVED = object()


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every place inside a value, of the value itself first."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        yield from paths(below, (*at, key))


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy with the value at a path replaced or removed."""
    document = copy.deepcopy(document)
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    if value is REMOVED:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return document
