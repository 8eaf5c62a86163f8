"""Conditions on which rows of a log of decisions there are, and which certify: they read nothing that was answered."""

from __future__ import annotations

import jmespath

from tracer_spec.errors import SpecError
from tracer_spec.expressions.closures import Getter, Node, children_of
from tracer_spec.expressions.language import compile_expression

# keys of ``router`` in a line of the log of decisions; who served is chance's and the teacher's among rows with its label
_DECIDED = frozenset(("handled", "label", "reason", "score", "stage"))
_ANSWERED = frozenset(("teacher", "teacher_raw"))


def compile_of_chance(expression: str, *, address: str = "") -> Getter:
    """Compile a condition: see :func:`~tracer_spec.expressions.language.compile_expression`.

    Raises
    ------
    SpecError
        As there; and where it reads what a router decided, or the teacher answered. Rows that it then leaves out are hard ones,
        or easy ones, and the others would certify a policy that answers those too.

    Examples
    --------
    >>> compile_of_chance("router.mode == 'live'")({"router": {"mode": "live"}})
    True
    """
    compiled = compile_expression(expression, address=address)
    tree = jmespath.compile(expression).parsed
    answered = {f"router.{key}": "the router decided" for key in _decided(tree)}
    answered |= dict.fromkeys(_fields(tree) & _ANSWERED, "the teacher answered")
    if answered:
        key = min(answered)
        raise SpecError(
            f"reads '{key}', which {answered[key]}: the rows that are left are no sample of the traffic",
            hint="audited rows alone certify, without a condition; one may read what is known before a request is decided: "
            "time, input, model, router.version, router.mode",
            address=address,
        )
    return compiled


def _decided(tree: Node) -> set[str]:
    """Return the keys of a router's decision that a tree reads."""
    found = set[str]().union(*map(_decided, children_of(tree)))
    whole, key = _pair(tree)
    if whole == "router" and key in _DECIDED:
        found.add(key)
    return found


def _fields(tree: Node) -> set[str]:
    """Return the keys of the record itself that a tree reads, and those of whatever it makes of one."""
    whole, _ = _pair(tree)
    if whole:
        return {whole}
    own = {tree["value"]} if tree["type"] == "field" else set()
    return own.union(*map(_fields, children_of(tree)))


def _pair(tree: Node) -> tuple[str, str]:
    """Return the two keys of ``key.key``, or ``key | key``; empty for other trees."""
    children = children_of(tree)
    if tree["type"] in ("subexpression", "pipe") and [each["type"] for each in children] == ["field", "field"]:
        return children[0]["value"], children[1]["value"]
    return "", ""
