"""Split of the traces into fit rows and certify rows.

Membership is a hash of what a row *is*, never of a seed, a label or a position: building again, with other settings or
with more traces, moves no row from fit to certify, so that nobody can try splits until one certifies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from tracer_spec.errors import DataError, SpecError
from tracer_spec.flow.traces.accounting import check_choice
from tracer_spec.flow.traces.dealt import NEVER, Dealt
from tracer_spec.flow.traces.row_keys import SPAN, group_key, row_keys, uniform_hashes
from tracer_spec.flow.traces.sampling import Sampling, disowned, sampled
from tracer_spec.flow.traces.trace_set import TraceSet
from tracer_spec.plugin import Mask
from tracer_spec.text_format import plural

RANDOM, TEMPORAL, GROUPED, FRESH = STRATEGIES = ("random", "temporal", "grouped", "fresh")
_TRAIN_SALT = b"tracer-spec 1 train"
_AS_IF = (
    "no trace of these may certify any more, by router.lock: the draft estimates as if split.certify of them had never been "
    "fitted, and a build needs newer traces"
)


@dataclass(frozen=True, eq=False)
class Split:
    """The two sides: positions in the trace set, ascending.

    Parameters
    ----------
    fit, certify : ndarray of shape (n_fit,) and (n_certify,), int64
        Disjoint.
    n_ahead : int
        Rows dated ahead of the clock of the build that first read them.
    n_disowned : int
        Rows that do not certify since a router's record is dated before there were routers, or not at all.
    n_spare : int
        Rows that could train and do not, since ``max_fit`` others do.
    dealt : Dealt
        How rows are dealt out by now, this split included.
    share : float
        How many of the rows that chance chose for the teacher certify, in [0, 1].
    cut : float or None
        Where time decides: rows after this time certify.
    notes : tuple of str
        What the certificate rests on, one sentence each.
    """

    fit: NDArray[np.int64]
    certify: NDArray[np.int64]
    notes: tuple[str, ...] = ()
    n_spare: int = 0
    n_ahead: int = 0
    n_disowned: int = 0
    dealt: Dealt = NEVER
    cut: float | None = None
    share: float = 0.0

    @property
    def bound_notes(self) -> tuple[str, ...]:
        """Say how many fit rows train, where not all of them do, and how many rows no clock has reached."""
        return (*self._ahead_notes, *_disowned_notes(self.n_disowned), *self._spare_notes)

    @property
    def _ahead_notes(self) -> tuple[str, ...]:
        if not self.n_ahead:
            return ()
        dated = f"{plural(self.n_ahead, 'trace')} {'is' if self.n_ahead == 1 else 'are'} dated more than a day ahead of"
        return (
            f"{dated} the clock of the build that first read it: the lock counts no such time, and no such row as newer than "
            "others. Look at 'traces.format.time'",
        )

    @property
    def _spare_notes(self) -> tuple[str, ...]:
        if not self.n_spare:
            return ()
        n_all = len(self.fit) + self.n_spare
        return (
            f"{len(self.fit):,} of {n_all:,} fit rows train, chosen by hash (split.max_fit); the others neither train nor "
            "certify: a larger split.certify would put them to use",
        )


def split(
    traces: TraceSet,
    *,
    certify: float,
    strategy: str = RANDOM,
    max_fit: int | None = None,
    key: str | None = None,
    dealt: Dealt = NEVER,
    draft: bool = False,
) -> Split:
    """Split traces into fit and certify rows.

    Parameters
    ----------
    traces : TraceSet
    certify : float
        The share of certify rows (of groups, under ``grouped``), in (0, 1).
    strategy : {'random', 'temporal', 'grouped', 'fresh'}
        ``random``: by a hash of the event id; where there is none, of the content and how often it was seen before, so
        that repeated requests fall independently. ``temporal``: the newest share certifies. ``grouped``: by a hash of
        the group's key; of a certify group one row certifies, chosen by hash, and its other rows are dropped.
        ``fresh``: all rows after the last look certify, and all others train; before the first look, as ``random``.
    max_fit : int, optional
        Fit rows at most; of more, those with the smallest hashes of what they are. Certify rows are never fewer for it.
    key : str, optional
        What the groups are groups of, as the spec says.
    dealt : Dealt
        How earlier builds and drafts dealt rows out: what they fitted does not certify.

    draft : bool
        Whether certify rows are only counted: where none may certify any more, as many are held back as if all might.

    Raises
    ------
    DataError
        Where no row is left to fit, or none may certify; where times (``temporal``, ``fresh``) or keys (``grouped``)
        are missing.
    SpecError
        Where the share or the strategy is none.

    Notes
    -----
    The hash stands for a coin that was thrown before anyone looked at the rows. The split is plain, not stratified:
    stratifying by label would make certify rows depend on each other. Under ``grouped`` rows of one group may depend on
    each other too, which is why one of each certifies, and why the certificate then speaks of groups: of a random
    request of a random group. ``temporal`` and ``fresh`` are valid only as far as the future resembles the newest rows.
    """
    check_choice(strategy, STRATEGIES, "split.strategy")
    if not 0.0 < certify < 1.0:
        raise SpecError(f"must be between 0 and 1 (exclusive), got {certify}", address="split.certify")
    name = (key or "") if strategy == GROUPED else ""
    if dealt.groups.keys() - {name}:
        dealt = dealt.all_fitted()  # by groups that nobody can tell apart any more
    hashes = uniform_hashes(row_keys(traces))
    chosen = sampled(traces.sampling, traces.times, dealt.routed_from)
    n_disowned = disowned(traces.sampling, traces.times, dealt.routed_from)
    if not chosen.any():
        raise _no_sample(traces, n_disowned)
    if traces.sampling is not None and not (chosen & traces.sampling.is_behind_router(traces.times)).any():
        raise _none_since(traces, traces.sampling)
    may, is_ahead = dealt.may_certify(traces, hashes), dealt.is_ahead(traces, hashes)
    is_first = strategy == FRESH and dealt.looked_until is None  # at random, but the next look will need times
    if strategy in (TEMPORAL, FRESH) and not (is_first and np.isfinite(traces.times).any()):
        _check_times(traces)
    if strategy == TEMPORAL:
        result = _newest(traces, may & chosen, _cut(traces, certify))
    elif strategy == FRESH and dealt.looked_until is not None:
        result = _newest(traces, may & chosen & ~is_ahead, dealt.looked_until)
    elif strategy == GROUPED:
        result = _grouped(traces, min(certify, dealt.groups.get(name, certify)), hashes, may, chosen)
    else:
        result = _random(hashes < certify * SPAN, may & chosen)
    if not len(result.fit):
        raise DataError(
            f"of {len(traces):,} traces none is left to fit", hint="give more traces", address="split.certify"
        )
    if not len(result.certify) and not may.all():
        if not draft:
            raise _all_fitted(strategy, dealt)
        result = replace(_random(hashes < certify * SPAN, chosen), notes=(_AS_IF,))
    share = len(result.certify) / int(chosen.sum())
    result = replace(result, notes=(*result.notes, *_sample_notes(traces, result.certify, strategy)))
    result = replace(result, dealt=dealt.with_split(traces, hashes, certify, name, result.cut), share=share)
    result = replace(result, n_ahead=int(is_ahead.sum()), n_disowned=n_disowned)
    return result if max_fit is None or len(result.fit) <= max_fit else _bounded(result, traces, max_fit)


def _disowned_notes(n: int) -> tuple[str, ...]:
    if not n:
        return ()
    return (
        f"a record of a router's log is dated before the year 2000, or has no time: {plural(n, 'trace')} of other logs "
        f"{'counts' if n == 1 else 'count'} as newer than the router, and cannot certify. Look at 'traces.format.time' before "
        "a build, since router.lock keeps that time; where these are a sample of the traffic all the same, their format says "
        "so: 'certify: \"`true`\"'",
    )


def _sample_notes(traces: TraceSet, certify: NDArray[np.int64], strategy: str) -> tuple[str, ...]:
    """Say what a certificate on audited rows rests on."""
    if (sampling := traces.sampling) is None or not len(certify):
        return ()
    rates, notes = sampling.rates[certify], []
    low, high = float(rates.min()), float(rates.max())
    # else it is 'split.certify_where' that keeps rows from certifying
    if sampling.routed_from < math.inf or (sampling.is_said & ~sampling.may_certify).any():
        notes.append("rows that chance did not choose for the teacher train, and do not certify")
    if low < high:
        notes.append(
            f"certify rows were chosen at rates from {low:.4g} to {high:.4g}: the claim is mostly about the traffic of when "
            "the rate was high"
        )
    if strategy == GROUPED and low < 1:
        notes.append(
            "a group of which chance chose no row does not certify: the claim is about groups that ask more often"
        )
    return tuple(notes)


def _no_sample(traces: TraceSet, n_disowned: int) -> DataError:
    """Return the error where chance chose no row: what is there was chosen for what it is."""
    sampling = traces.sampling
    n_deferred = 0 if sampling is None else int(sampling.is_deferred.sum())
    what = f"none of {len(traces):,} traces may certify"
    if n_deferred:
        what += f": {n_deferred:,} of them are requests that a router deferred, the hard ones of the traffic"
    dated = "".join(f"{told}; or " for told in _disowned_notes(n_disowned))
    return DataError(
        what,
        hint=f"{dated}certify on requests that chance chose: 'tracer_spec.deploy(..., audit=0.02)' sends a share of all "
        "requests to the teacher and logs which; or add traces from before a router was there, with their times; look at "
        "'split.certify_where' too, where it is given",
        address="split",
    )


def _none_since(traces: TraceSet, sampling: Sampling) -> DataError:
    """Return the error where no row tells what a router answers: older ones speak of the traffic, and the teacher, of then."""
    n = int(sampling.is_behind_router(traces.times).sum())
    return DataError(
        f"{n:,} of {len(traces):,} traces are from behind a router, and chance chose none of them: of what it answers since "
        "then they say nothing, and older traces cannot certify what has changed",
        hint="'tracer_spec.deploy(..., audit=0.02)' sends a share of all requests to the teacher, and logs which; or leave "
        "the router's log out, and certify that traffic is as it was",
        address="split",
    )


def _all_fitted(strategy: str, dealt: Dealt) -> DataError:
    """Return the error where every row has been fitted before, or was left out before a look and is older than it."""
    what = "no trace is newer than the last look at certify rows" if strategy == FRESH else "no trace may certify"
    left_out = ""
    if dealt.n_left_out and strategy == FRESH:
        traces = plural(dealt.n_left_out, "trace")
        left_out = f"; 'traces.max_rows' left out {traces} then, and those older than the look never certify"
    return DataError(
        f"{what}: by router.lock, earlier builds and drafts have looked at these rows or fitted them, and "
        f"settings were chosen on them since{left_out}",
        hint=f"{dealt.rows_to_come}, or go back to the split (with its certify_where), the id and the text that the lock was "
        "begun with, where they are others; 'build --locked' makes again the build that the lock pins, and 'build --draft' "
        "estimates without certify rows",
        address="split.strategy",
    )


def _random(low: Mask, may: Mask) -> Split:
    """Certify on the rows of low hashes that may."""
    return Split(np.flatnonzero(~(low & may)), np.flatnonzero(low & may))


def _bounded(sides: Split, traces: TraceSet, max_fit: int) -> Split:
    """Keep as many fit rows as may train; the hashes are of fit rows alone, so that no certify row has a say."""
    hashes = uniform_hashes(row_keys(traces.take(sides.fit)), _TRAIN_SALT)
    chosen = np.sort(sides.fit[np.argsort(hashes, kind="stable")[:max_fit]])
    return replace(sides, fit=chosen, n_spare=len(sides.fit) - max_fit)


def _cut(traces: TraceSet, certify: float) -> float:
    """Return the time after which the newest share lies; rows of one moment are never parted."""
    return float(np.sort(traces.times)[max(0, len(traces) - round(len(traces) * certify) - 1)])


def _newest(traces: TraceSet, may: Mask, cut: float) -> Split:
    """Certify on the rows after a time."""
    certifies = (traces.times > cut) & may
    notes = ["the certificate holds only as far as the future resembles the newest traces"]
    if certifies.any():
        notes.append(f"certify rows begin at {_day_time(traces.times[certifies].min())}")
    return Split(np.flatnonzero(~certifies), np.flatnonzero(certifies), notes=tuple(notes), cut=cut)


def _check_times(traces: TraceSet) -> None:
    if n_missing := int(np.isnan(traces.times).sum()):
        raise DataError(
            f"a split by time needs a time on every trace; {n_missing:,} of {len(traces):,} have none",
            hint="say where it is with 'traces.format.time', leave those out with 'traces.format.where', or use "
            "'strategy: random'",
            address="split.strategy",
        )


def _grouped(traces: TraceSet, share: float, hashes: NDArray[np.uint64], may: Mask, sample: Mask) -> Split:
    """Keep each group on one side; certify on one row of each of its groups, of those that chance chose."""
    n_missing = sum(group is None for group in traces.groups)
    if n_missing:
        raise DataError(
            f"a grouped split needs a group on every trace; {n_missing:,} of {len(traces):,} have none",
            hint="look at 'split.key', or leave those out with 'traces.format.where'",
            address="split.key",
        )
    touched = {group for group, allowed in zip(traces.groups, may.tolist(), strict=True) if not allowed}
    of_group = np.array([group not in touched for group in traces.groups], bool)
    certifies = (uniform_hashes(map(group_key, traces.groups)) < share * SPAN) & of_group
    chosen: dict[str | None, int] = {}
    for row in np.flatnonzero(certifies & sample).tolist():
        group = traces.groups[row]
        if group not in chosen or hashes[row] < hashes[chosen[group]]:
            chosen[group] = row
    n_dropped = int(certifies.sum()) - len(chosen)
    notes = (
        f"one row of each of {len(chosen):,} certify groups certifies, "
        f"their other {n_dropped:,} rows are left out: the claim is per group",
    )
    return Split(np.flatnonzero(~certifies), np.array(sorted(chosen.values()), dtype=np.int64), notes)


def _day_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
