"""One line of the log of decisions: ``schemas/decision.v1.json``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from tracer_spec.flow.documents.document import Count, Flag, Part, Share, Sometimes, Text, json_schema
from tracer_spec.runtime.decision import Reason

_COMMENT = (
    "One line of a log of decisions. 'teacher' is null where the teacher was not asked. Rows whose 'router.audit' is true, and "
    "rows without a router, are a sample of all traffic; rows that were deferred for their score are not."
)


class RouterStory(Part):
    """What the router made of a request."""

    name: Text
    version: Text = Field(description="the first 12 hexadecimal digits of the digest of the bundle's contents")
    mode: Text = Field(description="live, shadow, or canary:SHARE")
    label: Text | None = Field(description="the surrogate's label; null where it deferred")
    handled: Flag = Field(description="whether the surrogate would answer")
    score: Share = Field(description="the acceptance score")
    stage: Count | None = Field(description="the stage that handled; null where deferred")
    reason: Literal[tuple(str(each) for each in Reason)]  # type: ignore[valid-type]
    audit: Flag = Field(
        description="whether the coin chose the request for the teacher, before anything was known of it"
    )
    audit_rate: Share = Field(description="how often the coin falls")
    served: Literal["router", "teacher", "nobody"] = Field(
        description="whose answer went out; nobody's where the teacher failed; the teacher's also where the app asked for it, "
        "or where the request could not be told the label"
    )


class DecisionRecord(Part):
    """One request, what was decided, and what the teacher said where it was asked."""

    id: Text = Field(description="the request's id")
    time: Text = Field(description="when it came: ISO 8601, UTC")
    input: Sometimes[str] = Field(default=None, description="the text; left out where texts are not logged")
    input_sha256: Sometimes[Text] = Field(
        default=None, description="the digest of the text, where texts are not logged"
    )
    teacher: Text | None = Field(
        description="the teacher's label, cleaned by the spec's steps; null where it was not asked"
    )
    teacher_raw: Any = Field(
        description="what the teacher answered; null where it was not asked or failed; the call of a tool as "
        "{tool_call: {name, arguments}}, an answer that was cut short, refused or empty as {unanswered: {reason, answer}}"
    )
    model: Text | None = Field(description="the teacher's model, where the app says it")
    router: RouterStory | None = Field(description="null where no bundle was there to decide")


def decision_schema() -> dict[str, Any]:
    """Return the JSON Schema of one line."""
    return json_schema(DecisionRecord, "tracer-spec decision record, version 1", _COMMENT)
