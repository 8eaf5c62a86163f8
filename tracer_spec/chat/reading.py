"""Reader of chat calls: the text that was asked and the answer that came, whatever API wrote the request and the response.

One table of shapes for all presets, and for a server that reads requests as they come: OpenAI's chat completions, completions
and Responses, Anthropic's messages, Gemini's ``contents`` and ``candidates``, Bedrock's models, LangChain, the AI SDK,
OpenInference and OpenTelemetry's GenAI messages. A value may be a body, a list of messages, one message, or JSON text of any of
these, encoded twice too.

References
----------
OpenAI, "API reference", platform.openai.com/docs/api-reference; Anthropic, "Messages", docs.anthropic.com/en/api/messages;
Google, "Generating content", ai.google.dev/api/generate-content; AWS, "Converse", docs.aws.amazon.com/bedrock
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tracer_spec.chat.json_text import unpack_whole
from tracer_spec.chat.message import (
    ASSISTANT,
    SYSTEM,
    TOOL,
    USER,
    bare,
    call_among,
    call_of,
    is_call,
    message_text,
    role_of,
    text_of,
)

_DEEPEST = 6

# where a body keeps what is asked: messages, or a bare text as well; in the order in which they are looked for
CONVERSATIONS = ("messages", "contents")
PROMPTS = ("input", "prompt", "inputText", "inputs", "kwargs", "message")

# where a body, a choice or a message keeps the answer, in the order in which it is looked for
ANSWERS = (
    "choices",
    "candidates",
    "generations",
    "output",
    "outputs",
    "results",
    "predictions",
    "messages",
    "message",
    "kwargs",
)
# the answers of models that have no messages: completions, Titan, Llama, Claude's first API
TEXTS = ("outputText", "generation", "completion", "generated_text")
# the same, of keys that an answer's own object may have too: read in a choice, or where there is no other key
_LOOSE_TEXTS = ("text", "message", "response")
_A_TEXT = frozenset(("text", "type"))
# what a choice among several holds, or what stands beside its message
_CHOICE = frozenset(("finish_reason", "finishReason", "stop_reason", "done_reason", "index", "generation_info"))
# where nothing in them is no answer, and not an answer of another shape
_LISTS = ("choices", "candidates", "output")

FINISHED = frozenset(
    ("finish_reason", "finishReason", "stop_reason", "stopReason", "completionReason", "done_reason", "blockReason")
)
HOLDS_AN_END = frozenset(
    (*ANSWERS, "content", "incomplete_details", "response_metadata", "generation_info", "promptFeedback")
)
TRUNCATED = frozenset(("length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"))
REFUSED = frozenset(
    (
        "content_filter",
        "content-filter",
        "content_filtered",
        "refusal",
        "safety",
        "prohibited_content",
        "blocklist",
        "spii",
        "recitation",
        "guardrail_intervened",
    )
)


def asked(value: Any) -> str | None:
    """Return the text of the last message of the user; that of the system where nobody else speaks; null where there is none.

    Examples
    --------
    >>> asked({"messages": [{"role": "system", "content": "Classify."}, {"role": "user", "content": "where is it?"}]})
    'where is it?'
    >>> asked('[{"role": "user", "parts": [{"type": "text", "content": "where is it?"}]}]')
    'where is it?'
    """
    return _asked(unpack_whole(value), 0)


def _asked(value: Any, depth: int) -> str | None:
    if isinstance(value, str):
        return value
    if depth > _DEEPEST:
        return None
    if isinstance(value, list):
        return _last_asked(value, depth)
    if not isinstance(value, Mapping):
        return None
    for key in CONVERSATIONS:
        held = value.get(key)
        if held is not None and (text := _asked(unpack_whole(held), depth + 1)) is not None:
            return text
    for key in PROMPTS:
        held = value.get(key)  # a text is the user's own here, JSON or not
        if held is not None and (text := _asked(held, depth + 1)) is not None:
            return text
    return _last_asked([value], depth) if "role" in value or "content" in value else message_text(value)


def _last_asked(messages: Sequence[Any], depth: int) -> str | None:
    """Return the text of the last message of the user among messages, or of the system's if nobody else speaks."""
    if messages and isinstance(messages[0], list):  # LangChain: a list for each prompt of the batch
        return _asked(messages[0], depth + 1)
    told, is_alone = None, True
    for each in reversed(messages):
        message = bare(each)
        if not isinstance(message, Mapping):
            continue
        role = role_of(message)
        if role == USER or (role is None and _is_unsigned(message)):
            return text_of(message)
        is_alone = is_alone and role != TOOL
        if role == SYSTEM and told is None:
            told = text_of(message)
    if told is not None:
        return told if is_alone else None
    return message_text(messages)


def _is_unsigned(message: Mapping[str, Any]) -> bool:
    """Tell whether a message does not say who speaks, as Gemini's may: it is the user's."""
    return "role" not in message and "type" not in message and ("parts" in message or "content" in message)


class _Answer(NamedTuple):
    """What was found of an answer: its value, and whether the shape of what holds it is known."""

    value: Any
    is_known: bool


_UNKNOWN = _Answer(None, False)


def answered(value: Any) -> Any:
    """Return what the teacher answered: the arguments of a tool call if it made one, else its text.

    Arguments are a :class:`~tracer_spec.text_steps.ToolCall`, an object that knows the tool's name. An object of no known
    shape is an answer by itself, unless it is an error. Null where there is no answer.

    Examples
    --------
    >>> answered({"choices": [{"message": {"role": "assistant", "content": "refund"}}]})
    'refund'
    >>> answered({"content": [{"type": "tool_use", "name": "classify", "input": {"intent": "refund"}}]})
    {'intent': 'refund'}
    >>> answered('{"intent": "refund"}')
    {'intent': 'refund'}
    """
    value = unpack_whole(value)
    found = _answered(value, 0)
    if found.is_known:
        return found.value
    return None if isinstance(value, Mapping) and _is_empty_or_error(value) else value


def _is_empty_or_error(value: Mapping[str, Any]) -> bool:
    is_error = (
        value.get("error") is not None or value.get("type") == "error" or {"error_code", "message"} <= value.keys()
    )
    return is_error or all(held is None for held in value.values())


def _answered(value: Any, depth: int) -> _Answer:
    if isinstance(value, str):
        return _Answer(value, depth > 0)
    if depth > _DEEPEST:
        return _Answer(None, True)
    if isinstance(value, list):
        return _listed_answer(value, depth)
    if not isinstance(value, Mapping):
        return _UNKNOWN
    called = call_of(value)
    if called is not None:
        return _Answer(called, True)
    if is_call(value) and (called := call_among([value])) is not None:
        return _Answer(called, True)
    for key in ANSWERS:
        held = value.get(key)
        if isinstance(held, (list, Mapping)) and (found := _answered(held, depth + 1)).is_known:
            return found
    return _Answer(None, True) if any(value.get(key) == [] for key in _LISTS) else _own_answer(value, depth)


def _own_answer(value: Mapping[str, Any], depth: int) -> _Answer:
    """Return the answer that a message or a choice holds itself."""
    content = value.get("content", value.get("parts"))
    if isinstance(content, Mapping):  # Gemini's candidate holds a message; a client's parsed answer is an object
        found = _answered(content, depth + 1)
        return found if found.is_known else _Answer(content, True)
    text = text_of(value)
    if text is not None or "delta" in value or ("content" in value and ("role" in value or isinstance(content, list))):
        return _Answer(text, True)  # without a text where there are other parts alone, or a piece of a stream
    for key in (*TEXTS, *_LOOSE_TEXTS):
        held = value.get(key)
        if isinstance(held, str) and (
            key in TEXTS or depth or not _CHOICE.isdisjoint(value) or value.keys() <= _A_TEXT
        ):
            return _Answer(held, True)
    return _UNKNOWN


def _listed_answer(items: Sequence[Any], depth: int) -> _Answer:
    """Return the answer among choices, among the messages of a conversation, or among the items of an answer."""
    called = call_among(items)
    if called is not None:
        return _Answer(called, True)
    if items and is_choice(items[0]):
        return _answered(first_choice(items), depth + 1)
    for each in reversed(items):
        message = bare(each)
        if not isinstance(message, Mapping):
            continue
        role = role_of(message)
        if role in (USER, SYSTEM):
            return _Answer(None, True)  # the last word is not the teacher's
        if role == ASSISTANT or (role is None and message.get("type") in (None, "message")):
            return _answered(message, depth + 1)
    if depth and len(items) > 1 and all(isinstance(each, str) for each in items):
        return _Answer(list(items), True)  # several answers, and no parts of one
    is_plain = any(isinstance(each, str) for each in items)
    text = None if is_plain and not depth else message_text(items)
    return _UNKNOWN if text is None else _Answer(text, True)


def is_choice(item: Any) -> bool:
    """Tell a choice among several, of which the first counts, from a message, of which the last does."""
    if isinstance(item, Mapping):
        return not _CHOICE.isdisjoint(item) or isinstance(item.get("message"), Mapping)
    return isinstance(item, list)


def first_choice(choices: Sequence[Any]) -> Any:
    """Return the choice that calls itself the first, as they may come in any order; else the one that stands first."""
    return next((each for each in choices if isinstance(each, Mapping) and each.get("index") == 0), choices[0])


def truncated(value: Any) -> bool:
    """Tell whether an answer was cut short, by the vendor's own fields.

    Examples
    --------
    >>> truncated({"stop_reason": "max_tokens"}), truncated({"choices": [{"finish_reason": "stop"}]})
    (True, False)
    """
    return not TRUNCATED.isdisjoint(ends_of(unpack_whole(value)))


def refused(value: Any) -> bool:
    """Tell whether the teacher refused to answer, or a filter did, by the vendor's own fields.

    Examples
    --------
    >>> refused({"candidates": [{"finishReason": "SAFETY"}]}), refused({"choices": [{"message": {"refusal": "no"}}]})
    (True, True)
    """
    return not REFUSED.isdisjoint(ends_of(unpack_whole(value)))


def ends_of(value: Any) -> list[str]:
    """Return how an answer ended, as its body, its first choice and its message say it, in small letters."""
    ends: list[str] = []
    _find_ends(value, 0, ends)
    return ends


def _find_ends(value: Any, depth: int, ends: list[str]) -> None:
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        if value:
            _find_ends(first_choice(value) if is_choice(value[0]) else value[-1], depth + 1, ends)
        return
    if not isinstance(value, Mapping):
        return
    if value.get("type") == "refusal" or (isinstance(value.get("refusal"), str) and value["refusal"]):
        ends.append("refusal")
    for key, held in value.items():
        if isinstance(held, str):
            if key in FINISHED:
                ends.append(held.lower())
        elif isinstance(held, (list, Mapping)) and key in HOLDS_AN_END:
            inner = {"finish_reason": held.get("reason")} if isinstance(held, Mapping) and "reason" in held else held
            _find_ends(inner, depth + 1, ends)
