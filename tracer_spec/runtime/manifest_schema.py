"""The JSON Schema of ``bundle.json``, from the same patterns and limits that the reader checks."""

from __future__ import annotations

from typing import Any

from tracer_spec.runtime import limits
from tracer_spec.runtime.archive import MEMBER_NAME, REQUIRED
from tracer_spec.runtime.manifest import FORMAT, STATUSES
from tracer_spec.runtime.manifest_reader import (
    CREATED,
    DISTRIBUTION,
    MAX_NAME,
    MAX_TEXT,
    PLUGIN,
    RELEASE,
    SHA256,
    VERSION,
)


def manifest_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of ``bundle.json``."""
    name = _text("", most=MAX_NAME)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "bundle.json of a tracer-spec bundle, format 1",
        "$comment": (
            "Beyond what a schema can say: version is the first 12 hexadecimal digits of the sha256 of the "
            "canonical manifest without version and created; defer_labels are labels; a threshold is null "
            "exactly where the acceptor is; names and provenance hold no control characters; probe vectors are as "
            "many as probe texts and as long as the dimension."
        ),
        **_object(
            {
                "format": {
                    "const": FORMAT,
                    "type": "integer",
                    "description": "of this file; another number, another schema",
                },
                "name": {**name, "description": "the router's"},
                "version": _text("pins all contents", VERSION),
                "created": _optional(_text("UTC, from SOURCE_DATE_EPOCH", CREATED)),
                "status": {"enum": list(STATUSES), "description": "nothing is certified about a draft"},
                "spec_digest": _text("sha256 of the spec", SHA256),
                "labels": {
                    **_list(_text("", most=MAX_TEXT), 1, limits.LABELS, "by the index that the graph answers with"),
                    "uniqueItems": True,
                },
                "dimension": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": limits.DIMENSION,
                    "description": "the length of a vector",
                },
                "embedder": _embedder(),
                "policy": _policy(name),
                "provenance": {
                    "type": "object",
                    "description": "free JSON for people: traces, plugins, libraries, seed",
                },
                "members": _members(),
            }
        ),
    }


def _embedder() -> dict[str, Any]:
    vector = _list({"type": "number"}, 0, limits.DIMENSION, "")
    probe = _object(
        {
            "texts": _list(_text("", least=0, most=MAX_TEXT), 1, limits.PROBES, "what is embedded"),
            "vectors": _list(vector, 1, limits.PROBES, "what must come out, to 1e-4"),
        }
    )
    return _object(
        {
            "use": _text("the plugin's name", PLUGIN, most=MAX_NAME),
            "distribution": _text("who ships the plugin", DISTRIBUTION, most=MAX_NAME),
            "version": _text("the distribution's", RELEASE, most=MAX_NAME),
            "options": {"type": "object", "description": "the plugin's options"},
            "fingerprint": _text("the function text to vector", least=0, most=MAX_NAME),
            "probe": {**_optional(probe), "description": "null where the app brings vectors"},
        }
    )


def _policy(name: dict[str, Any]) -> dict[str, Any]:
    stage = _object(
        {
            "surrogate": name,
            "acceptor": _optional(name),
            "guards": _list(name, 0, limits.STAGES, ""),
            "threshold": {
                **_optional({"type": "number", "minimum": 0, "maximum": 1}),
                "description": "the least acceptance score that is handled; null where there is no acceptor",
            },
        }
    )
    return _object(
        {
            "family": name,
            "stages": _list(stage, 1, limits.STAGES, "in the order they are tried"),
            "defer_labels": {
                **_list(_text("", most=MAX_TEXT), 0, limits.LABELS, "labels that the policy never answers"),
                "uniqueItems": True,
            },
        }
    )


def _members() -> dict[str, Any]:
    member = _object(
        {
            "bytes": {"type": "integer", "minimum": 0, "maximum": limits.BUNDLE_BYTES},
            "sha256": _text("", SHA256),
        }
    )
    return {
        "type": "object",
        "description": "every other file of the bundle",
        "required": list(REQUIRED),
        "propertyNames": {"pattern": f"^(?:{MEMBER_NAME})$", "maxLength": limits.MEMBER_NAME_CHARACTERS},
        "additionalProperties": member,
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    """Return an object that has all of these keys and no other."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: dict[str, Any], least: int, most: int, description: str) -> dict[str, Any]:
    found = {"type": "array", "items": items, "minItems": least, "maxItems": most}
    return {**found, "description": description} if description else found


def _text(description: str, pattern: str = "", *, least: int = 1, most: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "string"}
    if pattern:
        found["pattern"] = pattern
    else:
        found["minLength"] = least
    if most:
        found["maxLength"] = most
    return {**found, "description": description} if description else found


def _optional(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}
