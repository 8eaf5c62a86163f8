"""The spec's ``traces``: where they are, how a record is laid out, how answers become labels."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictStr, field_validator

from tracer_spec.spec.fields import Expression, Label, Labels, PluginName, Step, non_empty, refusal
from tracer_spec.spec.reference import Part, PluginRef


class FormatMap(Part):
    """Where each part of a trace is in a record: JMESPath expressions."""

    label: Expression = Field(description="The teacher's answer, before 'labels' puts it in order.")
    text: Expression | None = Field(
        default=None,
        description="What the teacher was asked; not needed where vectors come with the traces.",
    )
    id: Expression | None = Field(
        default=None, description="The event's id: copies and retries with the same id collapse."
    )
    time: Expression | None = Field(
        default=None, description="When it was: ISO 8601, or seconds or nanoseconds since 1970."
    )
    truth: Expression | None = Field(
        default=None, description="A human's label, where there is one; reported, never trained on."
    )
    group: Expression | None = Field(default=None, description="What belongs together: a customer, a conversation.")
    model: Expression | None = Field(default=None, description="The teacher's model.")
    embedding: Expression | None = Field(default=None, description="The vector, where the record carries one.")
    where: Expression | None = Field(
        default=None, description="Keep only records for which this is true: \"status == 'ok'\"."
    )
    iterate: Expression | None = Field(
        default=None, description="A list inside the record, each item of which is one trace."
    )


class LabelsSpec(Part):
    """How the teacher's answers become labels."""

    allowed: StrictStr | Annotated[Labels, AfterValidator(non_empty("label"))] = Field(
        default="infer",
        description="A list; a file (one label a line, or a JSON list); or 'infer': those of the fit rows.",
    )
    normalize: tuple[Step, ...] = Field(
        default=("strip",),
        description="Steps applied in order to each answer: strip, first-line, casefold, code-fence, "
        "json:KEY, regex:PATTERN.",
    )
    aliases: dict[str, Label] = Field(
        default_factory=dict,
        description="Answers, after the steps, that mean another label.",
        json_schema_extra={"default": {}},
    )
    unknown: Literal["disagree", "fail"] = Field(
        default="disagree",
        description="An answer that is no label: 'disagree' trains nothing and counts against agreement; 'fail' stops.",
    )

    @field_validator("allowed")
    @classmethod
    def _not_blank(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if isinstance(value, str) and not value.strip():
            raise refusal("is empty; give a list, a file, or infer")
        return value


class TracesSpec(Part):
    """Where the traces are, and how to read them."""

    use: PluginName = Field(description="The trace source: a plugin's name.")
    options: dict[str, Any] = Field(
        default_factory=dict,
        alias="with",
        description="The source's options, such as the path; relative paths start at the spec's folder.",
        json_schema_extra={"default": {}},
    )
    format: Annotated[StrictStr, Field(min_length=1)] | FormatMap = Field(
        default="native",
        description="How a record is laid out: a preset's name, or a map of JMESPath expressions.",
    )
    labels: LabelsSpec = Field(default_factory=LabelsSpec, description="How the teacher's answers become labels.")
    on_error: Literal["fail", "drop"] = Field(
        default="fail",
        description="A record that cannot be read: 'fail' stops; 'drop' leaves it out, counted by reason.",
    )

    @property
    def source(self) -> PluginRef:
        """Return the source as a plugin reference."""
        return PluginRef.model_validate({"use": self.use, "with": self.options})
