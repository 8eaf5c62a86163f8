"""The state of a monitor: ``schemas/monitor.v1.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from tracer_spec.flow.documents.document import (
    Count,
    Flag,
    Inside,
    Number,
    Part,
    Share,
    Sometimes,
    Text,
    Whole,
    json_schema,
)

_COMMENT = (
    "What 'tracer-spec monitor --state' remembers of a log. It grows with the labels, with the files that are still there, and "
    "with the last 1,000 that are gone, and not with the log. Beyond what a schema can say: handled <= rows, "
    "unanswered <= audited, agree <= compared <= audited."
)
PerBet: TypeAlias = Annotated[tuple[Number, ...], Field(min_length=20, max_length=20)]
Counts: TypeAlias = Mapping[str, Count]
Digests: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]*={0,2}$")]


class MonitoredBundle(Part):
    """The bundle whose decisions are counted."""

    name: Text
    version: Text
    sha256: Text = Field(description="of the whole file")


class MonitoredCounts(Part):
    """Rows of the bundle's version."""

    rows: Count
    handled: Count
    audited: Count = Field(description="rows that the coin chose for the teacher")
    unanswered: Count = Field(description="audited rows that the teacher did not answer")
    compared: Count = Field(description="audited rows that the teacher answered and the router handles")
    agree: Count = Field(description="those of them whose labels are one")
    unknown: Count = Field(description="audited rows whose answer is no label of the bundle")
    failed: Count = Field(description="rows that nobody answered")


class MonitoredDraws(Part):
    """What the coin was to choose, by the rate that each row tells."""

    expected: Number = Field(description="rows, on average")
    variance: Number = Field(description="of that number")
    least: Share = Field(description="the least rate met; 1 before any")
    greatest: Share
    least_above_zero: Sometimes[Share] = Field(
        default=None, description="the least rate met at which a row can be chosen; 1 before any"
    )


class Reached(Part):
    """When a bar was reached first."""

    n: Count = Field(description="outcomes until then")
    time: str = Field(description="of the request; empty where it had none")


class MonitoredFile(Part):
    """How far a file has been read."""

    path: Text
    bytes: Count = Field(description="up to the end of a line; of what is unpacked, where the file is compressed")
    head: Text = Field(
        description="the first 16 hexadecimal digits of the sha256 of its first 1,024 bytes, or of what was read"
    )
    gone: Sometimes[Flag] = Field(default=None, description="true where it was not there any more; it may come back")


class MonitoredClaim(Part):
    """The claim of one label, as the certificate lists them."""

    n: Count = Field(description="audited rows that tell of it")
    k: Count = Field(description="those of them that hold")
    log_peak: Number = Field(description="the largest logarithm of its e-process so far")
    evidence: PerBet = Field(description="the logarithm of each bet's evidence against it")
    refuted: Reached | None


class MonitoredTeacher(Part):
    """Audited rows that one teacher answered."""

    n: Count
    first: str = Field(description="the time of the earliest; empty where none had one")
    last: str


class MonitoredAnswers(Part):
    """Whether the teacher answers, as far as the latest rows tell."""

    latest: Annotated[str, Field(pattern=r"^[+-]{0,50}$")] = Field(
        description="the last rows that the teacher was asked about, the newest at the end: + where it answered, - where not"
    )
    last: str = Field(description="the time of the latest row that it answered; empty where none had one")


class MonitoredEvents(Part):
    """Requests that were counted lately, as the first 8 bytes of digests of their ids, one after another in base 64."""

    audited: Mapping[str, Digests] = Field(description="audited ones, by the day of year 1 on which they were counted")
    others: Mapping[str, Digests] = Field(description="the others, by the same")
    open: Digests = Field(description="those of them that nobody has answered")
    open_audited: Digests = Field(description="those that the teacher has not answered, all of whose rows are audited")


class MonitorState(Part):
    """What a monitor remembers of a log."""

    schema_version: Literal[1]
    bundle: MonitoredBundle
    alpha: Inside = Field(description="how often a claim that is true may be refuted")
    counts: MonitoredCounts
    draws: MonitoredDraws
    first: Text | None = Field(description="the time of the earliest row")
    last: Text | None = Field(description="the time of the latest row")
    log_peak: Number = Field(description="the largest logarithm of the e-process so far")
    evidence: PerBet = Field(description="the logarithm of each bet's evidence against the claim")
    detectors: PerBet = Field(description="log(1 + M) of each bet's e-detector")
    refuted: Reached | None
    warned: Reached | None
    is_warning: Flag = Field(description="whether the warning has not ended since")
    reasons: Counts = Field(description="deferred rows by reason")
    versions: Counts = Field(description="rows of other bundles by version")
    passed_over: Counts = Field(description="lines that are not counted, by why not")
    scores: tuple[Count, ...] = Field(description="rows per bin, whose edges are scores of the certify rows")
    labels: Mapping[str, Annotated[tuple[Count, Count], Field(description="by the teacher, by the router")]]
    period_days: Annotated[Whole, Field(ge=1)]
    periods: Mapping[str, tuple[Count, Count, Count, Count]] = Field(
        description="by first day: rows, handled, outcomes that the claim is about, those that hold"
    )
    files: tuple[MonitoredFile, ...]
    label_claims: Sometimes[tuple[MonitoredClaim, ...]] = Field(
        default=None, description="one for each claim of a label in the certificate, in its order"
    )
    teachers: Sometimes[Mapping[str, MonitoredTeacher]] = Field(
        default=None, description="by the model that the log names"
    )
    teacher_answers: Sometimes[MonitoredAnswers] = None
    events: Sometimes[MonitoredEvents] = None
    missing_files: Sometimes[Count] = Field(default=None, description="files that were gone before they were read")
    answer_forms: Sometimes[Counts] = Field(
        default=None,
        description="of the rows in counts.unknown those whose answer holds a label of the bundle, by the step that reads it",
    )


def monitor_schema() -> dict[str, Any]:
    """Return the JSON Schema of a state."""
    return json_schema(MonitorState, "tracer-spec monitor state, version 1", _COMMENT)
