"""Inverse of the steps from an answer to a label: the answer that they make a label of, as the teacher would write it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tracer_spec.text_steps import ToolCall
from tracer_spec.text_steps.patterns import around_group

_SEPARATOR = "..."
TOOL_NAME = "tool-name"
_READ_OBJECTS = ("json", "json?", TOOL_NAME)


def before_steps(steps: Sequence[str], label: str, *, as_call: bool = False) -> list[Any]:
    """Return what stands before each step, the label last, so that the first is the answer.

    A step whose inverse is not known is taken to leave its text as it is: whether the steps make the label of the answer is for
    the caller to try. With ``as_call`` the answer is the arguments of a tool's call, which steps for texts leave as they are.

    Returns
    -------
    list
        Texts; objects, before ``json:KEY``; a :class:`~tracer_spec.text_steps.ToolCall` before ``tool-name``.

    Examples
    --------
    >>> before_steps(["code-fence", "json:intent.name", "strip"], "refund")[0]
    {'intent': {'name': 'refund'}}
    >>> before_steps(["after:Label: ", "json:intent"], "refund")
    ['Label: {"intent": "refund"}', {'intent': 'refund'}, 'refund']
    """
    values: list[Any] = [label]
    for step in reversed(steps):
        name, _, argument = step.partition(":")
        value = values[-1]
        is_kept = name not in _INVERSES or (as_call and isinstance(value, Mapping) and name not in _READ_OBJECTS)
        values.append(value if is_kept else _INVERSES[name](argument, value))
    return values[::-1]


def as_answer_text(value: Any) -> str:
    """Return a text as it is, an object as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _nested(path: str, value: Any) -> Any:
    """Return an object, or a list of one, in which a value stands at a path."""
    for key in reversed(path.split(".")):
        value = [value] if key == "0" else {key: value}
    return value


def _around(start: str, value: Any, end: str) -> Any:
    return f"{start}{as_answer_text(value)}{end}"


def _between(markers: str, value: Any) -> Any:
    start, _, end = markers.partition(_SEPARATOR)
    return _around(start, value, end)


def _matching(pattern: str, value: Any) -> Any:
    start, end = around_group(pattern)
    return _around(start, value, end) if start or end else value


_INVERSES: Mapping[str, Callable[[str, Any], Any]] = {
    "json": _nested,
    "json?": _nested,
    "prefix": lambda text, value: _around(text, value, ""),
    "after": lambda text, value: _around(text, value, ""),
    "before": lambda text, value: _around("", value, text),
    "between": _between,
    "regex": _matching,
    TOOL_NAME: lambda _, value: ToolCall(as_answer_text(value), {}),
}
