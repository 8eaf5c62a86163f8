"""``parquet``: columns of Parquet files, streamed in batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from tracer_spec.errors import DataError, MissingDependencyError
from tracer_spec.inputs.files import Input, find_inputs, nothing_read, seekable
from tracer_spec.inputs.streams import ADDRESS
from tracer_spec.plugin import Options, Record
from tracer_spec.plugin.paths import LocalPath


class ParquetOptions(Options):
    """Options of ``parquet``."""

    path: LocalPath | list[LocalPath] = Field(
        description="a file, a glob or a list of them, relative to the spec, or at an address such as s3://",
        examples=["traces/**/*.parquet"],
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
    return Parquet(options)


@dataclass(frozen=True, slots=True)
class Parquet:
    """Streams the rows of Parquet files as mappings from column to value."""

    options: ParquetOptions

    def records(self) -> Iterator[Record]:
        """Yield one record per row, file by file; a row's address is ``file#row``, counted from 0."""
        inputs = find_inputs(self.options.path, example="*.parquet")
        is_empty = True
        for file in inputs:
            for row, (data, problem) in enumerate(self._rows(file)):
                is_empty = False
                yield Record(f"{file.name}#{row}", data, problem)
        if is_empty:
            raise nothing_read(inputs)

    def _rows(self, file: Input) -> Iterator[tuple[dict[str, Any], str]]:
        """Yield the rows of one file, each with what is wrong with it."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with seekable(file) as place, pq.ParquetFile(place) as table:
                known = table.schema_arrow.names
                missing = [name for name in self.options.columns or () if name not in known]
                if missing:
                    raise DataError(
                        f"'{file.name}' has no column {', '.join(missing)}; it has {', '.join(known)}",
                        address="traces.with.columns",
                    )
                for batch in table.iter_batches(self.options.batch_rows, columns=self.options.columns):
                    yield from _values(_readable(batch))
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            said = " ".join(str(error).split("\n")[0].split())
            raise DataError(
                f"'{file.name}' is not a readable Parquet file: {said}",
                hint="check that the export ran to its end, and that 'traces.use' is the source for these files",
                address=ADDRESS,
            ) from None


def _values(batch: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield rows as mappings; where a value has no counterpart in Python, its row is a bad record of its own."""
    try:
        whole = batch.to_pylist()
    except (ValueError, OverflowError):
        for row in range(batch.num_rows):
            yield _row(batch, row)
    else:
        yield from ((data, "") for data in whole)


def _row(batch: Any, row: int) -> tuple[dict[str, Any], str]:
    data = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            data[name] = column[row].as_py()
        except UnicodeDecodeError:
            return {}, f"text that is not valid UTF-8, in the column '{name}'"
        except (ValueError, OverflowError):
            return {}, f"a value out of range, in the column '{name}'"
    return data, ""


def _readable(batch: Any) -> Any:
    """Cut times to microseconds, since Python's have no more, and put them in UTC, whatever zones this machine knows."""
    import pyarrow as pa

    for place, field in enumerate(batch.schema):
        kind = _readable_type(field.type)
        if kind != field.type:
            column = batch.column(place).cast(kind, safe=False)
            batch = batch.set_column(place, pa.field(field.name, kind), column)
    return batch


def _readable_type(kind: Any) -> Any:
    """Return the type that Python can hold, at any depth of lists and structures."""
    import pyarrow as pa

    types = pa.types
    if types.is_timestamp(kind):
        return pa.timestamp("us" if kind.unit == "ns" else kind.unit, "UTC" if kind.tz else None)
    if types.is_duration(kind) and kind.unit == "ns":
        return pa.duration("us")
    if types.is_time64(kind):
        return pa.time64("us")
    if types.is_struct(kind):
        fields = [kind.field(place) for place in range(kind.num_fields)]
        return pa.struct([field.with_type(_readable_type(field.type)) for field in fields])
    if types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_readable_type(kind.value_type)))
    if types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_readable_type(kind.value_type)))
    return kind
