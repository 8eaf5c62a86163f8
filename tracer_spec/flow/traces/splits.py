"""Which rows train and which rows certify, and which fold a fit row belongs to.

Membership is a hash of what a row *is*, never of a seed, a label or a position: building again, with other
settings or with more traces, moves no row from one side to the other, so that nobody can try splits until one
certifies.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer_spec.errors import DataError, SpecError
from tracer_spec.flow.traces.accounting import check_choice
from tracer_spec.flow.traces.trace_set import TraceSet

STRATEGIES = ("random", "temporal", "grouped")
# changing it changes every split ever made: locks and certificates of earlier builds rest on it
_SALT = b"tracer-spec 1"
_TRAIN_SALT = b"tracer-spec 1 train"
_SPAN = float(1 << 64)


@dataclass(frozen=True, eq=False)
class Split:
    """The two sides: positions in the trace set, ascending.

    Parameters
    ----------
    fit, certify : ndarray of shape (n_fit,) and (n_certify,), int64
        Disjoint.
    n_spare : int
        Rows that could train and do not, since ``max_fit`` others do.
    notes : tuple of str
        What the certificate rests on, one sentence each.
    """

    fit: NDArray[np.int64]
    certify: NDArray[np.int64]
    notes: tuple[str, ...] = ()
    n_spare: int = 0

    @property
    def bound_notes(self) -> tuple[str, ...]:
        """Say how many fit rows train, where not all of them do; empty otherwise."""
        if not self.n_spare:
            return ()
        n_all = len(self.fit) + self.n_spare
        return (
            f"{len(self.fit):,} of {n_all:,} fit rows train, chosen by hash (split.max_fit); the others neither train nor "
            "certify: a larger split.certify would put them to use",
        )


def split(traces: TraceSet, *, certify: float, strategy: str = "random", max_fit: int | None = None) -> Split:
    """Split traces into fit and certify rows.

    Parameters
    ----------
    traces : TraceSet
    certify : float
        The share of certify rows (of groups, under ``grouped``), in (0, 1).
    strategy : {'random', 'temporal', 'grouped'}
        ``random``: by a hash of the event id; where there is none, of the content and how often it was seen
        before, so that repeated requests fall independently. ``temporal``: the newest share certifies.
        ``grouped``: by a hash of the group's key; of a certify group one row certifies, chosen by hash, and
        its other rows are dropped.
    max_fit : int, optional
        Fit rows at most; of more, those with the smallest hashes of what they are. Certify rows are never fewer for it.

    Returns
    -------
    Split

    Raises
    ------
    DataError
        Where no row is left to fit, times are missing (``temporal``) or keys are (``grouped``).
    SpecError
        Where the share or the strategy is none.

    Notes
    -----
    The hash stands for a coin that was thrown before anyone looked at the rows. The split is plain, not
    stratified: stratifying by label would make certify rows depend on each other. Under ``grouped`` rows of
    one group may depend on each other too, which is why one of each certifies, and why the certificate then
    speaks of groups: of a random request of a random group. ``temporal`` is valid only as far as the future
    resembles the newest rows.
    """
    check_choice(strategy, STRATEGIES, "split.strategy")
    if not 0.0 < certify < 1.0:
        raise SpecError(f"{certify} is no share between 0 and 1", address="split.certify")
    if strategy == "temporal":
        result = _temporal(traces, certify)
    elif strategy == "grouped":
        result = _grouped(traces, certify)
    else:
        is_certify = _hashes(row_keys(traces)) < certify * _SPAN
        result = Split(np.flatnonzero(~is_certify), np.flatnonzero(is_certify))
    if not len(result.fit):
        raise DataError(
            f"of {len(traces):,} traces none is left to fit", hint="give more traces", address="split.certify"
        )
    return result if max_fit is None or len(result.fit) <= max_fit else _bounded(result, traces, max_fit)


def _bounded(sides: Split, traces: TraceSet, max_fit: int) -> Split:
    """Keep as many fit rows as may train; the hashes are of fit rows alone, so that no certify row has a say."""
    hashes = _hashes(row_keys(traces.take(sides.fit)), _TRAIN_SALT)
    chosen = np.sort(sides.fit[np.argsort(hashes, kind="stable")[:max_fit]])
    return replace(sides, fit=chosen, n_spare=len(sides.fit) - max_fit)


def _temporal(traces: TraceSet, certify: float) -> Split:
    """Certify on the newest share."""
    n_missing = int(np.isnan(traces.times).sum())
    if n_missing:
        raise DataError(
            f"a temporal split needs a time on every trace; {n_missing:,} of {len(traces):,} have none",
            hint="say where it is with 'traces.format.time', leave those out with 'traces.format.where', "
            "or use 'strategy: random'",
            address="split.strategy",
        )
    n_certify = round(len(traces) * certify)
    order = np.lexsort((_hashes(row_keys(traces)), traces.times))
    fit, newest = order[: len(order) - n_certify], order[len(order) - n_certify :]
    notes = ["the certificate holds only as far as the future resembles the newest traces"]
    if len(newest):
        notes.append(f"certify rows begin at {_day_time(traces.times[newest].min())}")
    return Split(np.sort(fit), np.sort(newest), notes=tuple(notes))


def _grouped(traces: TraceSet, certify: float) -> Split:
    """Keep each group on one side; certify on one row of each of its groups."""
    n_missing = sum(group is None for group in traces.groups)
    if n_missing:
        raise DataError(
            f"a grouped split needs a group on every trace; {n_missing:,} of {len(traces):,} have none",
            hint="look at 'split.key', or leave those out with 'traces.format.where'",
            address="split.key",
        )
    is_certify = _hashes(b"group\0" + _bytes(group) for group in traces.groups) < certify * _SPAN
    hashes = _hashes(row_keys(traces))
    chosen: dict[str | None, int] = {}
    for row in np.flatnonzero(is_certify).tolist():
        group = traces.groups[row]
        if group not in chosen or hashes[row] < hashes[chosen[group]]:
            chosen[group] = row
    n_dropped = int(is_certify.sum()) - len(chosen)
    certify_rows = np.array(sorted(chosen.values()), dtype=np.int64)
    notes = (
        f"one row of each of {len(chosen):,} certify groups certifies, "
        f"their other {n_dropped:,} rows are left out: the claim is per group",
    )
    return Split(np.flatnonzero(~is_certify), certify_rows, notes)


def row_keys(traces: TraceSet) -> Iterator[bytes]:
    """Yield what each row is told apart by: its id, or its content and how many rows before it have the same.

    Rows that have an id count for no other row: adding one moves nothing.
    """
    seen: Counter[bytes] = Counter()
    for event, content in zip(traces.ids, traces.contents(), strict=True):
        if event is not None:
            yield b"id\0" + _bytes(event)
        else:
            # a digest, so that the counter holds no second copy of every text
            short = hashlib.blake2b(content, digest_size=16).digest()
            yield b"content\0" + short + seen[short].to_bytes(8, "big")
            seen[short] += 1


def fold_keys(traces: TraceSet, strategy: str = "random") -> list[bytes]:
    """Return what must not be torn apart by folds: the content of each row, or its group under ``grouped``.

    A row whose twin trained the model is no out-of-fold row. Under ``grouped`` the group alone decides: a
    text that occurs in many groups does so in groups to come as well, and chaining groups by it could leave a
    single fold.
    """
    if strategy == "grouped":
        return [b"group\0" + _bytes(group) for group in traces.groups]
    return [hashlib.blake2b(content, digest_size=16).digest() for content in traces.contents()]


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
        raise SpecError(f"{n_folds} is no number of folds; at least 2", address="split.folds")
    members: defaultdict[bytes, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        members[key].append(row)
    if len(members) < n_folds:
        raise DataError(
            f"{len(members):,} different inputs among {len(keys):,} fit rows cannot fill {n_folds} folds",
            hint="give more traces, or ask for fewer 'split.folds'",
            address="split.folds",
        )
    salt = b"folds " + str(seed).encode()
    dealt = sorted(members, key=lambda key: (-len(members[key]), _hash(key, salt), key))
    loads = [(0, fold) for fold in range(n_folds)]
    result = np.empty(len(keys), dtype=np.int64)
    for key in dealt:
        n_rows, fold = loads[0]
        result[members[key]] = fold
        heapq.heapreplace(loads, (n_rows + len(members[key]), fold))
    return result


def _hash(key: bytes, salt: bytes = _SALT) -> int:
    """Return a number that is uniform on [0, 2^64) over keys."""
    return int.from_bytes(hashlib.blake2b(salt + b"\0" + key, digest_size=8).digest(), "big")


def _hashes(keys: Any, salt: bytes = _SALT) -> NDArray[np.uint64]:
    return np.fromiter((_hash(key, salt) for key in keys), dtype=np.uint64)


def _bytes(text: str | None) -> bytes:
    return (text or "").encode("utf-8", "surrogatepass")


def _day_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
