"""Keys of a spec as a lock may show them: numbers and names as they are, other values as digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from tracer_spec.spec import LoadedSpec, canonical
from tracer_spec.spec.digest import sources_of
from tracer_spec.spec.error_text import is_private
from tracer_spec.spec.nodes import Node, Path, Scalar, address, find, nearest

NOT_TOLD = "not told"
DIGEST = "sha256:"
_DIGITS = 12
# of a fixed vocabulary, or names of plugins: they are told as they are; any other text as a digest
_PLAIN = frozenset(("use", "as", "strategy", "on_error", "unknown", "unanswered"))
# mappings whose keys are the user's own words
_WORDS = frozenset(("aliases", "skip", "unanswered", "unlabelled"))
# recorded on its own, and what is told of the traces is their digest
_ELSEWHERE = ("seed",)


def told_keys(loaded: LoadedSpec) -> dict[str, Any]:
    """Return what a lock tells of a spec, by address; an item of a list of plugins goes by its alias.

    Notes
    -----
    Numbers, true, false and names of plugins are told as they are; any other text, and any other list, as a digest. What
    comes from the environment, and what ``--set`` gives a plugin as an option, is not told at all: it may be a secret or a
    path of a machine, and a digest of something short can be guessed.
    """
    document = canonical(loaded.spec)
    for source in sources_of(document):
        source.pop("with", None)
    for key in _ELSEWHERE:
        document.pop(key)
    leaves = _leaves(document, loaded.tree, (), ())
    return {
        address(shown): _told(value, loaded.tree, path)
        for shown, path, value in leaves
        if value not in (None, {}, [])  # what is not there is not told
    }


def _leaves(value: Any, tree: Node, shown: Path, path: Path) -> Iterator[tuple[Path, Path, Any]]:
    """Yield (address, place in the tree, value) of all that is told on its own."""
    if isinstance(value, dict) and value and not _is_whole(path):
        for key, below in value.items():
            if key == "as" and below == value.get("use"):
                continue  # its alias is its name
            yield from _leaves(below, tree, (*shown, key), (*path, key))
    elif isinstance(value, list) and value and all(isinstance(item, dict) and "as" in item for item in value):
        for index, item in enumerate(value):
            here = (*path, index)
            hidden = _is_hidden(tree, (*here, "as")) or _is_hidden(tree, (*here, "use"))
            yield from _leaves(item, tree, (*shown, index if hidden else item["as"]), here)
    elif isinstance(value, list) and path == ("traces",):
        for index, item in enumerate(value):
            yield from _leaves(item, tree, (*shown, index), (*path, index))
    else:
        yield shown, path, value


def _is_whole(path: Path) -> bool:
    """Return whether a mapping is told as one: its keys are words of its author's, or options inside an option."""
    return bool(path) and (path[-1] in _WORDS or path == ("target", "labels") or "with" in path[:-1])


def _told(value: Any, tree: Node, path: Path) -> Any:
    """Return a value as a lock tells it."""
    if _is_hidden(tree, path):
        return NOT_TOLD
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str) and path[-1] in _PLAIN:
        return value
    if isinstance(value, list) and all(isinstance(item, int | float) for item in value):
        return json.dumps(value)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return f"{DIGEST}{hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]}"


def _is_hidden(tree: Node, path: Path) -> bool:
    """Return whether a value comes from the environment, or is an option that ``--set`` gave."""
    written = find(tree, path)
    node = written if written is not None else nearest(tree, path)
    # a key that is not written has its default, unless a bare name stands for the mapping that it is in
    if written is None and not isinstance(node, Scalar):
        return path[-1] == "as" and _is_hidden(tree, (*path[:-1], "use"))
    if is_private(node):
        return True
    options = next((path[: at + 1] for at, part in enumerate(path) if part == "with"), None)
    return options is not None and any(not each.line for each in _places(tree, path, len(options)))


def _places(tree: Node, path: Path, start: int) -> Iterator[Any]:
    """Yield the places of the values on the way from a plugin's options down to a value, and inside it."""
    from tracer_spec.spec.nodes import scalars

    for end in range(start, len(path) + 1):
        node = find(tree, path[:end])
        if node is not None:
            yield node.place
            if end == len(path):
                yield from (scalar.place for scalar in scalars(node))
