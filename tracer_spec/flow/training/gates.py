"""Acceptors and guards, out of fold: each row is judged by one that had not seen it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tracer_spec.flow.cache.memory import Kept, Memory
from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.flow.training.parallel import derive_seed
from tracer_spec.plugin import Classes, Evidence, Fence, Mask, Model, Scores
from tracer_spec.plugin.one_thread import one_thread

if TYPE_CHECKING:
    from tracer_spec.plan import Resolved


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What a surrogate says of all rows, each scored by a fold that had not seen it.

    ``votes``, of shape (n, m - 1), are those of the m members of an average, but the last; None for a surrogate of its own.
    """

    scores: Scores = field(repr=False)
    votes: Scores | None = field(default=None, repr=False)

    @property
    def labels(self) -> Classes:
        """Return the class put first, shape (n,)."""
        labels: Classes = self.scores.argmax(axis=1)
        return labels

    def agrees(self, y: Classes) -> Mask:
        """Return where that is the teacher's class."""
        agrees: Mask = self.labels == y
        return agrees

    @classmethod
    def averaged(cls, members: Sequence[Scores]) -> HeldOut:
        """Return what the average of several says, in the arithmetic of its graph."""
        scores = sum(members[1:], start=members[0]) / np.float32(len(members))
        first = scores.argmax(axis=1)[:, None]
        votes = [np.take_along_axis(each, first, axis=1) for each in members[:-1]]
        return cls(scores, np.concatenate(votes, axis=1))


def fit_acceptor(
    learner: Resolved, rows: FitRows, held_out: HeldOut, among: Mask, seed: int, memory: Memory
) -> tuple[Model, Scores]:
    """Train an acceptor on the rows ``among``; return it whole, with its out-of-fold scores of all rows.

    An acceptor that fails, or gives anything but scores in [0, 1], is a PluginError.
    """
    votes = b"" if held_out.votes is None else held_out.votes
    key = memory.key("acceptor", learner, rows.digest, rows.folds, held_out.scores, votes, among, seed)
    kept = memory.remembered("acceptor", key, lambda: _train_acceptor(learner, rows, held_out, among, seed))
    return Model(learner.alias, kept.parts["onnx"]), kept.parts["accept"]


def _train_acceptor(learner: Resolved, rows: FitRows, held_out: HeldOut, among: Mask, seed: int) -> Kept:
    """Train it once without each fold, for the scores, and once on all."""
    from tracer_spec.graph import Scorer, export

    agrees = held_out.agrees(rows.y)

    def train(chosen: npt.NDArray[np.int64]) -> bytes:
        evidence = Evidence(
            X=rows.X[chosen],
            scores=held_out.scores[chosen],
            agrees=agrees[chosen],
            y=rows.y[chosen],
            votes=None if held_out.votes is None else held_out.votes[chosen],
            folds=rows.folds[chosen],
        )
        weights = rows.weights if learner.provided.plugin.takes_weights else None
        more = {} if weights is None else {"sample_weight": weights.learning[chosen]}
        with learner.attribute_errors(), one_thread():
            return export(learner.make().fit(evidence, seed=seed, **more))

    known = {"embedding": rows.X, "scores": held_out.scores}
    if held_out.votes is not None:
        known["votes"] = held_out.votes
    accept = np.empty(len(rows), np.float32)
    for inside, outside in rows.splits(among):
        with learner.attribute_errors():
            scorer = Scorer(train(inside))
            (scored,) = scorer.run({name: known[name][outside] for name in scorer.inputs if name in known})
        if scored.shape != (len(outside),) or not ((scored >= 0) & (scored <= 1)).all():
            found = f"from {scored.min():.6g} to {scored.max():.6g}" if scored.size else "of no row"
            raise learner.fault(
                f"gave accept of shape {scored.shape}, {found}; scores of shape ({len(outside)},) in [0, 1] are wanted"
            )
        accept[outside] = scored
    return Kept({"onnx": train(np.flatnonzero(among)), "accept": accept})


@dataclass(frozen=True, slots=True)
class CrossFence:
    """One guard: whole, for what ships, and by fold, for what the fit rows predict."""

    whole: Fence
    by_fold: tuple[Fence, ...]
    rows: FitRows = field(repr=False)
    learner: Resolved = field(repr=False)

    def passes(self, labels: Classes) -> Mask:
        """Return which rows are near enough under the labels predicted for them, out of fold."""
        from tracer_spec.graph import Scorer

        near = np.zeros(len(labels), bool)
        for fold, fence in enumerate(self.by_fold):
            held_out = np.flatnonzero(self.rows.folds == fold)
            X, predicted = self.rows.X[held_out], labels[held_out]
            with self.learner.attribute_errors():
                (distances,) = Scorer(fence.guard.onnx).run({"embedding": X, "label": predicted})
            if distances.shape != predicted.shape or np.isnan(distances).any():
                raise self.learner.fault(
                    f"gave distances of shape {distances.shape}, {np.isnan(distances).sum():,} of them no number; numbers of "
                    f"shape {predicted.shape} are wanted"
                )
            near[held_out] = distances <= np.float32(fence.limit)
        return near


def fit_fences(learner: Resolved, rows: FitRows, seed: int, memory: Memory) -> CrossFence:
    """Train a guard on all fit rows, and once more without each fold."""
    key = memory.key("guard", learner, rows.digest, rows.folds, rows.n_classes, seed, learner.alias)
    kept = memory.remembered("guard", key, lambda: _train_guards(learner, rows, seed))
    whole, *by_fold = (
        Fence(Model(learner.alias, kept.parts[str(place)]), limit) for place, limit in enumerate(kept.facts["limits"])
    )
    return CrossFence(whole, tuple(by_fold), rows, learner)


def _train_guards(learner: Resolved, rows: FitRows, seed: int) -> Kept:
    """Train the whole guard first, then those without a fold."""
    from tracer_spec.graph import export

    known = rows.y >= 0
    chosen = {"whole": np.flatnonzero(known)}
    chosen |= {f"fold {fold}": inside for fold, (inside, _) in enumerate(rows.splits(known))}
    graphs, limits = [], []
    for role, inside in chosen.items():
        own = derive_seed(seed, f"guard {role}", learner.alias)
        with learner.attribute_errors(), one_thread():
            guard = learner.make().fit(rows.X[inside], rows.y[inside], n_classes=rows.n_classes, seed=own)
            graphs.append(export(guard))
            limit = guard.limit
        if not isinstance(limit, Real) or not math.isfinite(limit):
            raise learner.fault(f"has the limit {str(limit)[:80]}; a finite number is wanted")
        limits.append(float(limit))
    return Kept({str(place): graph for place, graph in enumerate(graphs)}, {"limits": limits})
