"""Plan to rows: read the traces, part fit from certify, embed. From here on the two sides never meet again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from tracer_spec.errors import DataError, did_you_mean
from tracer_spec.flow.accounting import Accounting
from tracer_spec.flow.blocks import ROWS_PER_BLOCK, Blocks
from tracer_spec.flow.certify import OpenedRows
from tracer_spec.flow.collect import collect
from tracer_spec.flow.embed import FittedEmbedder, fit_embedder
from tracer_spec.flow.labels import UNUSABLE, LabelCleaner, LabelSpace, label_space
from tracer_spec.flow.memory import Memory
from tracer_spec.flow.progress import Observer, nobody
from tracer_spec.flow.seen import N_LISTED
from tracer_spec.flow.splits import Split, fold_keys, folds, split
from tracer_spec.flow.traces import TraceSet
from tracer_spec.flow.zoo import FitRows
from tracer_spec.plugin import Mask, Policy

if TYPE_CHECKING:
    from tracer_spec.plan import Plan


@dataclass(frozen=True, slots=True)
class Sealed:
    """The certify rows before they are opened: nothing to see but how many there are."""

    _traces: TraceSet = field(repr=False)

    def __len__(self) -> int:
        return len(self._traces)

    def count(self, policy: Policy) -> tuple[int, int]:  # noqa: ARG002 - the contract's
        """Refuse: rows under seal are not counted."""
        raise RuntimeError("the certify rows are under seal")

    def keys(self) -> Iterator[bytes]:
        """Yield who the rows are, for the ledger: their ids or contents, whatever the teacher said of them."""
        for event, content in zip(self._traces.ids, self._traces.contents(), strict=True):
            yield content if event is None else b"id\0" + event.encode("utf-8", "surrogatepass")

    def open(self, embedder: FittedEmbedder, labels: LabelSpace, denied: Mask) -> OpenedRows:
        """Embed the rows as production will, and let policies be counted on them. Called once, by the engine."""
        starts = range(0, max(len(self), 1), ROWS_PER_BLOCK)
        parts = (self._traces.take(range(start, min(start + ROWS_PER_BLOCK, len(self)))) for start in starts)
        blocks = Blocks(embedder.vectors(part, "certify") for part in parts)
        return OpenedRows(blocks, labels.encode(self._traces.labels), denied)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that training needs, and the certify rows under seal."""

    traces: TraceSet = field(repr=False)
    labels: LabelSpace
    denied: Mask
    embedder: FittedEmbedder
    fit: FitRows
    fit_traces: TraceSet = field(repr=False)
    certify: Sealed
    split_notes: tuple[str, ...]
    bound_notes: tuple[str, ...] = ()


def read_traces(plan: Plan) -> TraceSet:
    """Read, clean and count the traces that the plan names."""
    with plan.source.blamed():
        return _collected(plan)


def _collected(plan: Plan) -> TraceSet:
    """Run the records through format and cleaning."""
    spec = plan.spec.traces
    return collect(
        plan.source.make().records(),
        plan.reader().traces,
        LabelCleaner(spec.labels.normalize, spec.labels.aliases, plan.allowed_labels),
        on_error=spec.on_error,
        unknown=spec.labels.unknown,
        unanswered=spec.labels.unanswered,
        teachers=spec.teachers,
        need_text=not plan.brings_vectors,
        need_vector=plan.vector_column is not None,
    )


def sealed_accounting(prepared: Prepared) -> Accounting:
    """Return the accounting with labels counted on fit rows alone: under seal, the others' are not told."""
    off_list = Counter(label for label in prepared.fit_traces.labels if label not in prepared.labels.classes)
    n_empty = off_list.pop(UNUSABLE, 0)
    return replace(
        prepared.traces.accounting,
        unknown_labels=dict(off_list.most_common(N_LISTED)),
        n_unknown=off_list.total(),
        unusable={"fit rows without a label": n_empty} if n_empty else {},
    )


def part(plan: Plan, traces: TraceSet) -> Split:
    """Part fit rows from certify rows."""
    asked = plan.spec.split
    sides = split(traces, certify=asked.certify, strategy=asked.strategy, max_fit=asked.max_fit)
    if len(sides.fit) < 2 * plan.spec.split.folds:
        raise DataError(
            f"too few rows to fit on, {len(sides.fit)} of {len(traces):,}: {plan.spec.split.folds} folds cannot share them",
            hint="collect more traces, or lower split.folds or split.certify",
            address="split",
        )
    return sides


def denied_labels(plan: Plan, labels: LabelSpace) -> Mask:
    """Return which labels no surrogate may answer, shape (k,).

    Raises
    ------
    DataError
        For one that no fit row has: a slip of the pen here would let through what must not pass.
    """
    for label in plan.spec.defer_labels:
        if label not in labels.classes:
            near = did_you_mean(label, labels.labels)
            remedy = "correct it, take it out, or list the labels there are in 'traces.labels.allowed'"
            raise DataError(
                f"no fit row has the label '{label}'",
                hint="; ".join(filter(None, (near, remedy))),
                address="defer_labels",
            )
    return np.array([label in plan.spec.defer_labels for label in labels.labels], bool)


def prepare(
    plan: Plan, traces: TraceSet, sides: Split, *, memory: Memory | None = None, observe: Observer = nobody
) -> Prepared:
    """Embed the fit rows, number their labels, deal their folds, and put the certify rows under seal."""
    fit = traces.take(sides.fit)
    labels = label_space(plan.allowed_labels, fit.labels)
    denied = denied_labels(plan, labels)
    embedder = fit_embedder(plan.embedder, fit, plan.spec.seed, memory or Memory(), observe)
    X = embedder.vectors(fit)
    dealt = folds(fold_keys(fit, plan.spec.split.strategy), plan.spec.split.folds, seed=plan.spec.seed)
    return Prepared(
        traces=traces,
        labels=labels,
        denied=denied,
        embedder=embedder,
        fit=FitRows(X, labels.encode(fit.labels), dealt, len(labels)),
        fit_traces=fit,
        certify=Sealed(traces.take(sides.certify)),
        split_notes=sides.notes,
        bound_notes=sides.bound_notes,
    )
