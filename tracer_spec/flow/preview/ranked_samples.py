"""Fit rows ranked by routers that had not seen them, for the curve of ``plan``: out of fold, and by what parts teach."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracer_spec.flow.compile import compile_policy, overrides
from tracer_spec.flow.prepare import denied_labels
from tracer_spec.flow.traces.fit_weights import FitWeights
from tracer_spec.flow.traces.folds import fold_keys, folds
from tracer_spec.flow.traces.label_space import LabelSpace, label_space
from tracer_spec.flow.training.embed import FittedEmbedder, fit_embedder
from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.flow.training.label_names import LabelTexts, label_rows, texts_to_train, weigh_names
from tracer_spec.flow.training.workshop import Workshop
from tracer_spec.plugin import Mask, Scores
from tracer_spec.stats.learning_curve import RankedRows

if TYPE_CHECKING:
    from tracer_spec.flow.cache.memory import Memory
    from tracer_spec.flow.traces.trace_set import TraceSet
    from tracer_spec.plan import Plan

# fewer different inputs than this, dealt to folds, teach a learner nothing that could be extrapolated
_FEWEST = 40


@dataclass(frozen=True, slots=True)
class RankedSamples:
    """Ranked rows of several routers.

    Parameters
    ----------
    samples : tuple of RankedRows
        All rows out of fold first.
    learned : tuple of int
        The numbers of rows that routers were trained on.
    learns_texts : bool
        Whether the embedder learns from the texts of fit rows.
    """

    samples: tuple[RankedRows, ...] = field(repr=False)
    learned: tuple[int, ...]
    learns_texts: bool


def ranked_samples(plan: Plan, fit: TraceSet, weights: FitWeights | None, memory: Memory) -> RankedSamples | None:
    """Train the first learner and acceptor on all rows, halves and quarters; None where all are too few to learn from.

    Notes
    -----
    All rows are scored out of fold, as a build scores them. A part scores the rows that are not in it, as a build scores
    certify rows: there the embedder has not seen them either, and the difference tells what that is worth.
    """
    bench = _Bench(plan, fit, label_space(plan.allowed_labels, fit.labels), weights, memory)
    everywhere, *parts = _nested(fold_keys(fit, plan.spec.split.strategy))
    whole = bench.learn(everywhere)
    first = whole.out_of_fold()
    if first is None:
        return None
    # the parts take the weight of the whole: to try weights on each would take three times as long
    names_weight = whole.rows.names.weight if whole.rows.names else 0.0
    found = [(everywhere, first)]
    for at in parts:
        ranked = bench.learn(at, names_weight).held_out(np.setdiff1d(everywhere, at))
        found += [(at, ranked)] if ranked else []
    learned = tuple(sorted(len(at) for at, _ in found))
    return RankedSamples(tuple(ranked for _, ranked in found), learned, whole.embedder.learns_texts)


@dataclass(frozen=True, slots=True)
class _Bench:
    """What every part is trained with."""

    plan: Plan
    fit: TraceSet
    space: LabelSpace
    weights: FitWeights | None
    memory: Memory

    @property
    def denied(self) -> Mask:
        """Return which labels are never answered."""
        return denied_labels(self.plan.spec.defer_labels, self.space)

    def counting(self, at: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return as how many rows of the traffic each counts."""
        return np.ones(len(at)) if self.weights is None else self.weights.counting[at]

    def learn(self, at: NDArray[np.int64], names_weight: float | None = None) -> _Part:
        """Train on some fit rows as a build of them alone would; without a weight of label names, one is chosen."""
        plan, some = self.plan, self.fit.take(at)
        named: LabelTexts | None = texts_to_train(plan, self.fit, self.space)
        embedder = fit_embedder(plan.embedder, some, plan.spec.seed, self.memory)
        rows = FitRows(
            embedder.vectors(some),
            self.space.encode(some.labels),
            folds(fold_keys(some, plan.spec.split.strategy), plan.spec.split.folds, seed=plan.spec.seed),
            len(self.space),
            None if self.weights is None else FitWeights(self.weights.learning[at], self.weights.counting[at]),
            label_rows(embedder, named),
        )
        if names_weight is None:
            rows = weigh_names(rows, plan.zoo, seed=plan.spec.seed, memory=self.memory)
        else:
            names = rows.names
            rows = replace(rows, names=replace(names, weight=names_weight) if names and names_weight else None)
        workshop = Workshop(
            rows,
            zoo=plan.zoo[:1],
            acceptors=plan.acceptors[:1],
            guards=plan.guards,
            denied=self.denied,
            target=plan.target,
            seed=plan.spec.seed,
            average=False,
            memory=self.memory,
        )
        return _Part(self, at, embedder, rows, workshop)


@dataclass(frozen=True, slots=True)
class _Part:
    """Some fit rows, and the router that learned from them."""

    bench: _Bench
    at: NDArray[np.int64]
    embedder: FittedEmbedder
    rows: FitRows
    workshop: Workshop

    def out_of_fold(self) -> RankedRows | None:
        """Rank its own rows by scores out of fold; None where they are too few to learn from."""
        if not self.workshop.trained:
            return None
        gated, counting = self.workshop.trained[0], self.bench.counting(self.at)
        n_learned = len(self.at) * (1 - 1 / self.rows.n_folds)
        return _ranked(
            gated.accept, gated.eligible, gated.agrees, counting, n_learned, is_text_seen=self.embedder.learns_texts
        )

    def held_out(self, others: NDArray[np.int64]) -> RankedRows | None:
        """Rank other rows by what would ship."""
        from tracer_spec.graph import Scorer

        if not self.workshop.trained:
            return None
        traces, bench = self.bench.fit.take(others), self.bench
        policy = (self.workshop.stage(self.workshop.trained[0], -np.inf),)
        graph = compile_policy(policy, dimension=self.rows.X.shape[1], denied=bench.denied, open_thresholds=True)
        label, may, score = Scorer(graph.SerializeToString(deterministic=True)).run(
            {"embedding": self.embedder.vectors(traces)},
            constants=overrides(policy),
            outputs=["label", "handled", "score"],
        )
        agrees = label == bench.space.encode(traces.labels)
        return _ranked(score, may, agrees, bench.counting(others), float(len(self.at)))


def _ranked(
    scores: Scores,
    eligible: Mask,
    agrees: Mask,
    counting: NDArray[np.float64],
    n_learned: float,
    *,
    is_text_seen: bool = False,
) -> RankedRows | None:
    """Rank the eligible rows by score; None where none of them counts."""
    chosen = np.flatnonzero(eligible)
    order = chosen[np.argsort(-scores[chosen], kind="stable")]
    weights = counting[order]
    if not weights.any():
        return None
    ranks = (np.cumsum(weights) - weights / 2) / float(counting.sum())
    return RankedRows(1 - agrees[order].astype(np.float64), ranks, n_learned, weights, is_text_seen)


def _nested(keys: Sequence[bytes]) -> list[NDArray[np.int64]]:
    """Return all rows, then halves and quarters of them that hold enough, by a hash of what belongs together."""
    order = np.argsort([hashlib.sha256(b"curve\0" + key).digest()[:8] for key in keys], kind="stable")
    n = len(keys)
    cuts = [(0, n // 2), (n // 2, n), (0, n // 4), (n // 4, n // 2)]
    enough = [(low, high) for low, high in cuts if len({keys[at] for at in order[low:high]}) >= _FEWEST]
    return [np.arange(n), *(np.sort(order[low:high]) for low, high in enough)]
