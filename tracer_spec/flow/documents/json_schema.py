"""The words that JSON Schemas of a bundle's documents are written in."""

from __future__ import annotations

from typing import Any


def closed_object(properties: dict[str, Any], *, optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return an object that has all of these keys, may have the optional ones, and has no other."""
    return {
        "type": "object",
        "properties": properties | (optional or {}),
        "required": list(properties),
        "additionalProperties": False,
    }


def text(description: str) -> dict[str, Any]:
    """Return a string that is not empty."""
    return {"type": "string", "minLength": 1, "description": description}


def texts(description: str) -> dict[str, Any]:
    """Return a list of strings that are not empty."""
    return {"type": "array", "items": {"type": "string", "minLength": 1}, "description": description}


def listed(items: dict[str, Any], description: str = "", **bounds: int) -> dict[str, Any]:
    """Return a list of alike things."""
    return {"type": "array", "items": items, **bounds, **_described(description)}


def count(description: str = "") -> dict[str, Any]:
    """Return a whole number from 0."""
    return {"type": "integer", "minimum": 0, **_described(description)}


def share(description: str = "") -> dict[str, Any]:
    """Return a number in [0, 1]."""
    return {"type": "number", "minimum": 0, "maximum": 1, **_described(description)}


def inside() -> dict[str, Any]:
    """Return a number in (0, 1)."""
    return {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}


def or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what may also be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def _described(description: str) -> dict[str, str]:
    return {"description": description} if description else {}
