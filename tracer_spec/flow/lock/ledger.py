"""The ledger of looks: how often builds of a spec have looked at overlapping certify rows, kept in ``router.lock``.

Building again on the same certify rows with other settings is trying until it passes. So every look is written down
*before* the rows are counted, and look j tests at ``delta * 0.9 * 0.1**(j - 1)``: all looks together spend at most
delta. Rows are known again by their ids and by their contents, and a look by what it tested: the same test again is no
new look.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tracer_spec.atomic_write import alone_in
from tracer_spec.errors import DataError
from tracer_spec.flow.documents.lock import HASH_BYTES, FittedEntry, Series
from tracer_spec.flow.lock.file import SKETCH_SIZE, Lock, read_lock, smallest, write_lock
from tracer_spec.stats.multiple import look_level
from tracer_spec.text_format import plural

if TYPE_CHECKING:
    from tracer_spec.plugin import Target

_MERGED = "{} held a merge conflict; it is written anew, with the looks of both branches"
_LOST = (
    "there is no {} in this checkout, and this is CI: the look that this build takes is lost with the job unless the lock is "
    "committed. Build with --draft on branches, and with --locked where a release is made"
)
_ELSEWHERE = (
    "{other}, beside {path}, holds {looks} at these certify rows: each spec spends an error budget of its own on them, so that "
    "taking whichever passes is no certificate. Where one spec is a copy of the other, go on with one, and try settings "
    "with --set or --draft"
)
# never over a lock that is there: it has looks of its own
_COPY_THE_LOCK = "; or copy the lock as the spec was copied ('cp {other} {path}'), and these looks count"
# under strategy fresh, rows are new; a text that people ask again does not make them old, another spelling of the ids does
_MOST_KNOWN = 0.5
# of the contents that two locks hold, in the lesser one: rows of two routers may be numbered alike, and share a greeting
_LIKELY_THE_SAME = 0.1
# none of n rows repeats another: then at 95 % no more than 3 of n do (the rule of three)
_BY_CHANCE = 3


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the certify rows, not yet taken.

    Parameters
    ----------
    number : int
        From 1; the same again for the same test.
    level : float
        The error that it may spend.
    next_level : float
        The error that a new build may spend once this look is taken.
    lock : Path
        Where it is to be written down.
    before, after : tuple of Series
        The ledger as it was read, and with this look in; equal where the look was taken before, or there is nothing to
        test.
    newest : float or None
        The newest time of a row of the build.
    notes : tuple of str
        What a reader should know.
    """

    number: int
    level: float
    next_level: float
    lock: Path
    before: tuple[Series, ...] = field(repr=False)
    after: tuple[Series, ...] = field(repr=False)
    newest: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_taken(self) -> bool:
        """Return whether the same test was made before: then this is no new look."""
        return self.before == self.after

    def write_down(self) -> None:
        """Write the look down, before the rows are counted.

        Raises
        ------
        DataError
            Where another build has looked since this one read the lock: both would count as the same look.
        TracerError
            Where the lock cannot be written: then the rows must stay closed.
        """
        with alone_in(self.lock.parent):
            now = read_lock(self.lock)
            if now.ledger not in (self.before, self.after):
                raise DataError(
                    "another build has written the lock since this one read it, and may have looked at the same rows",
                    where=str(self.lock),
                    hint="build again, one build of a spec after the other; this one has opened no certify row",
                )
            if now.ledger == self.after and not now.in_conflict:
                return
            fitted = now.document.fitted
            if fitted is not None:
                fitted = fitted.model_copy(update={"looked_until": _known_newest(fitted, self.newest)})
            write_lock(self.lock, now.document.model_copy(update={"looks": self.after, "fitted": fitted}))

    def within(self, target: Target) -> Target:
        """Return the target with this look's share of the error budget."""
        return replace(target, budget=self.level)

    def left_by(self, target: Target, *, opened: bool) -> Target:
        """Return the target with the share that a new build has: less, where this one opened the rows."""
        return replace(target, budget=self.next_level if opened else self.level)


def count_look(
    path: Path,
    rows: frozenset[int],
    delta: float,
    test_at: Callable[[float], str | None],
    *,
    fresh: bool,
    newest: float | None,
    repeated: float | None = None,
) -> Look:
    """Return the look that a build is about to take.

    Parameters
    ----------
    path : Path
        The lock.
    rows : frozenset of int
        The sketch of the certify rows.
    delta : float
    test_at : callable
        Gives the digest of what would be tested at a level; None where nothing would be.
    fresh : bool
        Whether the certify rows are new: then texts that were looked at before do not make them old, unless most were, or,
        where rows have no ids, more than people ask again.
    newest : float or None
        The newest time of a row of the build.
    repeated : float or None
        The share of the certify rows whose text stands again among them; None where each row has an id.

    Raises
    ------
    DataError
        Where the lock is damaged.

    Notes
    -----
    A test that was made before keeps its number and its level. What would be tested depends on the level, so each
    earlier look is asked whether its level leads to its test.
    """
    lock = read_lock(path)
    touched = _touched(lock.ledger, rows, fresh=fresh, repeated=repeated)
    looks = [build for series in touched for build in series.builds]
    number = next((j for j, seen in enumerate(looks, start=1) if test_at(look_level(j, delta)) == seen), 0)
    if number:
        after, taken = lock.ledger, len(looks)
    else:
        number, test = len(looks) + 1, test_at(look_level(len(looks) + 1, delta))
        after, taken = (
            (lock.ledger, len(looks)) if test is None else (with_look(lock.ledger, touched, test, rows), number)
        )
    level, next_level = look_level(number, delta), look_level(taken + 1, delta)
    notes = (*_notes(path, lock), *looks_elsewhere(path, rows, fresh=fresh, repeated=repeated))
    return Look(number, level, next_level, path, lock.ledger, after, newest, notes)


def next_look(
    ledger: Sequence[Series], rows: frozenset[int], *, fresh: bool = False, repeated: float | None = None
) -> int:
    """Return which look at these rows a build of something new would be; the arguments are those of :func:`count_look`."""
    return 1 + sum(len(series.builds) for series in _touched(ledger, rows, fresh=fresh, repeated=repeated))


def looks_elsewhere(
    path: Path, rows: frozenset[int], *, fresh: bool = False, repeated: float | None = None
) -> tuple[str, ...]:
    """Say which other locks of the folder hold looks at these rows; the arguments are those of :func:`count_look`.

    Notes
    -----
    A look that both locks hold is one look. A copy of a spec begins a ledger of its own, so that the two together may spend
    twice the error. Two specs that learn other labels of the same requests make two claims, each with an error of its own:
    nothing here tells the one from the other. Rows with other contents are others, though their ids may be the same numbers.
    """
    known, found = {build for series in read_lock(path).ledger for build in series.builds}, []
    out = "" if path.exists() else _COPY_THE_LOCK
    for other in sorted(path.parent.glob("*.lock")):
        if other.name == path.name:
            continue
        try:
            ledger = read_lock(other).ledger
        except DataError:  # of another program
            continue
        touched = _touched(ledger, rows, fresh=fresh, repeated=repeated)
        builds = {build for series in touched if _say_the_same(series, rows) for build in series.builds}
        if builds - known:
            looks = plural(len(builds - known), "look")
            found.append((_ELSEWHERE + out).format(other=other.name, path=path.name, looks=looks))
    return tuple(found)


def _say_the_same(series: Series, rows: frozenset[int]) -> bool:
    """Return whether rows of another lock have the contents of these: their ids alone may be numbers that begin anew."""
    theirs, ours = _in_common_range(series.sketch, rows)
    return len(theirs & ours) >= _LIKELY_THE_SAME * min(len(theirs), len(ours))


def with_look(
    ledger: Sequence[Series], touched: Sequence[Series], test: str, rows: frozenset[int]
) -> tuple[Series, ...]:
    """Return the ledger with a look in: it counts after all those of the series that its rows overlap."""
    builds = (*(build for series in touched for build in series.builds), test)
    merged = Series(builds=builds, sketch=smallest({*rows, *(row for series in touched for row in series.sketch)}))
    return (*(series for series in ledger if series not in touched), merged)


def _touched(
    ledger: Sequence[Series], rows: frozenset[int], *, fresh: bool, repeated: float | None = None
) -> list[Series]:
    """Return the series that rows overlap."""
    if not fresh:
        return [series for series in ledger if series.overlaps(rows)]
    return [
        series
        for series in ledger
        if any(not row & 1 for row in series.sketch & rows) or _asks_too_much_again(series, rows, repeated)
    ]


def _asks_too_much_again(series: Series, rows: frozenset[int], repeated: float | None) -> bool:
    """Return whether more contents of new rows were looked at before than requests repeat each other.

    Notes
    -----
    A row equals one of m others with probability E[1 - (1 - p)^m], which is concave in m: where a share r of n rows repeats
    another of them, a share of at most r max(1, m / n) is expected to repeat one of m earlier rows. Ids that differ tell
    events apart, whatever they say, as long as most say something new.
    """
    looked_at, contents = _in_common_range(series.sketch, rows)
    n_known, n = len(looked_at & contents), len(contents)
    if n_known > _MOST_KNOWN * n:
        return True
    if repeated is None and any(not row & 1 for row in series.sketch):
        return False
    expected = (repeated or 0.0) * max(n, len(looked_at))
    return n_known > expected + _BY_CHANCE * math.sqrt(expected) + _BY_CHANCE


def _in_common_range(*sketches: frozenset[int]) -> tuple[frozenset[int], ...]:
    """Return the hashes of contents up to which each sketch, which holds the smallest alone, is whole."""
    contents = [frozenset(row for row in each if row & 1) for each in sketches]
    last = min((max(each) for each in contents if len(each) >= SKETCH_SIZE), default=math.inf)
    return tuple(frozenset(row for row in each if row <= last) for each in contents)


def _known_newest(fitted: FittedEntry, newest: float | None) -> float | None:
    """Return the newest time of a build's rows, without those that were dated ahead of its clock."""
    if newest is None or fitted.newest == "unknown":
        return newest
    return min(newest, fitted.newest)


def _notes(path: Path, lock: Lock) -> tuple[str, ...]:
    merged = (_MERGED.format(path.name),) if lock.in_conflict else ()
    lost = (_LOST.format(path.name),) if os.environ.get("CI") and not path.exists() else ()
    return (*merged, *lost)


def sketch(ids: Iterable[bytes], contents: Iterable[bytes], size: int = SKETCH_SIZE) -> frozenset[int]:
    """Return the smallest hashes of rows, by their ids and by their contents."""
    hashes = itertools.chain(
        (_hash(b"id", each) & ~1 for each in ids), (_hash(b"content", each) | 1 for each in contents)
    )
    return smallest(hashes, size)


def _hash(kind: bytes, key: bytes) -> int:
    digest = hashlib.blake2b(b"tracer-spec looks 2\0" + kind + b"\0" + key, digest_size=HASH_BYTES)
    return int.from_bytes(digest.digest(), "big")
