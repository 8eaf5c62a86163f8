"""Files of a log as they are known again: by the digest of their first bytes, whatever they are called."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

from tracer_spec.errors import DataError
from tracer_spec.production.monitoring.state import ReadFile

_HEAD = 1024
# files that are gone and remembered, the latest of them
_MOST_GONE = 1000


class KnownFiles:
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

    def left(self, paths: Sequence[Path]) -> tuple[list[ReadFile], list[ReadFile]]:
        """Return the files of earlier runs that this one did not ask for, and of these the ones that are gone since the last.

        One that is gone is remembered, so that it counts once where it comes back.
        """
        passed = self._taken | {str(path) for path in paths}
        left = [each for each in self.paths.values() if each.path not in passed]
        there = [each for each in left if os.path.lexists(each.path)]
        gone = [each for each in left if each not in there]
        remembered = [replace(each, is_gone=True) for each in sorted(gone, key=lambda each: not each.is_gone)]
        return there + remembered[-_MOST_GONE:], [each for each in gone if not each.is_gone]

    def first_line(self, path: Path) -> bytes:
        """Return the first line of a file, as far as its first bytes go: two that differ in it are no copies of each other."""
        return self._first_bytes(path).partition(b"\n")[0]

    def _digest(self, path: Path, length: int) -> str:
        """Return the digest of so many first bytes; empty where there are not so many."""
        first = self._first_bytes(path)[:length]
        return hashlib.sha256(first).hexdigest()[:16] if len(first) == length else ""

    def _first_bytes(self, path: Path) -> bytes:
        if path not in self._first:
            with opened(path) as file:
                self._first[path] = _read_first(file)
        return self._first[path]


def _read_first(file: IO[bytes]) -> bytes:
    """Return the first bytes; none of a file that is being compressed, and does not hold so many yet."""
    try:
        return file.read(_HEAD)
    except EOFError:
        return b""


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, compressed or not; what goes wrong is said with its name, but for compressed data that end early."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            yield file  # type: ignore[misc]
    except (OSError, zlib.error) as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: Exception) -> DataError:
    """Return what is said where a file cannot be read."""
    reason = (getattr(error, "strerror", None) or str(error)).lower()
    hint = "see that the user who runs this may read it"
    if isinstance(error, gzip.BadGzipFile | zlib.error):
        hint = "it is damaged: put a whole copy in its place, or move it away, and what it holds is not counted"
    return DataError(f"the log cannot be read: {reason}", where=str(path), hint=hint)
