"""Room for ``${VAR}`` in a JSON Schema: a variable may stand for any scalar."""

from __future__ import annotations

from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]

REF = "#/$defs/"
VARIABLE: Schema = {
    "title": "variable",
    "description": "A value from the environment: ${NAME}, ${NAME:-default} or ${NAME:?message}.",
    "type": "string",
    "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:[-?][^}]*)?\}",
}
_CONSTRAINTS = ("pattern", "enum", "const", "maxLength", "format", "anyOf")
_MAPS = ("properties", "patternProperties", "$defs")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_ONES = ("items", "additionalProperties", "then", "else")
_SAID = ("title", "description", "default", "examples")


def with_variables(schema: Schema) -> Schema:
    """Return a schema in which numbers, booleans and closed strings, however deep, may be variables too.

    Examples
    --------
    >>> with_variables({"title": "seed", "type": "integer"})
    {'title': 'seed', 'anyOf': [{'type': 'integer'}, {'$ref': '#/$defs/variable'}]}
    """
    new = _each_below(schema)
    if "oneOf" in new and all(_takes_values(branch) for branch in new["oneOf"]):
        new["anyOf"] = new.pop("oneOf")  # a variable would fit several branches
    if not _is_closed(new):
        return new
    said: Schema = {key: new.pop(key) for key in _SAID if key in new}
    return {**said, "anyOf": [new, {"$ref": REF + "variable"}]}


def _each_below(schema: Schema) -> Schema:
    """Return a copy with room for variables in every schema inside; conditions stay as they are."""
    new = dict(schema)
    for key in _MAPS:
        if isinstance(new.get(key), dict):
            new[key] = {name: with_variables(each) for name, each in new[key].items()}
    for key in _LISTS:
        if isinstance(new.get(key), list):
            new[key] = [with_variables(each) if isinstance(each, dict) else each for each in new[key]]
    for key in _ONES:
        if isinstance(new.get(key), dict):
            new[key] = with_variables(new[key])
    return new


def _takes_values(schema: Schema) -> bool:
    """Return whether a branch says what a value is, and not only which keys it has."""
    return "required" not in schema or "properties" in schema


def _is_closed(schema: Schema) -> bool:
    """Return whether a schema takes scalars, but not every string that names a variable."""
    if schema.get("type") in ("integer", "number", "boolean"):
        return "const" not in schema
    constrained = any(key in schema for key in _CONSTRAINTS) or schema.get("minLength", 0) > 1
    return schema.get("type") == "string" and constrained
