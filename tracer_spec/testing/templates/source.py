"""A trace source: the rows of an SQLite query."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import Field

from tracer_spec.errors import DataError
from tracer_spec.plugin import Options, Plugin, Record, Source, hookimpl
from tracer_spec.plugin.paths import LocalPath


class SqliteOptions(Options):
    """Options of the source."""

    path: LocalPath = Field(description="the database file, relative to the spec")
    query: str = Field(
        description="SELECT ... AS input, ... AS teacher FROM ... ORDER BY ...: the order must be stable",
        examples=["SELECT body AS input, answer AS teacher FROM calls ORDER BY id"],
    )


class SqliteRows:
    """Streams one record a row."""

    def __init__(self, options: SqliteOptions) -> None:
        self.path, self.query = Path(options.path), options.query

    def records(self) -> Iterator[Record]:
        """Yield rows as they come, never all at once."""
        try:
            with contextlib.closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)) as database:
                rows = database.execute(self.query)
                names = [column[0] for column in rows.description]
                for number, row in enumerate(rows, 1):
                    yield Record(f"{self.path.name}#{number}", dict(zip(names, row, strict=True)))
        except sqlite3.Error as error:
            raise DataError(f"'{self.path.name}' cannot be read: {error}", hint="check path and query") from error


@hookimpl
def tracer_spec_sources() -> Iterable[Plugin[Source]]:
    """Yield what this package provides."""
    yield Plugin("my-source", "rows of an SQLite query", SqliteRows, SqliteOptions)
