"""``audit.json``: what a policy does, and to whom, on fit rows, out of fold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from tracer_spec.flow.documents.document import (
    Always,
    Amount,
    Count,
    Document,
    Inside,
    Number,
    Part,
    Share,
    Sometimes,
    Text,
)
from tracer_spec.runtime.archive import AUDIT

Label: TypeAlias = Annotated[
    Text, Field(description="a label; '(off the list)' stands for all that are not on it, unless report.text")
]
Similarity: TypeAlias = Annotated[float, Field(strict=True, ge=-1, le=1, description="cosine of the two embeddings")]
Kind: TypeAlias = Literal["typical", "highest score", "lowest score"]
TEACHER = "teacher"
Way: TypeAlias = Annotated[str, Field(strict=True, pattern="^(stage [1-9][0-9]*|teacher)$")]


class Counts(Part):
    """Rows, those handled, and those of them that agree with the teacher."""

    n: Count
    handled: Count
    agree: Count = Field(description="handled rows that agree with the teacher")

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not self.agree <= self.handled <= self.n:
            raise ValueError("has agree, handled and n that are not in rising order")
        return self

    @property
    def coverage(self) -> float | None:
        """Return handled / n; None without rows."""
        return self.handled / self.n if self.n else None

    @property
    def agreement(self) -> float | None:
        """Return agree / handled; None where nothing is handled."""
        return self.agree / self.handled if self.handled else None


class Tally(Counts):
    """Counts with the interval of their agreement."""

    interval: tuple[Share, Share] | None = Field(
        default=None,
        description="of agreement, as Clopper and Pearson have it; null where nothing is handled",
    )


class LabelTally(Tally):
    """One of the teacher's labels."""

    label: Label


class SlicePart(Tally):
    """One part of the traffic."""

    name: Text = Field(description="of the part")
    labels: Sometimes[tuple[Text, ...]] = Field(default=None, description="regions: the teacher's commonest labels")
    texts: Sometimes[tuple[Text, ...]] = Field(
        default=None, description="regions, with report.text: what lies nearest to the centre"
    )


class Slicing(Part):
    """The traffic, cut one way."""

    by: Literal["length", "time", "region"]
    parts: tuple[SlicePart, ...] = Field(min_length=2)


class FlowLink(Part):
    """Rows of one label that went one way."""

    label: Label
    to: Way
    n: Count
    agree: Count | None = Field(default=None, description="null for the teacher")


class Reasons(Part):
    """What became of the rows: handled, or why they were deferred."""

    handled: Count = 0
    low_score: Count = 0
    out_of_distribution: Count = 0
    denied_label: Count = 0


class Refused(Part):
    """Rows that one guard refused."""

    refused: Count = Field(description="deferred rows that this guard refused")
    would_agree: Count = Field(description="those of them whose answer was the teacher's")


class RefusedLabel(Refused):
    """Those of one of the teacher's labels."""

    label: Label


class Guard(Refused):
    """What one guard kept back, and what that cost."""

    guard: Text = Field(description="its name in the spec")
    otherwise_handled: Always[Count] = Field(default=None, description="refused rows that nothing else kept back")
    otherwise_agree: Always[Count] = Field(default=None, description="those of them whose answer was the teacher's")
    labels: tuple[RefusedLabel, ...] = Field(default=(), description="by the teacher's label")


class Confusion(Part):
    """One label taken for another by the surrogate."""

    teacher: Label
    surrogate: Label
    n: Count
    handled: Count


class Histogram(Part):
    """Counts of scores between edges."""

    edges: tuple[Number, ...]
    agree: tuple[Count, ...]
    disagree: tuple[Count, ...]

    @model_validator(mode="after")
    def _aligned(self) -> Self:
        if not len(self.edges) - 1 == len(self.agree) == len(self.disagree):
            raise ValueError("has not one edge more than it has bins")
        return self


class ScoreBin(Part):
    """Rows of like scores, and how many of them agree."""

    low: Number
    high: Number
    n: Count
    mean_score: Number
    agree: Count


class StageScores(Part):
    """What one stage is made of, and whether its scores mean what they say."""

    surrogate: Text = Field(description="its name in the spec")
    acceptor: Text | None = Field(
        default=None, description="its name in the spec; null where the stage accepts all it may"
    )
    threshold: Number | None = None
    scores: Always[Histogram] = Field(default=None, description="over the rows that reach the stage")
    reliability: tuple[ScoreBin, ...] = Field(
        default=(), max_length=10, description="those rows by rising score, in bins of about equal size"
    )


class Row(Part):
    """One trace."""

    row: Count = Field(description="its position among the traces read, from 0")
    label: Label
    predicted: Always[Text] = Field(
        default=None, description="the label of the stage that handled, or of the last one tried"
    )
    score: Always[Number] = Field(default=None, description="the score of that stage")
    text: Sometimes[Text] = Field(default=None, description="with report.text; cut after 300 characters")


class Example(Row):
    """A row that stands for others like it."""

    kind: Sometimes[Kind] = None


class Examples(Part):
    """Rows that show what is handled and what is deferred."""

    handled: tuple[Example, ...] = ()
    deferred: tuple[Example, ...] = ()


class BoundaryPair(Part):
    """Two neighbours of one label, one handled and one deferred."""

    label: Label
    similarity: Similarity
    handled: Row
    deferred: Row


class SuspectPair(Part):
    """Near-duplicates that the teacher labels differently."""

    similarity: Similarity
    a: Row
    b: Row


class Cost(Part):
    """What the teacher costs, as the spec has it."""

    teacher_usd_per_1k: Amount
    requests_per_day: Amount

    @property
    def usd_per_day(self) -> float:
        """Return what the teacher costs for all traffic."""
        return self.requests_per_day * self.teacher_usd_per_1k / 1000


class AuditDocument(Counts, Document):
    """What a policy does to the fit rows. None, or nothing, is what the bundle does not tell."""

    member: ClassVar = AUDIT
    comment: ClassVar = (
        "Everything is of fit rows, out of fold; nothing here is certified. Beyond what a schema can say: agree <= handled "
        "<= n; the counts of reasons, and of flow, sum to n. A reader must do without any key but the first: a bundle of "
        "an early release has only n, handled, agree, labels and the labels off the list."
    )

    rows: Literal["fit, out of fold"] = "fit, out of fold"
    n: Count = 0
    n_fit: Sometimes[Count] = Field(
        default=None,
        description="fit rows, where these n are a sample of them that is like the traffic; not there where all count",
    )
    handled: Count = 0
    agree: Count = Field(default=0, description="handled rows that agree with the teacher")
    interval_confidence: Always[Inside] = Field(default=None, description="of every interval here; each is descriptive")
    labels: tuple[LabelTally, ...] = Field(default=(), description="every label, by the teacher's")
    n_unknown_labels: Count = Field(default=0, description="fit rows whose label is off the list")
    unknown_labels: Mapping[str, Count] = Field(
        default_factory=dict, description="those labels with their counts; empty unless report.text"
    )
    slices: Always[tuple[Slicing, ...]] = Field(default=None, description="a slice that has but one part is left out")
    flow: Always[tuple[FlowLink, ...]] = Field(default=None, description="links without rows are left out")
    reasons: Always[Reasons] = None
    guards: Always[tuple[Guard, ...]] = None
    confusions: Always[Annotated[tuple[Confusion, ...], Field(max_length=50)]] = Field(
        default=None, description="the commonest, handled or not"
    )
    stages: Always[Annotated[tuple[StageScores, ...], Field(min_length=1)]] = None
    boundary: Always[Annotated[tuple[BoundaryPair, ...], Field(max_length=30)]] = Field(
        default=None, description="one label, near, one handled and one deferred; nearest first"
    )
    examples: Always[Examples] = None
    n_suspects: Always[Count] = Field(default=None, description="pairs found, told or not")
    suspects: Always[Annotated[tuple[SuspectPair, ...], Field(max_length=50)]] = Field(
        default=None, description="near-duplicates that the teacher labels differently"
    )
    cost: Cost | None = Field(default=None, description="null where the spec tells no cost")

    @property
    def counts(self) -> Counts | None:
        """Return what became of the fit rows; None where the bundle does not tell."""
        return self if self.n else None
