"""Cross-fitting of the zoo: the first fold ranks the learners, the best are trained on every fold, and once on all rows.

A surrogate scores only rows that it had not seen. What ships is the same learner trained once more on all fit rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tracer_spec.flow.cache.memory import Kept, Memory
from tracer_spec.flow.progress import Observer, StageStarted, StepDone, no_observer
from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.flow.training.parallel import Outcome, Task, derive_seed, learn_all
from tracer_spec.plugin import Mask, Scores
from tracer_spec.plugin.requirements import missing_dependency

if TYPE_CHECKING:
    from tracer_spec.plan import Resolved

Status: TypeAlias = Literal["trained", "screened", "skipped"]

# how many surrogates are cross-fitted whole, after the first fold has ranked the zoo
FINALISTS = 3
# the key of the training on all rows, beside the numbers of the folds
WHOLE = -1


@dataclass(frozen=True, slots=True)
class LearnerReport:
    """One row of the report: what became of one learner of the zoo.

    Parameters
    ----------
    name : str
    status : {'trained', 'screened', 'skipped'}
        ``screened`` where it ranked too low on the first fold.
    reason : str
        Why it was screened or skipped.
    agreement : float or None
        Out-of-fold agreement, over the first fold alone where it was screened.
    seconds : float
    n_bytes : int
        Size of the exported graph.
    notes : tuple of str
        What the learner warned of.
    """

    name: str
    status: Status
    reason: str = ""
    agreement: float | None = None
    seconds: float = 0.0
    n_bytes: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CrossFitted:
    """One learner after training on all rows, with each row's scores from the fold that held it out; or why it failed."""

    name: str
    graph: bytes = field(default=b"", repr=False)
    scores: Scores = field(default_factory=lambda: np.empty((0, 0), np.float32), repr=False)
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Screening:
    """What the first fold says of the zoo, by learner; ``agreement`` has no failed ones, and the best first."""

    outcomes: Mapping[str, Outcome]
    agreement: Mapping[str, float]

    @property
    def finalists(self) -> tuple[str, ...]:
        """Return the learners that go on."""
        return tuple(self.agreement)[:FINALISTS]


class Trainer:
    """Trains learners of a zoo on fit rows."""

    def __init__(
        self,
        rows: FitRows,
        zoo: Sequence[Resolved],
        *,
        seed: int,
        workers: int = 1,
        memory: Memory | None = None,
        observe: Observer = no_observer,
    ) -> None:
        self._rows = rows
        names = rows.names if rows.names is not None and rows.names.weight else None
        # label names stand after the rows of traces, so that the position of those is the same with and without
        self._names = names
        self._X = rows.X if names is None else np.concatenate([rows.X, names.X])
        self._y = rows.y if names is None else np.concatenate([rows.y, names.y])
        self._zoo = {learner.alias: learner for learner in zoo}
        self._n_folds = rows.n_folds
        self._seed = seed
        self._workers = workers
        self._memory = memory or Memory()
        self._observe = observe

    @property
    def names(self) -> tuple[str, ...]:
        """Return the learners, in the spec's order."""
        return tuple(self._zoo)

    def screen(self) -> Screening:
        """Train every learner without the first fold, and rank them by their agreement on it."""
        self._observe(StageStarted("train", len(self._zoo) + min(FINALISTS, len(self._zoo)) * self._n_folds))
        everywhere = np.ones(len(self._rows), bool)
        tasks = [self._task(name, 0, everywhere) for name in self._zoo]
        outcomes = {outcome.key[0]: outcome for outcome in self._learn(tasks, "train")}
        first = self._rows.folds == 0
        agreement = {
            name: self._agreement(outcome.scores, first)
            for name in self._zoo
            if (outcome := outcomes[name]).scores is not None
        }
        return Screening(outcomes, dict(sorted(agreement.items(), key=lambda item: -item[1])))

    def _agreement(self, scores: Scores, among: Mask) -> float:
        """Return how often the class put first is the teacher's, on rows whose scores these are."""
        agrees = np.zeros(len(self._rows), bool)
        agrees[among] = scores.argmax(axis=1) == self._rows.y[among]
        return self._rows.share(agrees, among)

    def agrees_out_of_fold(self) -> Mask | None:
        """Return where the first learner agrees with the teacher, each row scored by the fold that held it out.

        None where it fails. Nothing is trained on all rows.
        """
        agrees = np.zeros(len(self._rows), bool)
        for outcome in self._learn(self._fold_tasks(self.names[0]), "train"):
            if outcome.scores is None:
                return None
            held_out = self._rows.folds == outcome.key[1]
            agrees[held_out] = outcome.scores.argmax(axis=1) == self._rows.y[held_out]
        return agrees

    def knows_folds(self) -> bool:
        """Return whether the trainings of :meth:`agrees_out_of_fold` are remembered."""
        return all(self._memory.recall(self._key(task)) is not None for task in self._fold_tasks(self.names[0]))

    def _fold_tasks(self, name: str) -> list[Task]:
        return [self._task(name, fold, np.ones(len(self._rows), bool)) for fold in range(self._n_folds)]

    def count_known(self) -> tuple[int, int | None]:
        """Return how many trainings are remembered, of how many; None where the first fold has yet to rank the zoo."""
        everywhere = np.ones(len(self._rows), bool)

        def known(name: str, fold: int) -> bool:
            return self._memory.recall(self._key(self._task(name, fold, everywhere))) is not None

        first = [name for name in self._zoo if known(name, 0)]
        if len(first) == len(self._zoo):
            finalists = self.screen().finalists  # all of it is there: nothing is trained
        elif len(self._zoo) <= FINALISTS:
            finalists = tuple(self._zoo)
        else:
            return len(first), None
        later = [(name, fold) for name in finalists for fold in [WHOLE, *range(1, self._n_folds)]]
        return len(first) + sum(known(*each) for each in later), len(self._zoo) + len(later)

    def cross_fit(
        self, names: Sequence[str], among: Mask, *, known: Mapping[str, Outcome] | None = None, stage: str = "train"
    ) -> Iterator[CrossFitted]:
        """Train learners on the rows ``among``, once without each fold and once on all; yield each when it is through.

        All rows are scored. ``known`` is what the first fold already gave, ``stage`` that of the flow, for the observer.
        """
        done = {(name, 0): outcome for name, outcome in (known or {}).items()}
        folds = [WHOLE, *range(self._n_folds)]
        tasks = [self._task(name, fold, among) for fold in folds for name in names if (name, fold) not in done]
        for outcome in self._learn(tasks, stage):
            done[outcome.key] = outcome
            name = outcome.key[0]
            mine = {fold: done[name, fold] for fold in folds if (name, fold) in done}
            if len(mine) == len(folds):
                yield self._put_together(name, mine)

    def _put_together(self, name: str, outcomes: Mapping[int, Outcome]) -> CrossFitted:
        """Make one of the trainings of one learner."""
        seconds = sum(outcome.seconds for outcome in outcomes.values())
        notes = tuple(sorted({note for outcome in outcomes.values() for note in outcome.notes}))
        failure = next((outcome.failure for _, outcome in sorted(outcomes.items()) if outcome.failure), "")
        if failure:
            return CrossFitted(name, seconds=seconds, notes=notes, failure=failure)
        scores = np.empty((len(self._rows), self._rows.n_classes), np.float32)
        for fold in range(self._n_folds):
            scores[self._rows.folds == fold] = outcomes[fold].scores
        return CrossFitted(name, outcomes[WHOLE].onnx, scores, seconds, notes)

    def _task(self, name: str, fold: int, among: Mask) -> Task:
        """Train on the rows of ``among`` outside the fold and score the whole fold; or train on all."""
        learner = self._zoo[name]
        among = among & (self._rows.y >= 0) & (self._rows.folds != fold)
        train, weights = self._with_names(np.flatnonzero(among), self._weights(learner, among), learner)
        # the whole one scores a single row, for the contract's check
        score = np.flatnonzero(self._rows.folds == fold) if fold != WHOLE else np.zeros(1, np.int64)
        return Task(
            key=(name, fold),
            make=learner.provided.plugin.make,
            options=learner.options,
            train=train,
            score=score,
            n_classes=self._rows.n_classes,
            seed=derive_seed(self._seed, f"surrogate fold {fold}", name),
            weights=weights,
            secrets=learner.secrets,
        )

    def _weights(self, learner: Resolved, train: Mask) -> NDArray[np.float64] | None:
        """Return what each row weighs in training; None where all weigh the same, or the learner takes no weights."""
        weights = self._rows.weights
        return weights.learning[train] if weights and learner.provided.plugin.takes_weights else None

    def _with_names(
        self, train: NDArray[np.int64], weights: NDArray[np.float64] | None, learner: Resolved
    ) -> tuple[NDArray[np.int64], NDArray[np.float64] | None]:
        """Add the rows of label names, in a training that has any other, of a learner that takes weights."""
        if self._names is None or not len(train) or not learner.provided.plugin.takes_weights:
            return train, weights
        n = len(self._rows)
        of_traces = np.ones(len(train)) if weights is None else weights
        whole = np.concatenate([of_traces, np.full(len(self._names), self._names.weight)])
        return np.concatenate([train, np.arange(n, n + len(self._names))]), whole / whole.mean()

    def _learn(self, tasks: Sequence[Task], stage: str) -> Iterator[Outcome]:
        """Carry tasks out side by side; a task with nothing to learn from is a failure at once."""
        able: list[Task] = []
        for task in tasks:
            known = self._memory.recall(self._key(task))
            if not (len(task.train) and len(task.score)):
                yield Outcome(task.key, 0.0, failure="no rows to learn from")
            elif known is not None:
                self._tell(stage, task.key, 0.0, is_reused=True)
                notes = tuple(known.facts["notes"])
                yield Outcome(task.key, 0.0, known.parts["onnx"], known.parts["scores"], notes)
            else:
                able.append(task)
        keys = {task.key: self._key(task) for task in able}
        with closing(learn_all(able, self._X, self._y, workers=self._workers)) as outcomes:
            for outcome in outcomes:
                if outcome.lacks is not None:
                    raise missing_dependency(self._zoo[outcome.key[0]].provided, outcome.lacks)
                self._tell(stage, outcome.key, outcome.seconds)
                if outcome.scores is not None:
                    parts, facts = {"onnx": outcome.onnx, "scores": outcome.scores}, {"notes": list(outcome.notes)}
                    kept = Kept(parts, facts, outcome.seconds)
                    self._memory.keep("surrogate", keys[outcome.key], kept)
                yield outcome

    def _key(self, task: Task) -> bytes | None:
        """Return the key of a training: what it learns from, and what it scores."""
        about = (self._rows.digest, task.train, task.score, task.n_classes, task.seed)
        return self._memory.key("surrogate", self._zoo[task.key[0]], *about)

    def _tell(self, stage: str, key: tuple[Any, ...], seconds: float, *, is_reused: bool = False) -> None:
        """Count one training and tell whoever watches."""
        name, fold = key
        self._memory.count(is_reused=is_reused)
        step = f"{name} on all rows" if fold == WHOLE else f"{name} fold {fold + 1}"
        self._observe(StepDone(stage, f"{step}, reused" if is_reused else step, seconds))
