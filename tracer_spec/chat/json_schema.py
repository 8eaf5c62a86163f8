"""Answers that must follow a JSON Schema: a label is written as the schema has it, or not at all.

References
----------
JSON Schema, draft 2020-12, json-schema.org/draft/2020-12
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer_spec.chat.json_text import parse_json

_DEEPEST = 32
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


def fitted(schema: Any, value: Any) -> Any:
    """Return a value as a schema has it: a text that is a number, true or false as such where the schema asks for that.

    Raises
    ------
    UnfitError
        Where it does not follow the schema, or that cannot be told.

    Examples
    --------
    >>> fitted({"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"]}, {"score": "3"})
    {'score': 3}
    """
    return _fitted(schema, value, schema, 0)


def _fitted(schema: Any, value: Any, root: Any, depth: int) -> Any:
    if schema is True:
        return value
    if not isinstance(schema, Mapping) or depth > _DEEPEST or schema.keys() - _SAYS_NOTHING - _CHECKED:
        raise UnfitError
    if "$ref" in schema:
        value = _fitted(_target(schema["$ref"], root), value, root, depth + 1)
    for each in schema.get("allOf", ()):
        value = _fitted(each, value, root, depth + 1)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            value = _any_of(schema[key], value, root, depth)
    value = _of_type(schema.get("type"), value)
    if ("enum" in schema and value not in schema["enum"]) or ("const" in schema and value != schema["const"]):
        raise UnfitError
    if isinstance(value, str):
        _check_size(schema, "Length", len(value))
    if isinstance(value, list):
        _check_size(schema, "Items", len(value))
        return [_fitted(schema.get("items", True), each, root, depth + 1) for each in value]
    return _object(schema, value, root, depth) if isinstance(value, Mapping) else value


def _target(reference: Any, root: Any) -> Any:
    """Return the schema that a reference inside the document leads to."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        raise UnfitError
    found = root
    for key in filter(None, reference[1:].split("/")):
        found = found.get(key.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return found


def _any_of(schemas: Any, value: Any, root: Any, depth: int) -> Any:
    for each in schemas if isinstance(schemas, list) else ():
        try:
            return _fitted(each, value, root, depth + 1)
        except UnfitError:
            continue
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
    if found is None or isinstance(found, (str, list, Mapping)):
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


def _object(schema: Mapping[str, Any], value: Mapping[str, Any], root: Any, depth: int) -> dict[str, Any]:
    known, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(known, Mapping) or not isinstance(required, list) or not all(key in value for key in required):
        raise UnfitError
    other = schema.get("additionalProperties", True)
    return {key: _fitted(known.get(key, other), each, root, depth + 1) for key, each in value.items()}
