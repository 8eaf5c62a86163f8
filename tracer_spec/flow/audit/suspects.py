"""Suspected errors of the teacher: requests that are as good as the same, and that it labels differently."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tracer_spec.flow.audit.rows import AuditedRows, one_per_row, shortened, without_trimmings
from tracer_spec.flow.documents.audit import SuspectPair
from tracer_spec.flow.traces.labels import UNUSABLE
from tracer_spec.plugin import Classes, Scores

NEAR = 0.9
"""The cosine from which two requests count as near-duplicates."""

_MOST = 50
_BLOCK = 1024


def suspects(rows: AuditedRows) -> tuple[int, tuple[SuspectPair, ...]]:
    """Return how many pairs there are, and the first fifty: equal texts first, then by falling similarity.

    Notes
    -----
    Two rows are suspect together where the teacher labels them differently, and their texts are equal but for case,
    punctuation and white space, or their embeddings have a cosine of at least :data:`NEAR`. A row is in one pair only.
    Answers that are no label are left out: that they are wrong needs no second row. So are pairs of which neither label is on
    the list.
    """
    codes = _codes(rows)
    same = list(_equal_texts(rows, codes))
    alike = [(first, second) for _, first, second in sorted(_near(rows, codes), key=lambda pair: (-pair[0], *pair[1:]))]
    pairs = list(one_per_row([*same, *alike]))
    return len(pairs), tuple(_told(rows, *pair) for pair in pairs[:_MOST])


def _told(rows: AuditedRows, first: int, second: int) -> SuspectPair:
    cosine = float(rows.unit[first] @ rows.unit[second])
    return SuspectPair(similarity=shortened(min(cosine, 1.0)), a=rows.told(first), b=rows.told(second))


def _codes(rows: AuditedRows) -> Classes:
    """Number the teacher's answers: those on the list from 0, those it made up from -2 down, -1 where there is no label."""
    made_up = {answer: -2 - number for number, answer in enumerate(dict.fromkeys(rows.answers))} | {UNUSABLE: -1}
    return np.array(
        [y if y >= 0 else made_up[answer] for y, answer in zip(rows.y.tolist(), rows.answers, strict=True)], np.int64
    )


def _equal_texts(rows: AuditedRows, codes: Classes) -> Iterator[tuple[int, int]]:
    """Yield, of each text with several labels, its first row of the commonest, with the first of every other."""
    groups: dict[str, list[int]] = defaultdict(list)
    for row, text in enumerate(rows.texts):
        plain = without_trimmings(text)
        if plain and codes[row] != -1:
            groups[plain].append(row)
    for group in groups.values():
        counts = Counter(codes[group].tolist())
        if len(counts) > 1:
            (commonest, _), *others = counts.most_common()
            first = {code: next(row for row in group if codes[row] == code) for code in counts}
            for other, _ in others:
                if max(commonest, other) >= 0:
                    yield first[commonest], first[other]


def _near(rows: AuditedRows, codes: Classes) -> Iterator[tuple[float, int, int]]:
    """Yield each row with the nearest row of another label, where they are near-duplicates: similarity, two rows ascending."""
    at = rows.searched[codes[rows.searched] != -1]

    def search() -> dict[str, npt.NDArray[Any]]:
        return dict(zip(("similarity", "other"), _nearest_of_another_label(rows.unit[at], codes[at]), strict=True))

    found = rows.memory.derived("neighbours", search, rows.X, codes, at)
    similarity, other = found["similarity"], found["other"]
    for place in np.flatnonzero(similarity >= NEAR):
        first, second = sorted((int(at[place]), int(at[other[place]])))
        yield shortened(min(similarity[place], 1.0)), first, second


def _nearest_of_another_label(unit: npt.NDArray[np.float32], codes: Classes) -> tuple[Scores, Classes]:
    """Return for each row the largest cosine with a row of another label, and that row; -1 where there is none.

    Blocks of the upper triangle only, so that memory stays bounded and each product is made once.
    """
    n = len(unit)
    best, other = np.full(n, -1, np.float32), np.full(n, -1, np.int64)
    for start in range(0, n, _BLOCK):
        block = slice(start, start + _BLOCK)
        cosines = unit[block] @ unit[start:].T
        unlike = codes[block, None] != codes[None, start:]
        # what the teacher made up twice is no measure of what it should have said
        unlike &= (codes[block, None] >= 0) | (codes[None, start:] >= 0)
        cosines[~unlike] = -1
        _keep_larger(best[block], other[block], cosines.max(axis=1), start + cosines.argmax(axis=1))
        _keep_larger(best[start:], other[start:], cosines.max(axis=0), start + cosines.argmax(axis=0))
    return best, other


def _keep_larger(best: Scores, other: Classes, cosines: Scores, rows: Classes) -> None:
    """Write into ``best`` and ``other`` where a larger cosine was found."""
    larger = cosines > best
    best[larger], other[larger] = cosines[larger], rows[larger]
