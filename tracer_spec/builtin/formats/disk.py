"""A file of SQLite's without a name: what must wait until all records are read waits there, in bounded memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from tracer_spec.errors import DataError

_CACHE_KIB = 1 << 16


@contextmanager
def waiting_room(table: str, what: str, address: str) -> Iterator[sqlite3.Connection]:
    """Open a database with one table, which goes with the process.

    Raises
    ------
    DataError
        Where there is no room for ``what``.

    Notes
    -----
    Memory is bounded, at some 64 MiB. The file is in the folder for temporary files, and as large as what it keeps.
    """
    try:
        # an empty name: a file of its own in the temporary folder, without a name, written when the cache is full
        database = sqlite3.connect("", isolation_level=None)
        try:
            for setting in (
                "journal_mode = OFF",
                "synchronous = OFF",
                "temp_store = FILE",
                f"cache_size = -{_CACHE_KIB}",
            ):
                database.execute(f"PRAGMA {setting}")
            database.execute(f"CREATE TABLE {table}")
            database.execute("BEGIN")
            yield database
        finally:
            database.close()
    except sqlite3.Error as error:
        raise DataError(
            f"{what}: {error}", hint="make room in the folder for temporary files (TMPDIR)", address=address
        ) from None


def storable(text: str) -> str:
    """Return a text without what UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()
