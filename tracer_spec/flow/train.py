"""Training of a plan's zoo on the fit rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_spec.errors import PluginError
from tracer_spec.flow.cache.memory import Memory
from tracer_spec.flow.progress import Observer, no_observer
from tracer_spec.flow.training.label_names import weigh_names
from tracer_spec.flow.training.workshop import Workshop

if TYPE_CHECKING:
    from tracer_spec.flow.traces.label_space import LabelSpace
    from tracer_spec.flow.training.fit_rows import FitRows
    from tracer_spec.plan import Plan
    from tracer_spec.plugin import Mask


def train(
    plan: Plan,
    fit: FitRows,
    denied: Mask,
    *,
    labels: LabelSpace | None = None,
    workers: int | None = None,
    memory: Memory | None = None,
    observe: Observer = no_observer,
) -> Workshop:
    """Train the zoo of a plan on its fit rows, whose labels are numbered as ``labels`` says.

    Raises
    ------
    PluginError
        Where no surrogate at all could be trained; the reasons are its problems.
    """
    import joblib

    workers = workers or joblib.cpu_count()
    workshop = Workshop(
        weigh_names(fit, plan.zoo, seed=plan.spec.seed, workers=workers, memory=memory, observe=observe),
        zoo=plan.zoo,
        acceptors=plan.acceptors,
        guards=plan.guards,
        denied=denied,
        target=plan.target,
        seed=plan.spec.seed,
        classes=labels.classes if labels else None,
        average=plan.spec.average,
        scale=plan.spec.scale,
        workers=workers,
        memory=memory,
        observe=observe,
    )
    if not workshop.trained:
        reasons = "; ".join(f"{report.name}: {report.reason}" for report in workshop.reports)
        raise PluginError(f"no surrogate of the zoo could be trained ({reasons})", address="zoo")
    return workshop
