"""What a plan says of each embedder: what a build would find of it in the cache, and its curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer_spec.flow.cache.memory import Memory
from tracer_spec.flow.entrants import addressed
from tracer_spec.flow.preview.cached import Forecast, forecast
from tracer_spec.flow.preview.curve import Curve, draw_curve, is_quick
from tracer_spec.flow.progress import Observer, staged
from tracer_spec.flow.training.label_names import texts_to_train
from tracer_spec.text_format import listing

if TYPE_CHECKING:
    from tracer_spec.flow.cache.store import Store
    from tracer_spec.flow.preview.certifiable import Outlook
    from tracer_spec.flow.traces.fit_weights import FitWeights
    from tracer_spec.flow.traces.label_space import LabelSpace
    from tracer_spec.flow.traces.trace_set import TraceSet
    from tracer_spec.plan import Plan


@dataclass(frozen=True, slots=True)
class EmbedderPreview:
    """What a plan says of one embedder.

    Parameters
    ----------
    name, plugin : str
        What the spec calls it, and the plugin that it is.
    cached : Forecast
    curve : Curve or None
        None where it was not drawn.
    """

    name: str
    plugin: str
    cached: Forecast
    curve: Curve | None


def preview_embedders(
    plan: Plan,
    fit: TraceSet,
    labels: LabelSpace,
    outlook: Outlook,
    weights: FitWeights | None,
    *,
    store: Store,
    curve: bool | None,
    observe: Observer,
) -> tuple[EmbedderPreview, ...]:
    """Return what is known of each embedder of a plan before a build.

    Parameters
    ----------
    fit : TraceSet
        The fit rows, whose labels are numbered as ``labels`` says.
    outlook : Outlook
    weights : FitWeights or None
    curve : bool or None
        Whether to draw curves; None draws those that cost little.
    """
    found = []
    for number, each in enumerate(plan.by_embedder):
        with addressed(plan, number):
            cached = forecast(
                fit,
                store,
                embedder=each.embedder,
                zoo=each.zoo,
                allowed_labels=each.allowed_labels,
                split=each.spec.split,
                seed=each.spec.seed,
                weights=weights,
                named=texts_to_train(each, fit, labels),
            )
            wanted = is_quick(each, outlook.n_fit, cached) if curve is None else curve
            drawn = _drawn(each, fit, outlook, weights, Memory(store), observe) if wanted else None
        found.append(EmbedderPreview(each.embedder.alias, each.embedder.provided.name, cached, drawn))
    return tuple(found)


def likeliest(previews: Sequence[EmbedderPreview]) -> EmbedderPreview | None:
    """Return the embedder whose curve promises the spec's target best; None where no curve was drawn."""
    drawn = [(each.curve.at_target(each.curve.now), each) for each in previews if each.curve]
    return max(drawn, key=lambda pair: (pair[0].coverage, pair[0].chance), default=(None, None))[1]


def _drawn(
    plan: Plan, fit: TraceSet, outlook: Outlook, weights: FitWeights | None, memory: Memory, observe: Observer
) -> Curve | None:
    with staged(observe, "curve") as done:
        curve = draw_curve(plan, fit, outlook, weights, memory)
        of = f"{plan.embedder.alias}: " if len(plan.spec.embedders) > 1 else ""
        done(f"{of}{curve.learner} on {listing([f'{n:,}' for n in curve.learned])} fit rows" if curve else "none")
    return curve
