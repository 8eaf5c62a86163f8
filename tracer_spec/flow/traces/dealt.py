"""How earlier builds and drafts split the rows: a row that was ever fitted never certifies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tracer_spec.flow.traces.row_keys import SPAN
from tracer_spec.flow.traces.trace_set import TraceSet

# of more, it is the clock of the whole log that is wrong, and its newest time counts
MOST_AHEAD = 1024


@dataclass(frozen=True, slots=True)
class Dealt:
    """How rows were dealt out by earlier builds and drafts of a spec: a row that was ever fitted never certifies.

    Parameters
    ----------
    share : float or None
        The smallest share that a random split kept to certify; None where there was none.
    groups : mapping of str to float
        The smallest share of groups kept to certify, by the group's key.
    until : float or None
        Every row up to this time has been fitted; infinity where that is every row there was.
    newest : float or None
        The newest time of a row that was dealt out; infinity where a row had no time.
    looked_until : float or None
        The newest time of a row when certify rows were last opened.
    routed_from : float or None
        Since when a router keeps requests from the teacher, by the logs of earlier builds too.
    ahead : frozenset of int
        Hashes of rows that were dated ahead of the clock of a build: their times tell nothing.
    n_left_out : int
        The most traces that ``traces.max_rows`` left out of an earlier build or draft.
    now : float
        The latest time that is not ahead of this build's clock.
    """

    share: float | None = None
    groups: Mapping[str, float] = field(default_factory=dict)
    until: float | None = None
    newest: float | None = None
    looked_until: float | None = None
    routed_from: float | None = None
    ahead: frozenset[int] = field(default=frozenset(), repr=False)
    n_left_out: int = 0
    now: float = math.inf

    def all_fitted(self) -> Dealt:
        """Return the same where nobody can tell any more which rows were fitted: all of them, then."""
        return replace(self, share=None, groups={}, until=self.newest)

    @property
    def rows_to_come(self) -> str:
        """Say which rows may still certify, where none of those at hand may."""
        if self.until == math.inf:
            return (
                "no row to come can be told from these, of which some have no time: certify on traces that no build or draft "
                "has read, by a spec whose folder has no router.lock yet"
            )
        return "add newer traces (with 'split: {strategy: fresh}' all of those certify)"

    def may_certify(self, traces: TraceSet, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Return which rows no random split and no cut in time has fitted, shape (n,)."""
        may = np.ones(len(traces), bool)
        is_dated = ~self.is_ahead(traces, hashes)
        if self.until is not None:
            may &= (traces.times > self.until) & is_dated
        if self.share is not None:
            is_newer = traces.times > (math.inf if self.newest is None else self.newest)
            may &= (hashes < self.share * SPAN) | (is_newer & is_dated)
        return may

    def is_ahead(self, traces: TraceSet, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Return which rows are, or once were, dated ahead of a build's clock, shape (n,)."""
        return (traces.times > self.now) | np.isin(hashes, np.fromiter(self.ahead, np.uint64, len(self.ahead)))

    def with_split(
        self, traces: TraceSet, hashes: NDArray[np.uint64], share: float, group: str, cut: float | None
    ) -> Dealt:
        """Return the same once these rows were dealt out: by time, by groups of a key, or at random."""
        is_ahead = self.is_ahead(traces, hashes)
        ahead = self.ahead | frozenset(hashes[is_ahead].tolist())
        times = traces.times[~is_ahead]
        if not len(times) or len(ahead) > MOST_AHEAD:
            ahead, times = self.ahead, traces.times
        newest = float(times.max()) if len(times) and not np.isnan(times).any() else math.inf
        dealt = replace(self, newest=newest if self.newest is None else max(self.newest, newest), ahead=ahead)
        if traces.sampling is not None and traces.sampling.routed_from < math.inf:
            since = traces.sampling.routed_from
            dealt = replace(dealt, routed_from=since if self.routed_from is None else min(self.routed_from, since))
        if cut is not None:
            until = cut if self.until is None else max(self.until, cut)
            return replace(dealt.all_fitted() if (self.newest or cut) <= until else dealt, until=until)
        if group:
            return replace(dealt, groups={group: min(share, self.groups.get(group, 1.0))})
        return replace(dealt, share=share if self.share is None else min(self.share, share))


NEVER = Dealt()
