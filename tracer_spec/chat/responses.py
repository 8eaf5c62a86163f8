"""OpenAI's Responses.

References
----------
OpenAI, "Responses", platform.openai.com/docs/api-reference/responses
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tracer_spec.chat.api import Answer, Api, Request, Stamp, Tool
from tracer_spec.chat.events import event
from tracer_spec.chat.openai_options import read_openai_offer, read_text_format
from tracer_spec.chat.reading import asked
from tracer_spec.chat.turns import Turns, first_foreign, read_extras, read_turns
from tracer_spec.text_steps import ToolCall

_USAGE = {
    "input_tokens": 0,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 0,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 0,
}
_ENDS = ("response.completed", "response.incomplete", "response.failed")


def read(body: Mapping[str, Any]) -> Request:
    """Read a request's body."""
    given, text = body.get("input"), body.get("text")
    turns = Turns("", True) if isinstance(given, str) else read_turns(given)
    offer = read_openai_offer(body, _tool, lambda choice: choice)
    wanted = text.get("format") if isinstance(text, Mapping) else None
    schema, flaw = read_text_format(wanted, lambda held: held, "text.format")
    return Request(
        text=asked({"input": given}),
        foreign=first_foreign(turns.foreign, offer.foreign, read_extras(body), flaw),
        is_single_turn=turns.is_single,
        is_streamed=body.get("stream") is True,
        schema=schema,
        tools=offer.tools,
        must_call=offer.must_call,
    )


def _tool(item: Mapping[str, Any]) -> Tool | None:
    is_known = item.get("type") == "function" and isinstance(item.get("name"), str)
    return Tool(item["name"], item.get("parameters")) if is_known else None


def write(answer: Answer, stamp: Stamp) -> dict[str, Any]:
    """Return a ``response``."""
    return _response(stamp, "completed", [_item(answer, stamp, "completed")]) | {"usage": _USAGE}


def _response(stamp: Stamp, status: str, output: list[Any]) -> dict[str, Any]:
    return {
        "id": f"resp_{stamp.id}",
        "object": "response",
        "created_at": stamp.created,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": stamp.model,
        "output": output,
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": None,
    }


def _item(answer: Answer, stamp: Stamp, status: str) -> dict[str, Any]:
    """Return the item of the output that answers; one that is begun has nothing in it yet."""
    is_done = status == "completed"
    if isinstance(answer, ToolCall):
        return {
            "id": f"fc_{stamp.id}",
            "type": "function_call",
            "status": status,
            "call_id": f"call_{stamp.id}",
            "name": answer.tool,
            "arguments": json.dumps(answer) if is_done else "",
        }
    content = [_part(answer)] if is_done else []
    return {"id": f"msg_{stamp.id}", "type": "message", "status": status, "role": "assistant", "content": content}


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def events(answer: Answer, stamp: Stamp, _wants_usage: bool) -> Iterator[bytes]:
    """Yield the events of a ``response``."""
    for number, (name, data) in enumerate(_events(answer, stamp)):
        yield event({"type": name, "sequence_number": number, **data}, name)


def _events(answer: Answer, stamp: Stamp) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in ("response.created", "response.in_progress"):
        yield name, {"response": _response(stamp, "in_progress", [])}
    begun, done = (_item(answer, stamp, status) for status in ("in_progress", "completed"))
    at = {"item_id": done["id"], "output_index": 0}
    yield "response.output_item.added", {"output_index": 0, "item": begun}
    if isinstance(answer, ToolCall):
        written = done["arguments"]
        yield "response.function_call_arguments.delta", {**at, "delta": written}
        yield "response.function_call_arguments.done", {**at, "name": answer.tool, "arguments": written}
    else:
        at["content_index"] = 0
        yield "response.content_part.added", {**at, "part": _part("")}
        yield "response.output_text.delta", {**at, "delta": answer, "logprobs": []}
        yield "response.output_text.done", {**at, "text": answer, "logprobs": []}
        yield "response.content_part.done", {**at, "part": _part(answer)}
    yield "response.output_item.done", {"output_index": 0, "item": done}
    yield "response.completed", {"response": write(answer, stamp)}


def join(data: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the ``response`` of the last event, which has all of it."""
    ended = (each.get("response") for each in reversed(data) if each.get("type") in _ENDS)
    return next((each for each in ended if isinstance(each, Mapping)), None)


RESPONSES = Api("responses", "/responses", read, write, events, join)
