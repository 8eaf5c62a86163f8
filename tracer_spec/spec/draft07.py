"""Turns the JSON Schemas that pydantic makes (draft 2020-12) into draft-07, with room for ``${VAR}``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]

REF = "#/definitions/"
VARIABLE: Schema = {
    "title": "variable",
    "description": "A value from the environment: ${NAME}, ${NAME:-default} or ${NAME:?message}.",
    "type": "string",
    "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:[-?][^}]*)?\}",
}
_CONSTRAINTS = ("pattern", "enum", "const", "maxLength", "format", "anyOf")
_MAPS = ("properties", "patternProperties", "definitions")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_ONES = ("items", "additionalProperties", "then", "else")
_SAID = ("title", "description", "default", "examples")


def as_draft_07(schema: Schema, *, home: str = "") -> Schema:
    """Return a schema as draft-07, in which numbers, booleans and closed strings may be variables too.

    Parameters
    ----------
    schema : dict
    home : str
        The definition that the schema will be; its own definitions stay inside, where they meet no other's.
    """
    return _converted(_moved(schema, f"{REF}{home}/definitions/") if home else schema)


def _moved(schema: Schema, inside: str) -> Schema:
    """Return a copy with ``$defs`` called ``definitions``, and references that follow."""

    def copy(value: Any, *, is_schema: bool) -> Any:
        if isinstance(value, list):
            return [copy(each, is_schema=is_schema) for each in value]
        if not isinstance(value, dict):
            return value
        new: Schema = {}
        for key, each in value.items():
            if is_schema and key == "$ref" and isinstance(each, str):
                new[key] = each.replace("#/$defs/", inside)
            elif is_schema and key in ("default", "examples", "const", "enum"):
                new[key] = each
            else:
                # inside of a map of schemas the keys are names, which may be '$ref' or 'default' too
                within = not (is_schema and key in ("properties", "patternProperties", "$defs"))
                new["definitions" if is_schema and key == "$defs" else key] = copy(each, is_schema=within)
        return new

    moved: Schema = copy(schema, is_schema=True)
    return moved


def _converted(schema: Schema) -> Schema:
    """Return one schema, and all in it, as draft-07."""
    new = _each_below(schema, _converted)
    if "prefixItems" in new:
        new["items"] = new.pop("prefixItems")
        new["additionalItems"] = False
    if "oneOf" in new and all(_takes_values(branch) for branch in new["oneOf"]):
        new["anyOf"] = new.pop("oneOf")  # a variable would fit several branches
    if "$ref" in new and len(new) > 1:
        new["allOf"] = [
            *new.get("allOf", []),
            {"$ref": new.pop("$ref")},
        ]  # draft-07 reads nothing beside a $ref
    new.pop("discriminator", None)
    if not _is_closed(new):
        return new
    said: Schema = {key: new.pop(key) for key in _SAID if key in new}
    return {**said, "anyOf": [new, {"$ref": REF + "variable"}]}


def _takes_values(schema: Schema) -> bool:
    """Return whether a branch says what a value is, and not only which keys it has."""
    return "required" not in schema or "properties" in schema


def _is_closed(schema: Schema) -> bool:
    """Return whether a schema takes scalars, but not every string that names a variable."""
    if schema.get("type") in ("integer", "number", "boolean"):
        return "const" not in schema
    constrained = any(key in schema for key in _CONSTRAINTS) or schema.get("minLength", 0) > 1
    return schema.get("type") == "string" and constrained


def _each_below(schema: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """Return a copy with ``change`` applied to every schema inside; conditions stay as they are."""
    new = dict(schema)
    for key in _MAPS:
        if isinstance(new.get(key), dict):
            new[key] = {name: change(each) for name, each in new[key].items()}
    for key in _LISTS:
        if isinstance(new.get(key), list):
            new[key] = [change(each) if isinstance(each, dict) else each for each in new[key]]
    for key in _ONES:
        if isinstance(new.get(key), dict):
            new[key] = change(new[key])
    return new
