"""Texts that stand whole within others: a request, and the prompt that one of two loggers writes around it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import TypeVar

import numpy as np

from tracer_spec.flow.traces.near_copies import TEXT

# in bytes of UTF-8; a shorter text stands within others by chance
_SHORTEST = 12
# fewer words around a request may be another way to ask it, unless they stand around many requests
_PROMPT_WORDS = 5
_MANY, _FEW = 0.05, 5
# in Banking77, CLINC150 and the sample of quickstart 3 to 6 % of the texts stand within others by chance
_MOST_BY_CHANCE = 0.1
# to look into a text takes longer than to read it, so all are looked into only where these give reason to
_SAMPLE = 1000

_T = TypeVar("_T")


def without_prompts(contents: Sequence[bytes]) -> Sequence[bytes]:
    """Return each content, or the longest other that stands whole within it, where what is around that seems to be a prompt.

    Where that other holds one too, it is taken further.

    Parameters
    ----------
    contents : sequence of bytes
        Texts as words with one space between them, as :func:`without_changing_parts` makes them; what is no text stays.

    Returns
    -------
    sequence of bytes
        The contents as they are where no more of them than by chance hold others.
    """
    texts = [content[len(TEXT) :].split(b" ") if content.startswith(TEXT) else [] for content in contents]
    wholes = _Wholes(texts)
    sample = [texts[row] for row in np.random.default_rng(0).permutation(len(texts))[:_SAMPLE]]
    while True:
        few = [(words, wholes.within(words)) for words in sample]
        # what stands within many texts belongs to their prompt: an example in it, or itself where nobody said anything
        parts = _frequent((b" ".join(words[part]) for words, part in few if part), len(few))
        if not parts:
            break
        wholes.forget(parts)
    usual = _frequent((_around(words, part) for words, part in few if part), len(few))

    def is_prompted(words: Sequence[bytes], part: slice | None) -> bool:
        if part is None:
            return False
        return len(words) - len(words[part]) >= _PROMPT_WORDS or _around(words, part) in usual

    if sum(is_prompted(words, part) for words, part in few) <= _MOST_BY_CHANCE * len(few):
        return contents
    found = ((content, words, wholes.within(words)) for content, words in zip(contents, texts, strict=True))
    held = {
        content: TEXT + b" ".join(words[part]) for content, words, part in found if part and is_prompted(words, part)
    }
    return [_innermost(content, held) for content in contents]


class _Wholes:
    """Whole texts, found within others by their first three words."""

    def __init__(self, texts: Sequence[Sequence[bytes]]) -> None:
        self._texts = set[bytes]()
        lengths = defaultdict[bytes, set[int]](set)
        for words in texts:
            text = b" ".join(words)
            if len(text) >= _SHORTEST:
                self._texts.add(text)
                lengths[b" ".join(words[:3])].add(len(words))
        self._lengths = {opening: sorted(each, reverse=True) for opening, each in lengths.items()}

    def forget(self, texts: Set[bytes]) -> None:
        """Find these no more."""
        self._texts -= texts

    def within(self, words: Sequence[bytes]) -> slice | None:
        """Return where the longest of them stands within a text that is longer, the first of equals."""
        best, most = None, 0
        for start in range(len(words)):
            for n_opening in (1, 2, 3):
                for n in self._lengths.get(b" ".join(words[start : start + n_opening]), ()):
                    if n <= most:
                        break
                    if (
                        n <= len(words) - start
                        and n < len(words)
                        and b" ".join(words[start : start + n]) in self._texts
                    ):
                        best, most = slice(start, start + n), n
                        break
        return best


def _innermost(content: bytes, held: Mapping[bytes, bytes]) -> bytes:
    """Return what is left where a prompt stands around a prompt, or a turn after other turns."""
    while content in held:
        content = held[content]
    return content


def _frequent(found: Iterable[_T], n: int) -> set[_T]:
    """Return what is found in many of n texts, by chance as good as never in fewer than a few."""
    return {each for each, times in Counter(found).items() if times >= max(_MANY * n, _FEW)}


def _around(words: Sequence[bytes], part: slice) -> tuple[bytes, bytes]:
    return b" ".join(words[: part.start]), b" ".join(words[part.stop :])
