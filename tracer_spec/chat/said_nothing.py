"""Responses in which the teacher had its say, and nothing is said: answers that are no label, and not calls that failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tracer_spec.chat.json_text import unpack_whole
from tracer_spec.chat.message import ASSISTANT, role_of
from tracer_spec.chat.reading import HOLDS_AN_END, answered, ends_of, first_choice, is_choice

_BY_ITSELF = frozenset(("stop", "end_turn", "stop_sequence", "eos", "eos_token", "complete", "finish", "finished"))
_FOR_A_TOOL = frozenset(("tool_calls", "tool_call", "tool_use", "tool-calls", "function_call"))
# of OpenAI's Responses
_NOT_WHOLE = frozenset(("queued", "in_progress", "incomplete", "failed", "cancelled"))
_DEEPEST = 6


def said_nothing(value: Any) -> bool:
    """Tell whether a response is whole and holds no answer, as where the content of its message is null.

    A call that failed has no such response. Neither has a piece of a stream, nor a response that ended to call a tool.

    Examples
    --------
    >>> said_nothing({"choices": [{"message": {"role": "assistant", "content": None}, "finish_reason": "stop"}]})
    True
    >>> said_nothing({"choices": [{"message": {"role": "assistant", "content": ""}, "finish_reason": "stop"}]})
    False
    >>> said_nothing({"error": {"message": "timeout"}}), said_nothing({"content": [], "stop_reason": "end_turn"})
    (False, True)
    """
    value = unpack_whole(value)
    if answered(value) is not None:
        return False
    ends, levels = set(ends_of(value)), list(_levels(value, 0))
    if ends & _FOR_A_TOOL or any(map(_is_broken, levels)):
        return False
    return bool(ends & _BY_ITSELF) or any(map(_is_whole, levels))


def _is_broken(level: Mapping[str, Any]) -> bool:
    """Tell whether a body, a choice or a message is a piece of a stream, or says that something failed."""
    status = level.get("status")
    return "delta" in level or bool(level.get("error")) or (isinstance(status, str) and status in _NOT_WHOLE)


def _is_whole(level: Mapping[str, Any]) -> bool:
    """Tell whether a body, a choice or a message says that the model has had its say."""
    # Anthropic's first event of a stream holds a message that has not ended
    is_message = "content" in level and role_of(level) == ASSISTANT and level.get("stop_reason", "") is not None
    has_ended = bool(level.get("choices")) or level.get("stop_reason") is not None or level.get("status") == "completed"
    return is_message or has_ended


def _levels(value: Any, depth: int) -> Iterator[Mapping[str, Any]]:
    """Yield a body, its first choice, and the message in that, or the last one."""
    if depth > _DEEPEST:
        return
    if isinstance(value, list) and value:
        yield from _levels(first_choice(value) if is_choice(value[0]) else value[-1], depth + 1)
    elif isinstance(value, Mapping):
        yield value
        for key in value.keys() & HOLDS_AN_END:
            yield from _levels(value[key], depth + 1)
