"""One row for each group: rows of one group depend on each other."""

from __future__ import annotations

import numpy as np

from tracer_spec.errors import DataError
from tracer_spec.flow.traces.row_keys import group_mark, row_keys
from tracer_spec.flow.traces.trace_set import TraceSet
from tracer_spec.plugin import Mask


def one_per_group(traces: TraceSet, among: Mask) -> Mask:
    """Return one row of each group, chosen by a hash of what the row is."""
    missing = sum(group is None for group in traces.groups)
    if missing:
        raise DataError(
            f"this bundle's claim is per group, and {missing:,} of {len(traces):,} traces have none",
            hint="its split was grouped: give traces with the key that its router.yaml names in split.key",
        )
    chosen: dict[str | None, tuple[bytes, int]] = {}
    for row, key in enumerate(row_keys(traces)):
        if among[row]:
            mark = (group_mark(key), row)
            chosen[traces.groups[row]] = min(chosen.get(traces.groups[row], mark), mark)
    first = np.zeros(len(traces), bool)
    first[[row for _, row in chosen.values()]] = True
    return first
