"""Targets of single labels, as a spec has them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from tracer_spec.spec.fields import Label, OpenFraction, refusal, refusals
from tracer_spec.spec.reference import Part


class LabelTargetSpec(Part):
    """What the certificate must claim of one label, besides the target's own rate; at least one of the two."""

    missed: OpenFraction | None = Field(
        default=None,
        description="Of the traffic that the teacher calls so, the share that the router may answer with another label.",
    )
    agreement: OpenFraction | None = Field(
        default=None,
        validate_default=True,
        description="Of what the router calls so, the share that the teacher must call so too.",
    )

    @field_validator("agreement")
    @classmethod
    def _at_least_one(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is None and info.data.get("missed", 0) is None:  # a bad value is a given one
            hint = (
                "add missed: the share that may get another label, for instance 0.02; or agreement, for instance 0.98"
            )
            raise refusal("neither missed nor agreement is given", hint=hint, about_value=False)
        return value


def _shown_as_it_is(targets: dict[str, LabelTargetSpec]) -> dict[str, LabelTargetSpec]:
    """Refuse a label that a certificate cannot name."""
    found = [
        ((label,), label, refusal("holds a character that is not shown, and a certificate names the label"))
        for label in targets
        if not label.isprintable()
    ]
    if found:
        raise refusals("labels", found)
    return targets


LabelTargets = Annotated[dict[Label, LabelTargetSpec], AfterValidator(_shown_as_it_is)]
