"""The JSON Schemas of ``bundle.json`` and of a pointer to one, from their fields and the rules that the reader checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer_spec.runtime.archive import MANIFEST
from tracer_spec.runtime.field_rules import Rule, Shape, fields_of, shape_of
from tracer_spec.runtime.manifest import FORMAT, Manifest
from tracer_spec.runtime.release import POINTER, Release


def manifest_schema(number: int = FORMAT) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of ``bundle.json`` in one format."""
    schema = _schema(shape_of(Manifest))
    properties = schema["properties"]
    properties["format"] = {"type": "integer", "const": number, "description": properties["format"]["description"]}
    for key, (_, shape) in fields_of(Manifest).items():
        if shape.rule.since > number:
            del properties[key]
            schema["required"] = [each for each in schema["required"] if each != key]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{MANIFEST} of a tracer-spec bundle, format {number}",
        "$comment": (
            "Beyond what a schema can say: version is the first 12 hexadecimal digits of the sha256 of the "
            "canonical manifest without version and created; defer_labels are labels; a threshold is null "
            "exactly where the acceptor is; names and provenance hold no control characters; probe vectors are as "
            "many as probe texts and as long as the dimension."
        ),
        **schema,
    }


def pointer_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the pointer of a folder of releases."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{POINTER} of a folder of releases, version 1",
        "$comment": "Beside it each bundle stands as SHA256.tracer; 'tracer-spec promote' and 'rollback' write it in one step.",
        **_schema(shape_of(Release)),
    }


def _schema(shape: Shape) -> dict[str, Any]:
    found = _of_kind(shape.kind, shape.rule, shape.item)
    if shape.optional:
        found = {"anyOf": [found, {"type": "null"}]}
    return {**found, "description": shape.says} if shape.says else found


def _of_kind(kind: Any, rule: Rule, item: Shape | None) -> dict[str, Any]:
    """Return what a schema says of a value that is not null."""
    if kind is str:
        if rule.allowed:
            return {"enum": list(rule.allowed)}
        return {"type": "string", **_given(minLength=rule.least, maxLength=rule.most, pattern=rule.pattern or None)}
    if kind in (int, float):
        only = rule.least is not None and rule.least == rule.most
        bounds = {"const": rule.least} if only else _given(minimum=rule.least, maximum=rule.most)
        return {"type": "integer" if kind is int else "number", **bounds}
    if kind is tuple:
        unique = {"uniqueItems": True} if rule.unique else {}
        items = {} if item is None else {"items": _schema(item)}
        return {"type": "array", **items, **_given(minItems=rule.least, maxItems=rule.most), **unique}
    if kind is Mapping:
        return {"type": "object", **_values(rule, item)}
    known = fields_of(kind)
    properties = {key: _schema(shape) for key, (_, shape) in known.items()}
    required = [key for key, (_, shape) in known.items() if not shape.rule.may_lack]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _values(rule: Rule, item: Shape | None) -> dict[str, Any]:
    """Return what a schema says of a mapping: nothing where it is free JSON."""
    if item is None or item.kind is object:
        return {}
    names = _given(pattern=rule.pattern, maxLength=rule.most)
    return {"required": list(rule.required), "propertyNames": names, "additionalProperties": _schema(item)}


def _given(**keywords: Any) -> dict[str, Any]:
    return {name: value for name, value in keywords.items() if value is not None}
