"""The spec's ``traces``: where they are, how a record is laid out, how answers become labels."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    StrictInt,
    StrictStr,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from tracer_spec.spec.fields import (
    Expression,
    ExtractStep,
    Label,
    Labels,
    PluginName,
    Sentence,
    Step,
    non_empty,
    refusal,
)
from tracer_spec.spec.reference import Part, PluginRef
from tracer_spec.text_steps import MAX_CUTS
from tracer_spec.text_steps.language import EXTRACT_STEPS, STEPS


class Overrides(Part):
    """A mapping in which a null says more than a key left out: it is written out as it was written."""

    @model_serializer(mode="wrap")
    def _as_written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in write(self).items() if key in self.model_fields_set}


class JoinMap(Overrides):
    """How two records become one trace: JMESPath expressions over either of them."""

    key: Expression | None = Field(default=None, description="What both records have in common: 'custom_id'.")
    input: Expression | None = Field(default=None, description="True of a record that asks.")
    output: Expression | None = Field(default=None, description="True of a record that answers.")


Reason = Annotated[StrictStr, Field(min_length=1, max_length=60)]


class FormatMap(Overrides):
    """Where each part of a trace is in a record: JMESPath expressions, over those of a preset or without one."""

    preset: Annotated[StrictStr, Field(min_length=1)] | None = Field(
        default=None, description="A preset; the other keys change it, and null takes a part out of it."
    )
    label: Expression | None = Field(
        default=None, description="The teacher's answer, before 'labels' puts it in order; needed without a preset."
    )
    text: Expression | None = Field(
        default=None, description="What the teacher was asked; not needed where vectors come with the traces."
    )
    id: Expression | None = Field(
        default=None, description="The event's id: copies and retries with the same id collapse."
    )
    time: Expression | None = Field(
        default=None, description="When it was: ISO 8601, or seconds, milli-, micro- or nanoseconds since 1970."
    )
    truth: Expression | None = Field(
        default=None, description="A human's label, where there is one; reported, never trained on."
    )
    group: Expression | None = Field(default=None, description="What belongs together: a customer, a conversation.")
    model: Expression | None = Field(default=None, description="The teacher's model.")
    version: Expression | None = Field(default=None, description="The version of the teacher's prompt.")
    embedding: Expression | None = Field(default=None, description="The vector, where the record carries one.")
    parent: Expression | None = Field(
        default=None, description="In logs of spans: the id of the span that holds this one, as 'id' writes it."
    )
    trace: Expression | None = Field(
        default=None, description="In logs of spans: the id of the trace, within which ids of spans are unique."
    )
    where: Expression | None = Field(
        default=None, description="Keep only records for which this is true: \"status == 'ok'\"."
    )
    iterate: Expression | None = Field(
        default=None, description="A list inside the record, each item of which is one trace."
    )
    view: Expression | None = Field(
        default=None, description="An object that the other expressions read in place of the record or item."
    )
    join: JoinMap | None = Field(
        default=None, description="For logs that keep what was asked and what was answered in records of their own."
    )
    skip: dict[Reason, Expression | None] | None = Field(
        default=None, description="Reason to condition: records that are no trace; null takes a preset's rule out."
    )
    unanswered: dict[Reason, Expression | None] | None = Field(
        default=None,
        description="Reason to condition: answers that are no label, cut short or refused; null takes a rule out.",
    )
    unlabelled: dict[Reason, Expression | None] | None = Field(
        default=None,
        description="Reason to condition: requests that the teacher was not asked, or did not answer. They are no traces; "
        "'verify' counts them as traffic.",
    )
    certify: Expression | None = Field(
        default=None,
        description="True where chance alone chose the request for the teacher: others train, and never certify.",
    )
    rate: Expression | None = Field(
        default=None, description="How often chance chooses requests for the teacher, from 0 to 1; null for always."
    )
    deferred: Expression | None = Field(
        default=None, description="True where the teacher would have been asked whatever chance said."
    )

    @model_validator(mode="after")
    def _says_a_label(self) -> FormatMap:
        if self.label is None and self.preset is None:
            raise refusal(
                "the format has no label",
                hint="add label: the JMESPath of the teacher's answer; or preset: the name of one that has it",
                about_value=False,
            )
        return self

    @property
    def has_no_time(self) -> bool:
        """Return whether it is certain, presets unseen, that no time is read."""
        return self.time is None and (self.preset is None or "time" in self.model_fields_set)


class LabelsSpec(Part):
    """How the teacher's answers become labels."""

    allowed: StrictStr | Annotated[Labels, AfterValidator(non_empty("label"))] = Field(
        default="infer",
        description="A list; a file (one label a line, or a JSON list); or 'infer': those of the fit rows.",
    )
    normalize: tuple[Step, ...] = Field(
        default=("strip",),
        description=f"Steps applied in order to each answer: {', '.join(STEPS)}.",
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

    unanswered: Literal["disagree", "drop"] = Field(
        default="disagree",
        description="An answer cut short or refused: 'disagree' trains nothing and counts against agreement; 'drop' "
        "leaves it out, and the certificate then speaks of inputs that the teacher answers.",
    )

    train: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Whether label names train surrogates, beside the traces: 'auto' where that helps the fit rows, out of "
        "fold, and these are few; 'always'; 'never'.",
    )
    describe: StrictStr | dict[Label, Sentence] = Field(
        default_factory=dict,
        description="Label to a sentence that says what it is for, which trains in place of its name; or a file that holds "
        "such a mapping (YAML or JSON).",
        json_schema_extra={"default": {}},
    )

    @field_validator("allowed", "describe")
    @classmethod
    def _not_blank(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, str) and not value.strip():
            kinds = "a list, a file, or infer" if info.field_name == "allowed" else "a mapping, or a file"
            raise refusal(f"is empty; give {kinds}")
        return value

    @model_validator(mode="after")
    def _described_to_train(self) -> LabelsSpec:
        if self.describe and self.train == "never":
            fact = "labels are described, and train: never lets no description train"
            raise refusal(fact, hint="take describe out, or write train: auto", about_value=False)
        return self

    @model_serializer(mode="wrap")
    def _without_younger_keys(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out keys that are younger than digests where they say nothing: a spec without them stays what it was."""
        silent = {"train": "auto", "describe": {}}
        return {key: value for key, value in write(self).items() if key not in silent or value != silent[key]}


Model = Annotated[StrictStr, Field(min_length=1)]


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
        default="native", description="How a record is laid out: a preset's name, or a map of JMESPath expressions."
    )
    extract: tuple[ExtractStep, ...] = Field(
        default=(),
        max_length=MAX_CUTS,
        description="Steps that take each text out of the prompt that it stands in, applied in order, in 'route' too: "
        f"{', '.join(EXTRACT_STEPS)}.",
    )
    teacher: Model | Annotated[tuple[Model, ...], AfterValidator(non_empty("model"))] | None = Field(
        default=None,
        description="Keep only what these models answered, by the names that the records hold; a name, or a list.",
    )
    labels: LabelsSpec = Field(default_factory=LabelsSpec, description="How the teacher's answers become labels.")
    repeats: Literal["either", "traffic", "copies"] = Field(
        default="either",
        description="What rows are that say what others say, within a minute or where one of the two has no id: 'traffic', "
        "requests made again; 'copies' of one call, which count once; 'either' asks a policy to pass under both readings, "
        "and refuses a log in which most calls stand several times.",
    )
    max_rows: Annotated[StrictInt, Field(ge=1)] | None = Field(
        default=None,
        description="Read so many traces at most, of all sources together, chosen by a hash of their ids, the same ones in "
        "every build. Reads the traces twice, so not from stdin.",
    )
    on_error: Literal["fail", "drop"] = Field(
        default="fail",
        description="A record that cannot be read: 'fail' stops; 'drop' leaves it out, counted by reason.",
    )

    @property
    def teachers(self) -> tuple[str, ...] | None:
        """Return the names of the teacher's model, None where any will do."""
        return (self.teacher,) if isinstance(self.teacher, str) else self.teacher

    @property
    def layout(self) -> str | dict[str, Any]:
        """Return the format as it is looked up: a preset's name, or its expressions as plain data."""
        return self.format if isinstance(self.format, str) else self.format.model_dump()

    @property
    def source(self) -> PluginRef:
        """Return the source as a plugin reference."""
        return PluginRef.model_validate({"use": self.use, "with": self.options})
