"""Records that carry a router's decision: what they say was answered may be the router's own, so they are no traces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer_spec.runtime.decision import REASONS

DECISION = "a router's decision"
# what a decision holds beside 'handled' and its label, whatever the log calls that
BESIDE_HANDLED = ("score", "stage", "reason")
_REASONS = frozenset((*REASONS, "error"))


def carries_decision(record: Mapping[str, Any]) -> bool:
    """Tell whether a record is a decision, or holds one under a key of its own.

    Examples
    --------
    >>> decision = {"label": "refund", "handled": True, "score": 0.97, "stage": 0, "reason": "handled"}
    >>> carries_decision({"input": "where is it?", **decision}), carries_decision({"router": decision})
    (True, True)
    >>> carries_decision({"input": "where is it?", "label": "refund", "handled": True, "reason": "by phone"})
    False
    """
    if "handled" in record and _is_decision(record):
        return True
    return any(isinstance(each, dict) and "handled" in each and _is_decision(each) for each in record.values())


def _is_decision(record: Mapping[str, Any]) -> bool:
    """Tell a decision by all its keys, or by two of them whose values are a decision's."""
    if all(key in record for key in BESIDE_HANDLED):
        return True
    reason = record.get("reason")
    return isinstance(record["handled"], bool) and isinstance(reason, str) and reason in _REASONS
