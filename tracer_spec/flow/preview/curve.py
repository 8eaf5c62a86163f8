"""Curve of ``plan``: the coverage that more, or fewer, traces would certify, from fit rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tracer_spec.flow.cache.memory import Memory
from tracer_spec.flow.preview.ranked_samples import ranked_samples
from tracer_spec.flow.traces.repeats import is_read_twice
from tracer_spec.plugin import Fittable
from tracer_spec.stats.expected_coverage import Expected, Nearest, Prospects
from tracer_spec.stats.learning_curve import fit_learning_curve

if TYPE_CHECKING:
    from tracer_spec.flow.preview.cached import Forecast
    from tracer_spec.flow.preview.certifiable import Outlook
    from tracer_spec.flow.traces.fit_weights import FitWeights
    from tracer_spec.flow.traces.trace_set import TraceSet
    from tracer_spec.plan import Plan

SIZES = (300, 1_000, 3_000, 10_000)
TARGETS = (0.8, 0.85, 0.9, 0.92, 0.95, 0.98)
# up to so many fit rows the curve takes a second or five, and is drawn unasked
QUICK = 1_200


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
        The numbers of fit rows that it was trained on.
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
    plan: Plan,
    fit: TraceSet,
    outlook: Outlook,
    weights: FitWeights | None = None,
    memory: Memory | None = None,
    sizes: Sequence[int] = SIZES,
) -> Curve | None:
    """Return the expected coverage by traces and target; None where nothing is tested, or single labels are.

    Parameters
    ----------
    fit : TraceSet
        The fit rows.
    outlook : Outlook
        The counts of these traces: of the certify rows nothing else is known here.
    sizes : sequence of int
        The numbers of traces to tell of, besides those at hand.

    Notes
    -----
    The first learner of the zoo is trained, with the first acceptor, on all fit rows, on either half of them, and on two
    quarters, dealt by a hash. A curve through their errors on rows that they had not seen tells those of other numbers of
    rows. ``docs/study.md`` says how far it was off.
    """
    able = outlook.certifiable
    if not plan.makes_a_test or not able.n_certify or outlook.label_targets:
        return None
    ranked = ranked_samples(plan, fit, weights, memory or Memory())
    if ranked is None:
        return None
    whole, split, target = ranked.samples[0], plan.spec.split, outlook.target
    prospects = Prospects(
        curve=fit_learning_curve(ranked.samples),
        n_fit=outlook.n_fit,
        n_certify=able.n_certify,
        share=able.n_certify / (outlook.n_fit + able.n_certify),
        n_folds=split.folds,
        reach=len(whole.errs) / len(fit),
        delta=able.level,
        min_coverage=target.min_coverage,
        learns_texts=ranked.learns_texts,
        is_end_to_end=target.agreement is None,
        most_fit=split.max_fit,
        own=1.0 if outlook.n_own is None else outlook.n_own / able.n_certify,
        tests_ranks=plan.calibrator.tests_ranks and not is_read_twice(fit, plan.spec.repeats),
    )
    targets = tuple(sorted({*TARGETS, target.level}))
    n_now = outlook.n_fit + able.n_certify
    points = [Point(n, *prospects.sides(n), prospects.expect(n, targets)) for n in sorted({*sizes, n_now})]
    return Curve(
        learner=plan.zoo[0].alias,
        learned=ranked.learned,
        target=target.level,
        targets=targets,
        points=tuple(points),
        now=next(point for point in points if point.n_traces == n_now),
        nearest=prospects.nearest(target.level),
        prospects=prospects,
    )
