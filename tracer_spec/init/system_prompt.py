"""Conditions of a first spec on the system's prompt: ``serve.match``, and a format's ``where``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tracer_spec.chat.json_text import unpack
from tracer_spec.expressions.language import ExpressionError, compile_expression
from tracer_spec.expressions.travelling import compile_travelling
from tracer_spec.init.attempt import Layout, Written
from tracer_spec.plugin import Record

_PROMPT = "message_text(not_null(system, instructions, messages[0].content))"
# a longer prompt is told by so many characters of its start and its end
_WHOLE, _PART = 200, 80


def match_of(layout: Layout, records: Sequence[Record]) -> str:
    """Return the expression that tells the calls of a chat log from an app's others; empty where they share no system prompt.

    Examples
    --------
    >>> from tracer_spec.init.attempt import Layout
    >>> from tracer_spec.plugin import Record
    >>> turns = [{"role": "system", "content": "Classify."}, {"role": "user", "content": "where is it?"}]
    >>> match_of(Layout("chat", ()), [Record("", {"messages": turns}, "")])
    "message_text(not_null(system, instructions, messages[0].content)) == 'Classify.'"
    """
    name = layout.format if isinstance(layout.format, str) else layout.format.get("preset")
    bodies = list(_bodies(records, layout.format)) if name == "chat" else []
    prompts = {_read(_PROMPT, body) for body in bodies}
    prompt = prompts.pop() if len(prompts) == 1 else None
    if not isinstance(prompt, str) or not prompt.strip():
        return ""
    match = _match(prompt)
    return match if all(_read(match, body) is True for body in bodies) else ""


def conditions(expression: str, prompts: Sequence[str]) -> Iterator[str]:
    """Yield conditions that hold for these prompts, the shorter first: it may hold for another that starts and ends alike."""
    yield " || ".join(_condition(expression, prompt) for prompt in prompts)
    yield " || ".join(f"{expression} == {_quoted(prompt)}" if prompt else f"!{expression}" for prompt in prompts)


def _condition(expression: str, prompt: str) -> str:
    if not prompt:
        return f"!{expression}"
    return _match(prompt, expression if len(prompt) <= _WHOLE else f"not_null({expression}, '')")  # where there is none


def _bodies(records: Sequence[Record], format_: Written) -> Iterator[Mapping[str, Any]]:
    """Yield the requests of a chat log, of the records that its format keeps."""
    where = format_.get("where") if isinstance(format_, Mapping) else None
    keeps = compile_expression(where) if where else None
    for record in records:
        if not record.problem and (keeps is None or keeps(record.data)):
            request = unpack(record.data.get("request"))
            yield request if isinstance(request, Mapping) else record.data


def _match(prompt: str, expression: str = _PROMPT) -> str:
    if len(prompt) <= _WHOLE:
        return f"{expression} == {_quoted(prompt)}"
    start, end = _quoted(prompt[:_PART]), _quoted(prompt[-_PART:])
    return f"starts_with({expression}, {start}) && ends_with({expression}, {end})"


def _quoted(text: str) -> str:
    """Return a literal of JMESPath: a raw string, or JSON where that cannot hold the text."""
    if "'" in text or "\\" in text:
        return "`" + json.dumps(text, ensure_ascii=False).replace("`", "\\u0060") + "`"
    return f"'{text}'"


def _read(expression: str, body: Mapping[str, Any]) -> Any:
    try:
        return compile_travelling(expression)(body)
    except ExpressionError:
        return None
