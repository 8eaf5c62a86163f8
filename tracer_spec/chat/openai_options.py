"""Options that OpenAI's two chat APIs share: the tools an answer may call, and the format of its text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tracer_spec.chat.api import Tool
from tracer_spec.chat.turns import TOOL_CHOICE, Offer, read_offer

_ANY_OBJECT = {"type": "object"}


def read_openai_offer(
    body: Mapping[str, Any], read: Callable[[Mapping[str, Any]], Tool | None], inside: Callable[[Any], Any]
) -> Offer:
    """Read tools and choice; ``inside`` gives the part of a choice that names its tool."""
    tools, choice = body.get("tools"), body.get("tool_choice")
    if choice == "none" or tools in (None, []):
        return Offer(foreign="" if choice in (None, "none", "auto") else TOOL_CHOICE)
    if isinstance(choice, Mapping) and choice.get("type") == "function":
        named = inside(choice)
        return read_offer(tools, read, True, (named.get("name") if isinstance(named, Mapping) else None) or "")
    if choice in (None, "auto", "required"):
        return read_offer(tools, read, choice == "required", None)
    return Offer(foreign=TOOL_CHOICE)


def read_text_format(wanted: Any, inside: Callable[[Any], Any], key: str) -> tuple[Any, str]:
    """Return the schema that the text must follow, and ``key`` where no label can; ``inside`` gives what holds the schema."""
    kind = wanted.get("type") if isinstance(wanted, Mapping) else None
    if wanted is None or kind == "text":
        return None, ""
    if kind == "json_object":
        return _ANY_OBJECT, ""
    held = inside(wanted) if kind == "json_schema" else None
    schema = held.get("schema") if isinstance(held, Mapping) else None
    return (schema, "") if schema is not None else (None, key)
