"""The log of decisions: JSON lines in a folder, written by one thread, so that no request waits for a disk."""

from __future__ import annotations

import atexit
import json
import logging
import os
import secrets
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from tracer_spec.errors import DataError

_LOGGER = logging.getLogger("tracer_spec.decisions")
_BATCH = 512
# waking the writer costs more than a decision: it waits a little for others to come
_GATHER_SECONDS = 0.02
# between two messages of one log about a disk that fails
_SILENCE_SECONDS = 60.0


class LogCounts(NamedTuple):
    """What became of the decisions given to a log: ``dropped`` for want of room in the queue, or because writing failed."""

    written: int
    dropped: int
    waiting: int


class DecisionLog:
    """Writes decisions to files of its own in a folder, which several processes may share.

    Parameters
    ----------
    folder : str or path-like
        Made where it is not there. Files are called ``decisions-DAY-RANDOM-NUMBER.jsonl``, DAY in UTC, and readable by their
        owner and group alone.
    max_bytes : int
        A file that would grow beyond it is left, and the next one begun; so is the file of a day that is over.
    max_waiting : int
        Decisions that may wait to be written. Where there are more, new ones are dropped and counted.
    fsync : bool
        Whether each write is on the disk before the next one begins. Without, what a machine that loses its power had not
        written yet is lost; a process that dies loses no more than what waits.

    Raises
    ------
    DataError
        Where the folder cannot be made or written to.

    Notes
    -----
    Lines are written whole, so the files can be read at any time. A file or folder that is deleted is made again. A child of
    ``os.fork`` writes a file of its own, and what waits stays the parent's. Leaving the ``with`` block, :meth:`close`, or the
    end of the interpreter writes what waits.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        max_bytes: int = 64 << 20,
        max_waiting: int = 10_000,
        fsync: bool = False,
    ) -> None:
        self.folder = Path(folder)
        self._max_bytes, self._max_waiting, self._fsync = max_bytes, max_waiting, fsync
        self._forget()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = self.folder / f".{secrets.token_hex(8)}"
            probe.touch(mode=0o640)
            probe.unlink()
        except OSError as error:
            is_file = isinstance(error, FileExistsError)  # of a folder, mkdir says nothing
            reason = "this is a file, not a folder" if is_file else (error.strerror or str(error)).lower()
            hint = "name a folder that this user may write to; it is made where it is not there"
            raise DataError(f"decisions cannot be logged there: {reason}", where=str(folder), hint=hint) from None
        _LOGS.add(self)

    def _forget(self) -> None:
        """Start with nothing: a new log, or the child of a fork, whose parent writes what waits."""
        self._ready = threading.Condition()
        self._waiting: deque[Mapping[str, Any]] = deque()
        self._written = self._dropped = self._n_writing = self._n_flushing = 0
        self._thread: threading.Thread | None = None
        self._closed = False
        self._file = _LogFile(self.folder, self._max_bytes, fsync=self._fsync)
        self._told = -_SILENCE_SECONDS

    def put(self, record: Mapping[str, Any]) -> bool:
        """Give a decision to the writer, without waiting; return whether there was room for it."""
        with self._ready:
            if self._closed or len(self._waiting) >= self._max_waiting:
                self._dropped += 1
                return False
            self._waiting.append(record)
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, name="tracer-spec decisions", daemon=True)
                self._thread.start()
            if len(self._waiting) in (1, _BATCH):
                self._ready.notify_all()
        return True

    @property
    def counts(self) -> LogCounts:
        """Return what became of the decisions so far."""
        with self._ready:
            return LogCounts(self._written, self._dropped, len(self._waiting) + self._n_writing)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until what waits is written; return whether it was within ``timeout`` seconds."""
        with self._ready:
            self._n_flushing += 1
            self._ready.notify_all()
            try:
                return self._ready.wait_for(lambda: not self._waiting and not self._n_writing, timeout)
            finally:
                self._n_flushing -= 1

    def close(self, timeout: float | None = 10.0) -> bool:
        """Write what waits and take nothing more; return whether it was written within ``timeout`` seconds."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def __enter__(self) -> DecisionLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self) -> None:
        """Write batches until the log is closed and nothing waits."""
        while True:
            with self._ready:
                self._ready.wait_for(lambda: self._waiting or self._closed)
                self._ready.wait_for(
                    lambda: self._closed or self._n_flushing or len(self._waiting) >= _BATCH, _GATHER_SECONDS
                )
                batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
                self._n_writing = len(batch)
            if not batch:
                self._file.close()
                return
            written = self._write_batch(batch)
            with self._ready:
                self._written += written
                self._dropped += len(batch) - written
                self._n_writing = 0
                self._ready.notify_all()

    def _write_batch(self, batch: Sequence[Mapping[str, Any]]) -> int:
        """Write a batch; return how many of its decisions are in the file."""
        written = 0
        try:
            for n_lines in self._file.append([line for record in batch if (line := self._line(record)) is not None]):
                written += n_lines
        except OSError as error:
            self._tell(f"decisions are dropped: {self.folder}: {error.strerror or error}")
        return written

    def _line(self, record: Mapping[str, Any]) -> bytes | None:
        try:
            return json_line(record)
        except (TypeError, ValueError, RecursionError) as error:
            self._tell(f"a decision is dropped, since it is no JSON: {error}")
            return None

    def _tell(self, message: str) -> None:
        """Log a message, and not again for a while."""
        now = time.monotonic()
        if now - self._told >= _SILENCE_SECONDS:
            self._told = now
            _LOGGER.warning("%s", message)


def json_line(record: Mapping[str, Any]) -> bytes:
    """Return a record as one line of UTF-8 JSON; half a surrogate pair, which UTF-8 cannot say, is escaped."""
    try:
        return json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(record, allow_nan=False, separators=(",", ":")).encode() + b"\n"


class _LogFile:
    """The file that is written to; another one once it is full, or its day is over."""

    def __init__(self, folder: Path, max_bytes: int, *, fsync: bool) -> None:
        self._folder, self._max_bytes, self._fsync = folder, max_bytes, fsync
        self._descriptor = -1
        self._size = self._number = 0
        self._day = ""
        self._name = secrets.token_hex(6)

    def append(self, lines: Sequence[bytes]) -> Iterator[int]:
        """Append whole lines, none of those that did not fit on the disk; yield how many, for each file that takes some."""
        block: list[bytes] = []
        n_bytes = 0
        for line in lines:
            if block and self._size + n_bytes + len(line) > self._max_bytes:
                self._put(b"".join(block))
                yield len(block)
                block, n_bytes = [], 0
            block.append(line)
            n_bytes += len(line)
        if block:
            self._put(b"".join(block))
            yield len(block)

    def _put(self, data: bytes) -> None:
        day = datetime.now(UTC).strftime("%Y-%m-%d")
        full = self._size and self._size + len(data) > self._max_bytes
        if self._descriptor < 0 or day != self._day or full or self._is_deleted():
            self._begin(day)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            if self._fsync:
                os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(data)

    def _is_deleted(self) -> bool:
        """Return whether the file has no name any more, so that nobody could ever read what is written to it."""
        return os.fstat(self._descriptor).st_nlink == 0

    def _begin(self, day: str) -> None:
        self.close()
        self._day, self._size, self._number = day, 0, self._number + 1
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"decisions-{day}-{self._name}-{self._number:04d}.jsonl"
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)

    def close(self) -> None:
        """Leave the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


_LOGS: weakref.WeakSet[DecisionLog] = weakref.WeakSet()


def _close_all() -> None:
    for log in list(_LOGS):
        log.close()


def _forget_all() -> None:
    for log in list(_LOGS):
        log._forget()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
