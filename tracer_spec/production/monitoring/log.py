"""Reads the files of a log of decisions, each line once: from where the last run stopped."""

from __future__ import annotations

import glob
import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tracer_spec.errors import DataError
from tracer_spec.production.monitoring.monitor import Monitor
from tracer_spec.production.monitoring.state import ReadFile
from tracer_spec.production.monitoring.tally import count
from tracer_spec.text_format import listing

_HEAD = 1024
_ENDINGS = (".jsonl", ".jsonl.gz")
NO_JSON, TOO_LONG = "not a JSON object", "a line longer than 16 MiB"
_LINE_BYTES, _PIECE_BYTES = 16 << 20, 1 << 18


@dataclass(frozen=True, slots=True)
class Reading:
    """What one run has read.

    Parameters
    ----------
    files : tuple of ReadFile
        How far each file has been read by now; one that is deleted is not among them.
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
            raise _unreadable(Path(name), error) from None
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
    """Give every line that is new to a monitor, file by file.

    Parameters
    ----------
    paths : sequence of Path
        In the order to read them in.
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
    A last line without its line feed is still being written, and waits for the next run. Of copies of one file, however far
    each goes, each line counts once.
    """
    heads = _Heads(before)
    starts = heads.known_by_name(paths)
    notes: list[str] = []
    read: list[ReadFile] = []
    n_lines = 0
    for path in paths:
        start, twin = starts.get(path), heads.same(path)
        copied = twin if start is None and twin is not None and heads.is_taken(twin) else None
        if copied is not None:
            n_bytes, note = copied.n_bytes, ""
        else:
            n_bytes, note = _where_to_begin(path, start or heads.take(twin), twin, replaced=str(path) in heads.paths)
        n_before = n_bytes
        for n_more, line in _lines(path, n_bytes):
            n_bytes += n_more
            if line.strip():
                n_lines += 1
                _give(line, monitor)
        if copied is not None:
            goes_on = "is read from where that ended" if n_bytes > n_before else "is not read"
            note = f"{path.name} is a copy of {Path(copied.path).name}, and {goes_on}"
        notes += [note] if note else []
        if n_bytes and (copied is None or n_bytes > n_before):
            read.append(heads.put(path, n_bytes))
    others, gone = heads.left(paths)
    if gone:
        notes.append(f"gone since they were read, and still counted: {listing(Path(each).name for each in gone)}")
    return Reading((*read, *others), n_lines, tuple(notes))


class _Heads:
    """Files by the digest of their first bytes, which stays the same when a file is renamed, compressed or copied."""

    def __init__(self, before: Sequence[ReadFile]) -> None:
        self.paths = {each.path: each for each in before}
        # of copies, the one that was read farthest
        farthest_last = sorted(before, key=lambda each: each.n_bytes)
        self._known = {(min(each.n_bytes, _HEAD), each.head): each for each in farthest_last}
        self._taken: set[str] = set()
        self._first: dict[Path, bytes] = {}

    def known_by_name(self, paths: Sequence[Path]) -> dict[Path, ReadFile]:
        """Return the files that are where they were, and begin as they did."""
        found = {}
        for path in paths:
            each = self.paths.get(str(path))
            if each is not None and self._digest(path, min(each.n_bytes, _HEAD)) == each.head:
                found[path] = each
                self.take(each)
        return found

    def same(self, path: Path) -> ReadFile | None:
        """Return the file that begins as this one does and was read farthest, itself or a copy, if any."""
        lengths = {length for length, _ in self._known}
        keys = ((length, self._digest(path, length)) for length in sorted(lengths, reverse=True))
        return next((self._known[key] for key in keys if key in self._known), None)

    def is_taken(self, file: ReadFile) -> bool:
        """Return whether a file of this run is that one."""
        return file.path in self._taken

    def take(self, file: ReadFile | None) -> ReadFile | None:
        """Note that a file of this run is that one."""
        if file is not None:
            self._taken.add(file.path)
        return file

    def put(self, path: Path, n_bytes: int) -> ReadFile:
        """Return how far a file has been read, and know it from now on."""
        length = min(n_bytes, _HEAD)
        self._first.pop(path, None)  # it may have grown while it was read
        file = ReadFile(str(path), n_bytes, self._digest(path, length))
        known = self._known.get((length, file.head))
        if known is None or known.n_bytes <= n_bytes or known.path == file.path:
            self._known[length, file.head] = file
        self._taken.add(file.path)
        return file

    def left(self, paths: Sequence[Path]) -> tuple[list[ReadFile], list[str]]:
        """Return the files of earlier runs that this one did not ask for, and the paths of those that are gone."""
        asked = {str(path) for path in paths}
        left = [each for each in self.paths.values() if each.path not in self._taken | asked]
        there = [each for each in left if os.path.lexists(each.path)]
        return there, [each.path for each in left if each not in there]

    def _digest(self, path: Path, length: int) -> str:
        """Return the digest of so many first bytes; empty where there are not so many."""
        if path not in self._first:
            with _opened(path) as file:
                self._first[path] = file.read(_HEAD)
        first = self._first[path][:length]
        return hashlib.sha256(first).hexdigest()[:16] if len(first) == length else ""


def _where_to_begin(path: Path, start: ReadFile | None, twin: ReadFile | None, *, replaced: bool) -> tuple[int, str]:
    """Return the byte to read from, no less than its twin was read to, and what is remarkable about it."""
    if start is None:
        return 0, f"{path.name} is another file than it was, and is read from its start" if replaced else ""
    farthest = start.n_bytes if twin is None else max(start.n_bytes, twin.n_bytes)
    if path.suffix == ".gz":
        return farthest, ""
    with _opened(path) as file:
        size = file.seek(0, os.SEEK_END)
    if size < start.n_bytes:
        return (
            size,
            f"{path.name} has {size:,} bytes, and {start.n_bytes:,} were read of it: lines are lost, or counted twice",
        )
    return min(size, farthest), ""


def _lines(path: Path, start: int) -> Iterator[tuple[int, bytes]]:
    """Yield the whole lines of a file from a byte on, each with its length; of one that is too long, its start alone."""
    with _opened(path) as file:
        file.seek(start)
        while line := file.readline(_LINE_BYTES):
            n_bytes, last = len(line), line
            while last and not last.endswith(b"\n"):
                last = file.readline(_PIECE_BYTES)
                n_bytes += len(last)
            if last:
                yield n_bytes, line


def _give(line: bytes, monitor: Monitor) -> None:
    """Give a line's object to a monitor."""
    if not line.endswith(b"\n"):
        count(monitor.tally.passed_over, TOO_LONG)
        return
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        record = None
    if isinstance(record, dict):
        monitor.add(record)
    else:
        count(monitor.tally.passed_over, NO_JSON)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, compressed or not; what goes wrong is said with its name."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            yield file  # type: ignore[misc]
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> DataError:
    reason = (getattr(error, "strerror", None) or str(error)).lower()
    return DataError(f"the log cannot be read: {reason}", where=str(path))
