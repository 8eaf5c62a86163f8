"""``router.lock`` as a file: read defensively, written in one step, put together again after a merge.

Version 1. A change is breaking where a release that reads this number would refuse or misread the file. Keys that a release
does not know stay as they are, so that a lock may pass through an older one.
"""

from __future__ import annotations

import base64
import heapq
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tracer_spec.atomic_write import replace_file
from tracer_spec.errors import DataError

LOCK_VERSION = 1
# of a thousandth of common rows, 1,024 of the smallest hashes miss every one with probability .36; of a hundredth, 3e-5
SKETCH_SIZE = 1024
HASH_BYTES = 8
# what git writes into a file that two branches changed: ours, the base (diff3 style), theirs
_OURS, _BASE, _THEIRS, _END = "<<<<<<< ", "||||||| ", "=======", ">>>>>>> "
_CONFLICT = re.compile("^(<<<<<<<|>>>>>>>) ", re.MULTILINE)


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
class Lock:
    """What a lock holds.

    Parameters
    ----------
    document : mapping
        As read; empty where there is no file. After a merge conflict, without ``build``: neither side's inputs are
        those of the merged spec.
    ledger : tuple of Series
    in_conflict : bool
        Whether two branches changed it and git left both versions in: the ledger then has the looks of both.
    """

    document: Mapping[str, Any] = field(default_factory=dict)
    ledger: tuple[Series, ...] = ()
    in_conflict: bool = False


def lock_path(spec_file: str) -> Path | None:
    """Return ``router.lock`` beside ``router.yaml``; None where the spec is no file, and nothing can be counted."""
    return Path(spec_file).with_suffix(".lock") if spec_file else None


def read_lock(path: Path) -> Lock:
    """Return what a lock holds; nothing where there is no file.

    Raises
    ------
    DataError
        Where it is no lock of this version: a count that cannot be read must not start again at one.
    """
    try:
        text = path.read_bytes().decode()
        if _CONFLICT.search(text):
            return _put_together(path, text)
        document = json.loads(text)
        return Lock(document, _ledger(path, document))
    except FileNotFoundError:
        return Lock()
    except (ValueError, KeyError, TypeError, OSError, RecursionError) as error:
        raise DataError(
            f"the lock cannot be read ({type(error).__name__}): it counts the looks at the certify rows",
            where=str(path),
            hint="restore it from version control; deleting it forgets looks, and then the confidence stated is not true",
        ) from None


def write_lock(path: Path, document: Mapping[str, Any], ledger: Sequence[Series]) -> None:
    """Put a lock in place in one step; other keys of ``document`` stay as they are."""
    replace_file(path, lock_text(document, ledger), what="the lock")


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
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


def smallest(hashes: Iterable[int]) -> frozenset[int]:
    """Return the sketch of a set of row hashes."""
    return frozenset(heapq.nsmallest(SKETCH_SIZE, set(hashes)))


# --- the text --------------------------------------------------------------------------------------------------------


def lock_text(document: Mapping[str, Any], ledger: Sequence[Series]) -> bytes:
    """Return a lock as the file holds it: sorted keys, a line a value, so that a review shows what changed."""
    looks = []
    for series in ledger:
        packed = b"".join(row.to_bytes(HASH_BYTES, "big") for row in sorted(series.rows))
        looks.append({"builds": list(series.looks), "rows": base64.b64encode(packed).decode()})
    whole = {**document, "lock": LOCK_VERSION, "looks": looks}
    return json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _ledger(path: Path, document: Any) -> tuple[Series, ...]:
    if document["lock"] != LOCK_VERSION:
        raise DataError(
            f"the lock is of version {document['lock']!r}; this release reads {LOCK_VERSION}",
            where=str(path),
            hint="pip install --upgrade tracer-spec",
        )
    return tuple(_series(each) for each in document["looks"])


def _series(entry: Mapping[str, Any]) -> Series:
    packed = base64.b64decode(entry["rows"], validate=True)
    steps = range(0, len(packed), HASH_BYTES)
    rows = frozenset(int.from_bytes(packed[at : at + HASH_BYTES], "big") for at in steps)
    return Series(tuple(str(look) for look in entry["builds"]), rows)


# --- after a merge ---------------------------------------------------------------------------------------------------


def _put_together(path: Path, text: str) -> Lock:
    """Return a lock with the looks of both versions that git left in it: taking one side would forget the other's."""
    try:
        ours, theirs = (json.loads(side) for side in _sides(text))
        ledger = united(_ledger(path, ours), _ledger(path, theirs))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DataError(
            "the lock holds a merge conflict, and its two versions cannot be told apart any more",
            where=str(path),
            hint=f"'git checkout --merge -- {path.name}' brings the conflict back as git wrote it; then build: that keeps the "
            "looks of both branches. Taking one side forgets the other's looks",
        ) from None
    document = {key: value for key, value in ours.items() if key != "build"}
    return Lock(document, ledger, in_conflict=True)


def _sides(text: str) -> tuple[str, str]:
    """Return the two versions of a file that git left a conflict in."""
    ours: list[str] = []
    theirs: list[str] = []
    into = {_OURS: (ours,), _BASE: (), _THEIRS: (theirs,), _END: (ours, theirs)}
    open_in: tuple[list[str], ...] = (ours, theirs)
    for line in text.splitlines(keepends=True):
        mark = next((mark for mark in into if line.startswith(mark)), None)
        if mark is None:
            for side in open_in:
                side.append(line)
        else:
            open_in = into[mark]
    return "".join(ours), "".join(theirs)


def united(ours: Sequence[Series], theirs: Sequence[Series]) -> tuple[Series, ...]:
    """Return a ledger with the looks of both; series that share rows become one, and a look that both have counts once."""
    ledger = list(ours)
    for series in theirs:
        touched = [each for each in ledger if each.overlaps(series.rows)]
        looks = tuple(dict.fromkeys(look for each in (*touched, series) for look in each.looks))
        rows = smallest(row for each in (*touched, series) for row in each.rows)
        ledger = [*(each for each in ledger if each not in touched), Series(looks, rows)]
    return tuple(ledger)
