"""The teacher's answer as JSON values, so that the log holds every answer, of whatever shape."""

from __future__ import annotations

import json
from typing import Any

from tracer_spec.text_steps import ToolCall

TOOL_CALL = "tool_call"
"""The key of a tool's call: its arguments alone would not say which tool it was."""


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
    if answer is None or isinstance(answer, (str, bool, int)):
        return answer
    if not isinstance(answer, (dict, list, tuple, float)):
        answer = _dumped(answer)
    try:
        # NaN and Infinity, which JSON does not have, are read as the sources read them
        return json.loads(json.dumps(answer, default=_dumped), parse_constant=lambda _: None)
    except (TypeError, ValueError, RecursionError):
        return str(answer)


def _dumped(answer: Any) -> Any:
    """Return what a client's object dumps; the text of any other, and of one that cannot."""
    dump = getattr(answer, "model_dump", None)
    if not callable(dump):
        return dict(answer) if hasattr(answer, "keys") else str(answer)
    for options in ({"mode": "json"}, {}):
        try:
            return dump(**options)
        except Exception:  # noqa: BLE001, S112  code of the client's, and the teacher has answered
            continue
    return str(answer)
