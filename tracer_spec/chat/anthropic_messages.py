"""Anthropic's messages.

References
----------
Anthropic, "Messages" and "Streaming Messages", docs.anthropic.com/en/api/messages
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tracer_spec.chat.api import Answer, Api, Request, Stamp, Tool
from tracer_spec.chat.events import event
from tracer_spec.chat.json_text import parse_json
from tracer_spec.chat.reading import asked
from tracer_spec.chat.turns import TOOL_CHOICE, Offer, first_foreign, is_all_text, read_extras, read_offer, read_turns
from tracer_spec.text_steps import ToolCall

# where a block keeps the pieces of its input while they come: no key of theirs
_PIECES = ""
_MUST = ("any", "tool")


def read(body: Mapping[str, Any]) -> Request:
    """Read a request's body."""
    turns, offer = read_turns(body.get("messages")), _offer(body)
    schema, flaw = _schema(body)
    return Request(
        text=asked({"messages": body.get("messages")}),
        foreign=first_foreign(turns.foreign, offer.foreign, read_extras(body), _foreign(body.get("system")), flaw),
        is_single_turn=turns.is_single,
        is_streamed=body.get("stream") is True,
        schema=schema,
        tools=offer.tools,
        must_call=offer.must_call,
    )


def _foreign(system: Any) -> str:
    return "" if system in (None, "", []) or is_all_text(system) else "system"


def _schema(body: Mapping[str, Any]) -> tuple[Any, str]:
    """Return the schema that the text must follow, and why no label can."""
    config = body.get("output_config")
    wanted = config.get("format") if isinstance(config, Mapping) else body.get("output_format")
    if wanted is None:
        return None, ""
    schema = wanted.get("schema") if isinstance(wanted, Mapping) and wanted.get("type") == "json_schema" else None
    return (schema, "") if schema is not None else (None, "output_config.format")


def _offer(body: Mapping[str, Any]) -> Offer:
    tools, choice = body.get("tools"), body.get("tool_choice")
    kind = choice.get("type") if isinstance(choice, Mapping) else choice
    if kind == "none" or tools in (None, []):
        return Offer(foreign="" if kind in (None, "none", "auto") else TOOL_CHOICE)
    if kind == "tool" and isinstance(choice, Mapping):
        return read_offer(tools, _tool, True, choice.get("name") or "")
    return (
        read_offer(tools, _tool, kind in _MUST, None) if kind in (None, "auto", "any") else Offer(foreign=TOOL_CHOICE)
    )


def _tool(item: Mapping[str, Any]) -> Tool | None:
    is_known = item.get("type") in (None, "custom") and isinstance(item.get("name"), str)
    return Tool(item["name"], item.get("input_schema")) if is_known else None


def write(answer: Answer, stamp: Stamp) -> dict[str, Any]:
    """Return a ``message``."""
    return _message(stamp) | {"content": [_block(answer, stamp)], "stop_reason": _stop(answer)}


def _message(stamp: Stamp) -> dict[str, Any]:
    return {
        "id": f"msg_{stamp.id}",
        "type": "message",
        "role": "assistant",
        "model": stamp.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    }


def _block(answer: Answer, stamp: Stamp) -> dict[str, Any]:
    if isinstance(answer, ToolCall):
        return {"type": "tool_use", "id": f"toolu_{stamp.id}", "name": answer.tool, "input": dict(answer)}
    return {"type": "text", "text": answer}


def _stop(answer: Answer) -> str:
    return "tool_use" if isinstance(answer, ToolCall) else "end_turn"


def events(answer: Answer, stamp: Stamp, _wants_usage: bool) -> Iterator[bytes]:
    """Yield the events of a ``message``."""
    empty: dict[str, Any] = {"text": ""}
    delta: dict[str, Any] = {"type": "text_delta", "text": answer}
    if isinstance(answer, ToolCall):
        empty, delta = {"input": {}}, {"type": "input_json_delta", "partial_json": json.dumps(answer)}
    ended = {"stop_reason": _stop(answer), "stop_sequence": None}
    for name, data in (
        ("message_start", {"message": _message(stamp)}),
        ("content_block_start", {"index": 0, "content_block": _block(answer, stamp) | empty}),
        ("content_block_delta", {"index": 0, "delta": delta}),
        ("content_block_stop", {"index": 0}),
        ("message_delta", {"delta": ended, "usage": {"output_tokens": 0}}),
        ("message_stop", {}),
    ):
        yield event({"type": name, **data}, name)


def join(data: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the ``message`` that events add up to."""
    message: dict[str, Any] = {}
    blocks: dict[str, dict[str, Any]] = {}
    for each in data:
        kind, delta, at = each.get("type"), each.get("delta"), str(each.get("index"))
        if kind == "message_start" and isinstance(each.get("message"), Mapping):
            message = dict(each["message"])
        elif kind == "content_block_start" and isinstance(each.get("content_block"), Mapping):
            blocks[at] = {**each["content_block"], _PIECES: ""}
        elif kind == "content_block_delta" and isinstance(delta, Mapping) and at in blocks:
            _add(blocks[at], delta)
        elif kind == "message_delta" and isinstance(delta, Mapping):
            message |= {key: delta[key] for key in ("stop_reason", "stop_sequence") if key in delta}
        elif kind == "message_stop" and message:
            return message | {"content": [_whole(block) for block in blocks.values()]}
    return None


def _add(block: dict[str, Any], delta: Mapping[str, Any]) -> None:
    if isinstance(delta.get("text"), str):
        before = block.get("text")
        block["text"] = (before if isinstance(before, str) else "") + delta["text"]
    if isinstance(delta.get("partial_json"), str):
        block[_PIECES] += delta["partial_json"]


def _whole(block: dict[str, Any]) -> dict[str, Any]:
    """Return a block with the input that came in pieces."""
    written = block.pop(_PIECES)
    return {**block, "input": parse_json(written) or {}} if written else block


ANTHROPIC_MESSAGES = Api("messages", "/v1/messages", read, write, events, join)
