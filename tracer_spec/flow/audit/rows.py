"""The rows that an audit looks at: fit rows with what was decided on them, and how much of them may be told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tracer_spec.flow.audit.decisions import Decisions
from tracer_spec.flow.cache.memory import Memory
from tracer_spec.flow.documents.audit import Row, Tally
from tracer_spec.flow.traces.trace_set import TraceSet
from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.flow.training.parallel import derive_seed
from tracer_spec.plugin import Classes, Mask, Vectors
from tracer_spec.text_steps.labels import UNUSABLE

Counted = TypeVar("Counted", bound=Tally)

CONFIDENCE = 0.95
# a bundle is no place for whole documents
_LONGEST_TEXT = 300
# similarity searches compare every row with every other: of more rows than this, a random sample is searched
MOST_SEARCHED = 20_000


@dataclass(frozen=True, eq=False)
class AuditedRows:
    """n fit rows, and what a policy decides on them.

    ``traces`` are those of the rows, in their order. ``tells_text`` is whether texts, and labels that the teacher made up, may
    leave this process. ``memory`` holds what earlier audits found in the same rows, whatever the policy. ``n_fit`` is of how
    many fit rows these are a sample, None where they are all.
    """

    fit: FitRows
    traces: TraceSet = field(repr=False)
    labels: tuple[str, ...]
    decided: Decisions
    tells_text: bool
    seed: int
    memory: Memory = field(default_factory=Memory, repr=False)
    n_fit: int | None = None

    def __len__(self) -> int:
        return len(self.fit)

    @property
    def y(self) -> Classes:
        """Return the teacher's class of each row, -1 off the list."""
        return self.fit.y

    @cached_property
    def unit(self) -> Vectors:
        """Return the embeddings at length 1, so that products are cosines; a vector of zeros stays one."""
        lengths = np.linalg.norm(self.fit.X, axis=1, keepdims=True)
        return np.asarray(self.fit.X / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)

    @cached_property
    def searched(self) -> npt.NDArray[np.int64]:
        """Return the rows that similarity searches look at, ascending: all, or a random sample of many."""
        if len(self) <= MOST_SEARCHED:
            return np.arange(len(self))
        chance = np.random.default_rng(derive_seed(self.seed, "audit", "sample"))
        return np.sort(chance.choice(len(self), MOST_SEARCHED, replace=False))

    @cached_property
    def off_list(self) -> str:
        """Return what stands for every label off the list: a name that no label has."""
        name = "(off the list)"
        while name in self.labels:
            name = f"({name})"
        return name

    def each_label(self) -> Iterator[tuple[str, Mask]]:
        """Yield every label with its rows, and last the rows of labels off the list."""
        yield from ((label, self.y == number) for number, label in enumerate(self.labels))
        yield self.off_list, self.y < 0

    def label(self, row: int) -> str:
        """Return the teacher's label of a row; what it made up can quote the request, and counts as text."""
        if self.y[row] >= 0:
            return self.labels[int(self.y[row])]
        answer = self.traces.labels[row]
        return _cut(answer) if self.tells_text and answer != UNUSABLE else self.off_list

    def commonest(self, among: Mask, most: int) -> tuple[str, ...]:
        """Return the commonest labels of some rows, those off the list aside."""
        counts = np.bincount(self.y[among & (self.y >= 0)], minlength=len(self.labels))
        first = np.argsort(-counts, kind="stable")[:most]
        return tuple(self.labels[label] for label in first if counts[label])

    def tally(self, kind: type[Counted], among: Mask, **named: Any) -> Counted:
        """Count some rows: all, those handled, those of them that agree, and the interval of that agreement."""
        from tracer_spec.stats.binomial import interval

        n = int(among.sum())
        handled = int((among & self.decided.handled).sum())
        agree = int((among & self.decided.handled & self.decided.agrees).sum())
        bounds = None
        if handled:
            low, high = interval(handled, agree, CONFIDENCE)
            bounds = shortened(low), shortened(high)
        return kind(n=n, handled=handled, agree=agree, interval=bounds, **named)

    def described(self, row: int) -> Row:
        """Return one row as the document holds it."""
        return Row(
            row=int(self.traces.rows[row]),
            label=self.label(row),
            predicted=self.labels[int(self.decided.predicted[row])],
            score=shortened(self.decided.scores[row]),
            text=self.excerpt(row) if self.tells_text and self.traces.texts[row] else None,
        )

    def excerpt(self, row: int) -> str:
        """Return the text of a row, cut where it is long."""
        return _cut(self.traces.texts[row])


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"


def shortened(value: float | np.floating[Any]) -> float:
    """Return a number with four decimals: more say nothing, and take room."""
    return round(float(value), 4)


def without_trimmings(text: str) -> str:
    """Return a text as two people would call it the same: lower case, no punctuation, single spaces.

    Examples
    --------
    >>> without_trimmings("Has my top-up  gone through?") == without_trimmings("has my top up gone through")
    True
    """
    return " ".join(re.findall(r"\w+", text.casefold()))
