"""Answers that must follow a JSON Schema: a label is written as the schema has it, or not at all.

References
----------
JSON Schema, draft 2020-12, json-schema.org/draft/2020-12
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tracer_spec.chat.json_text import parse_json

_DEEPEST = 32
_MOST_STEPS = 250_000
_STEPS_OF_A_SCHEMA = 50  # what the visit of a schema costs beside what it lists, in comparisons
_LISTS = ("$ref", "type", "enum", "required")
_SAYS_NOTHING = frozenset(
    ("title", "description", "default", "examples", "$schema", "$id", "$defs", "definitions", "strict")
)
_CHECKED = frozenset(
    (
        *("type", "enum", "const", "$ref", "anyOf", "oneOf", "allOf"),
        *("properties", "required", "additionalProperties", "items", "minItems", "maxItems", "minLength", "maxLength"),
    )
)


class UnfitError(Exception):
    """A value does not follow a schema, or the schema says what is not understood here."""


@dataclass(slots=True)
class Effort:
    """Comparisons that may still be spent on a request: a short schema that refers to itself can ask for any number.

    Parameters
    ----------
    left : int
    """

    left: int = _MOST_STEPS

    def spend_on(self, schema: Any) -> None:
        """Spend what the visit of a schema costs; raise UnfitError where nothing is left."""
        self.left -= _STEPS_OF_A_SCHEMA
        if isinstance(schema, Mapping):
            self.left -= len(schema) + sum(
                len(each) for key in _LISTS if isinstance(each := schema.get(key), (str, list))
            )
        if self.left < 0:
            raise UnfitError


@dataclass(frozen=True, slots=True)
class _Search:
    """A schema as a whole, and what may be spent on it."""

    root: Any
    effort: Effort


def fitted(schema: Any, value: Any, effort: Effort | None = None) -> Any:
    """Return a value as a schema has it: a text that is a number, true or false as such where the schema asks for that.

    Parameters
    ----------
    schema : JSON value
    value : JSON value
    effort : Effort or None
        Shared by the calls for one request, so that its values together cost no more than one; None begins another.

    Raises
    ------
    UnfitError
        Where it does not follow the schema, or that cannot be told, or the effort is spent.

    Examples
    --------
    >>> fitted({"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"]}, {"score": "3"})
    {'score': 3}
    """
    return _fitted(schema, value, _Search(schema, effort or Effort()), 0)


def _fitted(schema: Any, value: Any, search: _Search, depth: int) -> Any:
    search.effort.spend_on(schema)
    if schema is True:
        return value
    if not isinstance(schema, Mapping) or depth > _DEEPEST or schema.keys() - _SAYS_NOTHING - _CHECKED:
        raise UnfitError
    if "$ref" in schema:
        value = _fitted(_target(schema["$ref"], search.root), value, search, depth + 1)
    for each in _listed(schema, "allOf", []):
        value = _fitted(each, value, search, depth + 1)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            value = _any_of(_listed(schema, key), value, search, depth)
    value = _of_type(schema.get("type"), value)
    if ("enum" in schema and value not in _listed(schema, "enum")) or ("const" in schema and value != schema["const"]):
        raise UnfitError
    if isinstance(value, str):
        _check_size(schema, "Length", len(value))
    if isinstance(value, list):
        _check_size(schema, "Items", len(value))
        return [_fitted(schema.get("items", True), each, search, depth + 1) for each in value]
    return _object(schema, value, search, depth) if isinstance(value, Mapping) else value


def _listed(schema: Mapping[str, Any], key: str, default: Any = None) -> list[Any]:
    """Return the list at a key."""
    found = schema.get(key, default)
    if not isinstance(found, list):
        raise UnfitError
    return found


def _target(reference: Any, root: Any) -> Any:
    """Return the schema that a reference inside the document leads to."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        raise UnfitError
    found = root
    for key in filter(None, reference[1:].split("/")):
        found = found.get(key.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return found


def _any_of(schemas: list[Any], value: Any, search: _Search, depth: int) -> Any:
    for each in schemas:
        try:
            return _fitted(each, value, search, depth + 1)
        except UnfitError:
            if search.effort.left < 0:
                raise
    raise UnfitError


def _of_type(types: Any, value: Any) -> Any:
    """Return a value of one of the types."""
    if types is None:
        return value
    wanted = types if isinstance(types, list) else [types]
    if _type_of(value) in wanted:
        return value
    found = parse_json(value) if isinstance(value, str) else None
    kind = _type_of(found)
    if found is None or isinstance(found, (str, list, Mapping)) or (kind == "number" and not math.isfinite(found)):
        raise UnfitError
    if kind in wanted or (kind == "integer" and "number" in wanted):
        return found
    raise UnfitError


def _type_of(value: Any) -> str:
    kinds = (
        (bool, "boolean"),
        (str, "string"),
        (int, "integer"),
        (float, "number"),
        (list, "array"),
        (Mapping, "object"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), "null")


def _check_size(schema: Mapping[str, Any], unit: str, size: int) -> None:
    least, most = schema.get(f"min{unit}", 0), schema.get(f"max{unit}", size)
    if not (isinstance(least, (int, float)) and isinstance(most, (int, float)) and least <= size <= most):
        raise UnfitError


def _object(schema: Mapping[str, Any], value: Mapping[str, Any], search: _Search, depth: int) -> dict[str, Any]:
    known, required = schema.get("properties", {}), _listed(schema, "required", [])
    if not isinstance(known, Mapping) or not all(isinstance(key, str) and key in value for key in required):
        raise UnfitError
    other = schema.get("additionalProperties", True)
    return {key: _fitted(known.get(key, other), each, search, depth + 1) for key, each in value.items()}
