"""Descriptions of records in which no text, or no label, was found: what is there, in names of keys and roles alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tracer_spec.chat.message import bare, role_of

_MOST_KEYS, _LONGEST = 8, 40
_DEEPEST, _MOST_ITEMS = 4, 50
_CHUNK = "the record is a piece of a streamed answer: log whole answers, or put the pieces of each together first"


def what_is_there(record: Mapping[str, Any], text: Any, *, with_keys: bool) -> str:
    """Say what a record holds in which there is no text, or no label.

    Parameters
    ----------
    record : mapping
        What the expressions read.
    text : object
        What they found as the text.
    with_keys : bool
        Whether the keys of the record are its own, and worth naming.

    Examples
    --------
    >>> what_is_there({"data": [{"input": "where is it?"}], "meta": {}}, None, with_keys=True)
    "'data' is a list of objects: if each is a trace, write 'iterate: data'"
    >>> what_is_there({"messages": [{"role": "system"}, {"role": "tool"}]}, None, with_keys=True)
    'the record has messages with the roles system, tool'
    """
    if _is_chunk(record):
        return _CHUNK
    if isinstance(text, Mapping):
        return f"it is an object with the keys {_names(text)}: read one of them, or join several: {_example(text)}"
    if isinstance(text, list):
        return "it is a list: where it holds the messages of a chat, write 'text: asked(LIST)'"
    if text is None:
        listed = next((key for key, held in record.items() if _is_list_of_objects(held) and not _roles(held)), None)
        roles = sorted(set(_roles_in(record, 0)))
        if roles:
            return f"the record has messages with the roles {', '.join(roles)}"
        if listed is not None and with_keys and not listed.startswith("$"):
            return (
                f"'{listed[:_LONGEST]}' is a list of objects: if each is a trace, write 'iterate: {listed[:_LONGEST]}'"
            )
    is_told = text is not None and not isinstance(text, str)
    return f"the record has the keys {_names(record)}" if with_keys and record and not is_told else ""


def _example(text: Mapping[str, Any]) -> str:
    """Return what a format could say of a text in several fields, after the expression of their object."""
    keys = [key for key in text if isinstance(key, str) and key.isidentifier() and len(key) <= _LONGEST][:2]
    return f"text: \"OBJECT | join(' ', [{', '.join(keys)}])\"" if keys else "text: \"OBJECT | join(' ', [A, B])\""


def _names(value: Mapping[str, Any]) -> str:
    keys = [str(key)[:_LONGEST] for key in value if not str(key).startswith("$")]
    more = f" and {len(keys) - _MOST_KEYS} more" if len(keys) > _MOST_KEYS else ""
    return ", ".join(keys[:_MOST_KEYS]) + more


def _is_chunk(record: Mapping[str, Any]) -> bool:
    """Tell a piece of a stream, by what the APIs call it."""
    kind, choices = record.get("object"), record.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return (isinstance(kind, str) and kind.endswith(".chunk")) or (isinstance(first, Mapping) and "delta" in first)


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def _roles_in(value: Any, depth: int) -> Iterator[str]:
    """Yield the roles of the messages inside a value, as far as is cheap to look."""
    if depth > _DEEPEST:
        return
    if isinstance(value, Mapping):
        for held in list(value.values())[:_MOST_ITEMS]:
            if isinstance(held, (list, Mapping)):
                yield from _roles_in(held, depth + 1)
    elif isinstance(value, list):
        roles = _roles(value)
        yield from roles
        if not roles and value:
            yield from _roles_in(value[0], depth + 1)


def _roles(messages: list[Any]) -> list[str]:
    """Return the roles of messages, in the words that all vendors' are known by."""
    found = [bare(each) for each in messages[:_MOST_ITEMS]]
    signed = [
        each for each in found if isinstance(each, Mapping) and (role_of(each) or isinstance(each.get("role"), str))
    ]
    return [role_of(each) or "another" for each in signed]
