"""Labels that look made up, and those that name several at once or are another spelling of one."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

# rarer than this share of the usual label, and few in all: made up, more likely than not
_RARE, _FEW = 0.05, 0.03
# what people and models put between labels; not a slash or a dash, which are parts of names
_MARK = re.compile(r"[,;|]")
_BETWEEN = re.compile(r"\s*[,;|]\s*|\s+(?:\+|&|and)\s+")


def several_at_once(labels: Mapping[str, int]) -> dict[str, int]:
    """Return, with their counts, the labels that are made of others, each of which is met alone, and more often.

    One alone that is made by a word, as ``returns and refunds``, is a name.

    Examples
    --------
    >>> several_at_once({"card": 9, "refund": 7, "card, refund": 2, "card, lost": 1, "refund and card": 3})
    {'card, refund': 2}
    """
    found = {
        label: n
        for label, n in labels.items()
        if len(parts := _BETWEEN.split(label)) > 1 and all(labels.get(part, 0) > n for part in parts)
    }
    by_word = [label for label in found if not _MARK.search(label)]
    return {label: n for label, n in found.items() if [label] != by_word}


def made_up_labels(labels: Mapping[str, int], given: Iterable[str | None]) -> dict[str, int]:
    """Return the labels that look made up: never given by a human, several at once, or far too rare beside the others.

    ``given`` is what a human said of each fit row, None where nobody did.
    """
    found = list(given)
    truths = Counter(truth for truth in found if truth is not None)
    if truths.total() * 2 > len(found):
        return {label: n for label, n in labels.items() if label not in truths}
    several = several_at_once(labels)
    return several | _rare({label: n for label, n in labels.items() if label not in several})


def _rare(labels: Mapping[str, int]) -> dict[str, int]:
    if not labels:
        return {}
    usual = statistics.median(labels.values())
    rare = {label: n for label, n in labels.items() if n <= _RARE * usual}
    if len(labels) - len(rare) < 2:  # of two labels, the rare one is what the other is told from
        return {}
    return rare if sum(rare.values()) <= _FEW * sum(labels.values()) else {}


def other_spellings(made_up: Iterable[str], allowed: Sequence[str]) -> dict[str, str]:
    """Return, for labels that look made up, the one that humans gave and that differs in case and punctuation alone."""
    meant = Counter(map(_letters, allowed))
    by_letters = {_letters(label): label for label in allowed}
    return {
        label: by_letters[letters] for label in sorted(made_up) if (letters := _letters(label)) and meant[letters] == 1
    }


def _letters(label: str) -> str:
    """Leave out case, what joins words, and what ends a sentence; '-1' and '1', 'A-' and 'A', 'C' and 'C++' stay two labels."""
    return re.sub(r"(?<=[^\W\d_])[\s_-]+(?=[^\W\d_])", "", label.casefold().strip()).rstrip(".!?")
