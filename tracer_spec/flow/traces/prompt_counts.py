"""Counts of the system's prompts in traces: several of them may be several tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tracer_spec.flow.traces.name_counts import as_shown

# of more, each request has a prompt of its own: it holds the time, or what was found for the request
MOST_PROMPTS = 20
_NAMED = 3
# a prompt of fewer traces, in all or among the others, tells no task
_FEWEST, _RARE = 10, 0.01


@dataclass(slots=True)
class Prompts:
    """The system's prompts, counted while traces are read; those of a log with too many to be tasks are not kept."""

    counts: Counter[str] = field(default_factory=Counter)
    are_too_many: bool = False

    def add(self, prompt: Any) -> None:
        """Count the prompt of a trace: what is no text stands for none."""
        if not self.are_too_many:
            self.counts[prompt if isinstance(prompt, str) else ""] += 1
            self._forget_too_many()

    def update(self, other: Prompts) -> None:
        """Add the prompts of another source; one in which there is none says nothing of them."""
        self.are_too_many |= other.are_too_many
        both = [each.counts for each in (self, other) if each.counts.keys() - {""}]
        self.counts = sum(both, Counter())
        self._forget_too_many()

    def notes(self) -> list[str]:
        """Say which prompts there are, where they may be several tasks."""
        often = often_met(self.counts)
        if len(often) < 2:
            return []
        return [
            f"{len(often)} system prompts: {listing(often)}; a certificate speaks of one teacher with one task: where these "
            "are several, keep one with 'traces.format.where', as 'init' writes it"
        ]

    def _forget_too_many(self) -> None:
        if self.are_too_many or len(self.counts) > MOST_PROMPTS:
            self.are_too_many = True
            self.counts.clear()


def often_met(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the prompts that are not rare, the most frequent first.

    Examples
    --------
    >>> often_met({"tried once": 1, "Classify.": 150, "Name the mood.": 50})
    {'Classify.': 150, 'Name the mood.': 50}
    """
    fewest = max(_FEWEST, _RARE * sum(counts.values()))
    return dict(sorted(((p, k) for p, k in counts.items() if k >= fewest), key=lambda each: (-each[1], each[0])))


def listing(counts: Mapping[str, int]) -> str:
    """Name prompts by how they start, with their counts.

    Examples
    --------
    >>> listing({"Classify.": 1500, "": 20})
    "'Classify.' (1,500), none (20)"
    """
    named = [f"'{as_shown(prompt)}' ({n:,})" if prompt else f"none ({n:,})" for prompt, n in counts.items()]
    return ", ".join(named[:_NAMED]) + (f" and {len(named) - _NAMED} more" if len(named) > _NAMED else "")
