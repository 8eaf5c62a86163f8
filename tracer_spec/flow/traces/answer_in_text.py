"""Texts that hold the teacher's answer: a transcript of the call, where what the app will route holds no answer yet."""

from __future__ import annotations

import re
from collections.abc import Sequence

# of the texts, how many hold their own label, and how many of them that of another row: a prompt that lists all labels
# holds both, and words that people write now and then neither
_NEARLY_ALL, _HALF = 0.9, 0.5
_FEWEST_TEXTS = 10


def answer_notes(texts: Sequence[str], labels: Sequence[str | None]) -> tuple[str, ...]:
    r"""Say where nearly every text holds its own label, and few hold another.

    Parameters
    ----------
    texts : sequence of str
        Of fit rows, never of certify rows.
    labels : sequence of str or None
        Of the same rows; None where the answer is no label.

    Examples
    --------
    >>> asked = [f"User: order {n}?\nAssistant: {'late' if n % 2 else 'lost'}" for n in range(20)]
    >>> len(answer_notes(asked, ["late" if n % 2 else "lost" for n in range(20)]))
    1
    >>> answer_notes(asked, ["order"] * 20)
    ()
    """
    rows = [(text.casefold(), label.casefold()) for text, label in zip(texts, labels, strict=True) if text and label]
    words = {label: _as_a_word(label) for _, label in rows}
    own = sum(words[label].search(text) is not None for text, label in rows)
    others = [
        words[other].search(text) is not None
        for (text, label), other in zip(rows, _next_others([label for _, label in rows]), strict=True)
        if other and other not in label and label not in other
    ]
    if len(rows) < _FEWEST_TEXTS or own < _NEARLY_ALL * len(rows) or not others or sum(others) > _HALF * len(others):
        return ()
    return (
        f"{100 * own / len(rows):.0f} % of the texts hold their own label, and {100 * sum(others) / len(others):.0f} % that of "
        "another row: a text that holds the teacher's answer teaches nothing of requests that have none yet, and the claim is "
        "then about texts with their answer. 'traces.format.text' must name what was asked alone, or 'traces.extract' cut it",
    )


def _as_a_word(label: str) -> re.Pattern[str]:
    """Return what finds a label that is no part of a word: 'a' is not in 'card'. Scripts without spaces have no such edges."""
    return re.compile(rf"(?<![a-z0-9]){re.escape(label)}(?![a-z0-9])")


def _next_others(labels: Sequence[str]) -> list[str]:
    """Return for each row the next label that is another, from the first row again at the end; none where all are one."""
    last = labels[-1] if labels else ""
    other, found = next((label for label in labels if label != last), ""), list[str]()
    for label in reversed(labels):
        if label != last:
            last, other = label, last
        found.append(other)
    return found[::-1]
