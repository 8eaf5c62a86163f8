"""What one row says of a bundle, found on a worker: few small columns, and neither its text nor its id in words."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from tracer_spec.flow.traces import accounting as why
from tracer_spec.flow.traces.columns import key_of
from tracer_spec.flow.traces.counts import Accounting
from tracer_spec.flow.traces.label_space import LabelSpace
from tracer_spec.flow.traces.row_hashes import KnownRows, Sighting
from tracer_spec.flow.traces.row_keys import group_mark, row_keys
from tracer_spec.flow.traces.trace_set import TraceSet
from tracer_spec.flow.verify import ROUNDING, shown_label
from tracer_spec.runtime.bundle import read_bundle
from tracer_spec.runtime.router import Router
from tracer_spec.text_steps.blank import is_blank
from tracer_spec.text_steps.cutter import TextCutter
from tracer_spec.text_steps.labels import NO_LABEL, LabelCleaner

from tracer_spec_spark.workers import router_ref

FRESH, EVENT, GROUP, CONTENT, REPEAT = "fresh", "event", "group", "content", "repeat"

COLUMNS = {
    "dropped": pa.string(),  # the reason, of records that are no trace; then only 'n' is there, and 'key' where one could be
    "n": pa.int64(),
    "key": pa.string(),  # the id
    "digest": pa.binary(),  # of what the row says: of rows with one id, the one with the least counts, if one has a label
    "group": pa.string(),
    "mark": pa.binary(),  # of rows of one group, the one with the least counts
    "matched": pa.bool_(),  # by the steps that take a text out of its prompt
    "seen": pa.string(),  # by the build: one of the words above
    "handled": pa.bool_(),
    "agree": pa.bool_(),
    "teacher": pa.int32(),  # the class of the teacher's label; -1 where the bundle does not know it
    "answered": pa.int32(),  # the class of the router's label, where a claim is about it; else -1
    "wrong": pa.int32(),  # the class of the router's label, where it is handled and does not agree
    "unknown": pa.string(),  # such a label
    "usable": pa.bool_(),  # whether the teacher's answer is a label
    "reason": pa.string(),  # why it is deferred
    "cell": pa.int32(),  # where the score falls among those of the certificate
    "score": pa.float32(),
}
"""What a row becomes, and the types of Arrow."""

# how digests begin
_WITH_LABEL, _WITHOUT_LABEL = b"\0", b"\1"


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of scores in which the comparison with the certificate's scores goes the same way for all.

    Parameters
    ----------
    scores : ndarray of shape (q,), float64
        The certificate's, ascending.
    """

    scores: np.ndarray[Any, np.dtype[np.float64]]

    def of(self, scores: np.ndarray[Any, np.dtype[np.float32]]) -> np.ndarray[Any, np.dtype[np.int32]]:
        """Return the cell of each score: how many of the certificate's are at most it, and how many are under it."""
        values = np.asarray(scores, np.float64)
        at_most = np.searchsorted(self.scores, values + ROUNDING, side="right")
        under = np.searchsorted(self.scores + ROUNDING, values, side="left")
        return (at_most * (len(self.scores) + 1) + under).astype(np.int32)


def judge(
    shipped: Mapping[str, Any],
    columns: Mapping[str, str | None],
    labels: Mapping[str, Any],
    scores: Sequence[float],
    claimed: Sequence[str],
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return what judges a worker's batches; called there.

    Parameters
    ----------
    shipped : mapping
        A bundle: see :meth:`.Shipped.plain`.
    columns : mapping
        ``text``, ``label``, ``id`` and ``group`` to the names of columns; None where there is none.
    labels : mapping
        What :class:`LabelCleaner` takes.
    scores : sequence of float
        The certificate's.
    claimed : sequence of str
        The labels that have claims of their own.
    """
    ref = router_ref(shipped)
    known = _known_rows(ref.path, shipped["sha256"])
    cleaner, cells = LabelCleaner(**labels), Cells(np.asarray(scores, np.float64))

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            dropped: Counter[tuple[str, str | None]] = Counter()
            traces = _traces(_values(batch, columns), cleaner, dropped)
            yield _dropped(dropped)
            if len(traces):
                yield _judged(traces, ref.router, known, cells, claimed)

    return run


@cache
def _known_rows(path: str, sha256: str | None) -> KnownRows | None:
    bundle = read_bundle(path, sha256=sha256)
    return KnownRows.read(bundle.members, bundle.manifest.provenance)


def _values(batch: pa.RecordBatch, columns: Mapping[str, str | None]) -> Iterator[tuple[Any, ...]]:
    """Yield the text, label, id and group of each row."""
    named = (columns[each] for each in ("text", "label", "id", "group"))
    lists = [[None] * len(batch) if name is None else batch.column(name).to_pylist() for name in named]
    return zip(*lists, strict=True)


def _traces(
    rows: Iterator[tuple[Any, ...]], cleaner: LabelCleaner, dropped: Counter[tuple[str, str | None]]
) -> TraceSet:
    """Clean rows as a build does; what is no trace is counted by its reason, and by its id where a label is all it lacks."""
    kept: list[tuple[str, str, str | None, str | None]] = []
    for text, answer, event, group in rows:
        label, flaw = cleaner.clean(answer)
        if text is None:
            dropped[why.NO_TEXT, None] += 1
        elif is_blank(text):
            dropped[why.EMPTY_TEXT, None] += 1
        elif flaw == NO_LABEL:
            dropped[NO_LABEL, key_of(event)] += 1
        else:
            kept.append((text, label, key_of(event), key_of(group)))
    texts, labels, ids, groups = zip(*kept, strict=True) if kept else ((), (), (), ())
    n = len(kept)
    nothing: dict[str, Any] = {}
    accounting = Accounting(n, n, nothing, nothing, nothing, nothing, 0, nothing, ())
    return TraceSet(texts, labels, ids, np.full(n, np.nan), (None,) * n, groups, None, np.arange(n), accounting)


def _judged(
    traces: TraceSet, router: Router, known: KnownRows | None, cells: Cells, claimed: Sequence[str]
) -> pa.RecordBatch:
    """Return what each row says."""
    cutter = TextCutter(router.manifest.extract)
    found = [cutter.cut(text) for text in traces.texts]
    alone = tuple(text if cut is None else cut for text, cut in zip(traces.texts, found, strict=True))
    # as they were logged: the router takes texts out of their prompts itself
    batch = router.route_batch(list(traces.texts))
    space = LabelSpace(router.labels)
    teacher, answered = space.encode(traces.labels), space.encode(label or "" for label in batch.labels)
    agree = batch.handled & (answered == teacher)
    wrong = batch.handled & ~agree
    columns = {
        "dropped": [None] * len(traces),
        "n": np.ones(len(traces), np.int64),
        "key": traces.ids,
        "digest": [_digest(*row) for row in zip(traces.texts, traces.labels, traces.groups, strict=True)],
        "group": traces.groups,
        "mark": [group_mark(key) for key in row_keys(traces)],
        "matched": [each is not None for each in found],
        "seen": _sighted(None if known is None else known.find(replace(traces, texts=alone)), len(traces)),
        "handled": batch.handled,
        "agree": agree,
        "teacher": teacher,
        "answered": np.where(np.isin(answered, space.encode(claimed)), answered, -1),
        "wrong": pa.array(answered, pa.int32(), mask=~wrong),
        "unknown": [
            shown_label(label) if each < 0 else None for label, each in zip(traces.labels, teacher, strict=True)
        ],
        "usable": [bool(label) for label in traces.labels],
        "reason": [str(each) for each in batch.reasons],
        "cell": cells.of(batch.scores),
        "score": batch.scores,
    }
    return _batch(columns)


def _sighted(seen: Sighting | None, n: int) -> list[str]:
    """Return, in a word, what the build has seen of each row."""
    words = np.full(n, FRESH, object)
    if seen is not None:
        for word, rows in ((EVENT, seen.event), (GROUP, seen.group), (CONTENT, seen.content), (REPEAT, seen.repeat)):
            words[rows] = word
    return list(words)


def _digest(*parts: str | None) -> bytes:
    """Return a digest of what a row says."""
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(b"-" if part is None else f"{len(part)}:{part}".encode())
    return _WITH_LABEL + digest.digest()


def _dropped(counts: Mapping[tuple[str, str | None], int]) -> pa.RecordBatch:
    """Return a row for each reason, with its count, and each row of an id alone, since it may be a copy of another."""
    rows = [
        (reason, count if key is None else 1, key)
        for (reason, key), count in counts.items()
        for _ in range(1 if key is None else count)
    ]
    nothing: dict[str, Any] = {name: [None] * len(rows) for name in COLUMNS}
    reasons, each, keys = zip(*rows, strict=True) if rows else ((), (), ())
    last = [_WITHOUT_LABEL] * len(rows)
    return _batch(nothing | {"dropped": reasons, "n": each, "key": keys, "digest": last})


def _batch(columns: Mapping[str, Any]) -> pa.RecordBatch:
    arrays = [pa.array(columns[name], kind) for name, kind in COLUMNS.items()]
    return pa.RecordBatch.from_arrays(arrays, names=list(COLUMNS))
