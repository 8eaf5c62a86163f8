"""Acceptors and guards, out of fold: each row is judged by one that had not seen it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tracer_spec.errors import PluginError
from tracer_spec.flow.cache.memory import Kept, Memory
from tracer_spec.flow.training.fit_rows import CrossFit
from tracer_spec.flow.training.parallel import derive_seed
from tracer_spec.plugin import Classes, Evidence, Fence, Mask, Model, Scores, Vectors

if TYPE_CHECKING:
    from tracer_spec.flow.training.fit_rows import FitRows
    from tracer_spec.plan import Resolved


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What a surrogate says of all rows, each scored by a fold that had not seen it.

    Parameters
    ----------
    scores : ndarray of shape (n, k), float32
    votes : ndarray of shape (n, m - 1), float32, or None
        Of the m members of an average, but the last; None for a surrogate of its own.
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
        scores = sum(members[1:], start=members[0].copy()) / np.float32(len(members))
        first = scores.argmax(axis=1)[:, None]
        votes = [np.take_along_axis(each, first, axis=1) for each in members[:-1]]
        return cls(scores, np.concatenate(votes, axis=1))


def fit_acceptor(
    learner: Resolved, rows: FitRows, held_out: HeldOut, among: Mask, seed: int, memory: Memory
) -> tuple[Model, Scores]:
    """Train an acceptor on the rows ``among``; return it whole, with its out-of-fold scores of all rows.

    Raises
    ------
    PluginError
        Where the acceptor fails or gives what is no acceptance score.
    """
    votes = b"" if held_out.votes is None else held_out.votes
    key = memory.key("acceptor", learner, rows.digest, rows.folds, held_out.scores, votes, among, seed)
    kept = memory.remembered("acceptor", key, lambda: _train_acceptor(learner, rows, held_out, among, seed))
    return Model(learner.alias, kept.bytes_of("onnx")), kept.array_of("accept")


def _train_acceptor(learner: Resolved, rows: FitRows, held_out: HeldOut, among: Mask, seed: int) -> Kept:
    """Train it once without each fold, for the scores, and once on all."""
    from threadpoolctl import threadpool_limits

    from tracer_spec.graph import Scorer, export

    agrees = held_out.agrees(rows.y)

    def train(chosen: npt.NDArray[np.int64]) -> bytes:
        evidence = Evidence(
            X=rows.X[chosen],
            scores=held_out.scores[chosen],
            agrees=agrees[chosen],
            y=rows.y[chosen],
            votes=None if held_out.votes is None else held_out.votes[chosen],
        )
        with learner.attribute_errors(), threadpool_limits(1):
            return export(learner.make().fit(evidence, seed=seed))

    known = {"embedding": rows.X, "scores": held_out.scores}
    if held_out.votes is not None:
        known["votes"] = held_out.votes
    accept = np.empty(len(agrees), np.float32)
    for inside, outside in rows.cross.splits(among):
        scorer = Scorer(train(inside))
        (scored,) = scorer.run({name: known[name][outside] for name in scorer.inputs if name in known})
        if scored.shape != (len(outside),) or not np.isfinite(scored).all():
            raise PluginError(
                f"'{learner.alias}' gave accept of shape {scored.shape}; finite scores of shape (n,) are wanted"
            )
        accept[outside] = scored
    return Kept({"onnx": train(np.flatnonzero(among)), "accept": accept})


@dataclass(frozen=True, slots=True)
class CrossFence:
    """One guard: whole, for what ships, and by fold, for what the fit rows predict."""

    whole: Fence
    by_fold: tuple[Fence, ...]
    X: Vectors = field(repr=False)
    cross: CrossFit

    def passes(self, labels: Classes) -> Mask:
        """Return which rows are near enough under the labels predicted for them, out of fold."""
        from tracer_spec.graph import Scorer

        near = np.zeros(len(labels), bool)
        for fold, fence in enumerate(self.by_fold):
            held_out = np.flatnonzero(self.cross.folds == fold)
            (distances,) = Scorer(fence.guard.onnx).run({"embedding": self.X[held_out], "label": labels[held_out]})
            near[held_out] = distances <= np.float32(fence.limit)
        return near


def fit_fences(learner: Resolved, rows: FitRows, seed: int, memory: Memory) -> CrossFence:
    """Train a guard on all fit rows, and once more without each fold."""
    key = memory.key("guard", learner, rows.digest, rows.folds, rows.n_classes, seed, learner.alias)
    kept = memory.remembered("guard", key, lambda: _train_guards(learner, rows, seed))
    limits: list[float] = kept.facts["limits"]
    whole, *by_fold = (
        Fence(Model(learner.alias, kept.bytes_of(str(place))), limit) for place, limit in enumerate(limits)
    )
    return CrossFence(whole, tuple(by_fold), rows.X, rows.cross)


def _train_guards(learner: Resolved, rows: FitRows, seed: int) -> Kept:
    """Train the whole guard first, then those without a fold."""
    from threadpoolctl import threadpool_limits

    from tracer_spec.graph import export

    known = rows.y >= 0
    chosen = [("whole", np.flatnonzero(known))]
    chosen += [(f"fold {fold}", inside) for fold, (inside, _) in enumerate(rows.cross.splits(known))]
    graphs: dict[str, bytes] = {}
    limits: list[float] = []
    for place, (role, inside) in enumerate(chosen):
        own = derive_seed(seed, f"guard {role}", learner.alias)
        with learner.attribute_errors(), threadpool_limits(1):
            guard = learner.make().fit(rows.X[inside], rows.y[inside], n_classes=rows.n_classes, seed=own)
            graphs[str(place)] = export(guard)
        limits.append(float(guard.limit))
    return Kept(graphs, {"limits": limits})
