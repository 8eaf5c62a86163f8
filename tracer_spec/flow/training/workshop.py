"""Workshop of a build: surrogates with their acceptors and guards, from which families make policies.

Every score in the workshop is out of fold: no surrogate, acceptor or guard had seen the row it scores. Certify rows never
enter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from tracer_spec.errors import TracerError
from tracer_spec.flow.cache.memory import Memory
from tracer_spec.flow.progress import LearnerDone, Observer, no_observer
from tracer_spec.flow.training.decision_cost import DecisionCosts
from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.flow.training.gates import HeldOut, fit_acceptor, fit_fences
from tracer_spec.flow.training.parallel import Outcome, derive_seed
from tracer_spec.flow.training.scaling import scaled_surrogate
from tracer_spec.flow.training.thresholds import thresholds_at_levels
from tracer_spec.flow.training.zoo import FINALISTS, CrossFitted, LearnerReport, Screening, Status, Trainer
from tracer_spec.graph.average import average
from tracer_spec.plugin import (
    Candidate,
    Classes,
    Fence,
    LabelEstimate,
    Mask,
    Model,
    Policy,
    Scores,
    Stage,
    Target,
    Trained,
)

if TYPE_CHECKING:
    from tracer_spec.plan import Resolved

# surrogates whose out-of-fold agreement lies this near to the best are averaged
EQUALS_WITHIN = 0.04
# a third member costs every decision ten microseconds, and brought nothing beyond noise
MOST_MEMBERS = 2
N_LEVELS = 100


@dataclass(frozen=True, slots=True, eq=False)
class GatedSurrogate:
    """A trained surrogate with its acceptor, as the fit rows see it.

    ``name`` is its alias, or ``average(...)`` of several; ``members`` are the learners it is made of;
    ``agreement`` is the out-of-fold agreement over all rows, in [0, 1].
    """

    name: str
    members: tuple[str, ...]
    surrogate: Model
    acceptor: Model
    fences: tuple[Fence, ...]
    held_out: HeldOut = field(repr=False)
    accept: Scores = field(repr=False)
    agrees: Mask = field(repr=False)
    eligible: Mask = field(repr=False)
    agreement: float

    @property
    def scores(self) -> Scores:
        """Return out-of-fold class scores, shape (n, k)."""
        return self.held_out.scores


class Workshop:
    """Trains the zoo on fit rows and keeps what families need.

    Each surrogate is there once for each of the ``acceptors`` that could be trained on it. ``denied`` are the labels that no
    surrogate may answer; ``classes`` the numbers of those that the target names. With ``average``, the mean of the surrogates
    that agree about equally often is tried too; with ``scale``, scores are scaled label by label.
    """

    def __init__(
        self,
        rows: FitRows,
        *,
        zoo: Sequence[Resolved],
        acceptors: Sequence[Resolved],
        guards: Sequence[Resolved],
        denied: Mask,
        target: Target,
        seed: int,
        classes: Mapping[str, int] | None = None,
        average: bool = True,
        scale: bool = False,
        workers: int = 1,
        memory: Memory | None = None,
        observe: Observer = no_observer,
    ) -> None:
        self.rows = rows
        self.target = target
        self._classes = classes or {}
        self.memory = memory or Memory()
        self._trainer = Trainer(rows, zoo, seed=seed, workers=workers, memory=self.memory, observe=observe)
        self._acceptors = {acceptor.alias: acceptor for acceptor in acceptors}
        self._denied = denied
        self._seed = seed
        self._is_scaled = scale
        self._observe = observe
        self._costs = DecisionCosts()
        self._fences = [fit_fences(guard, rows, seed, self.memory) for guard in guards]
        self._made: dict[int, GatedSurrogate] = {}  # by the identity of the exported model, which it keeps alive
        self._residuals: dict[tuple[tuple[str, ...], str, bytes], GatedSurrogate | None] = {}
        self.reports: tuple[LearnerReport, ...] = ()
        self.trained: tuple[GatedSurrogate, ...] = self._train(average)

    @property
    def n_rows(self) -> int:
        """Return the number of fit rows."""
        return len(self.rows)

    def _train(self, average_equals: bool) -> tuple[GatedSurrogate, ...]:
        """Rank the zoo, cross-fit and gate the finalists, and average those that are equal."""
        everywhere = np.ones(self.n_rows, bool)
        screening = self._trainer.screen()
        left_out = (name for name in self._trainer.names if name not in screening.finalists)
        reports = {name: self._left_out(name, screening) for name in left_out}
        fitted: dict[str, CrossFitted] = {}
        gated: list[GatedSurrogate] = []

        def finish(members: tuple[CrossFitted, ...], trained: CrossFitted) -> LearnerReport:
            made, failures = self._gate(members, everywhere, self._acceptors.values())
            if not made:
                return self._report(trained.name, trained, "skipped", "; ".join(failures))
            gated.extend(made)
            found = replace(trained, notes=(*trained.notes, *failures))
            return self._report(trained.name, found, "trained", "", made[0].agreement, len(made[0].surrogate.onnx))

        known = {name: screening.outcomes[name] for name in screening.finalists}
        for each in self._cross_fit(screening.finalists, everywhere, "train", known):
            fitted[each.name] = each
            reports[each.name] = finish((each,), each)
        ordered = [reports[name] for name in self._trainer.names]
        best = max((one.agreement for one in gated), default=0.0)
        # averaging a strong surrogate with a weak one lowers agreement
        agreement = {one.name: one.agreement for one in gated if one.agreement >= best - EQUALS_WITHIN}
        chosen = sorted(agreement, key=lambda name: -agreement[name])[:MOST_MEMBERS]
        members = tuple(fitted[name] for name in self._trainer.names if name in chosen)
        if average_equals and len(members) > 1:
            ordered.append(finish(members, CrossFitted(_name(members))))
        self.reports = tuple(ordered)
        place = {row.name: position for position, row in enumerate(ordered)}
        return tuple(sorted(gated, key=lambda one: (-one.agreement, place[one.name])))

    def _cross_fit(
        self, names: Sequence[str], among: Mask, stage: str, known: Mapping[str, Outcome] | None = None
    ) -> Iterator[CrossFitted]:
        """Cross-fit learners, and scale their scores where that is asked for."""
        for each in self._trainer.cross_fit(names, among, known=known, stage=stage):
            yield scaled_surrogate(each, self.rows, among, self.memory) if self._is_scaled else each

    def residual(self, trained: Trained, deferred: Mask) -> GatedSurrogate | None:
        """Train ``trained`` again, with its acceptor, on the rows that earlier stages defer; None where that fails."""
        first = self._made_by(trained)
        names, acceptor = first.members, first.acceptor.name
        key = (names, acceptor, np.packbits(deferred).tobytes())
        if key not in self._residuals:
            fitted = {each.name: each for each in self._cross_fit(names, deferred, "propose")}
            made, _ = self._gate(tuple(fitted[name] for name in names), deferred, [self._acceptors[acceptor]])
            self._residuals[key] = made[0] if made else None
        return self._residuals[key]

    def _gate(
        self, members: tuple[CrossFitted, ...], among: Mask, acceptors: Iterable[Resolved]
    ) -> tuple[list[GatedSurrogate], list[str]]:
        """Put each acceptor and the fences around one surrogate, or around the average of several; or say why not."""
        failure = next((each.failure for each in members if each.failure), "")
        if failure:
            return [], [failure]
        name, alone = _name(members), members[0]
        held_out = HeldOut(alone.scores) if len(members) == 1 else HeldOut.averaged([each.scores for each in members])
        try:
            graph = alone.graph
            if len(members) > 1:
                graph = average([each.graph for each in members]).SerializeToString(deterministic=True)
        except TracerError as error:
            return [], [error.problems[0].what]
        agrees = held_out.agrees(self.rows.y)
        eligible = self.rows.known & ~self._denied[held_out.labels]
        for fence in self._fences:
            eligible &= fence.passes(held_out.labels)
        seed = derive_seed(self._seed, "acceptor", name)
        made: list[GatedSurrogate] = []
        failures: list[str] = []
        for learner in acceptors:
            try:
                acceptor, accept = fit_acceptor(learner, self.rows, held_out, among, seed, self.memory)
            except TracerError as error:
                failures.append(self._about(learner, error.problems[0].what))
                continue
            gated = GatedSurrogate(
                name=name,
                members=tuple(each.name for each in members),
                surrogate=Model(name, graph),  # one of its own, by which the workshop knows it again
                acceptor=acceptor,
                fences=tuple(fence.whole for fence in self._fences),
                held_out=held_out,
                accept=accept,
                agrees=agrees,
                eligible=eligible,
                agreement=self.rows.share(agrees),
            )
            self._made[id(gated.surrogate)] = gated
            made.append(gated)
        return made, failures

    def _about(self, acceptor: Resolved, reason: str) -> str:
        """Name the acceptor that failed, where there are several."""
        return reason if len(self._acceptors) == 1 else f"acceptor '{acceptor.alias}' failed: {reason}"

    def _left_out(self, name: str, screening: Screening) -> LearnerReport:
        """Report a learner that failed on the first fold, or ranked too low there."""
        outcome = screening.outcomes[name]
        if outcome.failure:
            return self._report(name, outcome, "skipped", outcome.failure)
        share = screening.agreement[name]
        reason = f"agreed with the teacher on {share:.1%} of the first fold; the best {FINALISTS} went on"
        return self._report(name, outcome, "screened", reason, share)

    def _report(
        self,
        name: str,
        trained: Outcome | CrossFitted,
        status: Status,
        reason: str,
        agreement: float | None = None,
        n_bytes: int = 0,
    ) -> LearnerReport:
        """Report what became of a learner, to the observer too."""
        self._observe(LearnerDone(name, trained.seconds, agreement, reason))
        return LearnerReport(name, status, reason, agreement, trained.seconds, n_bytes, trained.notes)

    def stage(self, trained: Trained, threshold: float | None) -> Stage:
        """Return the stage that accepts where the acceptor's score reaches ``threshold``; None accepts all it may."""
        gated = self._made_by(trained)
        if threshold is None:
            return Stage(gated.surrogate, fences=gated.fences)
        return Stage(gated.surrogate, gated.acceptor, threshold, gated.fences)

    def gated(self, stage: Stage) -> GatedSurrogate:
        """Return what a stage was made from."""
        return self._made[id(stage.surrogate)]

    def guarded(self, gated: GatedSurrogate) -> tuple[Mask, ...]:
        """Return which rows each guard lets pass under the surrogate's labels, out of fold: masks of shape (n,)."""
        return tuple(fence.passes(gated.held_out.labels) for fence in self._fences)

    @staticmethod
    def _made_by(trained: Trained) -> GatedSurrogate:
        if not isinstance(trained, GatedSurrogate):
            raise TypeError(f"a stage is made of what the workshop trained, not of {type(trained).__name__}")
        return trained

    def thresholds(self, trained: Trained, among: Mask | None = None) -> Sequence[float]:
        """Return falling thresholds at even levels of coverage, counted among the rows ``among`` (default all)."""
        rows = np.ones(self.n_rows, bool) if among is None else among
        weights = None if self.rows.weights is None else self.rows.weights.counting[rows]
        return thresholds_at_levels(trained.accept[rows], trained.eligible[rows], N_LEVELS, weights)

    def replay(self, policy: Policy) -> tuple[Mask, Mask]:
        """Return what a policy handles, and where it agrees, out of fold: two masks of shape (n,)."""
        handled = np.zeros(self.n_rows, bool)
        agrees = np.zeros(self.n_rows, bool)
        for stage in policy:
            gated = self.gated(stage)
            takes = ~handled & gated.eligible
            if stage.acceptor is not None:
                takes &= gated.accept >= np.float32(stage.threshold)
            handled |= takes
            agrees |= takes & gated.agrees
        return handled, agrees

    def candidate(self, family: str, policy: Policy) -> Candidate:
        """Return ``policy`` with its out-of-fold counts."""
        handled, agrees = self.replay(policy)
        counts, labels = self.rows.counts(handled, agrees), self._label_estimates(policy, handled)
        return Candidate(family, policy, *counts, labels, self._cost(policy))

    def _cost(self, policy: Policy) -> float:
        """Return what a decision costs where acceptors compete; 0 where nothing is decided by it."""
        if len(self._acceptors) < 2:
            return 0.0
        handled = (self.rows.share(self.replay(policy[:number])[0]) for number in range(len(policy)))
        return self._costs.of(policy, [1 - share for share in handled])

    def _label_estimates(self, policy: Policy, handled: Mask) -> tuple[LabelEstimate, ...]:
        """Return what fit rows say of each of the target's labels."""
        if not self.target.labels:
            return ()
        given = self._given(policy)
        pairs = [each.outcomes(self._classes[each.label], self.rows.y, given, handled) for each in self.target.labels]
        wrong = (tuple(dict(Counter(given[of & ~right].tolist()).most_common())) for of, right in pairs)
        return tuple(LabelEstimate(*self.rows.counts(*each), labels) for each, labels in zip(pairs, wrong, strict=True))

    def _given(self, policy: Policy) -> Classes:
        """Return the class that a policy gives each row, out of fold, shape (n,); -1 where it defers."""
        given = np.full(self.n_rows, -1)
        for stage in policy:
            gated = self.gated(stage)
            takes = (given < 0) & gated.eligible
            if stage.acceptor is not None:
                takes &= gated.accept >= np.float32(stage.threshold)
            given[takes] = gated.held_out.labels[takes]
        return given


def _name(members: Sequence[CrossFitted]) -> str:
    """Name a surrogate by what it is made of."""
    return members[0].name if len(members) == 1 else f"average({', '.join(each.name for each in members)})"
