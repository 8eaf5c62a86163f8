"""A bound on the number of traces: those whose ids have the smallest hashes are read, the same ones in every build."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

from tracer_spec.errors import DataError
from tracer_spec.flow.traces.row_keys import id_key, uniform_hash
from tracer_spec.text_format import plural

ADDRESS = "traces.max_rows"
# another one than that of the split: which rows are read says nothing of which of them certify
_SALT = b"tracer-spec 1 sample"


@dataclass(frozen=True, slots=True)
class Bound:
    """Which events are read: all records of an event, or none of them, whichever source they stand in.

    Parameters
    ----------
    largest : int
        The largest hash of an id that is read.
    """

    largest: int

    def takes(self, event: str | None) -> bool:
        """Return whether the records of an event are read."""
        return event is not None and _hash(event) <= self.largest


def bound_of(events: Iterable[str | None], most: int) -> Bound | None:
    """Return the bound under which no more than ``most`` events are read, None where there are no more.

    Raises
    ------
    DataError
        Where an event has no id: nothing else would choose the same rows next month, and all copies of one alike.

    Notes
    -----
    Memory is that of ``most`` numbers. More traces lower the largest hash, so that what a later build reads of the older rows
    is a part of what this one does.
    """
    kept: list[int] = []  # the negatives of the smallest hashes, as a heap
    among: set[int] = set()
    n = n_missing = 0
    is_bounded = False
    for event in events:
        n += 1
        if event is None:
            n_missing += 1
            continue
        found = _hash(event)
        if found in among or (len(kept) == most and found > -kept[0]):
            is_bounded = is_bounded or found not in among
            continue
        among.add(found)
        if len(kept) < most:
            heapq.heappush(kept, -found)
        else:
            among.discard(-heapq.heapreplace(kept, -found))
            is_bounded = True
    if n_missing:
        raise DataError(
            f"traces are chosen by their ids, and {n_missing:,} of {n:,} have none",
            hint="say where the id is with 'traces.format.id', or leave max_rows out",
            address=ADDRESS,
        )
    return Bound(-kept[0]) if is_bounded else None


def audited_note(n_audited: int, n_traces: int) -> str:
    """Say that audited rows are left out; ``n_traces`` is a bound that takes all traces."""
    return (
        f"'{ADDRESS}' leaves out {plural(n_audited, 'audited row')} of a log of decisions; such rows alone certify what a "
        "router answers now, and with 'strategy: fresh' those that are older than a look never do after it: raise the bound "
        f"before a build looks ({n_traces:,} takes all traces)"
    )


def _hash(event: str) -> int:
    return uniform_hash(id_key(event), _SALT)
