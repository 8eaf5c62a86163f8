"""JSON inside text: of answers that are objects in disguise, and of fields that hold a log's own JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_LONGEST = 1 << 20


def container_in(text: str) -> Any:
    """Return the object or list that a text is, decoded twice where it was encoded twice; None where it is neither."""
    for _ in range(2):
        if text.lstrip()[:1] not in ("{", "[", '"') or len(text) > _LONGEST:
            return None
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(value, str):
            return value if isinstance(value, dict | list) else None
        text = value
    return None


def object_in(answer: Any) -> Mapping[str, Any] | None:
    """Return the object that an answer is, is the text of, or holds in a fence or in prose.

    Examples
    --------
    >>> object_in('Here it is: {"intent": "refund"} Bye.'), object_in("refund")
    ({'intent': 'refund'}, None)
    """
    if isinstance(answer, Mapping):
        return answer
    if not isinstance(answer, str) or "{" not in answer or len(answer) > _LONGEST:
        return None
    start, end = answer.find("{"), answer.rfind("}")
    try:
        found = json.loads(answer[start : end + 1])
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
