"""What is left of a spec in which something is wrong, so that the rest of it can be checked in the same round."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from tracer_spec.spec.model import RouterSpec
from tracer_spec.spec.nodes import Node, Path
from tracer_spec.spec.problems import problems_of

# stands for what a spec cannot be without
_NEEDED: Mapping[Path, Any] = {
    ("version",): 1,
    ("name",): "remainder",
    ("traces",): {"use": "jsonl"},
    ("embedder",): "lsa",
    ("target",): {"agreement": 0.9},
    ("target", "agreement"): 0.9,
}
_ROUNDS = 20


def remainder(data: dict[str, Any], tree: Node) -> tuple[RouterSpec, frozenset[Path]] | None:
    """Return a spec without its bad values, and the places of what was left out or stands in for it.

    ``data`` is the spec with variables expanded, ``tree`` as written. None where a valid spec cannot be made of it.
    """
    data = copy.deepcopy(data)
    left_out: set[Path] = set()
    for _ in range(_ROUNDS):
        try:
            return RouterSpec.model_validate(data), frozenset(left_out)
        except ValidationError as error:
            found = [path for path, _ in problems_of(error, tree, RouterSpec)]
        if not _leave_out(data, found, left_out):
            return None
    return None


def _leave_out(data: dict[str, Any], paths: Sequence[Path], left_out: set[Path]) -> bool:
    """Take values out of the spec; where that was done in an earlier round, or there is none, what they stand in."""
    now: set[Path] = set()
    for path in paths:
        places = [path[:end] for end in range(len(path), 0, -1)]
        if now.intersection(places):
            continue
        held = (
            each
            for each in places
            if each not in left_out and (len(each) == 1 or _holds(_at(data, each[:-1]), each[-1]))
        )
        place = next(held, None)
        if place is None:
            return False
        _replace(_at(data, place[:-1]), place)
        now.add(place)
    left_out |= now
    return bool(now)


def _at(data: Any, path: Sequence[str | int]) -> Any:
    for key in path:
        if not _holds(data, key):
            return None
        data = data[key]
    return data


def _holds(holder: Any, key: str | int) -> bool:
    if isinstance(holder, dict):
        return key in holder
    return isinstance(holder, list) and isinstance(key, int) and key < len(holder)


def _replace(holder: Any, path: Path) -> None:
    """Put a stand-in where one is needed: what comes after it in a list keeps its place."""
    key = path[-1]
    if isinstance(holder, list):
        holder[int(key)] = {"use": "remainder", "as": f"remainder-{key}"}
    elif path in _NEEDED:
        holder[key] = copy.deepcopy(_NEEDED[path])
    else:
        holder.pop(key, None)
