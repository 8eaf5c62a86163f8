"""Answers that give no label, and the steps that would read them: tried on answers of fit rows."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tracer_spec.flow.traces.answer_steps import LONG, steps_that_read
from tracer_spec.text_format import counted_names, plural
from tracer_spec.text_steps.labels import NOTHING, SEVERAL, UNUSABLE

if TYPE_CHECKING:
    from tracer_spec.flow.traces.trace_set import TraceSet

# more answers than these without a label, or more labels than these to a row, and what is read are no labels
_MANY, _SCATTERED = 0.2, 0.5
_FEWEST_ROWS = 20
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class UnreadAnswers:
    """How many answers of fit rows give no label.

    Parameters
    ----------
    n, n_fit : int
        Fit rows whose answer gives no label, or one off the list; fit rows in all.
    n_labels : int
        Different labels that the others give.
    n_once : int
        How many of these no other fit row has.
    flaws : mapping of str to int
        Fit rows whose answer is no label, by reason.
    commonest : mapping of str to int
        The most frequent of such answers, as they were given, on one line and cut short.
    steps : tuple of str
        What would read most answers as labels, for ``traces.labels.normalize``; empty where nothing that is known does.
    are_ramblings : bool
        Whether nearly every answer gives a label of its own, and they are long, or ``steps`` read fewer labels in them.
    is_of_several : bool
        Whether the answers are of several sources, each of which has steps of its own.
    """

    n: int
    n_fit: int
    n_labels: int
    flaws: Mapping[str, int]
    commonest: Mapping[str, int]
    steps: tuple[str, ...] = ()
    are_ramblings: bool = False
    is_of_several: bool = False
    n_once: int = 0

    @property
    def headline(self) -> str:
        """Return what is wrong with the labels as a whole; empty where nothing is."""
        if self.n > _MANY * self.n_fit:
            return f"{100 * self.n / self.n_fit:.0f} % of the answers give no label"
        if self.are_ramblings:
            return f"the answers to {plural(self.n_fit, 'fit row')} give {plural(self.n_labels, 'different label')}"
        return ""

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what to know of them, one sentence each."""
        found = []
        if self.headline:
            shown = f", as {counted_names(self.commonest.items(), _SHOWN)}" if self.commonest else ""
            key = "labels.normalize" if self.is_of_several else "traces.labels.normalize"
            remedy = (
                f"these steps would read them: '{key}: {json.dumps(self.steps)}'" if self.steps else f"look at '{key}'"
            )
            if self.is_of_several:
                remedy += " of the source that they come from, since each source has its own"
            found.append(f"{self.headline}{shown}: {remedy}")
        elif told := self._once():
            found.append(told)
        if self.flaws.get(SEVERAL):
            found.append(
                f"{plural(self.flaws[SEVERAL], 'answer')} with a list of labels: a router gives one label; ask the teacher for "
                "one, or take one of the list by its place, as 'json:labels.0' does"
            )
        if self.flaws.get(NOTHING):
            found.append(
                f"{plural(self.flaws[NOTHING], 'answer')} with nothing but the word None or null, which is no label; where it "
                "is one, name it in 'traces.labels.allowed' or 'traces.labels.aliases'"
            )
        return tuple(found)

    def _once(self) -> str:
        """Say that most fit rows have a label of their own, which no surrogate learns; empty where they share theirs."""
        n_read = self.n_fit - self.n
        if n_read < _FEWEST_ROWS or self.n_once <= _SCATTERED * n_read:
            return ""
        what = f"{self.n_once:,} of {self.n_fit:,} fit rows have a label that no other fit row has"
        if self.n_once == n_read:
            what = f"no label occurs twice among {self.n_fit:,} fit rows"
        where = "format.label" if self.is_of_several else "traces.format.label"
        return (
            f"{what}: no surrogate learns such a label, and each like it among certify rows is a disagreement. Most likely "
            f"'{where}' reads an id or free text, or a step that takes the label out of the answer is missing; where these "
            "are labels, collect more traces of each"
        )


def unread_answers(fit: TraceSet, normalize: Sequence[str], allowed: Sequence[str] | None) -> UnreadAnswers:
    """Return how many answers of fit rows give no label, and what would read them.

    Parameters
    ----------
    fit : TraceSet
    normalize : sequence of str
        The spec's steps.
    allowed : sequence of str or None
        The labels that there are; None where they are inferred.
    """
    labels = Counter(fit.labels)
    unread = {label: n for label, n in labels.items() if label == UNUSABLE or (allowed and label not in allowed)}
    rows = fit.rows.tolist()
    answers = [fit.answers[row] for row in rows if row in fit.answers]
    flawed = [
        fit.answers[row]
        for row, label in zip(rows, fit.labels, strict=True)
        if label in unread and fit.answers.get(row) is not None
    ]
    found = UnreadAnswers(
        n=sum(unread.values()),
        n_fit=len(fit),
        n_labels=len(labels) - len(unread),
        n_once=sum(n == 1 for label, n in labels.items() if label not in unread),
        flaws=Counter(fit.flaws[row] for row in rows if row in fit.flaws),
        commonest=dict(Counter(map(_shown, flawed or answers)).most_common(_SHOWN)),
    )
    is_scattered = len(fit) >= _FEWEST_ROWS and found.n_labels > _SCATTERED * (len(fit) - found.n)
    if not found.headline and not is_scattered:
        return found
    steps = steps_that_read(answers, normalize, allowed)
    are_long = statistics.median(map(len, fit.labels)) > LONG
    return replace(found, steps=steps, are_ramblings=is_scattered and (bool(steps) or are_long))


def _shown(answer: Any) -> str:
    """Return an answer as a text."""
    return answer if isinstance(answer, str) else json.dumps(answer, default=str)
