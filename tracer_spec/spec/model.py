"""router.yaml, version 1, as frozen data.

Field descriptions are the documentation of the format: the JSON Schema and every editor show them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    StrictBool,
    StrictInt,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_serializer,
)

from tracer_spec.spec.fields import (
    Amount,
    AnswerTemplate,
    Count,
    Expression,
    HalfOpenFraction,
    Labels,
    Name,
    OpenFraction,
    Served,
    non_empty,
    refusal,
    refusals,
)
from tracer_spec.spec.label_targets import LabelTargets
from tracer_spec.spec.reference import Acceptors, Embedders, Part, PluginRef, PluginRefs
from tracer_spec.spec.sources import Sources, shared
from tracer_spec.spec.traces import FormatMap, TracesSpec

T = TypeVar("T")

# the second perceptron is the better one of many labels, and the first where labels are few or noisy (docs/study.md)
DEFAULT_ZOO: tuple[str | dict[str, Any], ...] = (
    "logreg",
    "mlp",
    {
        "use": "mlp",
        "as": "mlp-large-steps",
        "with": {"learning_rate": 0.005, "alpha": 0.01, "max_iter": 30, "tol": 0.0},
    },
)
DEFAULT_FAMILIES = ("global", "l2d", "rsb")
DEFAULT_ACCEPTOR = "logistic"
DEFAULT_CALIBRATOR = "pareto-testing"


class TargetSpec(Part):
    """What the certificate must claim."""

    end_to_end: OpenFraction | None = Field(
        default=None,
        description="The share of all traffic, handled or not, that must get the teacher's label; instead of "
        "agreement, for a calibrator that certifies it.",
    )
    agreement: OpenFraction | None = Field(
        default=None,
        validate_default=True,
        description="The share of handled traffic that must get the teacher's label.",
    )
    confidence: OpenFraction = Field(
        default=0.95, description="How sure the certificate must be: 1 minus the error budget."
    )
    min_coverage: HalfOpenFraction = Field(
        default=0.05, description="Policies predicted to handle a smaller share of traffic are not proposed."
    )
    calibrator: PluginRef = Field(
        default_factory=lambda: PluginRef(use=DEFAULT_CALIBRATOR),
        validate_default=True,
        description="The test that decides what may ship.",
        json_schema_extra={"default": DEFAULT_CALIBRATOR},
    )
    labels: LabelTargets = Field(
        default_factory=dict,
        description="What must be certified of single labels besides, at the same confidence together.",
        json_schema_extra={"default": {}},
    )

    @model_serializer(mode="wrap")
    def _without_younger_key(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the labels where there are none, as below."""
        return {key: value for key, value in write(self).items() if key != "labels" or value}

    @field_validator("agreement")
    @classmethod
    def _exactly_one(cls, value: float | None, info: ValidationInfo) -> float | None:
        other_given = info.data.get("end_to_end", 0) is not None  # a bad value is a given one
        if value is None and not other_given:
            raise refusal("neither agreement nor end_to_end is given", hint=_TARGET_HINT, about_value=False)
        if value is not None and other_given:
            raise refusal("agreement and end_to_end are both given; a target has one of them", about_value=False)
        return value


_TARGET_HINT = "add agreement: the share of handled traffic that must get the teacher's label, for instance 0.95"


_YOUNGER = ("certify_where", "mix_teachers")


class SplitSpec(Part):
    """How traces are divided into fit and certify rows."""

    certify: OpenFraction = Field(default=0.4, description="The share of the traces that certifies.")
    strategy: Literal["random", "temporal", "grouped", "fresh"] = Field(
        default="random",
        description="What certifies: a random share, the latest rows, groups (one row of each is tested), or, once there "
        "was a look at certify rows, all rows that are newer than it.",
    )
    key: Expression | None = Field(
        default=None,
        validate_default=True,
        description="For grouped: the JMESPath of what belongs together; by default the group of the format, else its trace.",
    )
    certify_where: Expression | None = Field(
        default=None,
        description="For logs in which not every request had the same chance to reach the teacher, or several teachers "
        "answered: a JMESPath over the record. Rows for which it is false train, and never certify.",
    )
    mix_teachers: StrictBool = Field(
        default=False,
        description="Whether certify rows of several models, or versions of the prompt, may certify together.",
    )
    folds: Annotated[StrictInt, Field(ge=2)] = Field(
        default=4, description="Folds of the fit rows, for out-of-fold scores."
    )
    max_fit: Annotated[StrictInt, Field(ge=100)] = Field(
        default=100_000,
        description="Fit rows that train, at most, chosen by hash; certify rows are never fewer for it.",
    )

    @model_serializer(mode="wrap")
    def _without_younger_keys(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out keys that are younger than digests where they say nothing: a spec without them stays what it was."""
        return {key: value for key, value in write(self).items() if key not in _YOUNGER or value}

    @field_validator("key")
    @classmethod
    def _key_if_grouped(cls, value: str | None, info: ValidationInfo) -> str | None:
        strategy = info.data.get("strategy")
        if strategy in ("random", "temporal", "fresh") and value is not None:
            fact = f"a {strategy} split takes no key"
            raise refusal(fact, hint="take key out, or write strategy: grouped", about_value=False)
        return value


class CostSpec(Part):
    """What the teacher costs; adds a projection to the report and changes nothing else."""

    teacher_usd_per_1k: Amount = Field(description="US dollars for a thousand requests to the teacher.")
    requests_per_day: Amount = Field(description="Requests a day.")


class ServeSpec(Part):
    """How requests to a chat API are told to be this router's, and how it answers them."""

    match: Served | None = Field(
        default=None,
        description="JMESPath over a request's body, true of this router's own: \"contains(messages[0].content, 'Classify')\".",
    )
    text: Served | None = Field(
        default=None, description="JMESPath of the text in the body; by default the last message of the user."
    )
    answer: AnswerTemplate | None = Field(
        default=None,
        description="The answer, with {label} in it; by default what 'labels.normalize' makes the label of.",
    )


class ReportSpec(Part):
    """What the report may show."""

    text: StrictBool = Field(default=False, description="Whether examples show the raw text of requests.")


def _exactly_version_1(value: Any) -> Any:
    if isinstance(value, bool) or value != 1:
        raise refusal("is not a version of the format that this release reads; known: 1", hint="write version: 1")
    return 1


class RouterSpec(Part):
    """A router: where its traces are, what may be trained on them, and what must be certified."""

    version: Annotated[Literal[1], BeforeValidator(_exactly_version_1)] = Field(
        description="The version of this format: 1."
    )
    name: Name = Field(description="The router's name; the bundle is written to dist/NAME.tracer.")
    seed: Count = Field(default=0, description="What every random choice derives from, by role and name.")
    traces: Sources = Field(
        description="Where the traces are, and how to read them; a list where there are several sources."
    )
    embedder: Embedders = Field(
        description="What turns texts into vectors; of a list, the fit rows choose one.",
    )
    zoo: Annotated[PluginRefs, AfterValidator(non_empty("surrogate"))] = Field(
        default_factory=lambda: tuple(map(PluginRef.model_validate, DEFAULT_ZOO)),
        description="The surrogates to train.",
        json_schema_extra={"default": list(DEFAULT_ZOO), "minItems": 1},
    )
    average: StrictBool = Field(
        default=True, description="Also try the mean of the surrogates that agree with the teacher about equally often."
    )
    scale: StrictBool = Field(
        default=True, description="Scale the log-score of each label by a factor and a bias learned from fit rows."
    )
    families: Annotated[PluginRefs, AfterValidator(non_empty("family"))] = Field(
        default_factory=lambda: tuple(PluginRef(use=name) for name in DEFAULT_FAMILIES),
        description="The shapes of policy to propose.",
        json_schema_extra={"default": list(DEFAULT_FAMILIES), "minItems": 1},
    )
    acceptor: Acceptors = Field(
        default_factory=lambda: PluginRef(use=DEFAULT_ACCEPTOR),
        description="What predicts, per input, whether the surrogate will agree with the teacher; of a list, the fit rows "
        "choose one.",
        json_schema_extra={"default": DEFAULT_ACCEPTOR},
    )
    guards: PluginRefs = Field(default=(), description="What refuses inputs far from the training data.")
    defer_labels: Labels = Field(default=(), description="Labels that only the teacher may give.")
    target: TargetSpec = Field(description="What the certificate must claim.")
    split: SplitSpec = Field(default_factory=SplitSpec, description="How traces are divided into fit and certify rows.")
    cost: CostSpec | None = Field(
        default=None, description="What the teacher costs; adds a cost projection to the report."
    )
    report: ReportSpec = Field(default_factory=ReportSpec, description="What the report may show.")
    serve: ServeSpec | None = Field(
        default=None, description="How a server tells this router's requests from others', and answers them."
    )

    @field_validator("split")
    @classmethod
    def _time_if_temporal(cls, value: SplitSpec, info: ValidationInfo) -> SplitSpec:
        traces = info.data.get("traces")
        for number, source in enumerate(() if value.strategy not in ("temporal", "fresh") else _listed(traces)):
            if isinstance(source.format, FormatMap) and source.format.has_no_time:
                name = f"traces[{number}].format" if isinstance(traces, tuple) else "traces.format"
                fact = f"a {value.strategy} split needs the time of each trace, and {name} gives none"
                hint = f"add time: its JMESPath, to {name}"
                raise refusals("split", [(("strategy",), value.strategy, refusal(fact, hint=hint, about_value=False))])
        return value

    @field_serializer("acceptor", "embedder")
    def _alone_as_one(self, value: PluginRef | tuple[PluginRef, ...]) -> dict[str, Any] | list[dict[str, Any]]:
        """Write a list of one as the one in it: it says the same, and a digest of it is the same."""
        written = [each.model_dump(mode="json", by_alias=True) for each in _listed(value)]
        return written[0] if len(written) == 1 else written

    @property
    def embedders(self) -> tuple[PluginRef, ...]:
        """Return the embedders that compete, in the spec's order."""
        return _listed(self.embedder)

    def embedder_path(self, number: int) -> tuple[str | int, ...]:
        """Return the path of an embedder in the spec."""
        return ("embedder", number) if isinstance(self.embedder, tuple) else ("embedder",)

    @property
    def acceptors(self) -> tuple[PluginRef, ...]:
        """Return the acceptors that compete, in the spec's order."""
        return _listed(self.acceptor)

    def acceptor_path(self, number: int) -> tuple[str | int, ...]:
        """Return the path of an acceptor in the spec."""
        return ("acceptor", number) if isinstance(self.acceptor, tuple) else ("acceptor",)

    @property
    def sources(self) -> tuple[TracesSpec, ...]:
        """Return the sources of traces, in the spec's order."""
        return _listed(self.traces)

    @property
    def extract(self) -> tuple[str, ...]:
        """Return the steps that take a text out of its prompt, for all sources and for the router."""
        return cast(tuple[str, ...], shared(self.sources, "extract"))

    @property
    def repeats(self) -> str:
        """Return what rows without ids are that say what others say."""
        return cast(str, shared(self.sources, "repeats"))

    def source_path(self, number: int) -> tuple[str | int, ...]:
        """Return the path of a source in the spec."""
        return ("traces", number) if isinstance(self.traces, tuple) else ("traces",)


def _listed(value: T | tuple[T, ...] | None) -> tuple[T, ...]:
    return value if isinstance(value, tuple) else (value,) if value else ()
