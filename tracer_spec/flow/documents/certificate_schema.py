"""The JSON Schema of ``certificate.json``: what :func:`~tracer_spec.flow.documents.writers.certificate_document` writes."""

from __future__ import annotations

from typing import Any

from tracer_spec.flow.documents.claim import AGREEMENT, END_TO_END
from tracer_spec.flow.documents.json_schema import closed_object, count, inside, or_null, share, text, texts

STATUSES = ("certified", "draft", "refused")


def certificate_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of ``certificate.json``, version 1."""
    estimate = closed_object({"coverage": share("of all fit rows"), "agreement": share("of the fit rows handled")})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "certificate.json of a tracer-spec bundle, version 1",
        "$comment": (
            "Beyond what a schema can say: k is at most n; n, k and p_value are those of the step of the walk that "
            "ships; scores ascend, and are no more than n_certify."
        ),
        **closed_object(
            {
                "schema_version": {"const": 1, "type": "integer"},
                "status": {
                    "enum": list(STATUSES),
                    "description": "nothing is certified about a draft; 'refused' never ships",
                },
                "calibrator": text("the plugin that tested; 'none' for a draft"),
                "claim": text("what is certified, in one sentence"),
                "measure": {
                    "enum": [AGREEMENT, END_TO_END],
                    "description": "what the target is a rate of: 'agreement' of handled traffic with the teacher, or, "
                    "'end_to_end', all traffic that gets no label but the teacher's",
                },
                "target": {**inside(), "description": "the rate asked for"},
                "confidence": {**or_null(inside()), "description": "null where nothing is promised"},
                "look": {
                    **or_null({"type": "integer", "minimum": 1}),
                    "description": "which look at overlapping certify rows this was; null where looks are not counted",
                },
                "level": {
                    **or_null(inside()),
                    "description": "the error that the test was allowed: 1 - confidence, or this look's share of it",
                },
                "n_certify": {**count(), "description": "certify rows, handled or not"},
                "n": {**or_null(count()), "description": "trials of the test that shipped: see walk"},
                "k": {**or_null(count()), "description": "its successes"},
                "p_value": or_null(share("")),
                "estimate": {
                    **or_null(estimate),
                    "description": "of what ships, from fit rows, out of fold; no part of the claim",
                },
                "walk": {
                    "type": "array",
                    "items": _step(),
                    "description": "every candidate tested, in the frozen order",
                },
                "assumptions": texts("what the claim rests on"),
                "voided_by": texts("what ends it"),
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


def _step() -> dict[str, Any]:
    return closed_object(
        {
            "coverage": share("estimated from fit rows, out of fold"),
            "agreement": share("estimated from fit rows, out of fold"),
            "thresholds": {
                "type": "array",
                "items": {"type": ["number", "null"]},
                "minItems": 1,
                "description": "of each stage; null where it accepts all it may",
            },
            "n": {**count(), "description": "trials: certify rows handled, or, for an end-to-end target, all of them"},
            "k": {**count(), "description": "successes: those that agree, or that get no label but the teacher's"},
            "p_value": {**or_null(share("")), "description": "exact; null where the calibrator tests nothing"},
            "passed": {"type": "boolean"},
        }
    )
