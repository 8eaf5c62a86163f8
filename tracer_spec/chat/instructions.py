"""Reader of the system's prompt of a chat call, whatever API wrote the request: how the teacher was told to answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tracer_spec.chat.json_text import unpack_whole
from tracer_spec.chat.message import SYSTEM, bare, message_text, role_of, text_of
from tracer_spec.chat.reading import CONVERSATIONS, PROMPTS

_DEEPEST = 6
# where a body keeps the prompt beside its messages: Anthropic and Bedrock, OpenAI's Responses, Gemini
_BESIDE = ("system", "instructions", "systemInstruction", "system_instruction")


def instructed(value: Any) -> str | None:
    """Return the text of the system's messages, or what a body holds beside its messages; null where there is none.

    Examples
    --------
    >>> instructed({"messages": [{"role": "system", "content": "Classify."}, {"role": "user", "content": "where is it?"}]})
    'Classify.'
    >>> instructed({"system": [{"type": "text", "text": "Classify."}], "messages": [{"role": "user", "content": "hi"}]})
    'Classify.'
    """
    return _instructed(unpack_whole(value), 0)


def _instructed(value: Any, depth: int) -> str | None:
    if depth > _DEEPEST:
        return None
    if isinstance(value, list):
        return _of_messages(value, depth)
    if not isinstance(value, Mapping):
        return None
    for key in _BESIDE:
        held = unpack_whole(value.get(key))
        text = text_of(held) if isinstance(held, Mapping) else message_text(held)
        if text:
            return text
    for key in (*CONVERSATIONS, *PROMPTS):
        text = _instructed(unpack_whole(value.get(key)), depth + 1)
        if text:
            return text
    return _of_messages([value], depth) if "role" in value else None


def _of_messages(messages: Sequence[Any], depth: int) -> str | None:
    if messages and isinstance(messages[0], list):  # LangChain: a list for each prompt of the batch
        return _instructed(messages[0], depth + 1)
    bodies = [message for each in messages if isinstance(message := bare(each), Mapping)]
    texts = [text for each in bodies if role_of(each) == SYSTEM and (text := text_of(each))]
    return "\n".join(texts) or None
