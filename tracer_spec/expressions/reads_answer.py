"""Conditions on rows that read what the label reads: they select on the teacher's answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import jmespath

from tracer_spec.errors import SpecError
from tracer_spec.expressions.closures import Node, children_of
from tracer_spec.expressions.functions import LABEL_KEYS
from tracer_spec.expressions.language import compile_expression

Keys: TypeAlias = tuple[str, ...]

# they find the answer in a whole response, which holds more than the answer
_READERS = frozenset(("answered", "logged_answer", "message_text", "nested", "otlp"))
# it finds the system's prompt, which no answer stands in, in a whole record
_OF_REQUESTS = frozenset(("instructed",))
_NATIVE = "native_label(@)"
_OF_TRUTH = frozenset(("and_expression", "or_expression", "not_expression"))
_HERE: frozenset[Keys] = frozenset([()])


def refuse_answer_read(condition: str, label: str, *, address: str = "") -> None:
    """Raise where a condition reads the very value that the label reads.

    Parameters
    ----------
    condition : str
        A JMESPath that keeps rows, or leaves them out, or lets them certify.
    label : str
        The JMESPath of the teacher's answer, of the same record.

    Raises
    ------
    SpecError
        Where it does so for more than whether there is a value: the rows that are left are those whose answers suit.

    Examples
    --------
    >>> refuse_answer_read("status == 'ok' && answer != `null`", "answer")
    >>> refuse_answer_read("contains(answer, 'refund')", "answer")
    Traceback (most recent call last):
    tracer_spec.errors.SpecError: reads 'answer', which the label reads: the rows that are left are no sample of the traffic
      hint: a condition may read what is known before the teacher answers; an answer that is no label counts, as a disagreement
    """
    compile_expression(condition, address=address)
    answers = _answers(label)
    read = sorted(keys for keys in _compared(condition) if any(keys[: len(answer)] == answer for answer in answers))
    if read:
        raise SpecError(
            f"reads '{'.'.join(read[0])}', which the label reads: the rows that are left are no sample of the traffic",
            hint="a condition may read what is known before the teacher answers; an answer that is no label counts, as a "
            "disagreement",
            address=address,
        )


def may_read_answer(condition: str, label: str) -> bool:
    """Return whether a condition reads more, or less, of what the label reads: a response's status, or the answer in it.

    Examples
    --------
    >>> may_read_answer("response.status == 'completed'", "answered(response)")
    True
    >>> may_read_answer("prompt == 'classify'", "answered(response)"), may_read_answer("instructed(@) == 'x'", "answered(@)")
    (False, False)
    """
    of_label = {(key,) for key in LABEL_KEYS} if label == _NATIVE else set(filter(None, _read(_tree(label), _HERE)))
    return any(
        keys[: len(each)] == each or each[: len(keys)] == keys
        for keys in _compared(condition, unread=_OF_REQUESTS)
        for each in of_label
    )


def keys_read(expression: str) -> frozenset[Keys]:
    """Return the keys that lead from the record to what an expression reads, places in lists left out.

    Raises
    ------
    SpecError
        Where it is not JMESPath.

    Examples
    --------
    >>> sorted(keys_read("not_null(asked(request.body), items[0].text)"))
    [('items', 'text'), ('request', 'body')]
    """
    compile_expression(expression)
    return _read(_tree(expression), _HERE)


def _answers(label: str) -> frozenset[Keys]:
    """Return where the answer itself stands, as far as the label says."""
    if label == _NATIVE:
        return frozenset([LABEL_KEYS[:1]])
    return frozenset(filter(None, _read(_tree(label), _HERE, unread=_READERS)))


def _compared(condition: str, unread: frozenset[str] = frozenset()) -> frozenset[Keys]:
    """Return what a condition reads for more than whether it is there, outside ``unread`` functions."""
    return frozenset[Keys]().union(*(_read(each, _HERE, unread) for each in _judged(_tree(condition))))


def _judged(tree: Node) -> Iterator[Node]:
    """Yield the parts of a condition that judge a value."""
    if tree["type"] in _OF_TRUTH:
        for child in children_of(tree):
            yield from _judged(child)
    elif not _is_path(tree) and not _compares_null(tree):
        yield tree


def _is_path(tree: Node) -> bool:
    return tree["type"] == "field" or (tree["type"] == "subexpression" and all(map(_is_path, children_of(tree))))


def _compares_null(tree: Node) -> bool:
    return tree["type"] == "comparator" and {"type": "literal", "value": None, "children": []} in tree["children"]


def _read(tree: Node, at: frozenset[Keys], unread: frozenset[str] = frozenset()) -> frozenset[Keys]:
    """Return the keys that lead from the record to what a tree reads, from ``at`` on and outside ``unread`` functions."""
    kind, children = tree["type"], children_of(tree)
    if kind == "field":
        return frozenset((*keys, tree["value"]) for keys in at)
    if kind == "literal" or (kind == "function_expression" and tree["value"] in unread):
        return frozenset()
    if kind in ("subexpression", "index_expression"):  # a chain, of any length
        for child in children:
            at = _read(child, at, unread)
        return at
    if kind in (
        "pipe",
        "projection",
        "value_projection",
        "filter_projection",
        "flatten",
    ):
        first = _read(children[0], at, unread)
        below = [_read(child, first, unread) for child in children[1:]]
        return frozenset[Keys]().union(*below) if below else first
    if not children:
        return at
    return frozenset[Keys]().union(*(_read(child, at, unread) for child in children))


def _tree(expression: str) -> Node:
    tree: Node = jmespath.compile(expression).parsed
    return tree
