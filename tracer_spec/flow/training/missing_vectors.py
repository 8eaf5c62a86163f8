"""Traces that a reader of vectors has none for: found before anything trains, and listed for who makes vectors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from tracer_spec.errors import DataError
from tracer_spec.plugin.missing_vectors import REMEDY, ChecksCount, TellsMissing, text_digest

if TYPE_CHECKING:
    from tracer_spec.flow.traces.splits import Split
    from tracer_spec.flow.traces.trace_set import TraceSet
    from tracer_spec.resolved import Resolved

# what a list of them begins with
STARTS = b'{"record": '


def without_vectors(embedder: Resolved, traces: TraceSet) -> TraceSet:
    """Return the traces that have no vector; none of them where vectors are made from texts, or the reader cannot tell.

    Raises
    ------
    DataError
        Where vectors are there and cannot be used.
    """
    found: list[int] = []
    if embedder.reads_vectors:
        with embedder.attribute_errors():
            reader = embedder.make()
            if isinstance(reader, TellsMissing):
                held = traces.vectors if traces.vectors is not None else (None,) * len(traces)
                texts = traces.texts or ("",) * len(traces)
                found = list(reader.missing(traces.rows.tolist(), traces.ids, held, texts))
            if not found and isinstance(reader, ChecksCount):
                reader.check_count(traces.accounting.read)
    return traces.take(found)


def on_either_side(traces: TraceSet, sides: Split, *, draft: bool = False) -> TraceSet:
    """Return the rows that a build embeds, in the order they were read, so that nothing tells which of them certify."""
    return traces.take(sides.fit if draft else np.sort(np.concatenate([sides.fit, sides.certify])))


def check_vectors(embedder: Resolved, traces: TraceSet) -> None:
    """Raise DataError where some of the traces have no vector; see :func:`without_vectors`."""
    refuse_missing(embedder, without_vectors(embedder, traces), len(traces))


def refuse_missing(embedder: Resolved, missing: TraceSet, n: int) -> None:
    """Raise DataError where there are any, of n traces."""
    if len(missing):
        first = (
            f"that of id {missing.ids[0]!r:.80}" if missing.ids[0] is not None else f"that of record {missing.rows[0]}"
        )
        raise DataError(
            f"'{embedder.alias}' has no vector for {len(missing):,} of {n:,} traces, such as {first}",
            hint=REMEDY,
            address="embedder",
        )


def as_lines(missing: TraceSet) -> str:
    """Return traces as JSON Lines: the number of the record, id, text, and what a file of vectors may know the text by."""
    rows = zip(missing.rows.tolist(), missing.ids, missing.texts or ("",) * len(missing), strict=True)
    lines = ({"record": row, "id": key, "text_sha256": text_digest(text), "text": text} for row, key, text in rows)
    return "".join(json.dumps(line) + "\n" for line in lines)
