"""One message of a chat, in every vendor's way of writing it: who speaks, its text, the tool that it calls.

The tables at the top say which keys mean what. Nothing here knows of records, formats or expressions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tracer_spec.chat.json_text import parse_json
from tracer_spec.text_steps import ToolCall

USER, SYSTEM, ASSISTANT, TOOL = "user", "system", "assistant", "tool"
# what vendors call who speaks; LangChain's class names last
ROLES: Mapping[str, str] = {
    "user": USER,
    "human": USER,
    "system": SYSTEM,
    "developer": SYSTEM,
    "assistant": ASSISTANT,
    "ai": ASSISTANT,
    "model": ASSISTANT,
    "tool": TOOL,
    "function": TOOL,
    "HumanMessage": USER,
    "SystemMessage": SYSTEM,
    "AIMessage": ASSISTANT,
    "AIMessageChunk": ASSISTANT,
    "ToolMessage": TOOL,
}
# the kinds of a message's parts that are text meant for the reader: a model's reasoning is not
TEXT_KINDS = frozenset((None, "text", "input_text", "output_text"))
# where a message is wrapped: OpenInference; LangChain's constructors
_ENVELOPES = ("message", "kwargs")
# where a message keeps its text: OpenAI and most; OpenTelemetry, Gemini, the AI SDK; OpenInference; LlamaIndex
_TEXTS = ("content", "parts", "contents", "blocks")
# where a message keeps calls of tools beside its text, as a list or alone
_CALLS = ("tool_calls", "toolCalls", "function_call")
# where the call itself is, inside an item that stands for it
_CALL_ENVELOPES = ("function", "functionCall", "function_call", "toolUse", "tool_call")
_CALL_KINDS = frozenset(("function", "function_call", "custom_tool_call", "tool_call", "tool-call", "tool_use"))
_TOOL_NAMES = ("name", "toolName", "function")
_ARGUMENTS = ("arguments", "args", "input", "parameters")
_DEEPEST = 4


def message_text(content: Any) -> str | None:
    r"""Return the text of a message's content: a string as it is, the text parts of a list a line each.

    Null where there is none: images, tool calls and reasoning are not text.

    Examples
    --------
    >>> message_text([{"type": "text", "text": "where is"}, {"type": "image_url"}, {"type": "text", "content": "it?"}])
    'where is\nit?'
    """
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    texts = [text for part in parts if (text := _part_text(part)) is not None]
    return "\n".join(texts) if texts else None


def _part_text(part: Any) -> str | None:
    if isinstance(part, str):
        return part
    if isinstance(part, Mapping) and isinstance(part.get("message_content"), Mapping):  # OpenInference
        part = part["message_content"]
    if not isinstance(part, Mapping) or not _is_text_kind(part.get("type")) or part.get("thought") is True:
        return None
    # a text part without a kind says 'text'; OpenTelemetry's parts have a kind and say 'content'
    text = part.get("text", part.get("content") if "type" in part else None)
    return text if isinstance(text, str) else None


def _is_text_kind(kind: Any) -> bool:
    return (kind is None or isinstance(kind, str)) and kind in TEXT_KINDS


def bare(message: Any) -> Any:
    """Return a message without what it is wrapped in."""
    for _ in range(_DEEPEST):
        if not isinstance(message, Mapping) or "role" in message or "content" in message:
            return message
        inner = next((message[key] for key in _ENVELOPES if isinstance(message.get(key), Mapping)), None)
        if inner is None:
            return message
        if "role" not in inner and isinstance(message.get("id"), list) and message["id"]:
            inner = {**inner, "role": message["id"][-1]}
        message = inner
    return message


def role_of(message: Mapping[str, Any]) -> str | None:
    """Return who speaks in a message without its wrapping: one of four words, None where it does not say."""
    for key in ("role", "type"):  # LangChain's messages say it as their type
        said = message.get(key)
        if isinstance(said, str) and said in ROLES:
            return ROLES[said]
    return None


def text_of(message: Mapping[str, Any]) -> str | None:
    """Return the text of a message without its wrapping, None where it has none."""
    for key in _TEXTS:
        content = message.get(key)
        if content is not None and (text := message_text(content)) is not None:
            return text
    return None


def call_of(message: Mapping[str, Any]) -> Any:
    """Return what the first tool call of a message passes, a :class:`ToolCall` where that is an object; None without a call."""
    for key in _CALLS:
        calls = message.get(key)
        if isinstance(calls, str):
            calls = parse_json(calls)
        call = calls[0] if isinstance(calls, list) and calls else calls
        if isinstance(call, Mapping) and (passed := _passed(call)) is not None:
            return passed
    extra = message.get("additional_kwargs")  # LangChain keeps the vendor's own message there
    if isinstance(extra, Mapping) and (passed := call_of({key: extra.get(key) for key in _CALLS})) is not None:
        return passed
    return next((call for key in _TEXTS if (call := call_among(message.get(key))) is not None), None)


def call_among(parts: Any) -> Any:
    """Return what the first tool call among the parts of a message, or the items of an answer, passes; None without one."""
    if not isinstance(parts, list):
        return None
    calls: Iterable[Mapping[str, Any]] = (each for each in parts if isinstance(each, Mapping) and is_call(each))
    return next((passed for each in calls if (passed := _passed(each)) is not None), None)


def is_call(part: Mapping[str, Any]) -> bool:
    """Tell whether a part, or an item, is a call of a tool."""
    kind = part.get("type")
    if isinstance(kind, str):
        return kind in _CALL_KINDS
    return "toolName" in part or any(isinstance(part.get(key), Mapping) for key in _CALL_ENVELOPES)


def _passed(call: Mapping[str, Any]) -> Any:
    """Return the arguments of a call: with the tool's name where they are an object, or JSON of one; else as they are."""
    for _ in range(_DEEPEST):
        inner = next((call[key] for key in _CALL_ENVELOPES if isinstance(call.get(key), Mapping)), None)
        if inner is None:
            break
        call = inner
    tool = next((name for key in _TOOL_NAMES if isinstance(name := call.get(key), str)), "")
    arguments = next((call[key] for key in _ARGUMENTS if call.get(key) is not None), None)
    if isinstance(arguments, str):
        parsed = parse_json(arguments)
        arguments = parsed if isinstance(parsed, Mapping) else arguments
    if isinstance(arguments, Mapping) or not arguments:  # a tool without arguments is an answer by its name
        return ToolCall(tool, arguments or {}) if tool or arguments is not None else None
    return arguments
