"""Preparation of rows: read the traces, part fit rows from certify rows, embed the fit rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer_spec.errors import DataError, did_you_mean
from tracer_spec.flow.cache.memory import Memory
from tracer_spec.flow.prepared import Parted, Prepared
from tracer_spec.flow.progress import Observer, no_observer
from tracer_spec.flow.traces.accounting import DUPLICATE, EXCLUDED
from tracer_spec.flow.traces.answer_in_text import answer_notes
from tracer_spec.flow.traces.bound import bound_of
from tracer_spec.flow.traces.collect import collect
from tracer_spec.flow.traces.counts import Accounting
from tracer_spec.flow.traces.dealt import NEVER, Dealt
from tracer_spec.flow.traces.fit_weights import FitWeights
from tracer_spec.flow.traces.folds import check_inputs, fold_keys, folds
from tracer_spec.flow.traces.label_space import LabelSpace, label_space, usual_label_notes
from tracer_spec.flow.traces.name_counts import as_shown
from tracer_spec.flow.traces.repeats import COPIES, EITHER, with_note, without_copies
from tracer_spec.flow.traces.several_sources import SourceOfTraces, collect_several, events_of
from tracer_spec.flow.traces.splits import FRESH, GROUPED, Split, split
from tracer_spec.flow.traces.teachers import refuse_mixed
from tracer_spec.flow.traces.time_gaps import with_gap_notes
from tracer_spec.flow.traces.trace_set import TraceSet
from tracer_spec.flow.training.embed import FittedEmbedder, fit_embedder
from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.flow.training.label_names import label_rows, texts_to_train, unmet_notes
from tracer_spec.flow.training.steadiness import check_steady
from tracer_spec.plugin import Mask, Vectors
from tracer_spec.spec.sources import shared
from tracer_spec.text_steps.cutter import TextCutter
from tracer_spec.text_steps.labels import LabelCleaner

if TYPE_CHECKING:
    from tracer_spec.plan import Plan
    from tracer_spec.spec.model import SplitSpec


# a spec takes no fewer
_FEWEST_FOLDS = 2


def read_traces(plan: Plan) -> TraceSet:
    """Read, clean and count the traces that the plan names."""
    traces = with_gap_notes(_collected(plan))
    repeats = plan.spec.repeats
    if repeats == COPIES:
        return without_copies(traces)
    return with_note(traces, grouped=plan.spec.split.strategy == GROUPED) if repeats == EITHER else traces


def _collected(plan: Plan) -> TraceSet:
    """Run the records of every source through its format and cleaning."""
    labels, settled = plan.spec.sources[0].labels, settled_teachers(plan.spec.split)
    needs = {"need_text": not plan.embedder.reads_vectors, "need_vector": plan.embedder.column is not None}
    several = [_source(plan, number) for number in range(len(plan.sources))]
    most = shared(plan.spec.sources, "max_rows")
    bound = None if most is None else bound_of(events_of([_source(plan, n) for n in range(len(several))]), most)
    if len(several) > 1:
        unknown, unanswered = (shared(plan.spec.sources, "labels", key) for key in ("unknown", "unanswered"))
        return collect_several(several, unknown=unknown, unanswered=unanswered, bound=bound, settled=settled, **needs)
    (one,) = several
    with one.attributed:
        return collect(
            one.make().records(),
            one.read,
            one.cleaner,
            on_error=one.on_error,
            unknown=labels.unknown,
            unanswered=labels.unanswered,
            teachers=one.teachers,
            cut=one.cut,
            bound=bound,
            settled=settled,
            **needs,
        )


def settled_teachers(asked: SplitSpec) -> str:
    """Say how the spec settles that a log has several teachers; :func:`check_teachers` holds a condition to it."""
    if asked.mix_teachers:
        return "'split.mix_teachers' takes them for one"
    return "those that 'split.certify_where' lets certify are one" if asked.certify_where else ""


def _source(plan: Plan, number: int) -> SourceOfTraces:
    spec, cutter = plan.spec.sources[number], TextCutter(plan.spec.extract)
    # texts of a source that has no steps of its own are what 'route' would make of them
    cut = cutter.cut if spec.extract else cutter.text_of if plan.spec.extract else None
    return SourceOfTraces(
        make=plan.sources[number].make,
        read=plan.reader(number).traces,
        cleaner=LabelCleaner(spec.labels.normalize, spec.labels.aliases, plan.allowed_labels),
        on_error=spec.on_error,
        teachers=spec.teachers,
        cut=cut,
        attributed=plan.sources[number].attribute_errors(),
    )


def part(traces: TraceSet, asked: SplitSpec, dealt: Dealt = NEVER, *, draft: bool = False) -> Split:
    """Part fit rows from certify rows; ``dealt`` says how earlier builds and drafts did."""
    sides = split(
        traces,
        certify=asked.certify,
        strategy=asked.strategy,
        max_fit=asked.max_fit,
        key=asked.key,
        dealt=dealt,
        draft=draft,
    )
    if len(sides.fit) < 2 * asked.folds:
        loss = traces.accounting.loss
        what = f"too few rows to fit on, {len(sides.fit):,} of {len(traces):,}: {asked.folds} folds cannot share them"
        lower = _what_to_lower(len(sides.fit), len(traces), asked.folds)
        hint = f"collect more traces, or lower {lower}" if lower else "collect more traces"
        raise DataError(
            f"{what}; {loss}" if loss else what,
            hint=_not_to_lose_them(traces.accounting) if loss else hint,
            address="split",
        )
    check_inputs(traces.take(sides.fit), asked.folds, asked.strategy)
    return sides


def _what_to_lower(n_fit: int, n_traces: int, folds: int) -> str:
    """Return which keys of ``split``, lowered, let the folds share the fit rows; empty where none does."""
    fewest, most = 2 * _FEWEST_FOLDS, n_traces - 1
    alone = [
        *(["split.certify"] if most >= 2 * folds else []),
        *(["split.folds"] if n_fit >= fewest and folds > _FEWEST_FOLDS else []),
    ]
    if not alone and most >= fewest and folds > _FEWEST_FOLDS:
        return "split.certify and split.folds"
    return " or ".join(alone)


def _not_to_lose_them(accounting: Accounting) -> str:
    """Return what to do where most records were left out, and too few traces are left of them."""
    if accounting.dropped.get(DUPLICATE, 0) > accounting.kept:
        return "is 'traces.format.id' the id of one event? Take it out where it is not; 'id: null' takes it out of a preset"
    return "look at why they were left out: 'traces.format', 'traces.extract' and 'traces.teacher' say which records are traces"


def check_teachers(plan: Plan, traces: TraceSet, sides: Split) -> None:
    """Raise DataError where certify rows have several teachers, unless the spec mixes them."""
    if not plan.spec.split.mix_teachers:
        formats = plan.formats
        refuse_mixed(traces.take(sides.certify), [each.model for each in formats], [each.version for each in formats])


def denied_labels(defer_labels: Sequence[str], labels: LabelSpace) -> Mask:
    """Return which labels no surrogate may answer, shape (k,).

    Raises
    ------
    DataError
        For one that no fit row has: a typing error would let through what must not pass. For all labels there are.
    """
    check_labels(defer_labels, labels, "defer_labels")
    denied = np.array([label in defer_labels for label in labels.labels], bool)
    if denied.all():
        raise DataError(
            f"{'the only label' if denied.size == 1 else f'each of the {denied.size} labels'} of the fit rows is deferred, "
            "so that no policy may answer anything",
            hint="leave out the labels that the router may answer",
            address="defer_labels",
        )
    return denied


def check_labels(asked: Iterable[str], labels: LabelSpace, address: str) -> None:
    """Raise DataError for a label of the spec that no fit row has, and that is not listed."""
    for label in asked:
        if label not in labels.classes:
            near = did_you_mean(label, labels.labels)
            remedy = "correct it, take it out, or list the labels there are in 'traces.labels.allowed'"
            raise DataError(
                f"no fit row has the label '{label}'", hint="; ".join(filter(None, (near, remedy))), address=address
            )


def label_target_notes(plan: Plan) -> tuple[str, ...]:
    """Say which targets of labels hold of nothing, and are not tested."""
    return tuple(
        f"the router never answers '{each.label}' (defer_labels), so that its agreement target holds of nothing and is not "
        "tested"
        for each in plan.void_label_targets
    )


def deferred_notes(plan: Plan, fit: TraceSet) -> tuple[str, ...]:
    """Say that the labels which only the teacher may give are those of most requests."""
    denied = [label for label in fit.labels if label in plan.spec.defer_labels]
    if 2 * len(denied) <= len(fit):
        return ()
    return (
        f"{len(denied):,} of {len(fit):,} fit rows have a label of 'defer_labels': a router that is never wrong about them "
        f"handles {1 - len(denied) / len(fit):.3f} of the traffic at most",
    )


def condition_notes(plan: Plan, accounting: Accounting) -> tuple[str, ...]:
    """Say which conditions of the spec part the traffic, and which read what holds the answer too and may select on it."""
    near, certify_where = plan.conditions_near_the_answer, "split.certify_where"
    notes = [
        f"'{each}' reads what the teacher's answer stands in: the claim is about the traffic that it keeps, and holds for all "
        "only where the answer has no part in it"
        for each in near
        if each != certify_where
    ]
    if (where := plan.spec.split.certify_where) is not None:
        may_select = ", and holds for all only where the answer, beside which it reads, has no part in it"
        notes.append(
            f"rows certify where {as_shown(where)}, and the others train: the claim is about traffic like those that certify"
            f"{may_select if certify_where in near else ''}"
        )
    return (*notes, *_left_out_notes(plan, accounting))


def _left_out_notes(plan: Plan, accounting: Accounting) -> Iterator[str]:
    for number, where, rule in plan.conditions_on_records:
        counts = accounting.sources[number] if accounting.sources else accounting
        n = counts.dropped.get(rule or EXCLUDED, 0)
        if n:
            yield (
                f"'{where}' leaves {n:,} of {counts.read:,} records out: the claim is about requests like those that it keeps, "
                "and says nothing of the others"
            )


def weight_notes(plan: Plan, weights: FitWeights | None) -> tuple[str, ...]:
    """Say what a reader should know where fit rows are weighted: as how many they count, and what trains without."""
    if weights is None:
        return ()
    learners = (*plan.zoo, *plan.acceptors)
    without = [each.alias for each in learners if not each.provided.plugin.takes_weights]
    return (
        *weights.notes,
        *([f"trained without weights, which they do not take: {', '.join(without)}"] if without else []),
    )


def _steady_vectors(embedder: FittedEmbedder, fit: TraceSet, memory: Memory) -> Vectors:
    """Return the vectors of the fit rows, each part of an embedder checked by itself: weights must hide nothing."""
    if embedder.parts:
        return embedder.joined([_steady_vectors(part, fit, memory) for part in embedder.parts], len(fit))
    X = embedder.vectors(fit)
    check_steady(embedder, fit.texts, X, memory)
    return X


def prepare(
    plan: Plan,
    rows: Parted,
    *,
    memory: Memory | None = None,
    observe: Observer = no_observer,
    made: Any = None,
) -> Prepared:
    """Embed the fit rows, number their labels, and deal their folds; the certify rows stay under seal.

    ``made`` is the plan's embedder by :func:`make_embedder`, where it was made before: a model is loaded once.
    """
    fit, sides, weights = rows.fit, rows.sides, rows.weights
    labels = label_space(plan.allowed_labels, fit.labels)
    denied = denied_labels(plan.spec.defer_labels, labels)
    check_labels(plan.spec.target.labels, labels, "target.labels")
    memory = memory or Memory()
    embedder = fit_embedder(plan.embedder, fit, plan.spec.seed, memory, observe, made)
    X = _steady_vectors(embedder, fit, memory)
    names = label_rows(embedder, texts_to_train(plan, fit, labels))
    dealt = folds(fold_keys(fit, plan.spec.split.strategy), plan.spec.split.folds, seed=plan.spec.seed)
    return Prepared(
        traces=rows.traces,
        labels=labels,
        denied=denied,
        embedder=embedder,
        fit=FitRows(X, labels.encode(fit.labels), dealt, len(labels), weights, names),
        fit_traces=fit,
        certify=rows.certify,
        split_notes=(
            *sides.notes,
            *condition_notes(plan, rows.traces.accounting),
            *answer_notes(fit.texts, fit.labels),
            *usual_label_notes(fit.labels, plan.target.level),
            *label_target_notes(plan),
            *deferred_notes(plan, fit),
        ),
        bound_notes=(*sides.bound_notes, *weight_notes(plan, weights), *unmet_notes(plan, labels)),
        fresh=plan.spec.split.strategy == FRESH,
    )
