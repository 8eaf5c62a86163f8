"""``frontier.json``: every candidate by chain, which are on the front, and what became of the zoo."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Literal, Self

from pydantic import Field

from tracer_spec.flow.documents.certificate import Estimate, Thresholds, thresholds_of
from tracer_spec.flow.documents.document import Always, Amount, Count, Document, Flag, Part, Share, Sometimes, Text
from tracer_spec.plugin import Candidate, Chain
from tracer_spec.runtime.archive import FRONTIER


class Proposed(Estimate):
    """One candidate policy."""

    thresholds: Always[Thresholds] = Field(default=None, description="of each stage; null where it accepts all it may")
    front: Flag = Field(default=False, description="whether no other candidate beats it at both")
    chosen: Flag = Field(default=False, description="whether it ships")


class ProposedChain(Part):
    """Candidates of one family and one choice of surrogates, of rising coverage."""

    family: Text
    surrogates: tuple[Text, ...] = Field(description="of the stages, by their names in the spec")
    acceptors: Sometimes[tuple[Text, ...]] = Field(
        default=None, description="that its candidates ask; written where the spec names several"
    )
    candidates: tuple[Proposed, ...]


class Learner(Part):
    """What became of one member of the zoo."""

    name: Text = Field(description="its name in the spec")
    status: Literal["trained", "screened", "skipped"] = Field(
        description="'screened' where the first fold ranked it too low to be trained on the others"
    )
    agreement: Share | None = Field(
        default=None,
        description="out of fold, over the first fold alone where it was screened; null where it was skipped",
    )
    reason: Always[str] = Field(default=None, description="why it was screened or skipped; else empty")
    bytes: Always[Count] = Field(default=None, description="the size of its graph; 0 where it has none")
    notes: tuple[str, ...] = Field(default=(), description="what it warned of")


class LabelNames(Part):
    """What the names of labels, as training rows, brought on fit rows, out of fold."""

    weight: Amount = Field(description="of each, where the row of a trace weighs 1; 0 where they do not train")
    agreement: Share = Field(description="of the learner that was tried, with them at this weight")
    without: Share = Field(description="of the same learner without them")
    unable: tuple[Text, ...] = Field(default=(), description="learners that take no weights, and train without them")


class Competitor(Part):
    """What became of one of several embedders that competed."""

    name: Text = Field(description="its name in the spec")
    chosen: Flag = Field(description="whether the policy is built on its vectors")
    agreement: Share | None = Field(
        description="the best of its surrogates, out of fold; null where none could be trained"
    )
    coverage: Share | None = Field(
        description="that it is expected to certify: power times candidate_coverage; null where nothing would be tested"
    )
    power: Share | None = Field(description="the predicted chance that its best candidate passes")
    candidate_coverage: Share | None = Field(description="the estimated coverage of that candidate")
    reason: str = Field(description="why it was chosen, or why nothing could be trained; else empty")
    zoo: tuple[Learner, ...] = Field(description="what became of the learners on its vectors")


class FrontierDocument(Document):
    """What there was to choose from."""

    member: ClassVar = FRONTIER
    comment: ClassVar = (
        "Everything is an estimate from fit rows; nothing here is certified. Beyond what a schema can say: a chain's "
        "candidates have a threshold for each of its stages, and at most one candidate of all is chosen."
    )

    chains: tuple[ProposedChain, ...] = Field(default=(), description="by family and choice of surrogates")
    zoo: tuple[Learner, ...] = Field(default=(), description="every learner of the spec")
    label_names: Sometimes[LabelNames] = Field(
        default=None, description="whether label names train too; not there where that was not tried"
    )
    embedders: Sometimes[tuple[Competitor, ...]] = Field(
        default=None, description="in the spec's order; not there where the spec names one"
    )

    @classmethod
    def of(
        cls,
        chains: Sequence[Chain],
        front: Sequence[Candidate],
        chosen: Candidate | None,
        zoo: Sequence[Learner],
        label_names: LabelNames | None = None,
        embedders: Sequence[Competitor] = (),
    ) -> Self:
        """Describe what was proposed, and what was trained for it; what ships at a threshold of its own stands in its chain."""
        on_front = {id(candidate) for candidate in front}
        compete = len({acceptor for chain in chains for acceptor in chain.acceptors}) > 1
        proposed = tuple(
            ProposedChain(
                family=chain.family,
                surrogates=chain.surrogates,
                acceptors=chain.acceptors if compete else None,
                candidates=tuple(
                    Proposed(
                        coverage=each.coverage,
                        agreement=each.agreement,
                        thresholds=thresholds_of(each.policy),
                        front=id(each) in on_front,
                        chosen=each is chosen,
                    )
                    for each in chain.candidates
                ),
            )
            for chain in _with(chains, chosen)
        )
        return cls(chains=proposed, zoo=tuple(zoo), label_names=label_names, embedders=tuple(embedders) or None)


def _with(chains: Sequence[Chain], chosen: Candidate | None) -> list[Chain]:
    """Return the chains, what ships among its own: the certify rows may have moved its last threshold."""
    held = list(chains)
    if chosen is None or any(each is chosen for chain in chains for each in chain.candidates):
        return held
    for place, chain in enumerate(chains):
        if chain.family == chosen.family and any(_opens_as(each, chosen) for each in chain.candidates):
            at = bisect_left(chain.candidates, chosen.coverage, key=lambda each: each.coverage)
            held[place] = replace(chain, candidates=(*chain.candidates[:at], chosen, *chain.candidates[at:]))
            break
    return held


def _opens_as(candidate: Candidate, chosen: Candidate) -> bool:
    """Return whether a candidate begins with the stages of another one, but for the threshold of the last of these."""
    *before, last = chosen.policy
    n = len(chosen.policy)
    return (
        len(candidate.policy) >= n
        and candidate.policy[: n - 1] == tuple(before)
        and (replace(candidate.policy[n - 1], threshold=last.threshold) == last)
    )
