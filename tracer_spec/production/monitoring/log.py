"""Reads the files of a log of decisions, each line once and in the order of time: from where the last run stopped."""

from __future__ import annotations

import glob
import heapq
import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeAlias

from tracer_spec.errors import DataError
from tracer_spec.production.monitoring.known_files import KnownFiles, opened, unreadable
from tracer_spec.production.monitoring.missing_files import gaps
from tracer_spec.production.monitoring.monitor import Monitor
from tracer_spec.production.monitoring.state import ReadFile
from tracer_spec.production.monitoring.tally import count, time_of
from tracer_spec.text_format import listing

_ENDINGS = (".jsonl", ".jsonl.gz")
# of a file, to tell which bundles were at work when it began
_FIRST_LINES = 200
NO_JSON, TOO_LONG = "not a JSON object", "a line longer than 16 MiB"
_LINE_BYTES, _PIECE_BYTES = 16 << 20, 1 << 18
# files held open at once, where a process may often open 256; and what is read of a further one before it is closed again: more
# of one that is compressed, since it is unpacked from its start each time
_MOST_OPEN, _TAKEN_BYTES, _TAKEN_UNPACKED = 200, 1 << 16, 1 << 20


@dataclass(frozen=True, slots=True)
class Reading:
    """What one run has read.

    Parameters
    ----------
    files : tuple of ReadFile
        How far each file has been read by now, those that are gone among them.
    n_lines : int
        Lines read in this run.
    notes : tuple of str
        What is remarkable about a file.
    """

    files: tuple[ReadFile, ...]
    n_lines: int
    notes: tuple[str, ...]


def find_files(names: Sequence[str], *, may_be_gone: bool = False) -> list[Path]:
    """Return the files that names stand for, by name: files, folders of ``*.jsonl`` and ``*.jsonl.gz``, or patterns.

    Raises
    ------
    DataError
        Where nothing is there, or a folder or a pattern holds no file, unless it may be gone.
    """
    found: dict[Path, None] = {}
    for name in names:
        try:
            files = [each.resolve() for each in _files_of(Path(name)) if each.is_file()]
            is_folder = Path(name).is_dir()
        except OSError as error:
            raise unreadable(Path(name), error) from None
        if not files and not may_be_gone:
            raise _nothing_there(name, is_folder=is_folder)
        found |= dict.fromkeys(files)
    return sorted(found, key=lambda each: (each.name, each))


def _files_of(path: Path) -> list[Path]:
    if path.is_dir():
        return [each for each in path.iterdir() if each.name.endswith(_ENDINGS)]
    if path.exists():
        return [path]
    return list(map(Path, glob.glob(str(path), recursive=True)))  # noqa: PTH207 - of Path, no pattern may be absolute


def _nothing_there(name: str, *, is_folder: bool) -> DataError:
    if is_folder:
        hint = "name the folder that deploy(..., log=...) writes to, or the files themselves, in quotes where these are several"
        return DataError(f"no file in this folder ends in {' or '.join(_ENDINGS)}", where=name, hint=hint)
    hint = "LOG is a folder, a file, or a pattern in quotes, such as 'decisions/*.jsonl'"
    return DataError("there is no such file", where=name, hint=hint)


def read_log(paths: Sequence[Path], before: Sequence[ReadFile], monitor: Monitor) -> Reading:
    """Give every line that is new to a monitor, those of all files merged by their times.

    Parameters
    ----------
    paths : sequence of Path
        In the order to read them in where times do not tell.
    before : sequence of ReadFile
        How far files had been read. A file that goes by another name now, or is compressed now, is known again by its head.
    monitor : Monitor
        Which counts them.

    Raises
    ------
    DataError
        Where a file cannot be read.

    Notes
    -----
    Each file keeps its own order, which is that of time where a deployment wrote it. A line without a time, or that is no JSON
    object, stays behind the line before it. Lines of one time are taken by their ids, so that nothing hangs on what files are
    called. A file is opened as its first line is due, and one line of each open file is held; where more than 200 files overlap
    in time, the others are opened for a piece at a time.

    A last line without its line feed is still being written, and waits for the next run; so does what follows the end of
    compressed data that end early. Of copies of one file, however far each goes, each line counts once; so it does of a file
    that was gone, and is back.
    """
    run = _Run(paths, before)
    n_lines = 0
    for each in heapq.merge(*run.streams(), key=attrgetter("place")):
        if each.what is not None:
            n_lines += 1
            _give(each.what, monitor)
    return run.reading(n_lines)


def missing_files(paths: Sequence[Path], before: Sequence[ReadFile], version: str, *, is_begun: bool) -> int:
    """Return how many files are missing in front of files that go on with decisions of this version; see :func:`gaps`."""
    return sum(n for path, n in gaps(paths, before, is_begun=is_begun) if _goes_on_with(path, version))


def _goes_on_with(path: Path, version: str) -> bool:
    """Return whether a file's first decision is of a version, or one of another follows one of it, as beside a canary.

    Either version was at work before the file began. One that only comes after others was taken up in this file.
    """
    objects = (_object_of(line) for _, line in itertools.islice(_lines(path, 0), _FIRST_LINES))
    stories = (each.get("router") for each in objects if not isinstance(each, str))
    found = [each.get("version") for each in stories if isinstance(each, Mapping)]
    return version in found and (found[0] == version or any(each != version for each in found[found.index(version) :]))


Place: TypeAlias = tuple[datetime, str]
_START: Place = (datetime.min.replace(tzinfo=UTC), "")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line at its place in time: the object of it, or what is wrong with it; None where a file is still to be opened."""

    place: Place
    what: Mapping[str, Any] | str | None


class _Run:
    """The files of one run, and how far each is read."""

    def __init__(self, paths: Sequence[Path], before: Sequence[ReadFile]) -> None:
        self._paths, self._known = paths, KnownFiles(before)
        self._starts = self._known.known_by_name(paths)
        self._notes: dict[Path, str] = {}
        self._cut_off: set[Path] = set()
        self._read: dict[Path, ReadFile] = {}
        self._n_open = 0

    def streams(self) -> Iterator[Iterator[_Line]]:
        """Yield the lines of each file; of copies one is read after another, since it goes on where that ended."""
        copies: dict[bytes, list[Path]] = {}
        for path in self._paths:
            copies.setdefault(self._known.first_line(path), []).append(path)
        return map(self._lines_of, copies.values())

    def reading(self, n_lines: int) -> Reading:
        """Return what was read, in the order of the files."""
        others, gone = self._known.left(self._paths)
        notes = [self._notes[path] for path in self._paths if path in self._notes]
        if gone:
            named = listing(Path(each.path).name for each in gone)
            notes.append(f"gone since they were read, and still counted: {named}")
        read = [self._read[path] for path in self._paths if path in self._read]
        return Reading((*read, *others), n_lines, tuple(notes))

    def _lines_of(self, copies: Sequence[Path]) -> Iterator[_Line]:
        """Yield what is new in copies of one file, each opened when it is asked for."""
        yield _Line(_first_place(copies[0]), None)
        place = _START
        for path in copies:
            for line in self._new_lines(path):
                what = _object_of(line)
                place = _place_of(what) or place
                yield _Line(place, what)

    def _new_lines(self, path: Path) -> Iterator[bytes]:
        """Yield the lines of a file that were not read, and note how far it is read then."""
        known, start = self._known, self._starts.get(path)
        twin = known.same(path)
        copied = twin if start is None and twin is not None and known.is_taken(twin) else None
        if copied is not None:
            n_bytes, note = copied.n_bytes, ""
        else:
            n_bytes, note = _where_to_begin(path, start or known.take(twin), twin, replaced=str(path) in known.paths)
        n_before = n_bytes
        for n_more, line in self._all_lines(path, n_bytes):
            n_bytes += n_more
            if line.strip():
                yield line
        if copied is not None:
            goes_on = "is read from where that ended" if n_bytes > n_before else "is not read"
            note = f"{path.name} is a copy of {Path(copied.path).name}, and {goes_on}"
        elif path in self._cut_off:
            note = (
                f"{path.name} ends before its compressed data do: it is still being written, or damaged; the rest waits"
            )
        if note:
            self._notes[path] = note
        if n_bytes and (copied is None or n_bytes > n_before):
            self._read[path] = known.put(path, n_bytes)

    def _all_lines(self, path: Path, start: int) -> Iterator[tuple[int, bytes]]:
        """Yield the whole lines of a file from a byte on; where many are open, the file is not held open."""
        if self._n_open >= _MOST_OPEN:
            piece = _TAKEN_UNPACKED if path.suffix == ".gz" else _TAKEN_BYTES
            yield from lines_by_pieces(path, start, piece, self._cut_off)
            return
        self._n_open += 1
        try:
            yield from _lines(path, start, self._cut_off)
        finally:
            self._n_open -= 1


def _first_place(path: Path) -> Place:
    """Return the place of a file's first line: of none that is new is there an earlier one, where the file is in order."""
    _, line = next(_lines(path, 0), (0, b""))
    return _place_of(_object_of(line)) or _START


def _place_of(what: Mapping[str, Any] | str) -> Place | None:
    """Return the place of a line; None where it tells no time."""
    if isinstance(what, str) or (time := time_of(what.get("time"))) is None:
        return None
    own_id = what.get("id")
    return time, own_id if isinstance(own_id, str) else ""


def _where_to_begin(path: Path, start: ReadFile | None, twin: ReadFile | None, *, replaced: bool) -> tuple[int, str]:
    """Return the byte to read from, no less than its twin was read to, and what is remarkable about it."""
    if start is None:
        return 0, f"{path.name} is another file than it was, and is read from its start" if replaced else ""
    farthest = start.n_bytes if twin is None else max(start.n_bytes, twin.n_bytes)
    if path.suffix == ".gz":
        return farthest, ""
    with opened(path) as file:
        size = file.seek(0, os.SEEK_END)
    if size < start.n_bytes:
        return (
            size,
            f"{path.name} has {size:,} bytes, and {start.n_bytes:,} were read of it: lines are lost, or counted twice",
        )
    return min(size, farthest), ""


def _lines(path: Path, start: int, cut_off: set[Path] | None = None) -> Iterator[tuple[int, bytes]]:
    """Yield the whole lines of a file from a byte on, each with its length; of one that is too long, its start alone.

    A file whose compressed data end early is put among those that are cut off.
    """
    with opened(path) as file:
        try:
            file.seek(start)
            while line := file.readline(_LINE_BYTES):
                n_bytes, last = len(line), line
                while last and not last.endswith(b"\n"):
                    last = file.readline(_PIECE_BYTES)
                    n_bytes += len(last)
                if last:
                    yield n_bytes, line
        except EOFError:
            if cut_off is not None:
                cut_off.add(path)


def lines_by_pieces(
    path: Path, start: int, n_bytes: int, cut_off: set[Path] | None = None
) -> Iterator[tuple[int, bytes]]:
    """Yield the whole lines of a file from a byte on, each with its length; it is open only while so many bytes are read."""
    while piece := list(_piece(path, start, n_bytes, cut_off)):
        yield from piece
        start += sum(length for length, _ in piece)


def _piece(path: Path, start: int, n_bytes: int, cut_off: set[Path] | None) -> Iterator[tuple[int, bytes]]:
    end = start + n_bytes
    for length, line in _lines(path, start, cut_off):
        yield length, line
        start += length
        if start >= end:
            return


def _object_of(line: bytes) -> Mapping[str, Any] | str:
    """Return a line's object, or what is wrong with the line."""
    if not line.endswith(b"\n"):
        return TOO_LONG
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return NO_JSON
    return record if isinstance(record, dict) else NO_JSON


def _give(what: Mapping[str, Any] | str, monitor: Monitor) -> None:
    if isinstance(what, str):
        count(monitor.tally.passed_over, what)
    else:
        monitor.add(what)
