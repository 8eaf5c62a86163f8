"""Cross-fit folds of the fit rows."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracer_spec.errors import DataError, SpecError
from tracer_spec.flow.traces.near_copies import digests_of_copies, folded
from tracer_spec.flow.traces.row_keys import group_key, uniform_hash
from tracer_spec.flow.traces.trace_set import TraceSet
from tracer_spec.text_format import plural


def fold_keys(traces: TraceSet, strategy: str = "random") -> list[bytes]:
    """Return what must not be torn apart by folds: the content of each row, or its group under ``grouped``.

    A row whose twin trained the model is no out-of-fold row, however the twin is spelt. Under ``grouped`` the group alone
    decides: a text that occurs in many groups does so in groups to come as well, and chaining groups by it could leave
    a single fold.
    """
    if strategy == "grouped":
        return [group_key(group) for group in traces.groups]
    return list(digests_of_copies(traces.contents()))


def check_inputs(traces: TraceSet, n_folds: int, strategy: str = "random") -> None:
    """Raise DataError where fit rows have fewer different inputs (or groups) than there are folds."""
    seen: set[bytes | str | None] = set()
    for key in traces.groups if strategy == "grouped" else map(folded, traces.contents()):
        seen.add(key)
        if len(seen) >= n_folds:
            return
    if len(seen) > 1 or strategy == "grouped":
        raise _too_few(len(seen), len(traces), n_folds, "group" if strategy == "grouped" else "different input")
    raise DataError(
        f"the text of all {len(traces):,} fit rows is the same",
        hint="let text read what differs from record to record; what is the same in all is a prompt, or a constant",
        address="traces.format",
    )


def _too_few(n: int, n_rows: int, n_folds: int, noun: str = "different input") -> DataError:
    fewer = f", or write folds: {n}" if n > 1 else ""
    return DataError(
        f"{plural(n, noun)} among {n_rows:,} fit rows cannot fill {n_folds} folds",
        hint=f"give more traces{fewer}",
        address="split.folds",
    )


def folds(keys: Sequence[bytes], n_folds: int, *, seed: int) -> NDArray[np.int64]:
    """Assign each fit row to a cross-fit fold; rows of equal key share one.

    Parameters
    ----------
    keys : sequence of bytes
        One per row: see :func:`fold_keys`.
    n_folds : int
        At least 2.
    seed : int
        Another seed deals the keys out differently.

    Returns
    -------
    ndarray of shape (n,), int64
        In [0, n_folds), each of them used. The largest sets of equal keys are dealt first, each to the fold
        with the fewest rows, so that fold sizes differ by no more than the largest set; by one where all keys
        differ. The order of rows plays no part.

    Raises
    ------
    DataError
        Where there are fewer different keys than folds.
    """
    if n_folds < 2:
        raise SpecError(f"{n_folds} is not a number of folds: it must be at least 2", address="split.folds")
    members: defaultdict[bytes, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        members[key].append(row)
    if len(members) < n_folds:
        raise _too_few(len(members), len(keys), n_folds)
    salt = b"folds " + str(seed).encode()
    dealt = sorted(members, key=lambda key: (-len(members[key]), uniform_hash(key, salt), key))
    loads = [(0, fold) for fold in range(n_folds)]
    result = np.empty(len(keys), dtype=np.int64)
    for key in dealt:
        n_rows, fold = loads[0]
        result[members[key]] = fold
        heapq.heapreplace(loads, (n_rows + len(members[key]), fold))
    return result
