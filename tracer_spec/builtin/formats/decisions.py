"""Records that carry a router's decision: what they say was answered may be the router's own, so they are no traces."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tracer_spec.builtin.formats.raw import WHOLE_RECORD
from tracer_spec.chat.api import ROUTERS_MODEL
from tracer_spec.chat.json_text import unpack_whole
from tracer_spec.runtime.decision import REASONS

DECISION = "a router's decision"
# where the log of a deployment keeps the decision, apart from the teacher's answer
LOGGED_UNDER = "router"
# what a decision holds beside 'handled' and its label, whatever the log calls that
BESIDE_HANDLED = ("score", "stage", "reason")
_HANDLED = "handled"
# as tables write them, too
_TRUTHS = (True, False, "True", "False", "true", "false")
_REASONS = frozenset((*REASONS, "error"))
# the model of a router's own answer: NAME@VERSION, which no request asks for
_OWN_ANSWER = re.compile(rf"{ROUTERS_MODEL}[^\s\"']+@[0-9a-f]{{12}}")
_IN_PYTHON = re.compile(rf"'model(?:_name)?': '{_OWN_ANSWER.pattern}'")
# what was asked may quote earlier turns, which are not the answer
_ASKED = frozenset(("input", "inputs", "messages", "request", "request_body", "proxy_server_request"))


def carries_decision(record: Mapping[str, Any], *, but: str = "") -> bool:
    """Tell whether a record is a decision or holds one, also where an export has flattened it or made a text of it.

    Parameters
    ----------
    record : mapping
        With objects inside objects; a list is looked into by the format that iterates over it.
    but : str
        The key of an object that is known to be a decision.

    Examples
    --------
    >>> decision = {"label": "refund", "handled": True, "score": 0.97, "stage": 0, "reason": "handled"}
    >>> carries_decision({"input": "where is it?", **decision}), carries_decision({"log": {"router": decision}})
    (True, True)
    >>> carries_decision({f"router.{key}": value for key, value in decision.items()})
    True
    >>> carries_decision({"input": "where is it?", "label": "refund", "handled": True, "reason": "by phone"})
    False
    """
    if _is_decision(record):
        return True
    waiting = [
        value for key, value in record.items() if key not in (but, WHOLE_RECORD) or not isinstance(value, Mapping)
    ]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str) and _HANDLED in value:
            if value.startswith("{'") and all(f"'{key}'" in value for key in (_HANDLED, *BESIDE_HANDLED)):
                return True  # in Python's notation
            value = unpack_whole(value)
        if isinstance(value, Mapping):
            if _is_decision(value):
                return True
            waiting += value.values()
    return False


def is_answered_by_router(record: Mapping[str, Any]) -> bool:
    """Tell whether the model of an answer in a record is a router's own, whatever model the log says was asked.

    Examples
    --------
    >>> is_answered_by_router({"asked": "gpt-5", "outputs": {"model": "tracer/intents@0123456789ab"}})
    True
    >>> is_answered_by_router({"request": {"model": "tracer/intents"}, "outputs": {"model": "gpt-5"}})
    False
    """
    waiting: list[tuple[str, Any]] = [("", record)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, str) and ROUTERS_MODEL in value:
            if ("model" in key.lower() and _OWN_ANSWER.fullmatch(value)) or _IN_PYTHON.search(value):
                return True
            value = unpack_whole(value)
        if isinstance(value, Mapping):
            waiting += [each for each in value.items() if each[0] not in _ASKED and each[0] != WHOLE_RECORD]
        elif isinstance(value, list):
            waiting += [(key, each) for each in value]
    return False


def _is_decision(record: Mapping[str, Any]) -> bool:
    """Tell a decision by all its keys, or by two of them whose values are a decision's; the keys may share a prefix."""
    for key in record:
        if not key.endswith(_HANDLED):
            continue
        prefix = key.removesuffix(_HANDLED)
        if all(f"{prefix}{each}" in record for each in BESIDE_HANDLED):
            return True
        reason = record.get(f"{prefix}reason")
        if record[key] in _TRUTHS and isinstance(reason, str) and reason in _REASONS:
            return True
    return False
