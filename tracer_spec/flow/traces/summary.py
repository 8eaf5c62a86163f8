"""Summary of a build's traces: what is told of all of them once most are no longer held."""

from __future__ import annotations

from dataclasses import dataclass, field

from tracer_spec.flow.traces.counts import Accounting
from tracer_spec.flow.traces.row_hashes import row_hashes
from tracer_spec.flow.traces.trace_set import TraceSet, newest_time


@dataclass(frozen=True, slots=True)
class Summary:
    """What a build tells of all its traces: their number, digest, hashes, newest time, and what became of every record.

    ``row_hashes`` is the member of the bundle by which a verification leaves the rows out.
    """

    n: int
    digest: str
    row_hashes: bytes = field(repr=False)
    newest: float | None
    accounting: Accounting = field(repr=False)

    @classmethod
    def of(cls, traces: TraceSet) -> Summary:
        """Return the summary of traces."""
        return cls(len(traces), traces.digest, row_hashes(traces), newest_time(traces), traces.accounting)

    def __len__(self) -> int:
        return self.n
