"""Whose labels teach and certify, where several models answered in a log."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from tracer_spec.init.attempt import Layout

if TYPE_CHECKING:
    from tracer_spec.flow.traces.trace_set import TraceSet
    from tracer_spec.plan import Plan

# the share of a model's answers that are labels, where it is the teacher, and where it does something else
_LABELS_MOST, _LABELS_FEW = 0.5, 0.02


def with_those_that_label(layout: Layout, fit: TraceSet) -> Layout | None:
    """Return the layout with the models whose answers are labels, where those of others are not: they do another task."""
    counts: dict[str, Counter[bool]] = {}
    for (model, _), label in zip(fit.teachers, fit.labels, strict=False):
        counts.setdefault(model, Counter())[bool(label)] += 1
    shares = {model: found[True] / found.total() for model, found in counts.items()}
    able = tuple(sorted(model for model, share in shares.items() if share > _LABELS_MOST))
    others = [share for model, share in shares.items() if model not in able]
    if layout.teachers or not able or not others or "" in able or max(others) > _LABELS_FEW:
        return None
    return replace(layout, teachers=able)


def with_one_teacher(layout: Layout, plan: Plan, certify: TraceSet) -> Layout | None:
    """Return the layout with what says whose labels certify, where several teachers gave them; None where nothing is to say.

    A teacher that took over from the others certifies alone. Those that answer side by side are, to the app, one.
    """
    from tracer_spec.flow.traces.teachers import newest_alone, teachers_of

    if layout.mix_teachers:
        return None
    (models, versions), (format_,) = teachers_of(certify), plan.formats
    if models.n < 2 and versions.n < 2:
        return None
    mixed, expression = (models, format_.model) if models.n > 1 else (versions, format_.version)
    condition = newest_alone(mixed, [expression])
    if not mixed.follow_each_other or condition is None:
        return replace(layout, mix_teachers=True)
    where = f"({layout.certify_where}) && ({condition})" if layout.certify_where else condition
    return replace(layout, certify_where=where)
