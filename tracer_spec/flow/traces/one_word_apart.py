"""Texts of one label that differ in one word: a request asked again by another name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracer_spec.flow.traces.near_copies import TEXT

# of fewer words, one may be what the request is about
_FEWEST_WORDS = 6


def one_word_apart(contents: Sequence[bytes], labels: Sequence[str]) -> list[bytes]:
    r"""Return each content, or the first of those that it is joined to by steps of one word.

    A step leads to a text of the same label and as many words, all but one of which stand at the same places.

    Parameters
    ----------
    contents : sequence of bytes
        Texts as words with one space between them, as :func:`without_changing_parts` makes them; what is no text stays.
    labels : sequence of str
        One for each content.

    Examples
    --------
    >>> hers, his = b"text\0hi anna where is my parcel", b"text\0hi ben where is my parcel"
    >>> one_word_apart([hers, his, b"text\0where is it"], ["x"] * 3) == [hers, hers, b"text\0where is it"]
    True
    """
    alike = defaultdict[tuple[str, int], dict[bytes, int]](dict)
    for row, (content, label) in enumerate(zip(contents, labels, strict=True)):
        if content.startswith(TEXT) and (n_words := content.count(b" ") + 1) >= _FEWEST_WORDS:
            alike[label, n_words].setdefault(content, row)
    first = dict[tuple[str, bytes], bytes]()
    for (label, _), texts in alike.items():
        if len(texts) > 1:
            spelt = list(texts)
            first.update(((label, text), spelt[root]) for text, root in zip(spelt, _joined(spelt), strict=True))
    return [first.get((label, content), content) for content, label in zip(contents, labels, strict=True)]


def _joined(texts: Sequence[bytes]) -> NDArray[np.int64]:
    """Return for each of some texts of as many words the first that it is joined to by steps of one word, shape (n,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    words = np.array([[hash(word) for word in text.split(b" ")] for text in texts], np.int64).astype(np.uint64)
    places = np.random.default_rng(0).integers(1, 2**63, words.shape[1], np.uint64) * np.uint64(2) + np.uint64(1)
    weighed = words * places
    # a text without the word at each place, as one number each; which place it was is part of it
    rest = (weighed.sum(axis=1, dtype=np.uint64)[:, None] - weighed) ^ places
    _, row_of_first, key = np.unique(rest, return_index=True, return_inverse=True)
    rows, width = np.arange(rest.size) // rest.shape[1], rest.shape[1]
    firsts = row_of_first[key.reshape(-1)] // width
    links = coo_array((np.ones(rest.size, bool), (rows, firsts)), shape=(len(texts), len(texts)))
    components = connected_components(links, directed=False)[1]
    _, first = np.unique(components, return_index=True)
    joined: NDArray[np.int64] = first[components]
    return joined
