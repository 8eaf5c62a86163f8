"""Problems out of a pydantic error, with the address and the place of what was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from pydantic import BaseModel, ValidationError

from tracer_spec.errors import Problem, did_you_mean
from tracer_spec.spec.error_text import fact_and_hint, missing, not_a, noun
from tracer_spec.spec.fields import TAGS
from tracer_spec.spec.model_lookup import Slot, slot_at
from tracer_spec.spec.nodes import (
    Entry,
    Node,
    Pairs,
    Path,
    Scalar,
    address,
    as_written,
    child,
    find,
    in_flow,
    key_place,
    nearest,
    quoted,
)

_MOST_SHOWN = 200
_UNDER_WITH = "options of a plugin go under 'with'"


@dataclass(frozen=True, slots=True)
class _Located:
    """A pydantic error at its path in the spec; ``union`` and ``branch`` where several types are allowed."""

    error: Mapping[str, Any]
    path: Path
    union: Path | None
    branch: str | int


def problems_of(
    error: ValidationError, root: Node, model: type[BaseModel], at: Path = ()
) -> list[tuple[Path, Problem]]:
    """Return what a pydantic error says, each with its path.

    ``at`` is where the data that ``model`` refused stand in the spec: ``()`` for all of it, ``("zoo", 1, "with")`` for a
    plugin's options. ``root`` is the whole spec as written.
    """
    errors = error.errors(include_url=False, include_input=False)
    located = _recounted([_locate(each, root, model, at) for each in errors])
    found: list[tuple[Path, Problem]] = []
    for union, group in groupby(located, key=lambda each: each.union):
        branches = [list(each) for _, each in groupby(group, key=lambda each: each.branch if union is not None else "")]
        meant = _branch_meant(branches, union)
        if meant is not None:
            found += [(each.path, _problem(each, root, _slot(model, each, at))) for each in meant]
        elif union is not None:
            node, nouns = nearest(root, union), [noun(branch[0].error) for branch in branches]
            fact, hint = not_a(node, nouns, slot_at(model, union[len(at) :]))
            found.append((union, Problem(str(node.place), fact, hint, address(union))))
    return found


def _slot(model: type[BaseModel], located: _Located, at: Path) -> Slot:
    """Return what is taken where an error is; around it, for an unknown key."""
    path = located.path[len(at) :]
    return slot_at(model, path[:-1] if located.error["type"] == "extra_forbidden" else path)


def _locate(error: Mapping[str, Any], root: Node, model: type[BaseModel], at: Path) -> _Located:
    """Follow pydantic's location through what is written; what does not lead on names a branch of a union."""
    path, union, branch = at, None, ""
    node = find(root, at)
    *_, last = error["loc"] or ("",)
    for depth, segment in enumerate(error["loc"]):
        below = child(node, segment) if node is not None else None
        is_last = depth == len(error["loc"]) - 1
        if below is not None:
            path, node = (*path, segment), below
        elif segment in TAGS:
            continue
        elif is_last and (error["type"] == "missing" or _is_key(last, node, model, path[len(at) :])):
            path = (*path, last)
        elif union is None:
            union, branch = path, segment
    return _Located(error, path, union, branch)


def _recounted(located: Sequence[_Located]) -> list[_Located]:
    """Count the wrong items of a list as items, which pydantic leaves out where it says that a tuple is too short."""
    found = []
    for each in located:
        if each.error["type"] == "too_short":
            depth, context = len(each.path), each.error["ctx"]
            wrong = {other.path[depth] for other in located if other.path[:depth] == each.path and other.path[depth:]}
            n_items = context["actual_length"] + len(wrong)
            if n_items >= context["min_length"]:
                continue
            each = replace(each, error={**each.error, "ctx": {**context, "actual_length": n_items}})
        found.append(each)
    return found


def _is_key(segment: str | int, node: Node | None, model: type[BaseModel], path: Path) -> bool:
    """Return whether a location ends in a key that is not written, and not in the branch of a union."""
    return isinstance(node, Pairs) and segment in slot_at(model, path).keys


def _branch_meant(branches: Sequence[list[_Located]], union: Path | None) -> list[_Located] | None:
    """Return the errors of the branch of a union that was meant: its type is right. None where a value fits no branch."""
    for branch in branches:
        if len(branches) == 1 or not any(each.path == union and noun(each.error) for each in branch):
            return branch
    return None


def _problem(located: _Located, root: Node, slot: Slot) -> Problem:
    path, kind = located.path, located.error["type"]
    if kind == "extra_forbidden":
        return _unknown_key(path, root, slot)
    if kind == "missing":
        return Problem(str(nearest(root, path).place), *missing(str(path[-1]), slot), address(path))
    node = nearest(root, path)
    if find(root, path) is None:  # the options of a plugin that are not written
        fact, hint = fact_and_hint(located.error, Pairs(node.place, {}), slot)
        return Problem(str(node.place), fact, hint or _with_options(node), address(path))
    fact, hint = fact_and_hint(located.error, node, slot)
    return Problem(str(node.place), fact, hint, address(path))


def _with_options(plugin: Node) -> str:
    """Show where the options of a plugin go that is written without any; nothing of anything else."""
    named = plugin.entries.get("use") if isinstance(plugin, Pairs) else Entry(plugin.place, plugin)
    return f"give its options: {{use: {in_flow(named.node)}, with: {{...}}}}" if named else ""


def _unknown_key(path: Path, root: Node, slot: Slot) -> Problem:
    known = ", ".join(slot.keys) or "none"
    what = f"there is no key {quoted(str(path[-1]))}; known: {known}"
    hint = did_you_mean(str(path[-1]), slot.keys) or _under_with(str(path[-1]), find(root, path[:-1]), slot.keys)
    return Problem(str(key_place(root, path)), what, hint, address(path))


def _under_with(key: str, holder: Node | None, known: Sequence[str]) -> str:
    """Show a plugin whose options stand beside ``use`` with them where they belong; nothing of anything else."""
    if not isinstance(holder, Pairs) or not {"use", "with"} <= {*known}:
        return ""
    if key == "as":
        return "take it out: a part of another plugin is called by its number"
    nowhere, options = holder.place, {key: each for key, each in holder.entries.items() if key not in (*known, "as")}
    entries = {key: each for key, each in holder.entries.items() if key in known}
    if not entries and len(options) == 1:
        ((name, entry),) = options.items()
        if not isinstance(entry.node, Pairs) and as_written(entry.node) != "null":
            return _UNDER_WITH
        entries = {"use": Entry(nowhere, Scalar(nowhere, name, plain=True))}
        options = dict(entry.node.entries) if isinstance(entry.node, Pairs) else {}
    given = entries.pop("with").node if "with" in entries else Pairs(nowhere, {})
    if "use" not in entries or not isinstance(given, Pairs):
        return ""
    written = Entry(nowhere, Pairs(nowhere, {**given.entries, **options}))
    shown = in_flow(Pairs(nowhere, {**entries, "with": written}))
    return f"{_UNDER_WITH}: {shown}" if len(shown) <= _MOST_SHOWN else _UNDER_WITH
