"""The file ``router.lock``: read, written in one step, and united after a merge conflict."""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from tracer_spec.atomic_write import replace_file
from tracer_spec.errors import DataError
from tracer_spec.flow.documents.document import first_fault, read_part
from tracer_spec.flow.documents.lock import LOCK_VERSION, FittedEntry, LockDocument, Series
from tracer_spec.runtime.limits import read_regular

# of the rows dealt out, which tell another log from this one
FITTED_SIZE = 256
# up to this many rows a sketch holds every one; of r common rows among N, all are missed with probability (1 - 8192/N)**r:
# of 800 among 400,000, 7e-8; of 100, .13
SKETCH_SIZE = 8192
# what git writes into a file that two branches changed: ours, the base (diff3 style), theirs
_MOST_BYTES = 256 << 20
_OURS, _BASE, _THEIRS, _END = "<<<<<<< ", "||||||| ", "=======", ">>>>>>> "
_CONFLICT = re.compile("^(<<<<<<<|>>>>>>>) ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Lock:
    """What a lock holds.

    Parameters
    ----------
    document : LockDocument
        As read; empty where there is no file. After a merge conflict, without ``build``: neither side's inputs are
        those of the merged spec.
    in_conflict : bool
        Whether two branches changed it and git left both versions in: the ledger then has the looks of both.
    """

    document: LockDocument = LockDocument(looks=())  # noqa: RUF009 - it is frozen
    in_conflict: bool = False

    @property
    def ledger(self) -> tuple[Series, ...]:
        """Return its looks."""
        return self.document.looks


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
        text = read_regular(path, _MOST_BYTES).decode()
        if _CONFLICT.search(text):
            return _put_together(path, text)
        return Lock(_document(path, text))
    except FileNotFoundError:
        return Lock()
    except (ValueError, KeyError, TypeError, OSError, RecursionError) as error:
        fault = first_fault(error) if isinstance(error, ValidationError) else type(error).__name__
        fault = (error.strerror or fault) if isinstance(error, OSError) else fault
        raise DataError(
            f"the lock cannot be read ({fault}): it counts the looks at the certify rows",
            where=str(path),
            hint="restore it from version control; deleting it forgets looks, and then the confidence stated is not true",
        ) from None


def write_lock(path: Path, document: LockDocument) -> None:
    """Put a lock in place in one step."""
    replace_file(path, document.to_json(), what="the lock")


def smallest(hashes: Iterable[int], size: int = SKETCH_SIZE) -> frozenset[int]:
    """Return the sketch of a set of row hashes: the smallest even ones, of ids, and the smallest odd ones, of contents."""
    kinds: tuple[set[int], set[int]] = (set(), set())
    for each in hashes:
        kinds[each & 1].add(each)
    return frozenset(row for kind in kinds for row in heapq.nsmallest(size, kind))


# --- the text --------------------------------------------------------------------------------------------------------


def _document(path: Path, text: str) -> LockDocument:
    """Read one version of a lock."""
    document = json.loads(text)
    version = document["lock"]
    if version != LOCK_VERSION:
        raise DataError(
            f"the lock is of version {version!r}; this release reads {LOCK_VERSION}",
            where=str(path),
            hint="pip install --upgrade tracer-spec",
        )
    return read_part(LockDocument, document)


# --- after a merge ---------------------------------------------------------------------------------------------------


def _put_together(path: Path, text: str) -> Lock:
    """Return a lock with what both versions that git left in it have seen: taking one side would forget the other's."""
    try:
        ours, theirs = (_document(path, side) for side in _sides(text))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DataError(
            "the lock holds a merge conflict, and its two versions cannot be told apart any more",
            where=str(path),
            hint=f"'git checkout --merge -- {path.name}' brings the conflict back as git wrote it; then build: that keeps the "
            "looks of both branches. Taking one side forgets the other's looks",
        ) from None
    together = {
        "looks": united(ours.looks, theirs.looks),
        "fitted": united_fitted(ours.fitted, theirs.fitted),
        "build": None,
    }
    return Lock(ours.model_copy(update=together), in_conflict=True)


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
        touched = [each for each in ledger if each.overlaps(series.sketch)]
        builds = tuple(dict.fromkeys(build for each in (*touched, series) for build in each.builds))
        rows = smallest(row for each in (*touched, series) for row in each.sketch)
        ledger = [*(each for each in ledger if each not in touched), Series(builds=builds, sketch=rows)]
    return tuple(ledger)


def united_fitted(ours: FittedEntry | None, theirs: FittedEntry | None) -> FittedEntry | None:
    """Return what both have fitted; all rows up to the newest, where they told rows apart in two ways."""
    if ours is None or theirs is None:
        return ours or theirs
    both = (ours, theirs)
    newest = _latest([each.newest for each in both], "unknown")
    until = _latest([each.until for each in both], "all")
    is_known = ours.told_apart_by == theirs.told_apart_by
    groups = {name: min(each.groups.get(name, 1.0) for each in both) for each in both for name in each.groups}
    return ours.model_copy(
        update={
            "share": min((each.share for each in both if each.share is not None), default=None) if is_known else None,
            "groups": groups if is_known else {},
            "until": until if is_known else "all" if newest == "unknown" else newest,
            "newest": newest,
            "left_out": max(each.left_out or 0 for each in both) or None,
            "looked_until": max((each.looked_until for each in both if each.looked_until is not None), default=None),
            "routed_from": min((each.routed_from for each in both if each.routed_from is not None), default=None),
            "ahead": frozenset().union(*(each.ahead or () for each in both)) or None,
            "rows": smallest(ours.rows | theirs.rows, FITTED_SIZE),
        }
    )


def _latest(times: Sequence[float | str | None], endless: str) -> float | str | None:
    """Return the latest time, the endless one before all others."""
    known = [each for each in times if isinstance(each, float | int)]
    return endless if endless in times else max(known, default=None)
