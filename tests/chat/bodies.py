"""Requests and responses of three chat APIs, written by hand in their published shapes."""

from __future__ import annotations

import json

SYSTEM = "Classify the message."
TOOL = {"type": "object", "properties": {"intent": {"type": "string"}}, "required": ["intent"]}
PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "anthropic": "/v1/messages"}


def request(api: str, question: str, **more) -> dict:
    """Return a request that asks one text."""
    user = {"role": "user", "content": question}
    if api == "responses":
        return {"model": "m-1", "instructions": SYSTEM, "input": [user], **more}
    if api == "anthropic":
        return {"model": "m-1", "max_tokens": 64, "system": SYSTEM, "messages": [user], **more}
    return {"model": "m-1", "messages": [{"role": "system", "content": SYSTEM}, user], **more}


def forcing(api: str, *names: str, schema: object = TOOL) -> dict:
    """Return the keys of a request that must call a tool: the one that is named, or any of several."""
    if api == "chat":
        tools = [{"type": "function", "function": {"name": name, "parameters": schema}} for name in names]
        choice = {"type": "function", "function": {"name": names[0]}} if len(names) == 1 else "required"
    elif api == "responses":
        tools = [{"type": "function", "name": name, "parameters": schema} for name in names]
        choice = {"type": "function", "name": names[0]} if len(names) == 1 else "required"
    else:
        tools = [{"name": name, "input_schema": schema} for name in names]
        choice = {"type": "tool", "name": names[0]} if len(names) == 1 else {"type": "any"}
    return {"tools": tools, "tool_choice": choice}


def response(api: str, text: str, *, stop: str = "stop") -> dict:
    """Return a response that answers with a text."""
    if api == "responses":
        content = [{"type": "output_text", "text": text, "annotations": []}]
        item = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": content}
        return {
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "status": "completed",
            "model": "m-1-2026",
            "output": [item],
        }
    if api == "anthropic":
        ended = {"stop": "end_turn", "length": "max_tokens"}[stop]
        usage = {"input_tokens": 9, "output_tokens": 3}
        head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m-1-2026", "usage": usage}
        return {**head, "content": [{"type": "text", "text": text}], "stop_reason": ended, "stop_sequence": None}
    message = {"role": "assistant", "content": text, "refusal": None}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m-1-2026"}
    return {**head, "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": stop}]}


def stream(api: str, text: str) -> list[bytes]:
    """Return the events that answer with a text, in three pieces of it."""
    cut = max(1, len(text) // 3)
    parts = [text[:cut], text[cut : 2 * cut], text[2 * cut :]]
    if api == "chat":
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m-1-2026"}
        deltas = [
            ({"role": "assistant", "content": ""}, None),
            *(({"content": part}, None) for part in parts),
            ({}, "stop"),
        ]
        chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": end}]} for delta, end in deltas]
        return [*(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks), b"data: [DONE]\n\n"]
    whole = response(api, text)
    if api == "responses":
        events = [("response.created", {"response": {**whole, "status": "in_progress", "output": []}})]
        at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
        events += [("response.output_text.delta", {**at, "delta": part, "logprobs": []}) for part in parts]
        events.append(("response.completed", {"response": whole}))
    else:
        events = [
            ("message_start", {"message": {**whole, "content": [], "stop_reason": None}}),
            ("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}),
            *(("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": part}}) for part in parts),
            ("content_block_stop", {"index": 0}),
            (
                "message_delta",
                {"delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 3}},
            ),
            ("message_stop", {}),
        ]
    numbered = enumerate(events)
    return [
        f"event: {name}\ndata: {json.dumps({'type': name, 'sequence_number': number, **data})}\n\n".encode()
        for number, (name, data) in numbered
    ]
