"""The JSON Schema of ``certificate.json``: what :func:`~tracer_spec.flow.documents.certificate_document` writes.

``python -m tracer_spec.flow.certificate_schema`` prints what belongs in ``schemas/certificate.v1.json``.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from tracer_spec.flow.claim import AGREEMENT, END_TO_END

STATUSES = ("certified", "draft", "refused")


def certificate_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of ``certificate.json``, version 1."""
    estimate = _object({"coverage": _share("of all fit rows"), "agreement": _share("of the fit rows handled")})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "certificate.json of a tracer-spec bundle, version 1",
        "$comment": (
            "Beyond what a schema can say: k is at most n; n, k and p_value are those of the step of the walk that "
            "ships; scores ascend, and are no more than n_certify."
        ),
        **_object(
            {
                "schema_version": {"const": 1, "type": "integer"},
                "status": {
                    "enum": list(STATUSES),
                    "description": "nothing is certified about a draft; 'refused' never ships",
                },
                "calibrator": _text("the plugin that tested; 'none' for a draft"),
                "claim": _text("what is certified, in one sentence"),
                "measure": {
                    "enum": [AGREEMENT, END_TO_END],
                    "description": "what the target is a rate of: 'agreement' of handled traffic with the teacher, or, "
                    "'end_to_end', all traffic that gets no label but the teacher's",
                },
                "target": {**_inside(), "description": "the rate asked for"},
                "confidence": {**_or_null(_inside()), "description": "null where nothing is promised"},
                "look": {
                    **_or_null({"type": "integer", "minimum": 1}),
                    "description": "which look at overlapping certify rows this was; null where looks are not counted",
                },
                "level": {
                    **_or_null(_inside()),
                    "description": "the error that the test was allowed: 1 - confidence, or this look's share of it",
                },
                "n_certify": {**_count(), "description": "certify rows, handled or not"},
                "n": {**_or_null(_count()), "description": "trials of the test that shipped: see walk"},
                "k": {**_or_null(_count()), "description": "its successes"},
                "p_value": _or_null(_share("")),
                "estimate": {
                    **_or_null(estimate),
                    "description": "of what ships, from fit rows, out of fold; no part of the claim",
                },
                "walk": {
                    "type": "array",
                    "items": _step(),
                    "description": "every candidate tested, in the frozen order",
                },
                "assumptions": _texts("what the claim rests on"),
                "voided_by": _texts("what ends it"),
                "scores": {
                    "type": "array",
                    "items": {"type": "number"},
                    "maxItems": 256,
                    "description": "quantiles of the shipped policy's acceptance scores on the certify rows, ascending: what "
                    "'tracer-spec verify' compares later traffic with; empty for a draft",
                },
            }
        ),
    }


def schema_text() -> str:
    """Return the schema as the file holds it."""
    return json.dumps(certificate_schema(), indent=2, ensure_ascii=False) + "\n"


def _step() -> dict[str, Any]:
    return _object(
        {
            "coverage": _share("estimated from fit rows, out of fold"),
            "agreement": _share("estimated from fit rows, out of fold"),
            "thresholds": {
                "type": "array",
                "items": {"type": ["number", "null"]},
                "minItems": 1,
                "description": "of each stage; null where it accepts all it may",
            },
            "n": {**_count(), "description": "trials: certify rows handled, or, for an end-to-end target, all of them"},
            "k": {**_count(), "description": "successes: those that agree, or that get no label but the teacher's"},
            "p_value": {**_or_null(_share("")), "description": "exact; null where the calibrator tests nothing"},
            "passed": {"type": "boolean"},
        }
    )


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    """Return an object that has all of these keys and no other."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "description": description}


def _texts(description: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string", "minLength": 1}, "description": description}


def _count() -> dict[str, Any]:
    return {"type": "integer", "minimum": 0}


def _share(description: str) -> dict[str, Any]:
    share = {"type": "number", "minimum": 0, "maximum": 1}
    return {**share, "description": description} if description else share


def _inside() -> dict[str, Any]:
    return {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


if __name__ == "__main__":
    sys.stdout.write(schema_text())
