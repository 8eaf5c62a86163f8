"""Counts of what might be labels: how few values there are, and how evenly they are spread."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tracer_spec.text_format import plural

# so many labels that hardly repeat are no labels
_ENOUGH = 20
# of few traces with many labels: the share of rows that are other labels, and the length of a name
_MOST_DIFFERENT, _LONGEST_NAME = 0.8, 60


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """What a field's values, or the labels read from answers, are like as labels.

    Parameters
    ----------
    counts : Counter of str
        Of the values that are labels.
    n : int
        Of all values, those that are no label too.
    """

    counts: Counter[str]
    n: int

    @property
    def n_usable(self) -> int:
        """Return how many values are labels."""
        return self.counts.total()

    @property
    def evenness(self) -> float:
        """Return the entropy as a share of the greatest for so many labels; 0 for one label."""
        if len(self.counts) < 2:
            return 0.0
        shares = [count / self.n_usable for count in self.counts.values()]
        return -sum(share * math.log(share) for share in shares) / math.log(len(shares))

    @property
    def worth(self) -> float:
        """Return how much these look like labels: usable, few, even."""
        if not self.n_usable:
            return 0.0
        return self.n_usable / self.n + (1 - len(self.counts) / self.n_usable) + self.evenness / 2

    @property
    def flaw(self) -> str:
        """Return why these are no labels; empty where they may be."""
        if self.n_usable * 2 < self.n:
            return f"{self.n - self.n_usable:,} of {plural(self.n, 'answer')} hold no label"
        if len(self.counts) < 2:
            return (
                f"all {plural(self.n_usable, 'answer')} are the same"
                if self.n_usable > 1
                else f"there is {'one' if self.n else 'no'} answer"
            )
        return ""

    @property
    def is_scattered(self) -> bool:
        """Tell whether most labels are met once, among enough of them to say so."""
        return self.n_usable >= _ENOUGH and len(self.counts) * 2 > self.n_usable


def are_names(labels: Mapping[str, int]) -> bool:
    """Tell many labels on few traces from answers in words: in one word each, and met again.

    Examples
    --------
    >>> are_names({"card_arrival": 2, "pin_blocked": 1}), are_names({"your card is on its way": 2, "see page 2": 1})
    (True, False)
    """
    is_met_again = len(labels) <= _MOST_DIFFERENT * sum(labels.values())
    return is_met_again and all(len(label) <= _LONGEST_NAME and len(label.split()) == 1 for label in labels)


def count_labels(labels: Iterable[str | None]) -> LabelCounts:
    """Count labels; None stands for an answer that is none.

    Examples
    --------
    >>> counts = count_labels(["refund", "card", "refund", "card"])
    >>> counts.flaw, round(counts.worth, 2)
    ('', 2.0)
    >>> count_labels(["default"] * 3).flaw
    'all 3 answers are the same'
    """
    found = list(labels)
    return LabelCounts(Counter(label for label in found if label is not None), len(found))
