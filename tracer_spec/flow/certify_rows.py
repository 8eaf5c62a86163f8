"""Certify rows: under seal, embedded, and opened once to count policies by the graph that ships."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracer_spec.flow.blocks import ROWS_PER_BLOCK, Blocks
from tracer_spec.flow.compile import compile_policy, overrides
from tracer_spec.flow.traces.label_space import LabelSpace
from tracer_spec.flow.traces.near_copies import folded
from tracer_spec.flow.traces.repeats import TRAFFIC, distinct, repeated_share
from tracer_spec.flow.traces.trace_set import TraceSet
from tracer_spec.flow.training.embed import FittedEmbedder
from tracer_spec.plugin import CertifyRows, Classes, LabelTarget, Mask, Policy, Scores

if TYPE_CHECKING:
    from tracer_spec.graph import Scorer

# a chain has a run of its first stage, one of its second and one that accepts all
_MOST_RUNS = 3


class OpenedRows:
    """Count what a policy handles, and where it agrees, on the certify rows.

    Parameters
    ----------
    blocks : Blocks
        The vectors of the n rows, in order.
    y : ndarray of shape (n,), int64
        The teacher's class; -1, a label off the list, is a disagreement whatever the surrogate says.
    denied : ndarray of shape (k,), bool
    classes : mapping of str to int
        The classes of the labels, by which those with a target of their own are counted.

    Notes
    -----
    Every row counts, however many there are: they pass through the graph block by block, in bounded memory.

    The candidates of a chain differ by their thresholds alone. They share one compiled graph whose thresholds are open
    to the caller; what ships is that graph with its thresholds frozen. Mostly they differ by the last stage's threshold
    alone, and so share one run of it, in which the last stage takes all that it may: with a threshold it takes those of them
    whose score reaches it, by the graph's own comparison.
    """

    def __init__(
        self, blocks: Blocks, y: Classes, denied: Sequence[bool] | Mask, classes: Mapping[str, int] | None = None
    ) -> None:
        self._blocks = blocks
        self._y = y
        self._denied = tuple(bool(each) for each in denied)
        self._classes = classes or {}
        self._scorer: tuple[tuple[tuple[str, ...], ...], Scorer] | None = None
        self._runs: dict[tuple[object, ...], tuple[Classes, Mask, Scores, Classes]] = {}

    def __len__(self) -> int:
        return len(self._y)

    def count(self, policy: Policy, among: Mask | None = None) -> tuple[int, int]:
        """Return (n handled, k of them agreeing), of all rows or of those ``among``."""
        label, handled, _ = self._decide(policy)
        counted = handled if among is None else handled & among
        return int(counted.sum()), int((counted & (label == self._y)).sum())

    def count_label(self, policy: Policy, asked: LabelTarget, among: Mask | None = None) -> tuple[int, int]:
        """Return (n trials, k successes) of a label's target, of all rows or of those ``among``."""
        label, handled, _ = self._decide(policy)
        trials, successes = asked.outcomes(self._classes[asked.label], self._y, label, handled)
        counted = trials if among is None else trials & among
        return int(counted.sum()), int((counted & successes).sum())

    def score_quantiles(self, policy: Policy) -> tuple[float, ...]:
        """Return at most 256 quantiles of the policy's acceptance scores, ascending; for the certificate alone."""
        from tracer_spec.stats.two_samples import sample_quantiles

        *_, scores = self._decide(policy)
        return tuple(sample_quantiles(scores).tolist())

    def surest(self, policy: Policy, among: Mask | None = None) -> tuple[Classes, Scores]:
        """Return stage and score of each row that some last threshold lets through, surest first: by stage, then by score."""
        _, may, score, stage = self._wide_open(policy)
        taken = may & (score > -np.inf) & (True if among is None else among)
        order = np.lexsort((-score[taken], stage[taken]))
        return stage[taken][order], score[taken][order]

    def _decide(self, policy: Policy) -> tuple[Classes, Mask, Scores]:
        """Return label, handled and score of every row; the label of a row that is not handled means nothing."""
        label, may, score, stage = self._wide_open(policy)
        last = len(policy) - 1
        return label, may & ((stage < last) | (score >= np.float32(policy[last].threshold))), score

    def _wide_open(self, policy: Policy) -> tuple[Classes, Mask, Scores, Classes]:
        """Run the policy with a last stage that takes whatever it may, or take an earlier run of that."""
        shape = tuple(_parts(policy, position) for position in range(len(policy)))
        run = (shape, *(stage.threshold for stage in policy[:-1]))
        if run not in self._runs:
            lowest = overrides((*policy[:-1], replace(policy[-1], threshold=-np.inf)))
            wanted = ["label", "handled", "score", "stage"]
            scorer = self._session(shape, policy)
            parts = [scorer.run({"embedding": X}, constants=lowest, outputs=wanted) for X in self._blocks]
            label, may, score, stage = (np.concatenate(each) for each in zip(*parts, strict=True))
            self._runs = {**dict(list(self._runs.items())[1 - _MOST_RUNS :]), run: (label, may, score, stage)}
        return self._runs[run]

    def _session(self, shape: tuple[tuple[str, ...], ...], policy: Policy) -> Scorer:
        from tracer_spec.graph import Scorer

        if self._scorer is None or self._scorer[0] != shape:
            model = compile_policy(policy, dimension=self._blocks.dimension, denied=self._denied, open_thresholds=True)
            self._scorer = (shape, Scorer(model.SerializeToString(deterministic=True)))
        return self._scorer[1]


def _parts(policy: Policy, position: int) -> tuple[str, ...]:
    """Name everything of a stage but its threshold."""
    stage = policy[position]
    models = [stage.surrogate, stage.acceptor, *(fence.guard for fence in stage.fences)]
    return (*(model.digest if model else "" for model in models), *(repr(fence.limit) for fence in stage.fences))


@dataclass(frozen=True, slots=True)
class Reading:
    """Some of the certify rows that were opened: those that are rows of their own under one reading of the log."""

    opened: OpenedRows
    among: Mask = field(repr=False)

    def __len__(self) -> int:
        return int(self.among.sum())

    def count(self, policy: Policy) -> tuple[int, int]:
        """Return (n handled, k of them agreeing)."""
        return self.opened.count(policy, self.among)

    def count_label(self, policy: Policy, asked: LabelTarget) -> tuple[int, int]:
        """Return (n trials, k successes) of a label's target."""
        return self.opened.count_label(policy, asked, self.among)


@dataclass(frozen=True, slots=True)
class EmbeddedRows:
    """The certify rows as production would embed them, still under seal: nothing of them is told but a digest.

    Parameters
    ----------
    blocks : Blocks
    y : ndarray of shape (n,), int64
    denied : ndarray of shape (k,), bool
    own : ndarray of shape (n,), bool, or None
        Rows that are rows of their own even if those that repeat are copies; None where it makes no difference.
    since : ndarray of shape (n,), bool, or None
        Rows from behind a router, which older ones may not speak for; None where that is all of them, or none.
    rates : ndarray of shape (n,), float64, or None
        How often chance chose such requests, in (0, 1]; None where that is one rate.
    classes : mapping of str to int
        The classes of the labels.
    """

    blocks: Blocks = field(repr=False)
    y: Classes = field(repr=False)
    denied: Mask = field(repr=False)
    own: Mask | None = field(default=None, repr=False)
    since: Mask | None = field(default=None, repr=False)
    rates: NDArray[np.float64] | None = field(default=None, repr=False)
    classes: Mapping[str, int] = field(default_factory=dict, repr=False)

    def digest(self, labels: Sequence[str] = ()) -> bytes:
        """Return a digest of all that a count of a policy depends on, besides the policy; ``labels`` have targets."""
        digest = hashlib.sha256(f"{len(self.y)} {self.blocks.dimension} {self.own is None}".encode())
        for block in self.blocks:
            digest.update(np.ascontiguousarray(block, np.float32).data if block.size else b"")
        for column in (self.y, self.denied, self.own, self.since, self.rates):
            digest.update(b"" if column is None else np.ascontiguousarray(column).tobytes())
        digest.update(b"".join(f" {self.classes[label]}".encode() for label in labels))
        return digest.digest()

    def open(self) -> tuple[OpenedRows, tuple[CertifyRows, ...]]:
        """Return the rows, opened, and every reading of them under which a policy must pass."""
        opened = OpenedRows(self.blocks, self.y, self.denied, self.classes)
        return opened, (opened,) if self.own is None else (opened, Reading(opened, self.own))


@dataclass(frozen=True, slots=True)
class Sealed:
    """The certify rows before they are opened: nothing to see but how many there are."""

    _traces: TraceSet = field(repr=False)

    def __len__(self) -> int:
        return len(self._traces)

    def count(self, policy: Policy) -> tuple[int, int]:  # noqa: ARG002 - the contract's
        """Refuse: rows under seal are not counted."""
        raise RuntimeError("the certify rows are under seal")

    def count_label(self, policy: Policy, asked: LabelTarget) -> tuple[int, int]:  # noqa: ARG002 - the contract's
        """Refuse, as :meth:`count`."""
        raise RuntimeError("the certify rows are under seal")

    def ids(self) -> Iterator[bytes]:
        """Yield the ids of the rows that have one, for the ledger."""
        yield from (event.encode("utf-8", "surrogatepass") for event in self._traces.ids if event is not None)

    def contents(self) -> Iterator[bytes]:
        """Yield what the rows are about, for the ledger, whatever the teacher said of them: as spelt, and folded."""
        for content in self._traces.contents():
            yield from {content, folded(content)}

    def repeated(self) -> float | None:
        """Return the share of rows whose content stands again among them; None where each row has an id."""
        return repeated_share(self._traces) if None in self._traces.ids else None

    def embed(
        self, embedder: FittedEmbedder, labels: LabelSpace, denied: Mask, *, fit: TraceSet, repeats: str
    ) -> EmbeddedRows:
        """Embed the rows as production will; ``repeats`` says what rows are that say the same and have no id."""
        starts = range(0, max(len(self), 1), ROWS_PER_BLOCK)
        parts = (self._traces.take(range(start, min(start + ROWS_PER_BLOCK, len(self)))) for start in starts)
        blocks = Blocks(embedder.vectors(part, "certify") for part in parts)
        own = None if repeats == TRAFFIC else distinct(self._traces, fit)
        y, classes = labels.encode(self._traces.labels), labels.classes
        return EmbeddedRows(blocks, y, denied, own, self._since(), self._rates(), classes)

    def _since(self) -> Mask | None:
        """Return which rows are from behind a router, where some are and some are not."""
        sampling = self._traces.sampling
        late = None if sampling is None else sampling.is_behind_router(self._traces.times)
        return late if late is not None and late.any() and not late.all() else None

    def _rates(self) -> NDArray[np.float64] | None:
        """Return at which rate each row was chosen, where not all were chosen at one."""
        sampling = self._traces.sampling
        return None if sampling is None or not np.ptp(sampling.rates) else sampling.rates
