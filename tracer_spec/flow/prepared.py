"""Prepared rows: what training needs, and the certify rows under seal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from tracer_spec.flow.certify_rows import EmbeddedRows, Sealed
from tracer_spec.flow.traces.counts import Accounting
from tracer_spec.flow.traces.fit_weights import FitWeights, fit_weights
from tracer_spec.flow.traces.label_space import LabelSpace
from tracer_spec.flow.traces.name_counts import N_LISTED
from tracer_spec.flow.traces.splits import Split
from tracer_spec.flow.traces.summary import Summary
from tracer_spec.flow.traces.trace_set import TraceSet
from tracer_spec.flow.training.embed import FittedEmbedder
from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.plugin import Mask
from tracer_spec.text_steps.labels import UNUSABLE


@dataclass(frozen=True, slots=True)
class Parted:
    """The rows of a build: those that train, and those that certify under seal. Of all others a summary alone is held."""

    traces: Summary
    fit: TraceSet = field(repr=False)
    certify: Sealed
    weights: FitWeights | None = field(repr=False)
    sides: Split = field(repr=False)

    @classmethod
    def of(cls, traces: TraceSet, sides: Split) -> Parted:
        """Take the rows of both sides out of the traces, which need not be held any longer."""
        fit, certify = traces.take(sides.fit), Sealed(traces.take(sides.certify))
        return cls(Summary.of(traces), fit, certify, fit_weights(traces, sides), sides)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that training needs, and the certify rows under seal."""

    traces: Summary = field(repr=False)
    labels: LabelSpace
    denied: Mask
    embedder: FittedEmbedder
    fit: FitRows
    fit_traces: TraceSet = field(repr=False)
    certify: Sealed
    split_notes: tuple[str, ...]
    bound_notes: tuple[str, ...] = ()
    fresh: bool = False

    def embed_certify(self, repeats: str) -> EmbeddedRows:
        """Embed the certify rows, which stay under seal; see :meth:`Sealed.embed`."""
        return self.certify.embed(self.embedder, self.labels, self.denied, fit=self.fit_traces, repeats=repeats)


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
