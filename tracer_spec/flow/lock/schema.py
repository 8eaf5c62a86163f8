"""The JSON Schema of ``router.lock``."""

from __future__ import annotations

from typing import Any

from tracer_spec.flow.documents.claim import AGREEMENT, END_TO_END
from tracer_spec.flow.lock.file import LOCK_VERSION

_SHA256 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_TWELVE = {"type": "string", "pattern": "^[0-9a-f]{12}$"}
_COUNT = {"type": "integer", "minimum": 0}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_INSIDE = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
_TEXT = {"type": "string", "minLength": 1}


def lock_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of ``router.lock``, version 1."""
    looks = _object(
        {
            "builds": {
                "type": "array",
                "items": _TEXT,
                "description": "the identity of each build that looked, in order",
            },
            "rows": {
                "type": "string",
                "contentEncoding": "base64",
                "description": "the 1,024 smallest hashes of the rows looked at, 64 bits each, big-endian",
            },
        }
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "router.lock of tracer-spec, version 1",
        "$comment": "Keys of later releases may stand beside these, and stay as they are.",
        "type": "object",
        "properties": {
            "lock": {"const": LOCK_VERSION, "type": "integer"},
            "looks": {
                "type": "array",
                "items": looks,
                "description": "looks at certify rows that overlap, a series each: to take one out is to forget looks",
            },
            "build": {**_build(), "description": "what the last certified bundle was made from, and came to"},
        },
        "required": ["lock", "looks"],
    }


def _build() -> dict[str, Any]:
    told = {
        "type": ["string", "number", "boolean"],
        "description": "a number, true, false or a plugin's name as it is; any other text or list as the head of its sha256; "
        "'not told' where it comes from the environment, or is an option that --set gave",
    }
    return _object(
        {
            "spec": _object({"digest": _SHA256, "keys": {"type": "object", "additionalProperties": told}}),
            "seed": {"type": "integer"},
            "traces": _object(
                {
                    "digest": _SHA256,
                    **dict.fromkeys(("read", "kept", "fit", "certify"), _COUNT),
                    "dropped": {"type": "object", "additionalProperties": _COUNT, "description": "by reason"},
                }
            ),
            "plugins": _versions("'KIND NAME' to the distribution that ships it, with its version"),
            "libraries": _versions("what the bytes of a bundle depend on"),
            "embedder": _object({"fingerprint": _TEXT}),
            "certificate": _certificate(),
            "policy": _object({"family": _TEXT, "stages": {"type": "array", "items": _stage(), "minItems": 1}}),
            "bundle": _object(
                {
                    "sha256": {**_SHA256, "description": "of the whole file"},
                    "version": _TWELVE,
                    "created": {"type": ["string", "null"]},
                    "members": {
                        "type": "object",
                        "additionalProperties": _TWELVE,
                        "description": "each member but bundle.json, by the head of its sha256",
                    },
                }
            ),
        }
    )


def _certificate() -> dict[str, Any]:
    return _object(
        {
            "status": {"const": "certified"},
            "claim": _TEXT,
            "measure": {"enum": [AGREEMENT, END_TO_END]},
            "target": _INSIDE,
            "confidence": _or_null(_INSIDE),
            "look": _or_null({"type": "integer", "minimum": 1}),
            "level": _or_null(_INSIDE),
            "n": _COUNT,
            "k": _COUNT,
            "p_value": _or_null(_SHARE),
            "estimate": _object({"coverage": _SHARE, "agreement": _SHARE}),
        }
    )


def _stage() -> dict[str, Any]:
    return _object(
        {
            "surrogate": _TEXT,
            "acceptor": _or_null(_TEXT),
            "guards": {"type": "array", "items": _TEXT},
            "threshold": {"type": ["number", "null"]},
        }
    )


def _versions(description: str) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": _TEXT, "description": description}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    """Return an object that has all of these keys and no other."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}
