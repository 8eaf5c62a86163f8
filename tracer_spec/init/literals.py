"""Texts as a spec reads them: ``${`` in them names no variable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def literals(written: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping whose texts, at any depth, a spec reads as they are."""
    return {key: literal(each) if isinstance(each, str) else literals(each) for key, each in written.items()}


def literal(text: str) -> str:
    """Return text that a spec reads as it is: ``${`` in it names no variable."""
    return text.replace("${", "$${")
