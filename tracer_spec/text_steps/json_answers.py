"""Objects inside answers: as they are, as JSON, as Python writes them, alone or in prose."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tracer_spec.text_steps import Step, UnusableError

# braces in prose that start no object: each is a look at all of the rest
_TRIES = 64
# an object in Python's notation is looked for within so many
_PYTHON_CHARACTERS = 4096
# one that is never closed ends with the text, so that each character is looked at once
_STRING = r"'(?:[^'\\]|\\.)*(?:'|\Z)|\"(?:[^\"\\]|\\.)*(?:\"|\Z)"
_BRACES_AND_STRINGS = re.compile(rf"{_STRING}|[{{}}]", re.DOTALL)
# what Python writes otherwise than JSON: strings, three words, tuples, a comma after the last item
_PYTHON = re.compile(rf"{_STRING}|\b(?:True|False|None)\b|[()]|,(?=\s*[\])}}])", re.DOTALL)
_JSON_OF = {"True": "true", "False": "false", "None": "null", "(": "[", ")": "]"}
_ESCAPES = re.compile(r"\\x[0-9a-fA-F]{2}|\\U00(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{4}|\\.|\"", re.DOTALL)
_DECODER = json.JSONDecoder(strict=False)


def as_text(value: Any) -> Any:
    """Return numbers and booleans as their JSON text."""
    return json.dumps(value) if isinstance(value, (bool, int, float)) else value


def json_step(key: str) -> Step:
    """Return the step ``json:KEY``."""
    keys = tuple(key.split("."))
    return lambda value: _found_at(keys, value)


def optional_json_step(key: str) -> Step:
    """Return the step ``json?:KEY``: a text that holds no object passes on."""
    keys = tuple(key.split("."))

    def step(value: Any) -> Any:
        if isinstance(value, str) and not objects_of(value):
            return value
        return _found_at(keys, value)

    return step


def objects_of(answer: Any) -> list[Mapping[str, Any]]:
    """Return an answer that is an object, or the objects in one that is a text, the last one first."""
    containers = _containers(answer) if isinstance(answer, str) else (answer,)
    return [each for each in containers if isinstance(each, Mapping)]


def is_list_text(text: str) -> bool:
    """Return whether a text is a list, in the notation of JSON or of Python.

    Examples
    --------
    >>> is_list_text('["refund", "card"]'), is_list_text("['refund', 'card']"), is_list_text("[refund]")
    (True, True, False)
    """
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return False
    return isinstance(_loaded(text), list) or isinstance(_python_data(text), list)


def _found_at(keys: tuple[str, ...], value: Any) -> Any:
    """Return what stands at the keys, of an object or of the last object in a text that has them."""
    for container in _containers(value) if isinstance(value, str) else (value,):
        found = _reach(keys, container)
        if found is not None:
            return as_text(found)
    raise UnusableError


def _reach(keys: tuple[str, ...], value: Any) -> Any:
    """Return what stands at the keys, None where nothing does; a whole number is a place in a list."""
    for key in keys:
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, list | tuple) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def _containers(text: str) -> Iterator[Any]:
    """Yield what a text holds: itself where it is JSON, else the objects in it, the last one first."""
    whole = _loaded(text)
    if isinstance(whole, str):  # JSON inside JSON
        whole = _loaded(whole)
    elif whole is None and text.lstrip().startswith('"'):  # the answer goes on after a brace that the app began it with
        whole = _loaded(f"{{{text}")
    if isinstance(whole, Mapping | list):
        yield whole
    else:
        yield from reversed(_objects(text))


def _objects(text: str) -> list[Any]:
    """Return the objects in a text, in its order; not those inside others."""
    found: list[Any] = []
    start, tries = text.find("{"), 0
    while start >= 0 and tries < _TRIES:
        value, end = _object_at(text, start)
        if value is None:
            tries += 1
        else:
            found.append(value)
        start = text.find("{", end)
    return found


def _object_at(text: str, start: int) -> tuple[Any, int]:
    """Return the object that starts here and where it ends; None and the next place where none does."""
    try:
        return _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        pass
    end = _closing_brace(text, start)
    value = _python_data(text[start:end]) if end else None
    return (value, end) if isinstance(value, dict) else (None, start + 1)


def _closing_brace(text: str, start: int) -> int:
    """Return the place after the brace that closes the one here, 0 where none does soon."""
    depth = 0
    for token in _BRACES_AND_STRINGS.finditer(text, start, start + _PYTHON_CHARACTERS):
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if depth == 0:
            return token.end()
    return 0


def _loaded(text: str) -> Any:
    try:
        return json.loads(text, strict=False)  # a line's end inside a string is no reason to lose the label
    except (ValueError, RecursionError):
        return None


def _python_data(text: str) -> Any:
    """Return what Python's notation for data says, read as JSON; None where it says nothing."""
    return _loaded(_PYTHON.sub(_as_json, text)) if len(text) <= _PYTHON_CHARACTERS else None


def _as_json(token: re.Match[str]) -> str:
    """Return a part of Python's notation as JSON writes it."""
    written = token[0]
    if written[0] in "'\"":
        return f'"{_ESCAPES.sub(_escape_as_json, written[1:-1])}"'
    return _JSON_OF.get(written, "")


def _escape_as_json(found: re.Match[str]) -> str:
    escape = found[0]
    if escape in ("\\'", '"'):
        return {'"': '\\"'}.get(escape, "'")
    if escape[1] in "xU" and len(escape) > 2:
        return json.dumps(chr(int(escape[2:], 16)))[1:-1]
    return escape if escape[1] in '\\"bfnrtu' else f"\\{escape}"
