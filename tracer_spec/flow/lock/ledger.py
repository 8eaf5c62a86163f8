"""The ledger of looks: how often builds of a spec have looked at overlapping certify rows, kept in ``router.lock``.

Building again on the same certify rows with other knobs is trying until it passes. So every look is written down *before*
the rows are opened, and look j tests at ``delta * 6 / (pi**2 * j**2)``: all looks together spend at most delta. The same
build again is no new look.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tracer_spec.errors import DataError
from tracer_spec.flow.documents.lock import HASH_BYTES, Series
from tracer_spec.flow.lock.file import alone_in, lock_path, read_lock, smallest, write_lock
from tracer_spec.flow.versions import libraries
from tracer_spec.spec import canonical
from tracer_spec.stats.multiple import look_level

if TYPE_CHECKING:
    from tracer_spec.flow.prepared import Prepared
    from tracer_spec.plan import Plan
    from tracer_spec.plugin import Target

# keys of a spec that no candidate, and no test, depends on
_IDLE_KEYS = ("name", "cost", "report")
_MERGED = "{} held a merge conflict; it is written anew, with the looks of both branches"


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the certify rows, not yet taken.

    Parameters
    ----------
    number : int
        From 1; the same again for the same build.
    level : float
        The error that it may spend.
    next_level : float
        The error that a new build may spend once this look is taken.
    lock : Path
        Where it is to be written down.
    before, after : tuple of Series
        The ledger as it was read, and with this look in; equal where the look was taken before, by the same build.
    notes : tuple of str
        What a reader should know.
    """

    number: int
    level: float
    next_level: float
    lock: Path
    before: tuple[Series, ...] = field(repr=False)
    after: tuple[Series, ...] = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def is_taken(self) -> bool:
        """Return whether the same build has looked before: then this is no new look."""
        return self.before == self.after

    def write_down(self) -> None:
        """Write the look down, before the rows are opened.

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
            if now.ledger != self.after or now.in_conflict:
                write_lock(self.lock, now.document.model_copy(update={"looks": self.after}))

    def within(self, target: Target) -> Target:
        """Return the target with this look's share of the error budget."""
        return replace(target, budget=self.level)

    def left_by(self, target: Target, *, opened: bool) -> Target:
        """Return the target with the share that a new build has: less, where this one opened the rows."""
        return replace(target, budget=self.next_level if opened else self.level)


def count_look(plan: Plan, prepared: Prepared) -> Look | None:
    """Return the look that a build is about to take; None where the spec is no file.

    Raises
    ------
    DataError
        Where the lock is damaged.
    """
    path = lock_path(plan.loaded.file)
    if path is None:
        return None
    identity, rows = build_identity(plan, prepared), sketch(prepared.certify.keys())
    lock = read_lock(path)
    number, after = next_look(lock.ledger, identity, rows)
    taken = sum(len(series.builds) for series in after if series.overlaps(rows))
    delta = plan.target.delta
    level, next_level = look_level(number, delta), look_level(taken + 1, delta)
    notes = (_MERGED.format(path.name),) if lock.in_conflict else ()
    return Look(number, level, next_level, path, lock.ledger, after, notes)


def next_look(ledger: Sequence[Series], identity: str, rows: frozenset[int]) -> tuple[int, tuple[Series, ...]]:
    """Return the number of a look and the ledger with it in.

    Notes
    -----
    Series that the new rows overlap become one: the look counts after all of theirs. A build already written down keeps
    its number.
    """
    touched = [series for series in ledger if series.overlaps(rows)]
    builds = tuple(build for series in touched for build in series.builds)
    if identity in builds:
        return builds.index(identity) + 1, tuple(ledger)
    both = smallest({*rows, *(row for series in touched for row in series.rows)})
    merged = Series(builds=(*builds, identity), rows=both)
    return len(merged.builds), (*(series for series in ledger if series not in touched), merged)


def build_identity(plan: Plan, prepared: Prepared) -> str:
    """Return what tells one build from another: all that candidates, their order and the test can depend on."""
    spec = canonical(plan.spec)
    for key in _IDLE_KEYS:
        spec.pop(key, None)
    spec["traces"].pop("with", None)
    parts = {
        "spec": spec,
        "traces": prepared.traces.digest,
        "embedder": prepared.embedder.embedder.fingerprint(),
        "plugins": sorted(
            (each.provided.kind, each.provided.name, each.provided.distribution, each.provided.version)
            for each in plan.resolved
        ),
        "libraries": libraries(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def sketch(keys: Iterable[bytes]) -> frozenset[int]:
    """Return the smallest hashes of rows."""
    return smallest(
        {
            int.from_bytes(hashlib.blake2b(b"tracer-spec looks 1\0" + key, digest_size=HASH_BYTES).digest(), "big")
            for key in keys
        }
    )
