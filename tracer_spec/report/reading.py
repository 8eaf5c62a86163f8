"""What the report needs of a bundle, read with nothing taken on trust; older bundles lack keys, and may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tracer_spec.errors import BundleError
from tracer_spec.report.changes import Changes, compare
from tracer_spec.runtime import Bundle
from tracer_spec.runtime.bundle import CERTIFICATE
from tracer_spec.runtime.strict_json import read_json

AUDIT, FRONTIER, SPEC = "audit.json", "frontier.json", "router.yaml"

Count = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(ge=0, le=1)]
Interval = tuple[Rate, Rate]
Read = TypeVar("Read", bound=BaseModel)


class _Part(BaseModel):
    """Part of a document; keys that a later version adds are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Tally(_Part):
    """Rows, those of them handled, and those of these that got the teacher's label."""

    n: Count
    handled: Count
    agree: Count = 0

    @model_validator(mode="after")
    def _nested(self) -> Self:
        if not self.agree <= self.handled <= self.n:
            raise ValueError("agree, handled and n are not in rising order")
        return self


class LabelTally(Tally):
    """One of the teacher's labels."""

    label: str
    interval: Interval | None = None


class SlicePart(Tally):
    """One part of the traffic; ``labels`` are the commonest ones of a region."""

    name: str
    interval: Interval | None = None
    labels: tuple[str, ...] = ()


class Slicing(_Part):
    """The traffic, cut one way."""

    by: str
    parts: tuple[SlicePart, ...]


class Flow(_Part):
    """Rows of one label that went one way: to a stage, or to the teacher."""

    label: str
    to: str
    n: Count
    agree: Count | None = None


class Refusals(_Part):
    """What one guard kept away, and how much of that would have been right."""

    guard: str
    refused: Count
    would_agree: Count


class Confusion(_Part):
    """One label taken for another by the surrogate."""

    teacher: str
    surrogate: str
    n: Count
    handled: Count


class Scores(_Part):
    """A histogram of acceptance scores."""

    edges: tuple[float, ...]
    agree: tuple[Count, ...]
    disagree: tuple[Count, ...]

    @model_validator(mode="after")
    def _aligned(self) -> Self:
        if not len(self.edges) - 1 == len(self.agree) == len(self.disagree):
            raise ValueError("a histogram has one edge more than it has bins")
        return self


class ScoreBin(_Part):
    """Rows of like scores, and how many of them agree."""

    low: float
    high: float
    n: Count
    mean_score: float
    agree: Count


class Stage(_Part):
    """What the acceptor of one stage did."""

    surrogate: str
    acceptor: str | None = None
    threshold: float | None = None
    scores: Scores | None = None
    reliability: tuple[ScoreBin, ...] = ()


class Row(_Part):
    """One trace, by its position among those read."""

    row: Count
    label: str
    predicted: str | None = None
    score: float | None = None
    kind: str = ""
    text: str | None = None


class Boundary(_Part):
    """Two neighbours of one label, one handled and one deferred."""

    label: str
    similarity: float
    handled: Row
    deferred: Row


class Examples(_Part):
    """Representative rows."""

    handled: tuple[Row, ...] = ()
    deferred: tuple[Row, ...] = ()


class Suspect(_Part):
    """Near-duplicates that the teacher labels differently."""

    similarity: float
    a: Row
    b: Row


class Cost(_Part):
    """What the teacher costs, by the spec."""

    teacher_usd_per_1k: Annotated[float, Field(ge=0)]
    requests_per_day: Annotated[float, Field(ge=0)]


class Audit(_Part):
    """``audit.json``. None is what the bundle does not tell."""

    n: Count | None = None
    handled: Count = 0
    agree: Count = 0
    interval_confidence: Rate | None = None
    labels: tuple[LabelTally, ...] = ()
    n_unknown_labels: Count = 0
    unknown_labels: Mapping[str, Count] = Field(default_factory=dict)
    slices: tuple[Slicing, ...] | None = None
    flow: tuple[Flow, ...] | None = None
    reasons: Mapping[str, Count] | None = None
    guards: tuple[Refusals, ...] | None = None
    confusions: tuple[Confusion, ...] | None = None
    stages: tuple[Stage, ...] | None = None
    boundary: tuple[Boundary, ...] | None = None
    examples: Examples | None = None
    n_suspects: Count | None = None
    suspects: tuple[Suspect, ...] | None = None
    cost: Cost | None = None


class Estimate(_Part):
    """From fit rows, out of fold."""

    coverage: Rate
    agreement: Rate


class Step(Estimate):
    """One test of the walk."""

    thresholds: tuple[float | None, ...] = ()
    n: Count
    k: Count
    p_value: Rate | None = None
    passed: bool


class Certified(_Part):
    """``certificate.json``."""

    claim: str = ""
    calibrator: str = ""
    measure: str = "agreement"
    target: Rate | None = None
    confidence: Rate | None = None
    look: int | None = None
    level: Rate | None = None
    n_certify: Count | None = None
    n: Count | None = None
    k: Count | None = None
    p_value: Rate | None = None
    estimate: Estimate | None = None
    walk: tuple[Step, ...] = ()
    assumptions: tuple[str, ...] = ()
    voided_by: tuple[str, ...] = ()


class Proposed(Estimate):
    """One candidate policy."""

    thresholds: tuple[float | None, ...] = ()
    front: bool = False
    chosen: bool = False


class ChainOfProposed(_Part):
    """Candidates of one family and one choice of surrogates."""

    family: str
    surrogates: tuple[str, ...]
    candidates: tuple[Proposed, ...]


class Learner(_Part):
    """What became of one member of the zoo."""

    name: str
    status: str
    agreement: Rate | None = None
    reason: str | None = None
    bytes: Count | None = None


class Frontier(_Part):
    """``frontier.json``."""

    chains: tuple[ChainOfProposed, ...] = ()
    zoo: tuple[Learner, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """A bundle as the report sees it.

    Parameters
    ----------
    bundle : Bundle
    certificate : Certified
    frontier : Frontier
    audit : Audit
    spec : str
        ``router.yaml`` as built.
    changes : Changes or None
        What changed since an earlier bundle, where one was given.
    """

    bundle: Bundle
    certificate: Certified
    frontier: Frontier
    audit: Audit
    spec: str
    changes: Changes | None = None

    @property
    def estimate(self) -> Estimate | None:
        """Return what is estimated of the policy that ships, where the bundle tells."""
        if self.certificate.estimate is not None:
            return self.certificate.estimate
        audit = self.audit
        if not audit.n or not audit.handled:
            return None
        return Estimate(coverage=audit.handled / audit.n, agreement=audit.agree / audit.handled)


def read_facts(bundle: Bundle, previous: Bundle | None = None) -> Facts:
    """Read the documents of a bundle, and compare it with an earlier one.

    Raises
    ------
    BundleError
        Where one is no JSON, or a value in it is not of the kind that its key asks for.
    """
    return Facts(
        bundle=bundle,
        certificate=_read(bundle, CERTIFICATE, Certified),
        frontier=_read(bundle, FRONTIER, Frontier),
        audit=_read(bundle, AUDIT, Audit),
        spec=bundle.members[SPEC].decode(errors="replace"),
        changes=None if previous is None else compare(previous, bundle),
    )


def _read(bundle: Bundle, member: str, kind: type[Read]) -> Read:
    document: Mapping[str, Any] = read_json(bundle.members[member], member=member)
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BundleError(
            f"cannot be shown: {place or 'it'}: {first['msg'][:1].lower()}{first['msg'][1:]}",
            where=bundle.where,
            address=member,
            hint="build it again with 'tracer-spec build'",
        ) from None
