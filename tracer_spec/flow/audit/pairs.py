"""Pairs of similar requests that the policy or the teacher treats differently."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tracer_spec.flow.audit.rows import AuditedRows, shortened, without_trimmings
from tracer_spec.flow.documents.audit import BoundaryPair, SuspectPair
from tracer_spec.plugin import Classes, Scores
from tracer_spec.text_steps.labels import UNUSABLE

NEIGHBOURS = 0.5
"""The cosine from which two requests count as neighbours."""
NEAR_DUPLICATES = 0.9
"""The cosine from which two requests count as near-duplicates."""

_MOST_BOUNDARY, _BOUNDARY_PER_LABEL = 30, 2
_MOST_SUSPECTS = 50
_BLOCK = 1024

Found = tuple[float, int, int]
"""Similarity, and two rows."""


def boundary(rows: AuditedRows) -> tuple[BoundaryPair, ...]:
    """Return the nearest pairs of a handled and a deferred row of one label, at most two a label, nearest first.

    Near is a cosine of at least :data:`NEIGHBOURS`. Both rows of a pair are of one fold: the same models judged them, so
    that what tells them apart is the request.
    """
    found: list[Found] = []
    for label in range(len(rows.labels)):
        found += list(_apart(_nearest_first(_across_the_line(rows, label))))[:_BOUNDARY_PER_LABEL]
    return tuple(
        BoundaryPair(
            label=rows.label(handled),
            similarity=similarity,
            handled=rows.described(handled),
            deferred=rows.described(deferred),
        )
        for similarity, handled, deferred in _nearest_first(found)[:_MOST_BOUNDARY]
    )


def _across_the_line(rows: AuditedRows, label: int) -> Iterator[Found]:
    """Yield each deferred row of a label with the handled row of its fold that is nearest to it."""
    at = rows.searched[rows.y[rows.searched] == label]
    for fold in np.unique(rows.fit.folds[at]):
        here = at[rows.fit.folds[at] == fold]
        handled, deferred = here[rows.decided.handled[here]], here[~rows.decided.handled[here]]
        if not len(handled) or not len(deferred):
            continue
        cosines = rows.unit[deferred] @ rows.unit[handled].T
        best = cosines.argmax(axis=1)
        for row, nearest, cosine in zip(deferred, best, cosines.max(axis=1), strict=True):
            if cosine >= NEIGHBOURS:
                yield shortened(min(cosine, 1.0)), int(handled[nearest]), int(row)


def suspects(rows: AuditedRows) -> tuple[int, tuple[SuspectPair, ...]]:
    """Find suspected errors of the teacher; return how many pairs there are, and the first fifty.

    Equal texts come first, then pairs by falling similarity.

    Notes
    -----
    Two rows are suspect together where the teacher labels them differently, and their texts are equal but for case,
    punctuation and white space, or their embeddings have a cosine of at least :data:`NEAR_DUPLICATES`. A row is in one pair
    only. Answers that are no label are left out: that they are wrong needs no second row. So are pairs of which neither label
    is on the list.
    """
    codes = _codes(rows)
    same = [(1.0, *pair) for pair in _equal_texts(rows, codes)]
    pairs = list(_apart([*same, *_nearest_first(_near_duplicates(rows, codes))]))
    return len(pairs), tuple(
        SuspectPair(
            similarity=shortened(min(float(rows.unit[a] @ rows.unit[b]), 1.0)), a=rows.described(a), b=rows.described(b)
        )
        for _, a, b in pairs[:_MOST_SUSPECTS]
    )


def _nearest_first(found: Iterable[Found]) -> list[Found]:
    return sorted(found, key=lambda pair: (-pair[0], *pair[1:]))


def _apart(found: Iterable[Found]) -> Iterator[Found]:
    """Yield the pairs that share no row with an earlier one."""
    taken: set[int] = set()
    for similarity, first, second in found:
        if not taken & {first, second}:
            taken |= {first, second}
            yield similarity, first, second


def _codes(rows: AuditedRows) -> Classes:
    """Number the teacher's answers: those on the list from 0, those it made up from -2 down, -1 where there is no label."""
    made_up = {answer: -2 - number for number, answer in enumerate(dict.fromkeys(rows.traces.labels))} | {UNUSABLE: -1}
    return np.array(
        [y if y >= 0 else made_up[answer] for y, answer in zip(rows.y.tolist(), rows.traces.labels, strict=True)],
        np.int64,
    )


def _equal_texts(rows: AuditedRows, codes: Classes) -> Iterator[tuple[int, int]]:
    """Yield, of each text with several labels, its first row of the commonest, with the first of every other."""
    groups: dict[str, list[int]] = defaultdict(list)
    for row, text in enumerate(rows.traces.texts):
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


def _near_duplicates(rows: AuditedRows, codes: Classes) -> Iterator[Found]:
    """Yield each row with the nearest row of another label, where they are near-duplicates; rows of a pair ascend."""
    at = rows.searched[codes[rows.searched] != -1]

    def search() -> dict[str, npt.NDArray[Any]]:
        return dict(zip(("similarity", "other"), _nearest_of_another_label(rows.unit[at], codes[at]), strict=True))

    found = rows.memory.derived("neighbours", search, rows.fit.X, codes, at)
    similarity, other = found["similarity"], found["other"]
    for place in np.flatnonzero(similarity >= NEAR_DUPLICATES):
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
    larger = cosines > best
    best[larger], other[larger] = cosines[larger], rows[larger]
