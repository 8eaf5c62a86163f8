"""Reads JSON that may be hostile: bounded in size, depth and items, keys once, numbers finite."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any, NoReturn

from tracer_spec.errors import BundleError
from tracer_spec.runtime import limits
from tracer_spec.runtime.archive import REBUILD

# a string (closed or not, so that scanning stays linear), a bracket or a comma
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{},]', re.DOTALL)
_COMMA = ord(",")
_MOST_DIGITS = 500


def read_json(data: bytes, *, member: str, max_bytes: int = limits.DOCUMENT_BYTES) -> dict[str, Any]:
    """Parse one JSON object.

    Parameters
    ----------
    data : bytes
        UTF-8.
    member : str
        The bundle's member, for messages.
    max_bytes : int
        The largest size taken.

    Raises
    ------
    BundleError
        Where it is too large or too deep or has too many items, is not JSON, repeats a key, holds a number that is not
        finite or a string that is not Unicode text, or is not an object.
    """
    if len(data) > max_bytes:
        raise _refusal(member, f"is {len(data)} bytes of JSON; at most {max_bytes} are read")
    depth, n_items = _measure(data)
    if n_items > limits.JSON_ITEMS:
        raise _refusal(member, f"holds more than {limits.JSON_ITEMS} items")
    if depth > limits.JSON_DEPTH:
        raise _refusal(member, f"nests {depth} levels deep; at most {limits.JSON_DEPTH} are read")
    try:
        document = json.loads(
            data.decode(),
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_whole,
        )
        if b"\\u" in data:  # an escape alone can name half a character, which no UTF-8 holds
            canonical_json(document)
    except ValueError as error:  # of syntax, of UTF-8 either way, of our own hooks, of an integer with too many digits
        raise _refusal(member, f"is not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise _refusal(member, f"is JSON of type {type(document).__name__}, not an object")
    return document


def check_strings(value: Any, *, member: str, at: str = "") -> None:
    """Refuse JSON that holds a character which steers a terminal or hides, in a key or a text.

    Parameters
    ----------
    value : object
        Of JSON.
    member : str
        The bundle's member, for messages.
    at : str
        Where in it the value is.

    Raises
    ------
    BundleError
    """
    if isinstance(value, str):
        if not value.replace("\n", " ").isprintable():
            raise _refusal(member, f"{at} is {value[:80]!r}, which holds a control character".lstrip())
    elif isinstance(value, dict):
        for key, each in value.items():
            check_strings(key, member=member, at=at)
            check_strings(each, member=member, at=f"{at}.{key}" if at else key)
    elif isinstance(value, list):
        for row, each in enumerate(value):
            check_strings(each, member=member, at=f"{at}[{row}]")


def canonical_json(document: Any) -> bytes:
    """Return the one way to write a document: sorted keys, no spaces, UTF-8, shortest floats."""
    return json.dumps(document, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _measure(data: bytes) -> tuple[int, int]:
    """Return how deep brackets nest, and how many there are with commas, outside strings; no further than the bound."""
    depth = deepest = n_items = 0
    for token in _TOKENS.finditer(data):
        first = data[token.start()]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
            n_items += 1
        elif first in b"]}":
            depth -= 1
        elif first == _COMMA:
            n_items += 1
        if n_items > limits.JSON_ITEMS:
            break
    return deepest, n_items


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {twice[:80]!r} is given twice")
    return found


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number")


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"a whole number has {len(text)} digits")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large")
    return value


def _refusal(member: str, what: str) -> BundleError:
    return BundleError(what, address=member, hint=REBUILD)
