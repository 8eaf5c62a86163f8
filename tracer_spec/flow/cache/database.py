"""SQLite file of the cache: for one user, for several processes at once, and only as large as what it holds."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

# another format is another file, so that two releases on one machine leave each other's alone
FORMAT = 1
FILE = f"cache-v{FORMAT}.sqlite"
_SCHEMA = f"""
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS entries (
    key BLOB PRIMARY KEY, kind TEXT NOT NULL, header TEXT NOT NULL, value BLOB NOT NULL,
    digest BLOB NOT NULL, size INTEGER NOT NULL, used INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS by_use ON entries (used, size);
CREATE INDEX IF NOT EXISTS by_kind ON entries (kind, size);
PRAGMA user_version = {FORMAT};
COMMIT;
"""
_BUSY_S = 20.0


def open_database(path: Path) -> sqlite3.Connection:
    """Open a file, made where there is none, that no other user may read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    return sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)


def prepare_database(db: sqlite3.Connection) -> None:
    """Make the tables where there are none; raise ValueError where the file is of another format."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version not in (0, FORMAT):
        raise ValueError(f"its format is {version}, not {FORMAT}")
    ends = time.monotonic() + _BUSY_S
    while version == 0:
        try:
            db.executescript(_SCHEMA)
            break
        except sqlite3.OperationalError as error:
            # SQLite lets no one wait for the change to WAL, so that waiting is ours
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > ends:
                raise
        time.sleep(0.01)
    db.execute("PRAGMA synchronous = NORMAL")


def bytes_in_use(db: sqlite3.Connection) -> int:
    """Return the size of all pages that hold something."""
    (pages,), (free,), (size,) = (
        db.execute(f"PRAGMA {what}").fetchone() for what in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Write all or nothing; a second writer waits."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
