"""Outputs of a policy: of its graph, one decision, and a batch of decisions as arrays."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Reason(StrEnum):
    """Why a decision is what it is. Each equals its plain string: ``decision.reason == "low_score"``."""

    HANDLED = "handled"
    """A stage accepted."""
    LOW_SCORE = "low_score"
    """No stage was sure enough."""
    OUT_OF_DISTRIBUTION = "out_of_distribution"
    """The input is too far from the data that the policy was fitted on, or nothing of it is known: a blank text, or one
    without a term that the embedder knows."""
    DENIED_LABEL = "denied_label"
    """The surrogate's answer is a label that it may never give."""
    UNAVAILABLE = "unavailable"
    """There was nothing to decide on: the embedder failed, or the vector is not finite."""

    @property
    def number(self) -> int:
        """Return the number that the graph gives for it."""
        return REASONS.index(self)


REASONS: tuple[Reason, ...] = tuple(Reason)
"""By the numbers that the graph gives."""
INPUT = "embedding"
OUTPUTS = {
    "label": "tensor(int64)",
    "handled": "tensor(bool)",
    "score": "tensor(float)",
    "stage": "tensor(int64)",
    "reason": "tensor(int64)",
}
"""What the graph of a policy gives, in its order, with types; each of shape (n,)."""


class Decision(NamedTuple):
    """One decision.

    Parameters
    ----------
    label : str or None
        The surrogate's label; None where deferred.
    handled : bool
        Whether the surrogate answers. False means deferred: ask the teacher.
    score : float
        The acceptance score, in [0, 1], of the stage that handled, or of the last one tried; 0 where
        unavailable.
    stage : int or None
        The stage that handled, from 0; None where deferred.
    reason : Reason
        Why.
    """

    label: str | None
    handled: bool
    score: float
    stage: int | None
    reason: Reason

    def to_dict(self) -> dict[str, Any]:
        """Return the decision as JSON values, as ``tracer-spec route`` writes it; a score that is not finite is null."""
        score = float(self.score) if math.isfinite(self.score) else None
        return self._asdict() | {"score": score, "reason": str(self.reason)}


UNAVAILABLE = Decision(None, False, 0.0, None, Reason.UNAVAILABLE)
BLANK = Decision(None, False, 0.0, None, Reason.OUT_OF_DISTRIBUTION)
"""On a text that is empty or white space, which no trace is."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Decisions on n inputs, in their order, as columns.

    Parameters
    ----------
    labels : list of (str or None), length n
        None where deferred.
    handled : ndarray of shape (n,), bool
    scores : ndarray of shape (n,), float32
        Acceptance scores, in [0, 1].
    stages : ndarray of shape (n,), int64
        The stage that handled, from 0; -1 where deferred.
    reasons : ndarray of shape (n,), object
        One :class:`Reason` per input; ``batch.reasons == "low_score"`` is a mask.

    Notes
    -----
    A batch has a length, yields :class:`Decision` when iterated, and ``batch[i]`` is the decision on input i.
    """

    labels: list[str | None]
    handled: NDArray[np.bool_]
    scores: NDArray[np.float32]
    stages: NDArray[np.int64]
    reasons: NDArray[Any]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> Decision:
        stage = int(self.stages[row])
        return Decision(
            self.labels[row],
            bool(self.handled[row]),
            float(self.scores[row]),
            stage if stage >= 0 else None,
            self.reasons[row],
        )

    def __iter__(self) -> Iterator[Decision]:
        return (self[row] for row in range(len(self)))

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the decisions as JSON values: see :meth:`Decision.to_dict`."""
        return [decision.to_dict() for decision in self]

    def to_arrow(self) -> Any:
        """Return the decisions as a ``pyarrow.RecordBatch``: label and stage are null where deferred. Needs pyarrow."""
        from tracer_spec.runtime.arrow import decisions_to_arrow

        return decisions_to_arrow(self)

    def among_blank(self, places: Sequence[int], n: int) -> Batch:
        """Return the decisions on n texts: these at ``places``, and :data:`BLANK` on the others."""
        labels: list[str | None] = [None] * n
        for place, label in zip(places, self.labels, strict=True):
            labels[place] = label
        blank = Batch(
            labels,
            np.zeros(n, np.bool_),
            np.zeros(n, np.float32),
            np.full(n, -1, np.int64),
            np.array([BLANK.reason] * n, dtype=object),
        )
        rows = list(places)
        blank.handled[rows], blank.scores[rows] = self.handled, self.scores
        blank.stages[rows], blank.reasons[rows] = self.stages, self.reasons
        return blank
