"""Curve of ``plan``: the coverage that more, or fewer, traces would certify, from fit rows alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracer_spec.flow.cache.memory import Memory
from tracer_spec.flow.prepare import denied_labels
from tracer_spec.flow.traces.fit_weights import FitWeights
from tracer_spec.flow.traces.folds import fold_keys, folds
from tracer_spec.flow.traces.label_space import LabelSpace, label_space
from tracer_spec.flow.training.embed import fit_embedder
from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.flow.training.workshop import Workshop
from tracer_spec.plugin import Fittable, Mask
from tracer_spec.stats.expected_coverage import Expected, Nearest, Prospects
from tracer_spec.stats.learning_curve import RankedRows, fit_learning_curve

if TYPE_CHECKING:
    from tracer_spec.flow.preview.cached import Forecast
    from tracer_spec.flow.preview.certifiable import Outlook
    from tracer_spec.flow.traces.trace_set import TraceSet
    from tracer_spec.plan import Plan

SIZES = (300, 1_000, 3_000, 10_000)
TARGETS = (0.8, 0.85, 0.9, 0.92, 0.95, 0.98)
# up to so many fit rows the curve takes a second or three, and is drawn unasked
QUICK = 1_200
# fewer rows than this, dealt to folds, teach a learner nothing that could be extrapolated
_FEWEST = 40


@dataclass(frozen=True, slots=True)
class Point:
    """What a build of so many traces would come to, by target."""

    n_traces: int
    n_fit: int
    n_certify: int
    expected: tuple[Expected, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """Expected coverage by traces and target.

    Parameters
    ----------
    learner : str
        The one surrogate that was trained for it.
    learned : tuple of int
        The numbers of fit rows that it was trained on, out of fold.
    target : float
        The spec's.
    targets : tuple of float
        Rising; the spec's is among them.
    points : tuple of Point
        Of rising numbers of traces; those at hand are among them.
    now : Point
        That of the traces at hand.
    nearest : Nearest
    """

    learner: str
    learned: tuple[int, ...]
    target: float
    targets: tuple[float, ...]
    points: tuple[Point, ...]
    now: Point
    nearest: Nearest
    prospects: Prospects = field(repr=False)

    def at_target(self, point: Point) -> Expected:
        """Return what a point says of the spec's target."""
        return point.expected[self.targets.index(self.target)]


def is_quick(plan: Plan, n_fit: int, cached: Forecast) -> bool:
    """Tell whether a curve costs little: few rows, and an embedder that learns from them, or vectors that are there."""
    if n_fit > QUICK:
        return False
    is_embedded = cached.n_texts is not None and cached.n_texts == cached.n_texts_known
    return is_embedded or plan.embedder.reads_vectors or isinstance(plan.embedder.make(), Fittable)


def draw_curve(
    plan: Plan, fit: TraceSet, outlook: Outlook, weights: FitWeights | None = None, memory: Memory | None = None
) -> Curve | None:
    """Return the expected coverage by traces and target; None where nothing is tested, or single labels are.

    Parameters
    ----------
    fit : TraceSet
        The fit rows.
    outlook : Outlook
        The counts of these traces: of the certify rows nothing else is known here.

    Notes
    -----
    The first learner of the zoo is trained out of fold, with the first acceptor, on all fit rows, on either half of them, and
    on two quarters, dealt by a hash; without label names, which help where rows are few. A curve through their errors tells
    those of other numbers of rows. ``docs/performance.md`` says how far it was off.
    """
    able = outlook.certifiable
    if not plan.makes_a_test or not able.n_certify or outlook.label_targets:
        return None
    space = label_space(plan.allowed_labels, fit.labels)
    denied, memory = denied_labels(plan.spec.defer_labels, space), memory or Memory()
    parts = _nested(fold_keys(fit, plan.spec.split.strategy))
    scored = [(at, _ranked(plan, fit.take(at), space, denied, _at(weights, at), memory)) for at in parts]
    samples = [(at, ranked) for at, ranked in scored if ranked is not None]
    if not samples or len(samples[0][0]) != len(fit):
        return None
    whole, split, target = samples[0][1], plan.spec.split, outlook.target
    prospects = Prospects(
        curve=fit_learning_curve([ranked for _, ranked in samples]),
        n_fit=outlook.n_fit,
        n_certify=able.n_certify,
        share=able.n_certify / (outlook.n_fit + able.n_certify),
        n_folds=split.folds,
        reach=len(whole.errs) / len(fit),
        delta=able.level,
        min_coverage=target.min_coverage,
        is_end_to_end=target.agreement is None,
        most_fit=split.max_fit,
    )
    targets = tuple(sorted({*TARGETS, target.level}))
    n_now = outlook.n_fit + able.n_certify
    points = [Point(n, *prospects.sides(n), prospects.expect(n, targets)) for n in sorted({*SIZES, n_now})]
    return Curve(
        learner=plan.zoo[0].alias,
        learned=tuple(sorted(len(at) for at, _ in samples)),
        target=target.level,
        targets=targets,
        points=tuple(points),
        now=next(point for point in points if point.n_traces == n_now),
        nearest=prospects.nearest(target.level),
        prospects=prospects,
    )


def _nested(keys: Sequence[bytes]) -> list[NDArray[np.int64]]:
    """Return all rows, halves and quarters of them, by a hash of what belongs together."""
    order = np.argsort([hashlib.sha256(b"curve\0" + key).digest()[:8] for key in keys], kind="stable")
    n = len(keys)
    cuts = [(0, n), (0, n // 2), (n // 2, n), (0, n // 4), (n // 4, n // 2)]
    return [np.sort(order[low:high]) for low, high in cuts if high - low >= _FEWEST or (low, high) == (0, n)]


def _at(weights: FitWeights | None, at: NDArray[np.int64]) -> FitWeights | None:
    return None if weights is None else FitWeights(weights.learning[at], weights.counting[at])


def _ranked(
    plan: Plan, fit: TraceSet, space: LabelSpace, denied: Mask, weights: FitWeights | None, memory: Memory
) -> RankedRows | None:
    """Train one learner and its acceptor out of fold, and rank the rows; None where they are too few to learn from."""
    seed, split = plan.spec.seed, plan.spec.split
    X = fit_embedder(plan.embedder, fit, seed, memory).vectors(fit)
    dealt = folds(fold_keys(fit, split.strategy), split.folds, seed=seed)
    rows = FitRows(X, space.encode(fit.labels), dealt, len(space), weights)
    workshop = Workshop(
        rows,
        zoo=plan.zoo[:1],
        acceptors=plan.acceptors[:1],
        guards=plan.guards,
        denied=denied,
        target=plan.target,
        seed=seed,
        average=False,
        memory=memory,
    )
    if not workshop.trained:
        return None
    gated = workshop.trained[0]
    eligible = np.flatnonzero(gated.eligible)
    order = eligible[np.argsort(-gated.accept[eligible], kind="stable")]
    counting = np.ones(len(order)) if weights is None else weights.counting[order]
    if not counting.any():
        return None
    whole = float(len(rows)) if weights is None else float(weights.counting.sum())
    ranks = (np.cumsum(counting) - counting / 2) / whole
    errs = 1 - gated.agrees[order].astype(np.float64)
    return RankedRows(errs, ranks, len(fit) * (1 - 1 / split.folds), counting)
