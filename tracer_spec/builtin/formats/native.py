"""``native``: JSON objects with a few spellings of each key, and the schema of one."""

from __future__ import annotations

from typing import Any

from tracer_spec.builtin.formats.decisions import BESIDE_HANDLED
from tracer_spec.builtin.formats.format import Format
from tracer_spec.expressions.functions import LABEL_KEYS

TEXT_KEYS = ("input", "query", "text", "prompt", "question")

NATIVE = Format(
    name="native",
    # not_null, not ||: an empty answer of the teacher's is an answer, and must not hand over to the next key
    text=f"not_null({', '.join(TEXT_KEYS)})",
    label="native_label(@)",
    id="id",
    time="timestamp",
    truth="ground_truth",
    model="metadata.model",
    version="metadata.prompt_version",
    embedding="embedding",
    summary="JSON Lines of our own: `schemas/trace.v1.json`",
)


def native_schema() -> dict[str, Any]:
    """Return the JSON Schema of one native trace record: ``schemas/trace.v1.json``.

    Notes
    -----
    Keys that it does not name are allowed and ignored. A null counts as missing, except under ``teacher``: it then says that
    the teacher was not asked. A record that carries a router's decision is none.
    """
    text = _typed(["string", "null"], "what the teacher was asked")
    label = _typed(
        ["string", "number", "boolean", "object", "array", "null"],
        "what the teacher answered; an object needs 'traces.labels.normalize: [json:KEY]'",
    )
    scalar = ["string", "number", "null"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "tracer-spec native trace record, version 1",
        "description": "one line of a JSON Lines file read with 'format: native'",
        "type": "object",
        "allOf": [
            {"anyOf": [_present(key, {"type": "string", "pattern": "\\S"}) for key in TEXT_KEYS]},
            {
                "if": {"required": ["teacher"]},
                "then": _present("teacher", {"not": {"type": "null"}}),
                "else": {"anyOf": [_present(key, {"not": {"type": "null"}}) for key in LABEL_KEYS[1:]]},
            },
        ],
        "not": {"required": ["handled", *BESIDE_HANDLED]},
        "properties": {
            **{key: _aliased(text, key, TEXT_KEYS) for key in TEXT_KEYS},
            **{key: _aliased(label, key, LABEL_KEYS) for key in LABEL_KEYS},
            "id": _typed(scalar, "the event's id; records that share it are copies or retries, and count once"),
            "timestamp": _typed(scalar, "seconds, milliseconds, microseconds or nanoseconds since 1970, or ISO 8601"),
            "ground_truth": _typed(["string", "number", "boolean", "null"], "a human's label"),
            "embedding": {
                "type": ["array", "null"],
                "items": {"type": "number"},
                "description": "a vector, where the spec says that vectors come with the traces",
            },
            "metadata": {
                "type": ["object", "null"],
                "properties": {
                    "model": _typed(["string", "null"], "the teacher's model"),
                    "prompt_version": _typed(scalar, "the version of the teacher's prompt"),
                },
            },
        },
    }


def _typed(types: list[str], description: str) -> dict[str, Any]:
    return {"type": types, "description": description}


def _present(key: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"required": [key], "properties": {key: value}}


def _aliased(schema: dict[str, Any], key: str, keys: tuple[str, ...]) -> dict[str, Any]:
    if key == keys[0]:
        return schema
    return _typed(schema["type"], f"another name of '{keys[0]}', read where the names before it are missing")
