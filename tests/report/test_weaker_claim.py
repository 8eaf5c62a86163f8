"""In which way one claim is less than another; 'diff' and 'promote' say it alike."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tracer_spec.flow.documents.certificate import Claim
from tracer_spec.plugin import LabelTarget
from tracer_spec.report.weaker_claim import weaker_claim

FRAUD, REFUND = LabelTarget("fraud", "missed", 0.05), LabelTarget("refund", "agreement", 0.95)
CLAIM = Claim("", "agreement", 0.92, 0.95, 400, (), (FRAUD, REFUND))
WEAKER = "The claim is weaker than before: "


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, ""),
        ({"target": 0.95, "confidence": 0.99}, ""),
        ({"labels": (FRAUD, REFUND, LabelTarget("fraud", "agreement", 0.9))}, ""),
        ({"labels": (replace(FRAUD, limit=0.01), REFUND)}, ""),
        ({"target": 0.9}, f"{WEAKER}target 0.92 → 0.9."),
        ({"confidence": 0.9}, f"{WEAKER}confidence 0.95 → 0.9."),
        ({"labels": (FRAUD,)}, f"{WEAKER}'refund' agreement is gone."),
        ({"labels": (replace(FRAUD, limit=0.1), REFUND)}, f"{WEAKER}'fraud' missed asks less."),
        (
            {"target": 0.9, "labels": ()},
            f"{WEAKER}target 0.92 → 0.9, 'fraud' missed is gone, 'refund' agreement is gone.",
        ),
        (
            {"measure": "end_to_end", "target": 0.99},
            "The two claims are about different rates, so neither is stronger.",
        ),
        ({"confidence": None}, "The old bundle's claim does not carry over."),
    ],
)
def test_what_a_claim_says_less_is_told(changed, expected):
    assert weaker_claim(CLAIM, replace(CLAIM, **changed)) == expected


def test_nothing_is_less_than_nothing():
    nothing = replace(CLAIM, confidence=None)
    assert weaker_claim(nothing, replace(CLAIM, target=0.5)) == weaker_claim(nothing, nothing) == ""
