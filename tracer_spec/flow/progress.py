"""Events of a build, for observers. The engine never prints."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage of the flow begins. ``steps`` is how many :class:`StepDone` it will send, 0 where it cannot know."""

    stage: str
    steps: int = 0


@dataclass(frozen=True, slots=True)
class StepDone:
    """One step of the running stage is done: a batch embedded, a fold scored."""

    stage: str
    step: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class LearnerDone:
    """One learner of the zoo is through, or was skipped for a reason.

    Parameters
    ----------
    name : str
        Its alias in the spec.
    seconds : float
        Training time over all folds.
    agreement : float or None
        Out-of-fold agreement over all fit rows, in [0, 1]; None where it was skipped.
    reason : str
        Why it was skipped; else empty.
    """

    name: str
    seconds: float
    agreement: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StageDone:
    """A stage of the flow is through; ``summary`` is one line of what came out."""

    stage: str
    seconds: float
    summary: str


Event: TypeAlias = StageStarted | StepDone | LearnerDone | StageDone
Observer: TypeAlias = Callable[[Event], None]


def no_observer(event: Event) -> None:
    """Watch nothing."""


@contextmanager
def staged(observe: Observer, name: str) -> Iterator[Callable[[str], None]]:
    """Tell an observer that a stage begins, and when it is through; the value yielded takes its summary."""
    observe(StageStarted(name))
    started = time.perf_counter()
    summary: list[str] = []
    yield summary.append
    observe(StageDone(name, time.perf_counter() - started, "".join(summary)))
