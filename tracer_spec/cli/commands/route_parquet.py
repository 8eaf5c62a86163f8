"""``route`` from Parquet to Parquet: the columns of the input, and the decisions beside them, in bounded memory."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from tracer_spec.cli.commands.route_lines import TEXT_KEYS, Counts
from tracer_spec.errors import DataError, UsageError
from tracer_spec.fresh.spec_of_bundle import text_at, written_spec
from tracer_spec.runtime.arrow import COLUMNS, arrow_library, decision_schema, first_not_utf8, refuse_clash, route_arrow

if TYPE_CHECKING:
    from tracer_spec.cli.commands.route_lines import Reader
    from tracer_spec.cli.commands.route_workers import SideBySide
    from tracer_spec.runtime import Bundle, Router
    from tracer_spec.spec.nodes import Node

# rows that are decided at a time, and rows of a row group: the same whatever the number of workers
_CHUNK_ROWS, _GROUP_ROWS = 1024, 65_536
# on the way between processes: no column that is decided on has such a name
_DECIDED = "\0"


@dataclass(frozen=True, slots=True)
class Column:
    """The column that is decided on."""

    name: str
    is_text: bool


def choose_column(
    bundle: Bundle, router: Router, file: str, text: str | None, vector: str | None, source: int | None
) -> Column:
    """Return the column that is named, else the one in which the bundle's spec found its texts, or its vectors.

    The spec is read in the second case alone: that takes PyYAML.

    Raises
    ------
    UsageError
        Where both are named, or the bundle takes the other of the two.
    DataError
        Where the file has no such column.
    """
    takes_text = router.manifest.embedder.probe is not None
    if text is not None and (vector is not None or not takes_text):
        why = (
            "--vector is given too"
            if vector is not None
            else f"this bundle takes vectors of {router.dimension} numbers"
        )
        raise UsageError(f"--text names the column of the texts, and {why}", hint="--vector COLUMN alone")
    kind = "text" if takes_text and vector is None else "vector"
    asked = text if kind == "text" else vector
    known = _known_columns(written_spec(bundle, source), kind) if asked is None else [asked]
    names = schema_of(file).names
    found = next((each for each in known if each in names), None)
    if found is None:
        wanted = f"'{asked}'" if asked else f"of {kind}s that is called {' or '.join(known)}"
        raise DataError(f"'{file}' has no column {wanted}; it has {', '.join(names)}", hint=f"--{kind} COLUMN")
    if names.count(found) > 1:
        raise DataError(
            f"'{file}' has {names.count(found)} columns '{found}'", hint=f"--{kind} COLUMN, one that is there once"
        )
    return Column(found, kind == "text")


def _known_columns(tree: Node, kind: str) -> list[str]:
    if kind == "vector":
        return [text_at(tree, "embedder", "with", "column") or "embedding"]
    return [each for each in (text_at(tree, "traces", "format", "text"), *TEXT_KEYS) if each]


def write_decisions(
    decide: SideBySide,
    files: Sequence[str],
    column: Column,
    prefix: str,
    out: BinaryIO,
    counts: Counts,
    tell: Callable[[int], None],
) -> None:
    """Decide on the rows of Parquet files of one schema, and write them with the decisions as one file.

    Raises
    ------
    DataError
        Where a file cannot be read, has other columns than the first, or a text that is not UTF-8.
    UsageError
        Where a column of the decisions' names is there already.
    """
    pa = arrow_library()
    schema = schema_of(files[0])
    refuse_clash(schema.names, prefix, "--prefix router_")
    added = [field.with_name(prefix + field.name) for field in decision_schema()]
    whole = pa.schema([*schema, *added], schema.metadata)
    given, group = deque[Any](), list[Any]()

    def chunks() -> Iterator[tuple[Column, bytes]]:
        for batch in _batches(files, schema, column):
            given.append(batch)
            yield column, _to_bytes(batch.select([column.name]))

    with _parquet().ParquetWriter(out, whole) as writer:
        for answer in decide(_decide, chunks()):
            batch, decisions = given.popleft(), _from_bytes(answer)
            n_handled = decisions.column(_DECIDED + "handled").true_count
            counts += Counts(handled=n_handled, deferred=decisions.num_rows - n_handled)
            group.append(pa.RecordBatch.from_arrays([*batch.columns, *decisions.columns], schema=whole))
            if sum(each.num_rows for each in group) >= _GROUP_ROWS:
                writer.write_table(pa.Table.from_batches(group))
                group.clear()
            tell(counts.lines)
        if group:
            writer.write_table(pa.Table.from_batches(group))


def schema_of(file: str) -> Any:
    """Return the columns of a Parquet file."""
    with _opened(file) as opened:
        return opened.schema_arrow


def _decide(router: Router, _: Reader | None, chunk: tuple[Column, bytes]) -> bytes:
    column, data = chunk
    name = {"text" if column.is_text else "vector": column.name}
    decided = route_arrow(router, _from_bytes(data), prefix=_DECIDED, **name)
    return _to_bytes(decided.select([_DECIDED + each for each in COLUMNS]))


def _batches(files: Sequence[str], schema: Any, column: Column) -> Iterator[Any]:
    for file in files:
        with _opened(file) as opened:
            if not opened.schema_arrow.equals(schema):
                raise DataError(
                    f"'{file}' has other columns, or other types of them, than '{files[0]}'",
                    hint="route files of one schema at a time",
                )
            n_before = 0
            for batch in opened.iter_batches(_CHUNK_ROWS):
                bad = first_not_utf8(batch.column(column.name))
                if bad is not None:
                    raise DataError(f"'{file}', row {n_before + bad:,}: column '{column.name}' is not valid UTF-8")
                n_before += batch.num_rows
                yield batch


@contextlib.contextmanager
def _opened(file: str) -> Iterator[Any]:
    """Open a Parquet file, at an address too; whatever is wrong with it names it."""
    from tracer_spec.inputs.files import find_inputs, seekable

    pa = arrow_library()
    (found,) = find_inputs(file, example="*.parquet")
    try:
        with seekable(found) as place, _parquet().ParquetFile(place) as opened:
            yield opened
    except (pa.ArrowException, OSError) as error:
        said = " ".join(str(error).split("\n")[0].split())
        raise DataError(f"'{found.name}' cannot be read as Parquet: {said}") from None


def _parquet() -> Any:
    import pyarrow.parquet

    return pyarrow.parquet


def _to_bytes(batch: Any) -> bytes:
    """Return a batch alone, without the rest of the memory that it is a part of."""
    pa = arrow_library()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return bytes(sink.getvalue())


def _from_bytes(data: bytes) -> Any:
    return arrow_library().ipc.open_stream(data).read_next_batch()
