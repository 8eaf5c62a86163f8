"""Functions that expressions may call beyond JMESPath's own, from JSON to JSON.

They read shapes that no path can express: JSON inside a string, the text of a message, attributes as OpenTelemetry
writes them, keys with dots in them, and a key that is there and null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer_spec.chat.instructions import instructed
from tracer_spec.chat.json_text import from_json, unpack
from tracer_spec.chat.message import message_text
from tracer_spec.chat.reading import answered, asked, refused, truncated
from tracer_spec.chat.said_nothing import said_nothing
from tracer_spec.text_steps import ToolCall

_OTLP_KINDS = ("stringValue", "intValue", "boolValue", "doubleValue", "arrayValue", "kvlistValue", "bytesValue")

# in a record of the format 'native', the names of the teacher's answer
LABEL_KEYS = ("teacher", "teacher_output", "label", "intent", "output", "answer")


def otlp(value: Any) -> Any:
    """Return OTLP/JSON's attributes (a list of ``{key, value}``) or one of its values as plain JSON.

    What is not in OTLP's way of writing is returned as it is, and 64-bit integers, strings there, become numbers.

    Examples
    --------
    >>> otlp([{"key": "gen_ai.request.model", "value": {"stringValue": "m-1"}}, {"key": "n", "value": {"intValue": "7"}}])
    {'gen_ai.request.model': 'm-1', 'n': 7}
    """
    if isinstance(value, list) and value and all(isinstance(each, Mapping) and "key" in each for each in value):
        return {each["key"]: otlp(each.get("value")) for each in value if isinstance(each["key"], str)}
    if not isinstance(value, Mapping) or len(value) != 1:
        return value
    ((kind, inside),) = value.items()
    if kind not in _OTLP_KINDS:
        return value
    if kind == "intValue" and isinstance(inside, str):
        return int(inside) if inside.lstrip("-").isascii() and inside.lstrip("-").isdigit() else None
    if kind in ("arrayValue", "kvlistValue"):
        values = inside.get("values") if isinstance(inside, Mapping) else None
        listed = values if isinstance(values, list) else []
        return [otlp(each) for each in listed] if kind == "arrayValue" else (otlp(listed) or {})
    return inside


def nested(value: Any) -> Any:
    """Return an object with its dotted keys as objects inside objects, and numbered keys as lists.

    Where ``a`` and ``a.b`` are both there and ``a`` is no object, ``a.b`` stays as it is. Keys that start with
    ``$`` are left alone.

    Examples
    --------
    >>> nested({"llm.messages.0.role": "user", "llm.messages.1.role": "assistant", "name": "chat"})
    {'name': 'chat', 'llm': {'messages': [{'role': 'user'}, {'role': 'assistant'}]}}
    """
    if isinstance(value, list):
        return [nested(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    tree: dict[str, Any] = {}
    # shorter keys first, so that what a record holds and not its order decides
    for key in sorted((key for key in value if isinstance(key, str)), key=lambda key: (key.count("."), key)):
        if key.startswith("$"):
            tree[key] = value[key]
        else:
            _place(tree, key, nested(value[key]))
    return _with_lists(tree)


def _place(tree: dict[str, Any], key: str, value: Any) -> None:
    """Put a value at its dotted key; where the way there is blocked, under what is left of the key."""
    head, dot, rest = key.partition(".")
    if not dot or not head:
        held = tree.get(key)
        tree[key] = {**held, **value} if isinstance(held, dict) and isinstance(value, dict) else value
        return
    below = tree.get(head)
    if below is None:
        below = tree[head] = {}
    if isinstance(below, dict):
        _place(below, rest, value)
    else:
        tree[key] = value


def _with_lists(tree: Any) -> Any:
    """Turn objects whose every key is a number into lists, from the leaves up."""
    if not isinstance(tree, dict):
        return tree
    done = {key: value if key.startswith("$") else _with_lists(value) for key, value in tree.items()}
    if done and all(key.isascii() and key.isdigit() and len(key) < 10 for key in done):
        return [done[key] for key in sorted(done, key=int)]
    return done


def native_label(record: Any) -> Any:
    """Return what the teacher answered in a record of the format ``native``.

    That is the value of ``teacher`` wherever the record has that key: null there says that the teacher was not asked. Else it
    is the first of the other names' values that is not null.

    Examples
    --------
    >>> native_label({"label": "refund"}), native_label({"teacher": None, "label": "refund"})
    ('refund', None)
    """
    if not isinstance(record, Mapping):
        return None
    if "teacher" in record:
        return record["teacher"]
    return next((record[key] for key in LABEL_KEYS if record.get(key) is not None), None)


def logged_answer(value: Any) -> Any:
    """Return an answer as a log of decisions holds it: the call of a tool as one, anything else as it is.

    Examples
    --------
    >>> logged_answer({"tool_call": {"name": "refund", "arguments": {}}}).tool, logged_answer('{"intent": "refund"}')
    ('refund', '{"intent": "refund"}')
    """
    call = value.get("tool_call") if isinstance(value, Mapping) and len(value) == 1 else None
    if isinstance(call, Mapping) and isinstance(call.get("name"), str) and isinstance(call.get("arguments"), Mapping):
        return ToolCall(call["name"], call["arguments"])
    return value


FUNCTIONS = {
    "asked": asked,
    "answered": answered,
    "instructed": instructed,
    "truncated": truncated,
    "refused": refused,
    "said_nothing": said_nothing,
    "from_json": from_json,
    "unpack": unpack,
    "message_text": message_text,
    "otlp": otlp,
    "nested": nested,
    "native_label": native_label,
    "logged_answer": logged_answer,
}
