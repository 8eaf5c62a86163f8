"""Plain data from the tree of a spec, with ``${VAR}`` expanded in scalar values (never in keys)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tracer_spec.errors import Problem, SpecError
from tracer_spec.spec.nodes import Items, Node, Pairs, Path, Scalar, address, as_written
from tracer_spec.spec.scalars import SURROGATE, OutOfRangeError, resolve

_REFERENCE = re.compile(
    r"\$\$\{"  # an escaped brace
    r"|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<how>:[-?])(?P<rest>[^}]*))?\}"
    r"|\$\{"  # anything else that looks like a reference
)
# any unescaped reference, whole or not; the search stays linear where no brace is ever closed
_NAMES_VARIABLE = re.compile(r"(?<!\$)\$\{[A-Za-z_]")


@dataclass(frozen=True, slots=True)
class Expanded:
    """Plain data; None where a scalar has no value, which is a problem and ``unresolved``: no more is to be said of it."""

    data: Any
    problems: tuple[Problem, ...]
    unresolved: frozenset[Path]


def expand(root: Node, environ: Mapping[str, str]) -> Expanded:
    """Expand variables, then type what is plain.

    ``${NAME}`` must be set; where it is unset or empty, ``${NAME:-default}`` takes the default and
    ``${NAME:?message}`` fails with the message. ``$${`` is a literal ``${``. An unquoted scalar is typed
    after expansion, so that ``dim: ${DIM:-384}`` is a number; a quoted one stays a string.
    """
    problems: list[Problem] = []
    unresolved: set[Path] = set()

    def walk(node: Node, path: Path) -> Any:
        if isinstance(node, Pairs):
            return {key: walk(entry.node, (*path, key)) for key, entry in node.entries.items()}
        if isinstance(node, Items):
            return [walk(item, (*path, index)) for index, item in enumerate(node.items)]
        try:
            return _value(node, environ)
        except SpecError as error:
            problems.extend(replace(each, where=str(node.place), address=address(path)) for each in error.problems)
            unresolved.add(path)
            return None

    return Expanded(walk(root, ()), tuple(problems), frozenset(unresolved))


def names_variable(scalar: Scalar) -> bool:
    """Return whether a scalar takes something from the environment."""
    return bool(_NAMES_VARIABLE.search(scalar.text))


def variables_of(scalar: Scalar) -> tuple[str, ...]:
    """Return the names of the variables that a scalar takes something from, as often as it does."""
    return tuple(match["name"] for match in _REFERENCE.finditer(scalar.text) if match["name"])


def default_of(scalar: Scalar) -> str | int | float | bool | None:
    """Return what a scalar is where no variable is set; None where it is nothing then."""
    try:
        return _value(scalar, {})
    except SpecError:
        return None


def _value(scalar: Scalar, environ: Mapping[str, str]) -> str | int | float | bool | None:
    text = scalar.text
    if "${" in text:
        text = _REFERENCE.sub(lambda match: _substitute(match, scalar, environ), text)
    if not scalar.plain:
        return text
    try:
        value = resolve(text)
    except OutOfRangeError:
        fact = f"{as_written(scalar)[:60]} is an integer beyond 64 bits"
        raise SpecError(fact, hint="put quotes around it where it is a string") from None
    if isinstance(value, float) and not math.isfinite(value):  # JSON, and so a lock or a bundle, could not hold it
        fact = f"{as_written(scalar)[:60]} is not a finite number"
        raise SpecError(fact, hint="write a finite one, or put quotes around it where it is a string")
    return value


def _substitute(match: re.Match[str], scalar: Scalar, environ: Mapping[str, str]) -> str:
    """Return what one reference stands for."""
    if match[0] == "$${":
        return "${"
    name, how, rest = match["name"], match["how"], match["rest"]
    if name is None:
        raise SpecError(
            f"{as_written(scalar)} holds a '${{' that opens no variable",
            hint="write ${NAME}, ${NAME:-default} or ${NAME:?message}; $${ is a literal ${",
        )
    value = environ.get(name)
    if value is not None and SURROGATE.search(value):
        raise SpecError(f"the environment variable {name} is not UTF-8", hint=f"set {name} to text")
    if value or (value is not None and how is None):
        return value
    if how == ":-":
        return str(rest)
    state = "is empty" if value is not None else "is not set"
    said = f": {rest.strip()}" if rest and rest.strip() else ""
    fact = f"the environment variable {name} {state}{said}"
    raise SpecError(fact, hint=f"set {name}, or give a default: ${{{name}:-...}}")
