"""The steps of the spec, from one text to another: from the teacher's answer to the text of a label."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from tracer_spec.errors import SpecError, did_you_mean

STEPS = ("strip", "first-line", "casefold", "code-fence", "json:KEY", "regex:PATTERN")


_FENCE = "```"


Step: TypeAlias = Callable[[Any], Any]


class UnusableError(Exception):
    """The answer is no label."""


class ToolCall(dict[str, Any]):
    """The arguments of a call that the teacher answered with, which know the name of the tool.

    Examples
    --------
    >>> ToolCall("classify", {"intent": "refund"}).tool
    'classify'
    """

    def __init__(self, tool: str, arguments: Mapping[str, Any]) -> None:
        super().__init__(arguments)
        self.tool = tool


def compile_step(text: str, address: str) -> Step:
    """Compile one step."""
    name, _, argument = text.partition(":")
    if name == "json" and argument:
        keys = tuple(argument.split("."))
        return lambda value: _at(keys, value)
    if name == "regex" and argument:
        try:
            pattern = re.compile(argument)
        except (re.error, RecursionError, OverflowError) as error:
            raise SpecError(f"'{argument}' is not a regular expression: {error}", address=address) from None
        return _on_text(lambda value: _match(pattern, value))
    if text not in _PLAIN_STEPS:
        raise SpecError(
            f"no step is called '{text}'; known: {', '.join(STEPS)}",
            hint=did_you_mean(text, STEPS),
            address=address,
        )
    return _on_text(_PLAIN_STEPS[text])


def _on_text(step: Callable[[str], str]) -> Step:
    """Let objects pass: only ``json:KEY`` reads them."""
    return lambda value: step(value) if isinstance(value, str) else value


def as_text(value: Any) -> Any:
    """Return numbers and booleans as their JSON text."""
    return json.dumps(value) if isinstance(value, (bool, int, float)) else value


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "")


def _inside_fence(text: str) -> str:
    _, opening, rest = text.partition(_FENCE)
    if not opening:
        return text
    inside = rest.partition(_FENCE)[0]
    language, newline, body = inside.partition("\n")
    # a word after the opening fence is the language, unless the whole block is on that one line
    return body if newline and " " not in language.strip() else inside


def _at(keys: tuple[str, ...], value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise UnusableError from None
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    if value is None:
        raise UnusableError
    return as_text(value)


def _match(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    if found is None:
        raise UnusableError
    return (found[1] or "") if pattern.groups else found[0]


_PLAIN_STEPS: Mapping[str, Callable[[str], str]] = {
    "strip": str.strip,
    "first-line": _first_line,
    "casefold": str.casefold,
    "code-fence": _inside_fence,
}
