"""Conditions on which rows there are, and which certify: they read nothing that a router decided, which is no chance."""

from __future__ import annotations

import jmespath

from tracer_spec.errors import SpecError
from tracer_spec.expressions.closures import Getter, Node
from tracer_spec.expressions.language import compile_expression

# keys of ``router`` in a line of the log of decisions; who served is chance's and the teacher's among rows with its label
_DECIDED = frozenset(("handled", "label", "reason", "score", "stage"))


def compile_of_chance(expression: str, *, address: str = "") -> Getter:
    """Compile a condition: see :func:`~tracer_spec.expressions.language.compile_expression`.

    Raises
    ------
    SpecError
        As there; and where it reads what a router decided. Rows that it then leaves out are hard ones, or easy ones, and the
        others would certify a policy that answers those too.

    Examples
    --------
    >>> compile_of_chance("router.mode == 'live'")({"router": {"mode": "live"}})
    True
    """
    compiled = compile_expression(expression, address=address)
    if read := _decided(jmespath.compile(expression).parsed):
        raise SpecError(
            f"reads 'router.{min(read)}', which the router decided: the rows that are left are no sample of the traffic",
            hint="audited rows alone certify, without a condition; one may read what is known before a request is decided: "
            "time, model, router.version, router.mode",
            address=address,
        )
    return compiled


def _decided(tree: Node) -> set[str]:
    """Return the keys of a router's decision that a tree reads."""
    children = [child for child in tree["children"] if isinstance(child, dict)]
    found = set[str]().union(*map(_decided, children))
    if tree["type"] in ("subexpression", "pipe") and len(children) == 2:
        whole, key = children
        if whole["type"] == key["type"] == "field" and whole["value"] == "router" and key["value"] in _DECIDED:
            found.add(key["value"])
    return found
