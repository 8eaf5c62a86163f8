"""A spec given as a Python mapping, as the same tree as one read from YAML."""

from __future__ import annotations

import json
import numbers
import os
import re
from collections.abc import Mapping
from typing import Any

from tracer_spec.errors import Problem, SpecError
from tracer_spec.spec.nodes import Entry, Items, Node, Pairs, Path, Place, Scalar, address, quoted
from tracer_spec.spec.reader import MAX_DEPTH, MAX_VALUES
from tracer_spec.spec.scalars import SURROGATE, fits, write

_NOWHERE = Place("")
_UNSAFE = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]")


def read_mapping(source: Mapping[Any, Any]) -> tuple[Node, list[Problem]]:
    """Return the tree of a mapping, and every value in it that YAML could not hold.

    Strings stay strings, with ``${VAR}`` still to be expanded; paths become strings, tuples become lists.

    Raises SpecError where it is nested deeper, or holds more values, than a file may.
    """
    problems: list[Problem] = []
    n_values = 0

    def walk(value: Any, path: Path) -> Node:
        nonlocal n_values
        n_values += 1
        if n_values > MAX_VALUES:
            raise SpecError(f"the mapping holds more than {MAX_VALUES:,} values")
        if len(path) > MAX_DEPTH:
            raise SpecError(f"lists and mappings are nested deeper than {MAX_DEPTH}", hint="does one hold itself?")
        if isinstance(value, Mapping):
            entries: dict[str, Entry] = {}
            for key, below in value.items():
                if isinstance(key, str) and not SURROGATE.search(key):
                    entries[str.__str__(key)] = Entry(_NOWHERE, walk(below, (*path, key)))
                else:
                    problems.append(Problem("", f"a key is {_kind(key)}, not a string", address=address(path)))
            return Pairs(_NOWHERE, entries)
        if isinstance(value, list | tuple):
            return Items(_NOWHERE, tuple(walk(item, (*path, index)) for index, item in enumerate(value)))
        scalar, problem = _scalar(value)
        if problem:
            problems.append(Problem("", problem, address=address(path)))
        return scalar

    return walk(source, ()), problems


def as_text(node: Node) -> str:
    """Write a tree as JSON, which is YAML too: strings are quoted, so that it reads back as it was."""

    def pairs(node: Pairs) -> list[str]:
        return [f"{_double_quoted(key)}: {inline(entry.node)}" for key, entry in node.entries.items()]

    def inline(node: Node) -> str:
        if isinstance(node, Scalar):
            return node.text if node.plain else _double_quoted(node.text)
        if isinstance(node, Items):
            return f"[{', '.join(inline(item) for item in node.items)}]"
        return f"{{{', '.join(pairs(node))}}}"

    return "".join(f"{line}\n" for line in (pairs(node) if isinstance(node, Pairs) else [inline(node)]))


def _double_quoted(text: str) -> str:
    """Write a string as YAML; JSON's own escapes of what lies beyond 16 bits would not read back."""
    return _UNSAFE.sub(lambda match: f"\\U{ord(match[0]):08X}", json.dumps(text, ensure_ascii=False))


def _scalar(value: Any) -> tuple[Scalar, str]:
    """Return a scalar, and what is wrong with it."""
    if isinstance(value, str | os.PathLike):
        text = os.fspath(value)
        if isinstance(text, str) and not SURROGATE.search(text):
            return Scalar(_NOWHERE, str.__str__(text), plain=False), ""
        return _NULL, "a string is not valid Unicode"
    if value is None or isinstance(value, bool):
        return Scalar(_NOWHERE, write(value), plain=True), ""
    if isinstance(value, numbers.Integral):
        if fits(int(value)):
            return Scalar(_NOWHERE, write(int(value)), plain=True), ""
        return _NULL, "an integer is beyond 64 bits"
    if isinstance(value, numbers.Real):
        return Scalar(_NOWHERE, write(float(value)), plain=True), ""
    return _NULL, f"{_kind(value)} is not a value that a spec can hold"


_NULL = Scalar(_NOWHERE, "null", plain=True)


def _kind(value: Any) -> str:
    return quoted(type(value).__name__)
