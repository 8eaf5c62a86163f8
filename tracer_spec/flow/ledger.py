"""The ledger of looks: how often builds of a spec have looked at overlapping certify rows, kept in ``router.lock``.

Building again on the same certify rows with other knobs is trying until it passes. So every look is written down *before*
the rows are opened, and look j tests at ``delta * 6 / (pi**2 * j**2)``: all looks together spend at most delta. The same
build again is no new look.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracer_spec.errors import DataError
from tracer_spec.flow.package import libraries
from tracer_spec.flow.write import replace_file
from tracer_spec.spec import canonical
from tracer_spec.stats.multiple import look_level

if TYPE_CHECKING:
    from tracer_spec.flow.prepare import Prepared
    from tracer_spec.plan import Plan
    from tracer_spec.plugin import Target

LOCK_VERSION = 1
# of a thousandth of common rows, 1,024 of the smallest hashes miss every one with probability .36; of a hundredth, 3e-5
SKETCH_SIZE = 1024
_HASH_BYTES = 8
# keys of a spec that no candidate, and no test, depends on
_IDLE_KEYS = ("name", "cost", "report")


@dataclass(frozen=True, slots=True)
class Series:
    """Looks at certify rows that overlap.

    Parameters
    ----------
    looks : tuple of str
        The identity of each build that looked, in order.
    rows : frozenset of int
        The smallest hashes of all rows looked at: a bottom-k sketch, k = :data:`SKETCH_SIZE`.
    """

    looks: tuple[str, ...]
    rows: frozenset[int]

    def overlaps(self, rows: frozenset[int]) -> bool:
        """Return whether another sketch shares a row with this one."""
        return not self.rows.isdisjoint(rows)


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
    before : bytes or None
        The lock as it was read; None where there was none.
    text : bytes
        The lock with this look in.
    """

    number: int
    level: float
    next_level: float
    lock: Path
    before: bytes | None = field(repr=False)
    text: bytes = field(repr=False)

    def write_down(self) -> None:
        """Write the look down, before the rows are opened.

        Raises
        ------
        DataError
            Where another build has changed the lock since this one read it: both would count as the same look.
        TracerError
            Where the lock cannot be written: then the rows must stay closed.
        """
        with _alone_in(self.lock.parent):
            if _content(self.lock) not in (self.before, self.text):
                raise DataError(
                    "another build has written the lock since this one read it, and may have looked at the same rows",
                    where=str(self.lock),
                    hint="build again, one build of a spec after the other; this one has opened no certify row",
                )
            replace_file(self.lock, self.text, what="the lock")

    def within(self, target: Target) -> Target:
        """Return the target with this look's share of the error budget."""
        return replace(target, budget=self.level)

    def left_by(self, target: Target, *, opened: bool) -> Target:
        """Return the target with the share that a new build has: less, where this one opened the rows."""
        return replace(target, budget=self.next_level if opened else self.level)


def lock_path(spec_file: str) -> Path | None:
    """Return ``router.lock`` beside ``router.yaml``; None where the spec is no file, and nothing can be counted."""
    return Path(spec_file).with_suffix(".lock") if spec_file else None


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
    before = _content(path)
    document, ledger = read_lock(path)
    number, ledger = next_look(ledger, identity, rows)
    taken = sum(len(series.looks) for series in ledger if series.overlaps(rows))
    delta = plan.target.delta
    level, next_level = look_level(number, delta), look_level(taken + 1, delta)
    return Look(number, level, next_level, path, before, _lock_text(document, ledger))


def next_look(ledger: Sequence[Series], identity: str, rows: frozenset[int]) -> tuple[int, tuple[Series, ...]]:
    """Return the number of a look and the ledger with it in.

    Notes
    -----
    Series that the new rows overlap become one: the look counts after all of theirs. A build already written down keeps
    its number.
    """
    touched = [series for series in ledger if series.overlaps(rows)]
    looks = tuple(look for series in touched for look in series.looks)
    if identity in looks:
        return looks.index(identity) + 1, tuple(ledger)
    merged = Series((*looks, identity), _smallest({*rows, *(row for series in touched for row in series.rows)}))
    return len(merged.looks), (*(series for series in ledger if series not in touched), merged)


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
    return _smallest(
        {
            int.from_bytes(hashlib.blake2b(b"tracer-spec looks 1\0" + key, digest_size=_HASH_BYTES).digest(), "big")
            for key in keys
        }
    )


def _smallest(hashes: set[int]) -> frozenset[int]:
    return frozenset(heapq.nsmallest(SKETCH_SIZE, hashes))


# --- the file --------------------------------------------------------------------------------------------------------


def read_lock(path: Path) -> tuple[dict[str, Any], tuple[Series, ...]]:
    """Return a lock's document and its ledger; both empty where there is no file.

    Raises
    ------
    DataError
        Where it is no lock of this version: a count that cannot be read must not start again at one.
    """
    try:
        document = json.loads(path.read_bytes())
        if document["lock"] != LOCK_VERSION:
            raise DataError(
                f"the lock is of version {document['lock']!r}; this release reads {LOCK_VERSION}",
                where=str(path),
                hint="pip install --upgrade tracer-spec",
            )
        return document, tuple(_series(each) for each in document["looks"])
    except FileNotFoundError:
        return {}, ()
    except (ValueError, KeyError, TypeError, OSError, RecursionError) as error:
        raise DataError(
            f"the lock cannot be read ({type(error).__name__}): it counts the looks at the certify rows",
            where=str(path),
            hint="restore it from version control; deleting it forgets looks, and then the confidence stated is not true",
        ) from None


def _content(path: Path) -> bytes | None:
    """Return what a lock holds; None where there is none, or none that can be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other builds of the specs in a folder from writing a lock, where the system has a way to."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # which lets go of the folder


def _series(entry: Mapping[str, Any]) -> Series:
    packed = base64.b64decode(entry["rows"], validate=True)
    steps = range(0, len(packed), _HASH_BYTES)
    rows = frozenset(int.from_bytes(packed[at : at + _HASH_BYTES], "big") for at in steps)
    return Series(tuple(str(look) for look in entry["builds"]), rows)


def _lock_text(document: Mapping[str, Any], ledger: Sequence[Series]) -> bytes:
    looks = []
    for series in ledger:
        packed = b"".join(row.to_bytes(_HASH_BYTES, "big") for row in sorted(series.rows))
        looks.append({"builds": list(series.looks), "rows": base64.b64encode(packed).decode()})
    return json.dumps({**document, "lock": LOCK_VERSION, "looks": looks}, indent=1, sort_keys=True).encode() + b"\n"
