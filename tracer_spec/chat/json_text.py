"""JSON inside strings: logs keep what was asked and answered as text, and some encode it twice."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

# how often a value is decoded: a text in JSON in JSON is what tools write, and more is not
_MOST_TIMES = 3


@lru_cache(maxsize=8)  # the expressions of a format read the same few texts of a record over and over
def parse_json(text: str) -> Any:
    """Return what a JSON text holds, None where it is not JSON (or nested too deeply to read)."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def from_json(value: Any) -> Any:
    """Return what a JSON text holds, null where it is not JSON; what is no string, as it is.

    Examples
    --------
    >>> from_json('{"intent": "refund"}'), from_json("refund"), from_json({"intent": "refund"})
    ({'intent': 'refund'}, None, {'intent': 'refund'})
    """
    return parse_json(value) if isinstance(value, str) else value


def unpack(value: Any) -> Any:
    """Return the object, list or string that a JSON text holds; anything else, other text too, as it is.

    Examples
    --------
    >>> unpack('{"intent": "refund"}'), unpack("where is my refund?"), unpack('"refund"'), unpack("42")
    ({'intent': 'refund'}, 'where is my refund?', 'refund', '42')
    """
    if not isinstance(value, str):
        return value
    parsed = parse_json(value)
    return parsed if isinstance(parsed, (dict, list, str)) else value


def unpack_whole(value: Any) -> Any:
    r"""Return what :func:`unpack` returns, of a text that was encoded several times too.

    Examples
    --------
    >>> unpack_whole('"{\\"intent\\": \\"refund\\"}"')
    {'intent': 'refund'}
    """
    for _ in range(_MOST_TIMES):
        if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "[", '"'):
            return value
        value = unpack(value)
    return value
