"""OpenAI's chat completions, which most other vendors speak too.

References
----------
OpenAI, "Chat Completions", platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tracer_spec.chat.api import Answer, Api, Request, Stamp, Tool
from tracer_spec.chat.events import DONE, event, mappings
from tracer_spec.chat.openai_options import read_openai_offer, read_text_format
from tracer_spec.chat.reading import asked
from tracer_spec.chat.turns import first_foreign, read_extras, read_turns
from tracer_spec.text_steps import ToolCall

USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def read(body: Mapping[str, Any]) -> Request:
    """Read a request's body."""
    wanted, options = body.get("response_format"), body.get("stream_options")
    turns = read_turns(body.get("messages"))
    offer = read_openai_offer(body, _tool, lambda choice: choice.get("function"))
    schema, flaw = read_text_format(wanted, lambda held: held.get("json_schema"), "response_format")
    return Request(
        text=asked({"messages": body.get("messages")}),
        foreign=first_foreign(turns.foreign, offer.foreign, read_extras(body), flaw),
        is_single_turn=turns.is_single,
        is_streamed=body.get("stream") is True,
        wants_usage=isinstance(options, Mapping) and options.get("include_usage") is True,
        schema=schema,
        tools=offer.tools,
        must_call=offer.must_call,
    )


def _tool(item: Mapping[str, Any]) -> Tool | None:
    function = item.get("function")
    if item.get("type") != "function" or not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        return None
    return Tool(function["name"], function.get("parameters"))


def write(answer: Answer, stamp: Stamp) -> dict[str, Any]:
    """Return a ``chat.completion``."""
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    if isinstance(answer, ToolCall):
        message["tool_calls"] = [_call(answer, stamp, json.dumps(answer))]
    else:
        message["content"] = answer
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(answer)}
    return _head(stamp, "chat.completion") | {"choices": [choice], "usage": USAGE}


def events(answer: Answer, stamp: Stamp, wants_usage: bool) -> Iterator[bytes]:
    """Yield the chunks of a ``chat.completion``."""
    head = _head(stamp, "chat.completion.chunk") | ({"usage": None} if wants_usage else {})
    deltas: tuple[dict[str, Any], ...]
    if isinstance(answer, ToolCall):
        begun, rest = (
            {"index": 0, **_call(answer, stamp, "")},
            {"index": 0, "function": {"arguments": json.dumps(answer)}},
        )
        deltas = {"role": "assistant", "content": None, "tool_calls": [begun]}, {"tool_calls": [rest]}
    else:
        deltas = {"role": "assistant", "content": "", "refusal": None}, {"content": answer}
    for delta in deltas:
        yield event(head | {"choices": [_choice(delta, None)]})
    yield event(head | {"choices": [_choice({}, _finish(answer))]})
    if wants_usage:
        yield event(head | {"choices": [], "usage": USAGE})
    yield DONE


def _head(stamp: Stamp, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{stamp.id}", "object": kind, "created": stamp.created, "model": stamp.model}


def _call(answer: ToolCall, stamp: Stamp, arguments: str) -> dict[str, Any]:
    return {"id": f"call_{stamp.id}", "type": "function", "function": {"name": answer.tool, "arguments": arguments}}


def _choice(delta: Mapping[str, Any], finish: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}


def _finish(answer: Answer) -> str:
    return "tool_calls" if isinstance(answer, ToolCall) else "stop"


def join(data: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the ``chat.completion`` that chunks add up to, as far as its first choice goes."""
    head: dict[str, Any] = {}
    message: dict[str, Any] = {"role": "assistant", "content": None}
    calls: dict[str, dict[str, str]] = {}
    finish = None
    for chunk in data:
        head |= {key: chunk[key] for key in ("id", "created", "model", "usage", "error") if chunk.get(key)}
        for choice in mappings(chunk.get("choices")):
            delta = choice.get("delta")
            if not isinstance(delta, Mapping) or choice.get("index") not in (None, 0):
                continue
            finish = choice.get("finish_reason") or finish
            _add(message, calls, delta)
    if finish is None:
        return None
    if calls:
        message["tool_calls"] = [{"type": "function", "function": call} for call in calls.values()]
    return head | {"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": finish}]}


def _add(message: dict[str, Any], calls: dict[str, dict[str, str]], delta: Mapping[str, Any]) -> None:
    """Add a delta to what came before."""
    for key in ("content", "refusal"):
        if isinstance(delta.get(key), str):
            message[key] = (message.get(key) or "") + delta[key]
    for part in mappings(delta.get("tool_calls")):
        function = part.get("function")
        if isinstance(function, Mapping):
            call = calls.setdefault(str(part.get("index")), {"name": "", "arguments": ""})
            for key in call:
                call[key] += function[key] if isinstance(function.get(key), str) else ""


CHAT_COMPLETIONS = Api("chat completions", "/chat/completions", read, write, events, join)
