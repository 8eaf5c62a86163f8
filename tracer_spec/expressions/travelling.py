"""Expressions that travel in a bundle: none costs more than what it reads, times its own length."""

from __future__ import annotations

from collections.abc import Iterator

import jmespath

from tracer_spec.errors import SpecError
from tracer_spec.expressions.closures import Getter, Node
from tracer_spec.expressions.language import compile_expression

# those whose results are no larger than what they are given
_FUNCTIONS = frozenset(
    (
        *("asked", "from_json", "message_text", "not_null", "type", "length", "keys", "values", "to_number"),
        *("contains", "starts_with", "ends_with"),
    )
)
_MOST_COPIES = 64


def compile_travelling(expression: str, *, address: str = "") -> Getter:
    """Compile an expression that a bundle may hold: see :func:`~tracer_spec.expressions.language.compile_expression`.

    Raises
    ------
    SpecError
        As there; and where it could make much more of a value than it is.

    Notes
    -----
    Lists and objects that an expression writes multiply what they hold, and those inside others multiply again:
    ``[@, @][] | [@, @][]`` is four copies. The product of their lengths is bounded, and functions that can make long texts are
    not among those that may be called.
    """
    compiled = compile_expression(expression, address=address)
    nodes = list(_nodes(jmespath.compile(expression).parsed))
    called = {node["value"] for node in nodes if node["type"] == "function_expression"}
    if strange := called - _FUNCTIONS:
        known = ", ".join(sorted(_FUNCTIONS))
        raise SpecError(
            f"'{expression}' calls {min(strange)}(), which no expression in a bundle may; known: {known}",
            address=address,
        )
    copies = 1
    for node in nodes:
        if node["type"] in ("multi_select_list", "multi_select_dict"):
            copies *= max(1, len(node["children"]))
    if copies > _MOST_COPIES:
        raise SpecError(
            f"'{expression}' could make {copies} values of one; at most {_MOST_COPIES} are taken",
            hint='compare with a list in backquotes, `["a", "b"]`, which counts as one value',
            address=address,
        )
    return compiled


def _nodes(tree: Node) -> Iterator[Node]:
    yield tree
    for child in tree["children"]:
        if isinstance(child, dict):
            yield from _nodes(child)
