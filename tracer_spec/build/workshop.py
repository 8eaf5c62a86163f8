"""Fit rows to trained surrogates: cross-fit, gate, fence, refit. Families build policies from what stands here.

Every score in the workshop is out of fold: no surrogate, acceptor or guard had seen the row it scores. What ships is
the same learner trained once more on all fit rows. Certify rows never enter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tracer_spec.build.crossfit import CrossFit, fit_acceptor, fit_fences
from tracer_spec.build.learn import Outcome, Task, derive_seed, learn_all
from tracer_spec.build.progress import LearnerDone, Observer, StepDone, nobody
from tracer_spec.build.thresholds import thresholds_at_levels
from tracer_spec.errors import PluginError, TracerError
from tracer_spec.plugin import Candidate, Classes, Fence, Mask, Model, Policy, Scores, Stage, Target, Trained, Vectors

if TYPE_CHECKING:
    from tracer_spec.build.prepare import Prepared
    from tracer_spec.plan import Plan, Resolved

# how many surrogates are cross-fitted whole, after the first fold has ranked the zoo
FINALISTS = 4
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
    """A trained surrogate with its acceptor, as the fit rows see it."""

    name: str
    surrogate: Model
    acceptor: Model
    fences: tuple[Fence, ...]
    scores: Scores = field(repr=False)
    accept: Scores = field(repr=False)
    agrees: Mask = field(repr=False)
    eligible: Mask = field(repr=False)


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
        workers: int = 1,
        observe: Observer = nobody,
    ) -> None:
        self.rows = rows
        self.target = target
        self._zoo = {learner.alias: learner for learner in zoo}
        self._acceptor = acceptor
        self._denied = denied
        self._seed = seed
        self._workers = workers
        self._observe = observe
        self._cross = CrossFit(rows.folds)
        self._fences = [fit_fences(guard, rows.X, rows.y, self._cross, rows.n_classes, seed) for guard in guards]
        self._made: dict[int, GatedSurrogate] = {}  # by the identity of the exported model, which it keeps alive
        self._residuals: dict[tuple[str, bytes], GatedSurrogate | None] = {}
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
        first = self._learn([self._fold_task(name, 0, everywhere) for name in self._zoo])
        rank = {name: self._first_fold_agreement(first[name, 0]) for name in self._zoo}
        standing = [name for name in sorted(rank, key=lambda name: -rank[name]) if not first[name, 0].failure]
        finalists = standing[:FINALISTS]
        rest = [self._fold_task(name, fold, everywhere) for fold in range(1, self._cross.n_folds) for name in finalists]
        refits = [self._refit_task(name, everywhere) for name in finalists]
        outcomes = first | self._learn([*refits, *rest])
        gated = []
        for name in self._zoo:
            mine = {key: outcome for key, outcome in outcomes.items() if key[0] == name}
            one = self._gate(name, mine, everywhere) if name in finalists else None
            self._report(name, mine, one, screened=rank[name] if name in standing else None)
            if one is not None:
                gated.append(one)
        return tuple(sorted(gated, key=lambda one: -float(one.agrees.mean())))

    def residual(self, name: str, deferred: Mask) -> GatedSurrogate | None:
        """Train the zoo's ``name`` again on the rows that earlier stages defer; None where that fails."""
        key = (name, np.packbits(deferred).tobytes())
        if key not in self._residuals:
            tasks = [self._fold_task(name, fold, deferred) for fold in range(self._cross.n_folds)]
            outcomes = self._learn([self._refit_task(name, deferred), *tasks], stage="propose")
            self._residuals[key] = self._gate(name, outcomes, deferred)
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

    def _gate(self, name: str, outcomes: dict[tuple[str, int], Outcome], among: Mask) -> GatedSurrogate | None:
        """Put the folds together, and an acceptor and the fences around them."""
        if any(outcome.failure for outcome in outcomes.values()):
            return None
        scores = np.empty((self.n_rows, self.rows.n_classes), np.float32)
        for fold in range(self._cross.n_folds):
            held_out = outcomes[name, fold].scores
            if held_out is not None:
                scores[self.rows.folds == fold] = held_out
        labels = scores.argmax(axis=1)
        agrees: Mask = labels == self.rows.y
        try:
            acceptor, accept = fit_acceptor(
                self._acceptor, self.rows, scores, agrees, among, self._cross, derive_seed(self._seed, "acceptor", name)
            )
        except TracerError as error:
            outcomes[name, -1] = Outcome((name, -1), 0.0, failure=f"its acceptor failed: {error.problems[0].what}")
            return None
        eligible = ~self._denied[labels]
        for fence in self._fences:
            eligible &= fence.passes(labels)
        gated = GatedSurrogate(
            name=name,
            surrogate=Model(name, outcomes[name, -1].onnx),
            acceptor=acceptor,
            fences=tuple(fence.whole for fence in self._fences),
            scores=scores,
            accept=accept,
            agrees=agrees,
            eligible=eligible,
        )
        self._made[id(gated.surrogate)] = gated
        return gated

    def _report(
        self, name: str, outcomes: dict[tuple[str, int], Outcome], one: GatedSurrogate | None, screened: float | None
    ) -> None:
        """Write the learner's row of the report and tell whoever watches."""
        seconds = sum(outcome.seconds for outcome in outcomes.values())
        notes = tuple(sorted({note for outcome in outcomes.values() for note in outcome.notes}))
        reason = next((outcome.failure for _, outcome in sorted(outcomes.items()) if outcome.failure), "")
        if one is not None:
            report = LearnerReport(
                name, "trained", agreement=float(one.agrees.mean()), seconds=seconds, n_bytes=len(one.surrogate.onnx), notes=notes
            )
        elif reason or screened is None:
            report = LearnerReport(name, "skipped", reason, seconds=seconds, notes=notes)
        else:
            reason = f"agreed with the teacher on {screened:.1%} of the first fold; the best {FINALISTS} went on"
            report = LearnerReport(name, "screened", reason, agreement=screened, seconds=seconds, notes=notes)
        self.reports.append(report)
        self._observe(LearnerDone(name, seconds, report.agreement, report.reason))

    # --- what families build from --------------------------------------------------------------------------------

    def stage(self, trained: Trained, threshold: float | None) -> Stage:
        """Return the stage that accepts where the acceptor's score reaches ``threshold``; None accepts all it may."""
        if not isinstance(trained, GatedSurrogate):
            raise TypeError(f"a stage is made of what the workshop trained, not of {type(trained).__name__}")
        if threshold is None:
            return Stage(trained.surrogate, fences=trained.fences)
        return Stage(trained.surrogate, trained.acceptor, threshold, trained.fences)

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
        workers=workers or joblib.cpu_count(),
        observe=observe,
    )
    if not workshop.trained:
        reasons = "; ".join(f"{report.name}: {report.reason}" for report in workshop.reports)
        raise PluginError(f"no surrogate of the zoo could be trained ({reasons})", address="zoo")
    return workshop
