"""Store of builds on this machine: bytes in one file, by the digest of everything that they depend on.

A value is raw float32, or ONNX, with a small JSON header; never a pickle, and never a text. Whatever is wrong with the cache
costs time and nothing else: a value whose digest does not match is not there, a file that is no database is set aside, and a
disk that cannot be written turns the cache off, with one note.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tracer_spec.errors import UsageError
from tracer_spec.flow.cache.database import FILE, bytes_in_use, open_database, prepare_database, transaction

FOLDER = "TRACER_SPEC_CACHE"
LIMIT = "TRACER_SPEC_CACHE_MB"
DEFAULT_MB = 5000

# reading writes nothing, but where the time of last use has become this old
_USE_GRAIN_S = 3600

# each reads one index alone, and passes over what has not the type that it was written with; times end with the year 9999
_KINDS = """SELECT kind, COUNT(*), SUM(size) FROM entries
    WHERE typeof(kind) = 'text' AND typeof(size) = 'integer' GROUP BY kind ORDER BY kind"""
_OLDEST = "SELECT MIN(used) FROM entries WHERE typeof(used) = 'integer' AND used BETWEEN 0 AND 253402300799"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Entry:
    """One remembered value, with what goes with it as JSON."""

    value: bytes = field(repr=False)
    header: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What a store holds: values of each kind with their number and bytes, and the time of the oldest use, None where empty.

    ``limit_bytes`` is the bound beyond which what was not used for longest goes.
    """

    path: Path
    n_bytes: int
    limit_bytes: int
    entries: Mapping[str, tuple[int, int]]
    oldest_use: int | None


class Store:
    """Values by key, shared by every build of this user. Each method works, and forgets, where the cache is off.

    Parameters
    ----------
    folder : Path or None
        None is a cache that is off.
    limit_bytes : int
        At most this much stays on disk.

    Attributes
    ----------
    notes : tuple of str
        Why the cache is off, or was set aside; for the warnings of a build.
    """

    def __init__(self, folder: Path | None, limit_bytes: int = DEFAULT_MB * 10**6) -> None:
        self.path = None if folder is None else folder / FILE
        self.limit_bytes = limit_bytes
        self.notes: tuple[str, ...] = ()
        self._db: sqlite3.Connection | None = None
        self._inode = 0
        self._closed: weakref.finalize[Any, Any] | None = None

    @property
    def is_on(self) -> bool:
        """Return whether it remembers."""
        return self.path is not None

    def get(self, key: bytes) -> Entry | None:
        """Return the value of a key, None where there is none that is whole."""
        return self.get_many([key]).get(key)

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Return the values there are, by key."""
        return self._tried(lambda db: self._read(db, keys)) or {}

    def put(self, key: bytes, kind: str, entry: Entry) -> None:
        """Remember one value."""
        self.put_many(kind, [(key, entry)])

    def put_many(self, kind: str, entries: Iterable[tuple[bytes, Entry]]) -> None:
        """Remember values of one kind, all or none of them; the same key again replaces what was there."""
        now, rows = int(time.time()), []
        for key, entry in entries:
            header = json.dumps(dict(entry.header), sort_keys=True, separators=(",", ":"))
            digest = _digest(key, header, entry.value)
            rows.append((key, kind, header, entry.value, digest, len(entry.value), now))
        if sum(row[5] for row in rows) < self.limit_bytes:
            self._tried(lambda db: self._write(db, rows))

    def info(self) -> StoreInfo | None:
        """Return what there is; None where the cache is off."""
        if self.path is not None and not self.path.exists():
            return StoreInfo(self.path, 0, self.limit_bytes, {}, None)
        return self._tried(self._info)

    def clear(self) -> StoreInfo | None:
        """Remove everything, and return what there was; None where the cache is off."""
        before = self.info()
        if before is not None and before.path.exists():
            self._tried(self._empty)
            _damaged(before.path).unlink(missing_ok=True)
        return before

    def close(self) -> None:
        """Let go of the file; the next call opens it again."""
        if self._closed is not None:
            self._closed()
        self._db = self._closed = None

    @staticmethod
    def _read(db: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        found, damaged, old = dict[bytes, Entry](), list[tuple[bytes]](), list[tuple[int, bytes]]()
        now = int(time.time())
        for key in keys:
            row = db.execute("SELECT header, value, digest, used FROM entries WHERE key = ?", (key,)).fetchone()
            if row is None:
                continue
            header, value, digest, used = row
            facts = _facts(key, header, value, digest, used)
            if facts is None:
                damaged.append((key,))
                continue
            found[key] = Entry(value, facts)
            if used < now - _USE_GRAIN_S:
                old.append((now, key))
        if damaged or old:
            with transaction(db):
                db.executemany("DELETE FROM entries WHERE key = ?", damaged)
                db.executemany("UPDATE entries SET used = ? WHERE key = ?", old)
        return found

    def _write(self, db: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write rows; then, beyond the limit, drop what was not used for longest until a tenth of it is free again."""
        with transaction(db):
            db.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        if bytes_in_use(db) <= self.limit_bytes:
            return
        # probes are few and small, and without them every vector of their embedder is lost
        droppable = "SELECT rowid FROM entries WHERE kind != 'probes' ORDER BY used, rowid LIMIT 64"
        while bytes_in_use(db) > 0.9 * self.limit_bytes:
            with transaction(db):
                oldest = db.execute(droppable).fetchall()
                db.executemany("DELETE FROM entries WHERE rowid = ?", oldest)
            if not oldest:
                break
        db.executescript("PRAGMA incremental_vacuum")

    def _info(self, db: sqlite3.Connection) -> StoreInfo:
        kinds = db.execute(_KINDS).fetchall()
        (oldest,) = db.execute(_OLDEST).fetchone()
        assert self.path is not None  # noqa: S101 - a database is open
        entries = {kind: (n, size) for kind, n, size in kinds}
        return StoreInfo(self.path, bytes_in_use(db), self.limit_bytes, entries, oldest)

    @staticmethod
    def _empty(db: sqlite3.Connection) -> None:
        with transaction(db):
            db.execute("DELETE FROM entries")
        db.executescript("PRAGMA incremental_vacuum")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _tried(self, work: Callable[[sqlite3.Connection], _T]) -> _T | None:
        """Do something with the database, opened or made first; whatever is wrong with it ends here."""
        for _ in range(2):
            if self.path is None:
                return None
            try:
                if self._db is None:
                    self._db = open_database(self.path)
                    self._closed = weakref.finalize(self, self._db.close)
                    self._inode = self.path.stat().st_ino
                    prepare_database(self._db)
                return work(self._db)
            except (sqlite3.OperationalError, OSError) as error:
                # locked for too long, read-only, full, no such folder
                said = getattr(error, "strerror", None) or str(error)
                self._turn_off(f"the cache {self.path.parent} is off, since it cannot be used: {said}")
            except (sqlite3.DatabaseError, ValueError) as error:
                self._set_aside(self.path, str(error))
        return None

    def _turn_off(self, note: str) -> None:
        self.close()
        self.path = None
        self.notes += (note,)

    def _set_aside(self, path: Path, why: str) -> None:
        """Rename a file that cannot be read, unless another process has done so since it was opened."""
        self.close()
        try:
            if path.stat().st_ino != self._inode:
                return
            path.replace(_damaged(path))
            for suffix in ("-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        except OSError as error:
            self._turn_off(f"the cache {path.parent} is off: it is damaged, and stays ({error.strerror})")
        else:
            self.notes += (f"the cache was damaged ({why}) and begins anew; {_damaged(path)} is what it was",)


def open_store(enabled: bool = True, environ: Mapping[str, str] = os.environ) -> Store:
    """Return the store of this user, or one that remembers nothing; nothing is opened or made before it is used.

    ``TRACER_SPEC_CACHE`` is the folder, by default the platform's place for such things, and without a home folder there is
    none; ``TRACER_SPEC_CACHE_MB`` is the limit, 0 for no cache. A limit that is not a number is a UsageError.
    """
    import platformdirs

    text = environ.get(LIMIT, "").strip()
    if text and not (text.isascii() and text.isdigit()):
        raise UsageError(f"{LIMIT} is '{text}'", hint="it is a whole number of megabytes, 0 for no cache")
    limit_bytes = int(text or DEFAULT_MB) * 10**6
    if not enabled or not limit_bytes:
        return Store(None)
    try:
        if environ.get(FOLDER):
            return Store(Path(environ[FOLDER]).expanduser().absolute(), limit_bytes)
        folder = platformdirs.user_cache_path("tracer-spec", appauthor=False)
    except RuntimeError:
        folder = Path("~")
    if folder.is_absolute():
        return Store(folder, limit_bytes)
    store = Store(None)
    store.notes = (f"the cache is off: this user has no home folder; {FOLDER} names a folder for it",)
    return store


def key_of(kind: str, *parts: bytes) -> bytes:
    """Return the key of a value: a digest of its kind and of everything it depends on.

    Examples
    --------
    >>> key_of("vector", b"ab", b"c") == key_of("vector", b"a", b"bc")
    False
    """
    digest = hashlib.sha256(kind.encode())
    for part in parts:
        # lengths first, so that no two lists of parts run into one another
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def _digest(key: bytes, header: str, value: bytes) -> bytes:
    return key_of("entry", key, header.encode(), value)


def _facts(key: bytes, header: Any, value: Any, digest: Any, used: Any) -> Mapping[str, Any] | None:
    """Return the header of a row, None where the row is not as it was written: SQLite takes any type in any column."""
    if not (isinstance(header, str) and isinstance(value, bytes) and isinstance(used, int)):
        return None
    if _digest(key, header, value) != digest:
        return None
    try:
        facts = json.loads(header)
    except (ValueError, RecursionError):
        return None
    return facts if isinstance(facts, dict) else None


def _damaged(path: Path) -> Path:
    return path.with_name(f"{path.name}.damaged")
