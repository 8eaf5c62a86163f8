"""How fresh traces tell the teacher's labels: as the teacher answered, as labels that are clean already, or elsewhere."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tracer_spec.errors import DataError, Problem, TracerError

if TYPE_CHECKING:
    from tracer_spec.plugin import Record
    from tracer_spec.text_steps.labels import LabelCleaner

# records that tell how the labels are written, and of their answers the share that clean labels make up
_LOOKED_AT, _MOST = 1000, 0.9
_NATIVE_KEY = "teacher"


@dataclass(frozen=True, slots=True)
class FreshLabels:
    """Records, and the steps that read the answers in them.

    Parameters
    ----------
    records : iterable of Record
        All of them, those that were looked at too.
    normalize : tuple of str
        The bundle's steps, or the last of them, where the answers are what those before these make of an answer.
    note : str
        What is said of that; empty where all steps read the answers.
    """

    records: Iterable[Record]
    normalize: Sequence[str]
    note: str = ""


def look_at_labels(
    records: Iterable[Record],
    answers_of: Callable[[Sequence[Record]], Iterator[Any]],
    make_cleaner: Callable[[Sequence[str]], LabelCleaner],
    *,
    normalize: Sequence[str],
    labels: Sequence[str],
    layout: str,
) -> FreshLabels:
    """Look at the first records.

    Parameters
    ----------
    records : iterable of Record
    answers_of : callable
        From records to the teacher's answers in them, of those that have one.
    make_cleaner : callable
        From steps to what cleans an answer by them.
    normalize, labels : sequence of str
        The bundle's steps and labels.
    layout : str
        The format's name.

    Raises
    ------
    DataError
        Where the format finds no answer, and each record has one where the format ``native`` has it.
    """
    rest = iter(records)
    head = list(itertools.islice(rest, _LOOKED_AT))
    answers = list(answers_of(head))
    if not answers and head and all(each.data.get(_NATIVE_KEY) is not None for each in head):
        raise DataError(
            f"the format '{layout}' finds no answer of the teacher's in these records, and each has one under '{_NATIVE_KEY}'",
            where=head[0].where,
            hint="read them by --format native",
        )
    chosen = _steps_that_read(answers, make_cleaner, normalize, frozenset(labels))
    skipped = ", ".join(normalize[: len(normalize) - len(chosen)])
    note = (
        f"the labels are clean already: of the bundle's steps, {skipped} is left out for all of them" if skipped else ""
    )
    return FreshLabels(itertools.chain(head, rest), chosen, note)


def _steps_that_read(
    answers: Sequence[Any],
    make_cleaner: Callable[[Sequence[str]], LabelCleaner],
    normalize: Sequence[str],
    labels: frozenset[str],
) -> Sequence[str]:
    """Return all steps, unless they read none of the answers and the last of them read nearly all as labels of the bundle."""
    for n_skipped in range(len(normalize) + 1):
        steps = normalize[n_skipped:]
        clean = make_cleaner(steps).clean
        n_read = sum(clean(each)[0] in labels for each in answers)
        if n_read and (not n_skipped or n_read >= _MOST * len(answers)):
            return steps
    return normalize


def reworded(error: DataError, normalize: Sequence[str]) -> TracerError:
    """Return an error about traces with what can be done where format and steps are a bundle's, which nobody can change."""
    steps = ", ".join(normalize) or "none"
    labels = (
        f"the bundle's steps read what the teacher wrote ({steps}): give its answers as they came, or the labels alone"
    )
    layout = (
        "'--format' names their layout where it is not the bundle's: '--format native' reads lines of input and teacher"
    )

    def told(problem: Problem) -> Problem:
        if problem.address.startswith("traces.labels"):
            return replace(problem, address="", hint=labels)
        if problem.address == "traces" and "'traces.format" in problem.hint:
            return replace(problem, address="", hint=layout)
        return problem

    return DataError.of(tuple(told(each) for each in error.problems))
