"""The teacher's answer as JSON values, so that the log holds every answer, of whatever shape."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from tracer_spec.text_steps import ToolCall

TOOL_CALL = "tool_call"
"""The key of a tool's call: its arguments alone would not say which tool it was."""


def unanswered(reason: str, answer: Any = None) -> dict[str, Any]:
    """Return what the log holds of an answer that is no label whatever it says; null there is for an answer that never came.

    Examples
    --------
    >>> unanswered("none")
    {'unanswered': {'reason': 'none', 'answer': None}}
    """
    return {"unanswered": {"reason": reason, "answer": answer}}


def plain(answer: Any) -> Any:
    """Return an answer as JSON values, as far as it has any: what a client's object dumps, else its text.

    An answer that could not be logged would be missing among the disagreements, so none is refused here.

    Examples
    --------
    >>> plain({"intent": ("refund",), "score": float("nan")})
    {'intent': ['refund'], 'score': None}
    """
    if isinstance(answer, ToolCall):
        return {TOOL_CALL: {"name": answer.tool, "arguments": dict(answer)}}
    if answer is None or isinstance(answer, (str, bool)):
        return answer
    if not isinstance(answer, (dict, list, tuple, int, float)):
        answer = _dumped(answer)
    try:
        # NaN and Infinity, which JSON does not have, are read as the sources read them
        return json.loads(json.dumps(answer, default=_dumped), parse_constant=lambda _: None)
    except (TypeError, ValueError, RecursionError):
        return _text(answer)


def _dumped(answer: Any) -> Any:
    """Return what a client's object dumps; the text of any other, and of one that cannot."""
    dump = getattr(answer, "model_dump", None)
    asked = [partial(dump, mode="json"), dump] if callable(dump) else [partial(dict, answer)] * hasattr(answer, "keys")
    for way in asked:
        try:
            return way()
        except Exception:  # noqa: BLE001, S112  code of the client's, and the teacher has answered
            continue
    return _text(answer)


def _text(answer: Any) -> str:
    """Return the text of an answer, or say that it has none, as a number of more than 4,300 digits."""
    try:
        return str(answer)
    except Exception as error:  # noqa: BLE001  code of the client's, and the teacher has answered
        return f"no text: {type(answer).__name__}, {type(error).__name__}"
