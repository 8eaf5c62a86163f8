"""Counts of what became of every record that was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class SourceCounts:
    """What became of the records of one source; as in :class:`Accounting`, of which it is a part."""

    name: str
    read: int
    kept: int
    dropped: Mapping[str, int]

    def document(self) -> dict[str, Any]:
        """Return the counts as JSON has them."""
        return {"source": self.name, "read": self.read, "kept": self.kept, "dropped": dict(self.dropped)}


@dataclass(frozen=True, slots=True)
class Accounting:
    """What became of every record that was read.

    Parameters
    ----------
    read : int
        Records read; where one record holds several traces, those, and where several are joined into one trace,
        that one. ``read == kept + sum(dropped.values())``.
    kept : int
        Traces kept.
    dropped : mapping of str to int
        Reason to count, in the order of ``REASONS`` of the accounting, and after those the reasons of the format's rules.
    examples : mapping of str to tuple of str
        A few addresses (``file:line``) per reason.
    unusable : mapping of str to int
        Kept traces whose teacher's answer is no label, by reason; each is a disagreement.
    unknown_labels : mapping of str to int
        Labels off the list of allowed ones and their counts, the most frequent of them, cut to 60 characters:
        what a teacher makes up can quote its input. Empty where the list is inferred.
    n_unknown : int
        Kept traces with a label off the list, listed above or not.
    models : mapping of str to int
        The teacher's models and their counts, the most frequent of them.
    notes : tuple of str
        What else a reader should know, one sentence each.
    versions : mapping of str to int
        The versions of the teacher's prompt and their counts, the most frequent of them.
    sources : tuple of SourceCounts
        The counts by source, where there are several.
    """

    read: int
    kept: int
    dropped: Mapping[str, int]
    examples: Mapping[str, tuple[str, ...]]
    unusable: Mapping[str, int]
    unknown_labels: Mapping[str, int]
    n_unknown: int
    models: Mapping[str, int]
    notes: tuple[str, ...]
    versions: Mapping[str, int] = field(default_factory=dict)
    sources: tuple[SourceCounts, ...] = ()

    @property
    def loss(self) -> str:
        """Say what was left out, where that is most of what was read; else nothing."""
        n_lost = self.read - self.kept
        if n_lost <= self.kept:
            return ""
        reasons = ", ".join(f"{reason} ({n:,})" for reason, n in self.dropped.items())
        return f"{n_lost:,} of {self.read:,} records were left out: {reasons}"

    def by_source(self) -> dict[str, Any]:
        """Return the counts by source as JSON has them, under their key; empty where there is one source."""
        return {"sources": [each.document() for each in self.sources]} if self.sources else {}

    def without(self, rows: Sequence[int], reason: str) -> Accounting:
        """Return the accounting after kept traces, at these positions among those read, are dropped too."""
        sources, start = list[SourceCounts](), 0
        for each in self.sources:
            n = sum(start <= row < start + each.read for row in rows)
            dropped = {**each.dropped, reason: n} if n else each.dropped
            sources.append(replace(each, kept=each.kept - n, dropped=dropped))
            start += each.read
        dropped = {**self.dropped, reason: len(rows)}
        return replace(self, kept=self.kept - len(rows), dropped=dropped, sources=tuple(sources))
