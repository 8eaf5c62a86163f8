"""The JSON Schema of ``audit.json``: what :func:`~tracer_spec.flow.audit.document.audit` writes."""

from __future__ import annotations

from typing import Any

from tracer_spec.flow.documents.json_schema import closed_object, count, inside, listed, or_null, share, text, texts

_SIMILARITY = {"type": "number", "minimum": -1, "maximum": 1, "description": "cosine of the two embeddings"}


def audit_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of ``audit.json``, version 1."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "audit.json of a tracer-spec bundle, version 1",
        "$comment": (
            "Everything is of fit rows, out of fold; nothing here is certified. Beyond what a schema can say: agree <= handled "
            "<= n; the counts of reasons, and of flow, sum to n. A reader must do without any key but the first: a bundle of "
            "an early release has only n, handled, agree, labels and the labels off the list."
        ),
        **closed_object(
            {
                "schema_version": {"const": 1, "type": "integer"},
                "rows": {"const": "fit, out of fold"},
                **_counts(),
                "interval_confidence": {**inside(), "description": "of every interval here; each is descriptive"},
                "labels": listed(
                    closed_object({"label": _label(), **_counts(), "interval": _interval()}),
                    "every label, by the teacher's",
                ),
                "n_unknown_labels": count("fit rows whose label is off the list"),
                "unknown_labels": {
                    "type": "object",
                    "additionalProperties": count(),
                    "description": "those labels with their counts; empty unless report.text",
                },
                "slices": listed(_slice(), "a slice that has but one part is left out"),
                "flow": listed(_link(), "links without rows are left out"),
                "reasons": closed_object(
                    {
                        "handled": count(),
                        "low_score": count(),
                        "out_of_distribution": count(),
                        "denied_label": count(),
                    }
                ),
                "guards": listed(_guard()),
                "confusions": listed(_confusion(), "the commonest, handled or not", maxItems=50),
                "stages": listed(_stage(), minItems=1),
                "boundary": listed(
                    _pair(), "one label, near, one handled and one deferred; nearest first", maxItems=30
                ),
                "examples": closed_object({"handled": listed(_example()), "deferred": listed(_example())}),
                "n_suspects": count("pairs found, told or not"),
                "suspects": listed(_suspects(), "near-duplicates that the teacher labels differently", maxItems=50),
                "cost": {
                    **or_null(closed_object({"teacher_usd_per_1k": _amount(), "requests_per_day": _amount()})),
                    "description": "as the spec has it",
                },
            }
        ),
    }


def _label() -> dict[str, Any]:
    return text("a label; '(off the list)' stands for all that are not on it, unless report.text")


def _counts() -> dict[str, Any]:
    return {"n": count(), "handled": count(), "agree": count("handled rows that agree with the teacher")}


def _interval() -> dict[str, Any]:
    bounds = {"type": "array", "items": share(), "minItems": 2, "maxItems": 2}
    return {
        **or_null(bounds),
        "description": "of agreement, as Clopper and Pearson have it; null where nothing is handled",
    }


def _amount() -> dict[str, Any]:
    return {"type": "number", "minimum": 0}


def _slice() -> dict[str, Any]:
    part = closed_object(
        {"name": text("of the part"), **_counts(), "interval": _interval()},
        optional={
            "labels": texts("regions: the teacher's commonest labels"),
            "texts": texts("regions, with report.text: what lies nearest to the centre"),
        },
    )
    return closed_object({"by": {"enum": ["length", "time", "region"]}, "parts": listed(part, minItems=2)})


def _link() -> dict[str, Any]:
    agree = {**or_null(count()), "description": "null for the teacher"}
    to = {"type": "string", "pattern": "^(stage [1-9][0-9]*|teacher)$"}
    return closed_object({"label": _label(), "to": to, "n": count(), "agree": agree})


def _guard() -> dict[str, Any]:
    refused = {
        "refused": count("deferred rows that this guard refused"),
        "would_agree": count("those of them whose answer was the teacher's"),
    }
    return closed_object(
        {
            "guard": text("its name in the spec"),
            **refused,
            "otherwise_handled": count("refused rows that nothing else kept back"),
            "otherwise_agree": count("those of them whose answer was the teacher's"),
            "labels": listed(closed_object({"label": _label(), **refused}), "by the teacher's label"),
        }
    )


def _confusion() -> dict[str, Any]:
    return closed_object({"teacher": _label(), "surrogate": _label(), "n": count(), "handled": count()})


def _stage() -> dict[str, Any]:
    number = {"type": "number"}
    steps = closed_object({"edges": listed(number), "agree": listed(count()), "disagree": listed(count())})
    one_bin = closed_object({"low": number, "high": number, "n": count(), "mean_score": number, "agree": count()})
    return closed_object(
        {
            "surrogate": text("its name in the spec"),
            "acceptor": {
                **or_null(text("its name in the spec")),
                "description": "null where the stage accepts all it may",
            },
            "threshold": or_null(number),
            "scores": {**steps, "description": "a histogram over the rows that reach the stage"},
            "reliability": listed(one_bin, "those rows by rising score, in bins of about equal size", maxItems=10),
        }
    )


def _row(**optional: Any) -> dict[str, Any]:
    return closed_object(
        {
            "row": count("its position among the traces read, from 0"),
            "label": _label(),
            "predicted": text("the label of the stage that handled, or of the last one tried"),
            "score": {"type": "number", "description": "the score of that stage"},
        },
        optional={"text": text("with report.text; cut after 300 characters"), **optional},
    )


def _example() -> dict[str, Any]:
    return _row(kind={"enum": ["typical", "highest score", "lowest score"]})


def _pair() -> dict[str, Any]:
    return closed_object({"label": _label(), "similarity": _SIMILARITY, "handled": _row(), "deferred": _row()})


def _suspects() -> dict[str, Any]:
    return closed_object({"similarity": _SIMILARITY, "a": _row(), "b": _row()})
