"""Prompt template that texts stand in: found by what most of them start and end with, in words of ``traces.extract``."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tracer_spec.flow.traces.answer_steps import common_prefix

# of all texts, what a template must stand around, and what makes one text the only one
_MOST, _NEARLY_ALL = 0.8, 0.95
_FEWEST_TEXTS = 10
# texts that are compared: spread over all of them
_COMPARED = 5000
# shorter is how people begin or end ("I want to ", "thanks!"), unless a mark parts it from the text
_LONG, _SHORT = 20, 6
# so many characters after the last mark may be what most texts themselves begin with
_TEXTS_OWN = 40
_MARKS = ':\n<>"`|'
# a marker of fewer characters stands in many a text; one of more need not hold whole lines
_LEAST_MARKER, _WORDS_MARKER = 6, 60
_SEPARATOR = "..."


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    r"""What most texts start and end with.

    Parameters
    ----------
    prefix, suffix : str
        One of them may be empty.
    share_of_characters : float
        Of all texts that have it, the share of the characters that is template, in (0, 1].
    share_of_texts : float
        The share of the texts that have it, in (0, 1].

    Examples
    --------
    >>> PromptTemplate("Classify.\nMessage: ", "\nAnswer:", 0.5, 1.0).step
    'between:\nMessage: ...\nAnswer:'
    """

    prefix: str
    suffix: str
    share_of_characters: float
    share_of_texts: float

    @property
    def step(self) -> str:
        """Return the step of ``traces.extract`` that takes a text out of it."""
        start, end = _start_marker(self.prefix), _end_marker(self.suffix)
        if start and end:
            return f"between:{start}{_SEPARATOR}{end}"
        return f"after:{start}" if start else f"before:{end}"


def find_template(texts: Sequence[str]) -> PromptTemplate | None:
    r"""Return the template that most texts stand in, None where there is none.

    Parameters
    ----------
    texts : sequence of str
        Of fit rows, never of certify rows.

    Notes
    -----
    A prefix that four fifths of the sorted texts share is shared by the two ends of a window of that size, and the same
    holds for suffixes of the texts reversed. It is cut back to a line's end, a mark or a word's end, so that it does not
    reach into what the texts themselves begin with. Equal texts count once.

    Examples
    --------
    >>> asked = [f"Classify the message.\nMessage: order {n} is late" for n in range(20)]
    >>> find_template(asked).step
    'after:\nMessage: '
    >>> find_template([f"order {n} is late" for n in range(20)])
    """
    distinct = list(dict.fromkeys(texts))
    distinct = distinct[:: math.ceil(len(distinct) / _COMPARED)] if distinct else []
    if len(distinct) < _FEWEST_TEXTS:
        return None
    fewest = math.ceil(_MOST * len(distinct))
    prefix = _usable_prefix(common_prefix(distinct, fewest), _SHORT)
    framed = [text for text in distinct if text.startswith(prefix)]
    left = [text[len(prefix) :] for text in framed]
    # beside a prefix, a closing quotation mark is part of a template too
    backwards = common_prefix([text[::-1] for text in left], fewest)
    suffix = _usable_prefix(backwards, 1 if prefix else _SHORT)[::-1]
    suffix = suffix if _end_marker(suffix) else ""
    if not suffix and not _start_marker(prefix):
        return None
    inside = [text.removesuffix(suffix) for text in left if text.endswith(suffix)]
    n_template = (len(prefix) + len(suffix)) * len(inside)
    n_all = n_template + sum(map(len, inside))
    return PromptTemplate(prefix, suffix, n_template / n_all, len(inside) / len(distinct))


def are_all_equal(texts: Sequence[str]) -> bool:
    """Return whether nearly all texts are one text, from which no label can be told.

    Examples
    --------
    >>> are_all_equal(["Now give only the label."] * 20), are_all_equal(["a", "b"] * 10)
    (True, False)
    """
    most = Counter(texts).most_common(1)
    return len(texts) >= _FEWEST_TEXTS and most[0][1] >= _NEARLY_ALL * len(texts)


def _usable_prefix(prefix: str, least: int) -> str:
    """Return a prefix without what may be the texts' own beginning; empty where it is too short for a template."""
    marked = max(prefix.rfind(mark) for mark in _MARKS) + 1
    marked += len(prefix[marked:]) - len(prefix[marked:].lstrip())
    if marked >= least and len(prefix) - marked <= _TEXTS_OWN:
        return prefix[:marked]
    words = max(prefix.rfind(space) for space in " \n\t") + 1
    return prefix[:words] if words >= _LONG else ""


def _start_marker(prefix: str) -> str:
    """Return the shortest end of a prefix, in whole lines or many words, that stands in it once; empty where none does."""
    starts = {0, prefix.rfind(_SEPARATOR) + len(_SEPARATOR)} if _SEPARATOR in prefix else {0}
    starts |= {at for at, each in enumerate(prefix) if each == "\n"}
    starts |= {at for at, each in enumerate(prefix[: -_WORDS_MARKER or None]) if each == " "}
    for start in sorted(starts, reverse=True):
        marker = prefix[start:]
        is_long = len(marker) >= _LEAST_MARKER or start == 0
        if is_long and marker.strip() and prefix.find(marker) == start and _SEPARATOR not in marker:
            return marker
    return ""


def _end_marker(suffix: str) -> str:
    """Return the shortest beginning of a suffix that stands in it once; empty where none does."""
    return _start_marker(suffix[::-1])[::-1]
