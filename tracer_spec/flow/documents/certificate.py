"""``certificate.json``: the claim, the numbers behind it, and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Final, Literal, Self, TypeAlias

from pydantic import Field, ValidationInfo, model_validator

from tracer_spec.errors import BundleError
from tracer_spec.flow.documents.document import (
    Always,
    Count,
    Document,
    Flag,
    Inside,
    Number,
    Part,
    Share,
    Sometimes,
    Text,
    Whole,
)
from tracer_spec.plugin import Candidate, Certificate, LabelMeasure, LabelStep, LabelTarget, Measure, Policy, WalkStep
from tracer_spec.runtime.archive import CERTIFICATE

AGREEMENT: Final = "agreement"
END_TO_END: Final = "end_to_end"

Thresholds: TypeAlias = Annotated[tuple[Number | None, ...], Field(min_length=1)]


class Estimate(Part):
    """What fit rows, out of fold, say of a policy."""

    coverage: Share = Field(description="of all fit rows, out of fold")
    agreement: Share = Field(description="of the fit rows handled, out of fold")


class LabelTest(Part):
    """The test of a label's claim for one candidate."""

    n: Count = Field(description="trials: certify rows that the teacher calls so, or that are handled and called so")
    k: Count = Field(description="successes: those that get no other label, or that the teacher calls so too")
    p_value: Share = Field(description="exact")

    @classmethod
    def of(cls, step: LabelStep) -> Self:
        """Describe a test."""
        return cls(n=step.n, k=step.k, p_value=step.p_value)


class LabelClaim(Part):
    """What is claimed of one label, besides the rate of all handled traffic, and at the same confidence together with it."""

    label: Text
    measure: LabelMeasure = Field(
        description="'missed': of what the teacher calls so, the share that gets another label; 'agreement': of what the "
        "router calls so, the share that the teacher calls so too"
    )
    limit: Inside = Field(description="at most so much is missed, or at least so much agrees")
    n: Count | None = Field(default=None, description="trials of the test that shipped: see walk")
    k: Count | None = Field(default=None, description="its successes")
    p_value: Share | None = None

    @classmethod
    def of(cls, asked: LabelTarget, step: LabelStep | None) -> Self:
        """Describe a claim, with the test that shipped."""
        n, k, p = (step.n, step.k, step.p_value) if step else (None, None, None)
        return cls(label=asked.label, measure=asked.measure, limit=asked.limit, n=n, k=k, p_value=p)

    @property
    def target(self) -> LabelTarget:
        """Return what was asked."""
        return LabelTarget(self.label, self.measure, self.limit)


class Step(Estimate):
    """One candidate that was tested."""

    thresholds: Always[Thresholds] = Field(default=None, description="of each stage; null where it accepts all it may")
    n: Count = Field(description="trials: certify rows handled, or, for an end-to-end target, all of them")
    k: Count = Field(description="successes: those that agree, or that get no label but the teacher's")
    p_value: Share | None = Field(default=None, description="exact; null where the calibrator tests nothing")
    passed: Flag
    labels: Sometimes[tuple[LabelTest, ...]] = Field(
        default=None, description="the tests of the claims by label, in their order; all must pass"
    )

    @classmethod
    def of(cls, step: WalkStep) -> Self:
        """Describe a step of the walk."""
        return cls(
            coverage=step.candidate.coverage,
            agreement=step.candidate.agreement,
            thresholds=thresholds_of(step.candidate.policy),
            n=step.n,
            k=step.k,
            p_value=step.p_value,
            passed=step.passed,
            labels=tuple(map(LabelTest.of, step.labels)) or None,
        )


def estimate_of(candidate: Candidate) -> Estimate:
    """Return what fit rows say of a candidate."""
    return Estimate(coverage=candidate.coverage, agreement=candidate.agreement)


def thresholds_of(policy: Policy) -> tuple[float | None, ...]:
    """Return the threshold of each stage; None where it accepts all it may."""
    return tuple(stage.threshold if stage.acceptor else None for stage in policy)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a certificate says, as far as rows can contradict it.

    ``confidence`` is None where nothing is claimed: a draft, or a calibrator that promises nothing. ``scores`` are quantiles of
    the acceptance scores on the certify rows, ascending; empty where the bundle has none. ``labels`` are what is claimed of
    single labels. ``tested`` are the trials and the successes of the test that shipped, 0 of 0 where there was none.
    """

    text: str
    measure: Measure
    target: float
    confidence: float | None
    n_certify: int
    scores: tuple[float, ...] = field(repr=False)
    labels: tuple[LabelTarget, ...] = ()
    tested: tuple[int, int] = (0, 0)


class CertificateDocument(Document):
    """What is certified of a bundle, and how it was tested."""

    member: ClassVar = CERTIFICATE
    is_printed: ClassVar = True
    comment: ClassVar = (
        "Beyond what a schema can say: k is at most n; n, k and p_value are those of the step of the walk that ships; scores "
        "ascend, and are no more than n_certify."
    )

    status: Always[Literal["certified", "uncertified", "draft", "refused"]] = Field(
        default=None,
        description="nothing is certified about a draft, nor about 'uncertified', whose calibrator promises nothing; "
        "'refused' never ships",
    )
    calibrator: Always[Text] = Field(default=None, description="the plugin that tested; 'none' for a draft")
    claim: Always[Text] = Field(default=None, description="what is certified, in one sentence")
    measure: Measure = Field(
        description="what the target is a rate of: 'agreement' of handled traffic with the teacher, or, 'end_to_end', all "
        "traffic that gets no label but the teacher's"
    )
    target: Always[Inside] = Field(default=None, description="the rate asked for")
    confidence: Inside | None = Field(default=None, description="null where nothing is promised")
    look: Annotated[Whole, Field(ge=1)] | None = Field(
        default=None,
        description="which look at overlapping certify rows this was; null where looks are not counted",
    )
    level: Inside | None = Field(
        default=None, description="the error that the test was allowed: 1 - confidence, or this look's share of it"
    )
    n_certify: Count = Field(default=0, description="certify rows, handled or not")
    n: Count | None = Field(default=None, description="trials of the test that shipped: see walk")
    k: Count | None = Field(default=None, description="its successes")
    p_value: Share | None = None
    labels: Sometimes[tuple[LabelClaim, ...]] = Field(
        default=None, description="what is claimed of single labels besides, where the target asks for it"
    )
    estimate: Estimate | None = Field(
        default=None, description="of what ships, from fit rows, out of fold; no part of the claim"
    )
    walk: tuple[Step, ...] = Field(default=(), description="every candidate tested, in the frozen order")
    assumptions: tuple[Text, ...] = Field(default=(), description="what the claim rests on")
    voided_by: tuple[Text, ...] = Field(default=(), description="what ends it")
    scores: tuple[Number, ...] = Field(
        default=(),
        max_length=256,
        description="quantiles of the shipped policy's acceptance scores on the certify rows, ascending: what "
        "'tracer-spec verify' compares later traffic with; empty for a draft",
    )

    @model_validator(mode="before")
    @classmethod
    def _measured(cls, data: Any, info: ValidationInfo) -> Any:
        """Name the measure of a certificate of an early release, which goes by its calibrator."""
        if info.context and isinstance(data, Mapping) and "measure" not in data:
            return {**data, "measure": END_TO_END if data.get("calibrator") == "risk-control" else AGREEMENT}
        return data

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if len(self.scores) > self.n_certify:
            raise ValueError("has more scores than n_certify")
        return self

    @classmethod
    def of(cls, certificate: Certificate) -> Self:
        """Describe a certificate."""
        chosen, shipped = certificate.chosen, certificate.shipped
        return cls(
            status=certificate.status,
            calibrator=certificate.calibrator,
            claim=certificate.claim,
            measure=certificate.measure,
            target=certificate.target,
            confidence=certificate.confidence,
            look=certificate.look,
            level=certificate.level,
            n_certify=certificate.n_certify,
            n=chosen.n if chosen else None,
            k=chosen.k if chosen else None,
            p_value=chosen.p_value if chosen else None,
            labels=_label_claims(certificate) or None,
            estimate=estimate_of(shipped) if shipped else None,
            walk=tuple(map(Step.of, certificate.walk)),
            assumptions=certificate.assumptions,
            voided_by=certificate.voided_by,
            scores=certificate.scores,
        )

    def claimed(self, status: str) -> Claim:
        """Return what is claimed of a bundle of such a status: nothing unless it is certified.

        Raises
        ------
        BundleError
            Where there is no target that rows could be held against.
        """
        if self.target is None:
            hint = "build it again with 'tracer-spec build': its certificate cannot be verified"
            raise BundleError("target is missing, not a number between 0 and 1", address=self.member, hint=hint)
        confidence = self.confidence if status == "certified" else None
        labels = tuple(each.target for each in self.labels or ())
        tested = self.n or 0, min(self.k or 0, self.n or 0)
        return Claim(
            self.claim or "", self.measure, self.target, confidence, self.n_certify, self.scores, labels, tested
        )


def _label_claims(certificate: Certificate) -> tuple[LabelClaim, ...]:
    steps = certificate.chosen.labels if certificate.chosen else (None,) * len(certificate.labels)
    return tuple(LabelClaim.of(asked, step) for asked, step in zip(certificate.labels, steps, strict=True))
