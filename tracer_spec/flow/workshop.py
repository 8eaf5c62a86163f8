"""Fit rows to trained surrogates: cross-fit, gate, fence, refit. Families build policies from what stands here.

Every score in the workshop is out of fold: no surrogate, acceptor or guard had seen the row it scores. What ships is
the same learner trained once more on all fit rows. Certify rows never enter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tracer_spec.errors import PluginError, TracerError
from tracer_spec.flow.crossfit import CrossFit, HeldOut, fit_acceptor, fit_fences
from tracer_spec.flow.learn import Outcome, Task, derive_seed, learn_all
from tracer_spec.flow.progress import LearnerDone, Observer, StepDone, nobody
from tracer_spec.flow.thresholds import thresholds_at_levels
from tracer_spec.graph.average import average
from tracer_spec.plugin import Candidate, Classes, Fence, Mask, Model, Policy, Scores, Stage, Target, Trained, Vectors

if TYPE_CHECKING:
    from tracer_spec.flow.prepare import Prepared
    from tracer_spec.plan import Plan, Resolved

# how many surrogates are cross-fitted whole, after the first fold has ranked the zoo
FINALISTS = 4
# surrogates whose out-of-fold agreement lies this near to the best are averaged
EQUALS_WITHIN = 0.02
N_LEVELS = 100


@dataclass(frozen=True, slots=True)
class FitRows:
    """The rows that everything learns from.

    Parameters
    ----------
    X : ndarray of shape (n, d), float32
    y : ndarray of shape (n,), int64
        The teacher's class, -1 where its label is off the list: such a row trains no surrogate and agrees with none.
    folds : ndarray of shape (n,), int64
        The fold that holds each row out.
    n_classes : int
    """

    X: Vectors = field(repr=False)
    y: Classes = field(repr=False)
    folds: Classes = field(repr=False)
    n_classes: int


@dataclass(frozen=True, slots=True)
class LearnerReport:
    """One row of the report: what became of one learner of the zoo.

    Parameters
    ----------
    name, status, reason : str
        ``trained``, ``screened`` (ranked too low on the first fold) or ``skipped``, and why.
    agreement : float or None
        Out-of-fold agreement, over the first fold alone where it was screened.
    seconds : float
    n_bytes : int
        Size of the exported graph.
    notes : tuple of str
        What the learner warned of.
    """

    name: str
    status: str
    reason: str = ""
    agreement: float | None = None
    seconds: float = 0.0
    n_bytes: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class GatedSurrogate:
    """A trained surrogate with its acceptor, as the fit rows see it.

    Parameters
    ----------
    name : str
        Its alias, or ``average(...)`` of several.
    members : tuple of str
        The learners it is made of: itself, or those averaged.
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

    @property
    def scores(self) -> Scores:
        """Return out-of-fold class scores, shape (n, k)."""
        return self.held_out.scores

    @property
    def agreement(self) -> float:
        """Return the out-of-fold agreement over all rows, in [0, 1]."""
        return float(self.agrees.mean())


class Workshop:
    """Trains the zoo on fit rows and keeps what families need.

    Parameters
    ----------
    rows : FitRows
    zoo : sequence of Resolved
        The surrogates of the spec.
    acceptor : Resolved
    guards : sequence of Resolved
    denied : ndarray of shape (k,), bool
        Labels that the surrogate may never answer.
    target : Target
    seed : int
    average : bool
        Whether to try the mean of the surrogates that agree about equally often.
    workers : int
    observe : Observer
    """

    def __init__(
        self,
        rows: FitRows,
        *,
        zoo: Sequence[Resolved],
        acceptor: Resolved,
        guards: Sequence[Resolved],
        denied: Mask,
        target: Target,
        seed: int,
        average: bool = True,
        workers: int = 1,
        observe: Observer = nobody,
    ) -> None:
        self.rows = rows
        self.target = target
        self._zoo = {learner.alias: learner for learner in zoo}
        self._acceptor = acceptor
        self._denied = denied
        self._seed = seed
        self._average = average
        self._workers = workers
        self._observe = observe
        self._cross = CrossFit(rows.folds)
        self._fences = [fit_fences(guard, rows.X, rows.y, self._cross, rows.n_classes, seed) for guard in guards]
        self._made: dict[int, GatedSurrogate] = {}  # by the identity of the exported model, which it keeps alive
        self._residuals: dict[tuple[tuple[str, ...], bytes], GatedSurrogate | None] = {}
        self.reports: list[LearnerReport] = []
        self.trained: tuple[GatedSurrogate, ...] = self._train_zoo()

    @property
    def n_rows(self) -> int:
        """Return the number of fit rows."""
        return len(self.rows.y)

    # --- training ------------------------------------------------------------------------------------------------

    def _train_zoo(self) -> tuple[GatedSurrogate, ...]:
        """Rank the zoo on the first fold, cross-fit the finalists whole, refit each once on all fit rows."""
        everywhere = np.ones(self.n_rows, bool)
        outcomes = self._learn([self._fold_task(name, 0, everywhere) for name in self._zoo])
        rank = {name: self._first_fold_agreement(outcomes[name, 0]) for name in self._zoo}
        finalists = [name for name in sorted(rank, key=lambda name: -rank[name]) if rank[name] >= 0][:FINALISTS]
        rest = [self._fold_task(name, fold, everywhere) for fold in range(1, self._cross.n_folds) for name in finalists]
        outcomes |= self._learn([*(self._refit_task(name, everywhere) for name in finalists), *rest])
        gated = []
        for name in self._zoo:
            mine = {key: outcome for key, outcome in outcomes.items() if key[0] == name}
            screened = rank[name] if rank[name] >= 0 and name not in finalists else None
            one = None if screened is not None else self._gate((name,), mine, everywhere)
            self._report(name, mine, one, screened)
            gated += [one] if isinstance(one, GatedSurrogate) else []
        equals = self._equals(gated)
        if len(equals) > 1:
            mine = {key: outcome for key, outcome in outcomes.items() if key[0] in equals}
            one = self._gate(equals, mine, everywhere)
            self._report(_name(equals), {}, one, None)
            gated += [one] if isinstance(one, GatedSurrogate) else []
        return tuple(sorted(gated, key=lambda one: -one.agreement))

    def _equals(self, gated: Sequence[GatedSurrogate]) -> tuple[str, ...]:
        """Return the learners worth averaging: averaging a strong surrogate with a weak one lowers agreement."""
        if not self._average:
            return ()
        best = max((one.agreement for one in gated), default=0.0)
        return tuple(one.name for one in gated if one.agreement >= best - EQUALS_WITHIN)

    def residual(self, trained: Trained, deferred: Mask) -> GatedSurrogate | None:
        """Train ``trained`` again on the rows that earlier stages defer; None where that fails."""
        members = self._made_by(trained).members
        key = (members, np.packbits(deferred).tobytes())
        if key not in self._residuals:
            tasks = [self._refit_task(name, deferred) for name in members]
            tasks += [self._fold_task(name, fold, deferred) for fold in range(self._cross.n_folds) for name in members]
            one = self._gate(members, self._learn(tasks, stage="propose"), deferred)
            self._residuals[key] = one if isinstance(one, GatedSurrogate) else None
        return self._residuals[key]

    def _fold_task(self, name: str, fold: int, among: Mask) -> Task:
        """Train on the rows of ``among`` outside the fold, score the whole fold."""
        return self._task(name, fold, among & (self.rows.folds != fold), self.rows.folds == fold)

    def _refit_task(self, name: str, among: Mask) -> Task:
        """Train on all rows of ``among``; the one row scored is for the contract's check."""
        return self._task(name, -1, among, np.arange(self.n_rows) == 0)

    def _task(self, name: str, fold: int, train: Mask, score: Mask) -> Task:
        learner = self._zoo[name]
        return Task(
            key=(name, fold),
            make=learner.provided.plugin.make,
            options=learner.options,
            train=np.flatnonzero(train & (self.rows.y >= 0)),
            score=np.flatnonzero(score),
            n_classes=self.rows.n_classes,
            seed=derive_seed(self._seed, f"surrogate fold {fold}", name),
        )

    def _learn(self, tasks: Sequence[Task], stage: str = "train") -> dict[tuple[str, int], Outcome]:
        """Carry tasks out side by side; a task with nothing to learn from is a failure at once."""
        outcomes: dict[tuple[str, int], Outcome] = {}
        able = []
        for task in tasks:
            if len(task.train) == 0 or len(task.score) == 0:
                outcomes[task.key] = Outcome(task.key, 0.0, failure="no rows to learn from")
            else:
                able.append(task)
        for outcome in learn_all(able, self.rows.X, self.rows.y, workers=self._workers):
            outcomes[outcome.key] = outcome
            name, fold = outcome.key
            self._observe(StepDone(stage, f"{name} {'refit' if fold < 0 else f'fold {fold + 1}'}", outcome.seconds))
        return outcomes

    def _first_fold_agreement(self, outcome: Outcome) -> float:
        """Return the agreement on the first fold, -1 where there is none."""
        if outcome.scores is None:
            return -1.0
        held_out = self.rows.y[self.rows.folds == 0]
        return float((outcome.scores.argmax(axis=1) == held_out).mean())

    def _gate(
        self, members: tuple[str, ...], outcomes: Mapping[tuple[str, int], Outcome], among: Mask
    ) -> GatedSurrogate | str:
        """Put the folds together, and an acceptor and the fences around them; or say why that cannot be."""
        failure = next((outcome.failure for _, outcome in sorted(outcomes.items()) if outcome.failure), "")
        if failure:
            return failure
        scores = [self._out_of_fold(name, outcomes) for name in members]
        held_out = HeldOut(scores[0]) if len(members) == 1 else HeldOut.averaged(scores)
        graphs = [outcomes[name, -1].onnx for name in members]
        name = _name(members)
        try:
            graph = graphs[0] if len(members) == 1 else average(graphs).SerializeToString(deterministic=True)
            seed = derive_seed(self._seed, "acceptor", name)
            acceptor, accept = fit_acceptor(self._acceptor, self.rows, held_out, among, self._cross, seed)
        except TracerError as error:
            return error.problems[0].what
        eligible = ~self._denied[held_out.labels]
        for fence in self._fences:
            eligible &= fence.passes(held_out.labels)
        gated = GatedSurrogate(
            name=name,
            members=members,
            surrogate=Model(name, graph),
            acceptor=acceptor,
            fences=tuple(fence.whole for fence in self._fences),
            held_out=held_out,
            accept=accept,
            agrees=held_out.agrees(self.rows.y),
            eligible=eligible,
        )
        self._made[id(gated.surrogate)] = gated
        return gated

    def _out_of_fold(self, name: str, outcomes: Mapping[tuple[str, int], Outcome]) -> Scores:
        """Return the scores that each row got from the fold that held it out, shape (n, k)."""
        scores = np.empty((self.n_rows, self.rows.n_classes), np.float32)
        for fold in range(self._cross.n_folds):
            held_out = outcomes[name, fold].scores
            if held_out is not None:
                scores[self.rows.folds == fold] = held_out
        return scores

    def _report(
        self,
        name: str,
        outcomes: Mapping[tuple[str, int], Outcome],
        one: GatedSurrogate | str | None,
        screened: float | None,
    ) -> None:
        """Write the learner's row of the report and tell whoever watches."""
        seconds = sum(outcome.seconds for outcome in outcomes.values())
        notes = tuple(sorted({note for outcome in outcomes.values() for note in outcome.notes}))
        if isinstance(one, GatedSurrogate):
            n_bytes = len(one.surrogate.onnx)
            report = LearnerReport(name, "trained", "", one.agreement, seconds, n_bytes, notes)
        elif one is not None:
            report = LearnerReport(name, "skipped", one, seconds=seconds, notes=notes)
        else:
            reason = f"agreed with the teacher on {screened:.1%} of the first fold; the best {FINALISTS} went on"
            report = LearnerReport(name, "screened", reason, screened, seconds, notes=notes)
        self.reports.append(report)
        self._observe(LearnerDone(name, seconds, report.agreement, report.reason))

    # --- what families build from --------------------------------------------------------------------------------

    def stage(self, trained: Trained, threshold: float | None) -> Stage:
        """Return the stage that accepts where the acceptor's score reaches ``threshold``; None accepts all it may."""
        gated = self._made_by(trained)
        if threshold is None:
            return Stage(gated.surrogate, fences=gated.fences)
        return Stage(gated.surrogate, gated.acceptor, threshold, gated.fences)

    @staticmethod
    def _made_by(trained: Trained) -> GatedSurrogate:
        if not isinstance(trained, GatedSurrogate):
            raise TypeError(f"a stage is made of what the workshop trained, not of {type(trained).__name__}")
        return trained

    def thresholds(self, trained: Trained, among: Mask | None = None) -> Sequence[float]:
        """Return falling thresholds at even levels of coverage, counted among the rows ``among`` (default all)."""
        rows = np.ones(self.n_rows, bool) if among is None else among
        return thresholds_at_levels(trained.accept[rows], trained.eligible[rows], N_LEVELS)

    def replay(self, policy: Policy) -> tuple[Mask, Mask]:
        """Return what a policy handles, and where it agrees, out of fold: two masks of shape (n,)."""
        handled = np.zeros(self.n_rows, bool)
        agrees = np.zeros(self.n_rows, bool)
        for stage in policy:
            gated = self._made[id(stage.surrogate)]
            takes = ~handled & gated.eligible
            if stage.acceptor is not None:
                takes &= gated.accept >= np.float32(stage.threshold)
            handled |= takes
            agrees |= takes & gated.agrees
        return handled, agrees

    def candidate(self, family: str, policy: Policy) -> Candidate:
        """Return ``policy`` with its out-of-fold counts."""
        handled, agrees = self.replay(policy)
        return Candidate(family, policy, self.n_rows, int(handled.sum()), int(agrees.sum()))


def _name(members: tuple[str, ...]) -> str:
    """Name a surrogate by what it is made of."""
    return members[0] if len(members) == 1 else f"average({', '.join(members)})"


def train(plan: Plan, prepared: Prepared, *, workers: int | None = None, observe: Observer = nobody) -> Workshop:
    """Train the zoo of a plan on its fit rows.

    Raises
    ------
    PluginError
        Where no surrogate at all could be trained; the reasons are its problems.
    """
    import joblib

    workshop = Workshop(
        prepared.fit,
        zoo=plan.zoo,
        acceptor=plan.acceptor,
        guards=plan.guards,
        denied=prepared.denied,
        target=plan.target,
        seed=plan.spec.seed,
        average=plan.spec.average,
        workers=workers or joblib.cpu_count(),
        observe=observe,
    )
    if not workshop.trained:
        reasons = "; ".join(f"{report.name}: {report.reason}" for report in workshop.reports)
        raise PluginError(f"no surrogate of the zoo could be trained ({reasons})", address="zoo")
    return workshop
