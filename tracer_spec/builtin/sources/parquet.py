"""``parquet``: columns of Parquet files, streamed in batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from tracer_spec.builtin.sources.files import Input, find_inputs, nothing_read
from tracer_spec.errors import DataError, MissingDependencyError
from tracer_spec.plugin import Options, Record
from tracer_spec.plugin.paths import LocalPath


class ParquetOptions(Options):
    """Options of ``parquet``."""

    path: LocalPath | list[LocalPath] = Field(
        description="a file, a glob or a list of them, relative to the spec", examples=["traces/**/*.parquet"]
    )
    columns: list[str] | None = Field(
        None, min_length=1, description="columns to read; all where not given, which is slower"
    )
    batch_rows: int = Field(1024, gt=0, description="rows held in memory at a time")


def make(options: ParquetOptions) -> Parquet:
    """Return the source that these options describe; needs pyarrow."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise MissingDependencyError(
            "the source 'parquet' needs pyarrow, which is not installed",
            hint="pip install 'tracer-spec[parquet]'",
        ) from None
    return Parquet(
        paths=(options.path,) if isinstance(options.path, str) else tuple(options.path),
        columns=None if options.columns is None else tuple(options.columns),
        batch_rows=options.batch_rows,
    )


@dataclass(frozen=True, slots=True)
class Parquet:
    """Streams the rows of Parquet files as mappings from column to value.

    Parameters
    ----------
    paths : tuple of str
        Paths or globs.
    columns : tuple of str or None
        Columns to read; None for all.
    batch_rows : int
        Rows held in memory at a time.
    """

    paths: tuple[str, ...]
    columns: tuple[str, ...] | None = None
    batch_rows: int = 1024

    def records(self) -> Iterator[Record]:
        """Yield one record per row, file by file; a row's address is ``file#row``, counted from 0.

        Raises
        ------
        DataError
            Where there is no such file, it is not Parquet, it lacks a column, or all of them hold no row.
        """
        inputs = find_inputs(self.paths, example="*.parquet")
        is_empty = True
        for file in inputs:
            for row, data in enumerate(self._rows(file)):
                is_empty = False
                yield Record(f"{file.name}#{row}", data)
        if is_empty:
            raise nothing_read(inputs)

    def _rows(self, file: Input) -> Iterator[dict[str, Any]]:
        """Yield the rows of one file."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(file.path) as table:
                known = table.schema_arrow.names
                missing = [name for name in self.columns or () if name not in known]
                if missing:
                    raise DataError(
                        f"'{file.name}' has no column {', '.join(missing)}; it has {', '.join(known)}",
                        address="traces.with.columns",
                    )
                for batch in table.iter_batches(self.batch_rows, columns=self.columns and list(self.columns)):
                    yield from _without_nanoseconds(batch).to_pylist()
        except (pa.ArrowException, OSError) as error:
            said = " ".join(str(error).split("\n")[0].split())
            raise DataError(f"'{file.name}' is not a readable Parquet file: {said}") from None


def _without_nanoseconds(batch: Any) -> Any:
    """Cut times to microseconds: Python's have no more, and pyarrow refuses to round by itself."""
    import pyarrow as pa

    for place, column in enumerate(batch.schema):
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            cut = batch.column(place).cast(pa.timestamp("us", column.type.tz), safe=False)
            batch = batch.set_column(place, column.name, cut)
    return batch
