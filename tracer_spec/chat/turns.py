"""Turns of a conversation and the tools that it offers: which requests a label can answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tracer_spec.chat.api import Tool
from tracer_spec.chat.message import ASSISTANT, ROLES, SYSTEM, TEXT_KINDS, USER

NO_TURNS = "no messages"
OTHER_PARTS = "parts that are no text"
TOOL_TURNS = "turns of tools"
LAST_IS_NOT_THE_USERS = "the last turn is not the user's"
TOOLS, TOOL_CHOICE = "tools", "tool_choice"
# what ties a request to something that is not in it, or wants more than a label, where it is true
_EXTRAS = (
    *("logprobs", "top_logprobs", "functions", "function_call", "audio", "web_search_options"),
    *("previous_response_id", "conversation", "background", "prompt", "include", "container", "mcp_servers"),
)
# what a message may hold beside its text without changing what is asked
_BESIDE = frozenset(("role", "content", "name", "type", "id", "status", "refusal", "annotations", "cache_control"))


class Turns(NamedTuple):
    """Why a conversation is none that a label answers, empty where it may be; and whether it is one question alone."""

    foreign: str
    is_single: bool


def read_turns(messages: Any) -> Turns:
    """Read a list of messages."""
    if not isinstance(messages, list) or not messages:
        return Turns(NO_TURNS, False)
    roles = []
    for message in messages:
        role, flaw = _turn(message)
        if flaw:
            return Turns(flaw, False)
        roles.append(role)
    if roles[-1] != USER:
        return Turns(LAST_IS_NOT_THE_USERS, False)
    return Turns("", ASSISTANT not in roles and roles.count(USER) == 1)


def _turn(message: Any) -> tuple[str, str]:
    """Return who speaks, and why no label answers what holds such a message."""
    said = message.get("role") if isinstance(message, Mapping) else None
    role = ROLES.get(said) if isinstance(said, str) else None
    if role is None or not isinstance(message, Mapping):
        return "", OTHER_PARTS
    if role not in (USER, SYSTEM, ASSISTANT) or any(message[key] for key in message.keys() - _BESIDE):
        return role, TOOL_TURNS
    return role, "" if is_all_text(message.get("content")) else OTHER_PARTS


def is_all_text(content: Any) -> bool:
    """Tell whether a message's content is a text, or parts that are texts."""
    if isinstance(content, str):
        return True
    return isinstance(content, list) and bool(content) and all(map(_is_text_part, content))


def _is_text_part(part: Any) -> bool:
    if not isinstance(part, Mapping) or not isinstance(part.get("text"), str):
        return False
    kind = part.get("type")
    return isinstance(kind, str) and kind in TEXT_KINDS


class Offer(NamedTuple):
    """The tools that an answer may call, whether it must, and why no label answers such an offer."""

    tools: tuple[Tool, ...] = ()
    must_call: bool = False
    foreign: str = ""


def read_offer(tools: Any, read: Callable[[Mapping[str, Any]], Tool | None], must: bool, named: Any) -> Offer:
    """Read a list of tools; ``named`` is the one that must be called, None where the choice is free."""
    if not isinstance(tools, list):
        return Offer(foreign=TOOLS)
    found = [read(each) if isinstance(each, Mapping) else None for each in tools]
    if None in found:
        return Offer(foreign=TOOLS)
    callable_ = tuple(each for each in found if each is not None and named in (None, each.name))
    return Offer(callable_, must) if callable_ else Offer(foreign=TOOLS)


def read_extras(body: Mapping[str, Any]) -> str:
    """Return the key of a body that asks for something which a label does not have; of any API's, since vendors copy them."""
    if body.get("n") not in (None, 1) or body.get("n") is True:
        return "n > 1"
    if body.get("stream") not in (None, True, False):
        return "stream"
    if body.get("modalities") not in (None, ["text"]):
        return "modalities"
    return next((key for key in _EXTRAS if body.get(key)), "")


def first_foreign(*reasons: str) -> str:
    """Return the first reason that is one."""
    return next(filter(None, reasons), "")
