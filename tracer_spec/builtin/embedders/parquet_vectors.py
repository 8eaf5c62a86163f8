"""Vectors in Parquet: a file, or the folder of parts that an engine writes. Only those that are asked for are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer_spec.builtin.embedders.numpy_vectors import refusal
from tracer_spec.errors import DataError, MissingDependencyError
from tracer_spec.plugin.missing_vectors import REMEDY, text_digest

ID, DIGEST = "id", "text_sha256"
_ROWS = 4096
_BUFFER_BYTES = 1 << 20


def read_parquet(
    path: str, rows: Sequence[int], ids: Sequence[str | None], texts: Sequence[str]
) -> tuple[NDArray[Any], list[str]]:
    """Return the vectors of traces, shape (n, d), and the name of each for messages.

    They are found by the column ``id``, else by ``text_sha256``, the digest in hexadecimal of the text in UTF-8, else by the
    place of the record. The vectors are the one column of lists of numbers.

    Raises
    ------
    DataError
        Where the file cannot be read, or has no vector for a trace, or two for one key.
    MissingDependencyError
        Where pyarrow is missing.
    """
    with _opened(path) as table:
        key, wanted = table.wanted(rows, ids, texts)
        place = {each: at for at, each in enumerate(dict.fromkeys(wanted))}
        kept: NDArray[Any] | None = None
        found = np.zeros(len(place), bool)
        for to, vector in table.vectors(place):
            if kept is None:
                kept = np.zeros((len(place), len(vector)), np.float32)
            kept[to], found[to] = vector, True
    if not found.all():
        missing = next(each for each, to in place.items() if not found[to])
        raise refusal(
            f"'{table.name}' has no vector for {_told(key, missing)}; {int((~found).sum()):,} of {len(place):,} are missing",
            hint=REMEDY,
        )
    matrix = np.zeros((0, 0), np.float32) if kept is None else kept[[place[each] for each in wanted]]
    return matrix, [_told(key, each) for each in wanted]


def missing_in_parquet(
    path: str, rows: Sequence[int], ids: Sequence[str | None], texts: Sequence[str], check: Callable[[Any, str], None]
) -> list[int]:
    """Return the positions of the traces that have no vector; ``check`` is given every other vector, one row, and its name.

    Raises as :func:`read_parquet` does for anything else. A batch of vectors is held at a time.
    """
    with _opened(path) as table:
        key, wanted = table.wanted(rows, ids, texts)
        place = {each: at for at, each in enumerate(dict.fromkeys(wanted))}
        names, found = list(place), np.zeros(len(place), bool)
        for to, vector in table.vectors(place):
            found[to] = True
            check(vector, _told(key, names[to]))
    return [at for at, each in enumerate(wanted) if not found[place[each]]]


def count_parquet(path: str) -> int | None:
    """Return how many vectors a file or folder has, where they are known by their order; None where by a key."""
    with _opened(path) as table:
        return int(table.data.count_rows()) if table.key is None else None


@contextmanager
def _opened(path: str) -> Iterator[_Table]:
    """Open a file, or a folder of parts; what pyarrow raises while it is read becomes a refusal."""
    try:
        import pyarrow as pa
        import pyarrow.dataset as ds
    except ImportError:
        raise MissingDependencyError(
            "vectors in Parquet need pyarrow, which is not installed", hint="pip install 'tracer-spec[parquet]'"
        ) from None
    name = Path(path).name
    if not Path(path).exists():
        raise refusal(f"'{path}' does not exist", hint="a path is relative to the spec's folder")
    try:
        data = ds.dataset(path, format="parquet")
        yield _Table(data, *_columns(data.schema, name), name)
    except (pa.ArrowException, OSError) as error:
        said = " ".join(str(error).split("\n")[0].split())
        raise refusal(f"'{name}' is not readable as Parquet: {said}") from None


@dataclass(frozen=True, slots=True)
class _Table:
    """A dataset of vectors: their column, and that of keys, None where rows are known by their order."""

    data: Any
    column: str
    key: str | None
    name: str

    def wanted(
        self, rows: Sequence[int], ids: Sequence[str | None], texts: Sequence[str]
    ) -> tuple[str | None, list[str | int]]:
        """Return the column of keys, and the key of each trace."""
        if self.key == ID:
            if None in ids:
                raise DataError(
                    f"{sum(each is None for each in ids):,} of {len(ids):,} traces have no id to join '{self.name}' on",
                    address="traces.format.id",
                    hint="map 'id' in traces.format, or name vectors by 'text_sha256'",
                )
            return self.key, [str(each) for each in ids]
        return self.key, list(rows) if self.key is None else [text_digest(text) for text in texts]

    def vectors(self, place: Mapping[str | int, int]) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield the vectors of these keys, each with its place: in the order of the file, a batch at a time."""
        found, width = np.zeros(len(place), bool), 0
        for keys, vectors in self._batches():
            for at, each in enumerate(keys):
                to = place.get(each)
                if to is None:
                    continue
                if found[to]:
                    raise refusal(
                        f"'{self.name}' has the {self.key} {str(each)[:80]!r} more than once",
                        hint="keep one vector for each",
                    )
                vector = vectors[at].values
                if vector is None or not len(vector) or (width and len(vector) != width):
                    got = "nothing" if vector is None else f"{len(vector)} numbers"
                    raise refusal(
                        f"'{self.name}' has {got} for {_told(self.key, each)}",
                        hint="all vectors must come from one model",
                    )
                found[to], width = True, len(vector)
                with np.errstate(over="ignore"):
                    numbers = vector.to_numpy(zero_copy_only=False).astype(np.float32)
                yield to, numbers

    def _batches(self) -> Iterator[tuple[Sequence[Any], Any]]:
        """Yield keys and vectors, a batch at a time."""
        import pyarrow.parquet as pq

        columns, first = [self.column, self.key] if self.key else [self.column], 0
        for file in self.data.files:
            # a scan of the dataset would hold whole row groups, and those that it reads ahead
            with pq.ParquetFile(file, buffer_size=_BUFFER_BYTES, pre_buffer=False) as part:
                if _columns(part.schema_arrow, Path(file).name) != (self.column, self.key):
                    raise refusal(
                        f"'{Path(file).name}' has other columns than the first part of '{self.name}'",
                        hint=f"write {' and '.join(columns)} into every part",
                    )
                for batch in part.iter_batches(_ROWS, columns=columns, use_threads=False):
                    places = range(first, first + len(batch))
                    keys = places if self.key is None else [str(each) for each in batch.column(self.key).to_pylist()]
                    first += len(batch)
                    yield keys, batch.column(self.column)


def _columns(schema: Any, name: str) -> tuple[str, str | None]:
    """Return the column of vectors and that of keys, None where rows are known by their order."""
    import pyarrow.types as types

    lists = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    vectors = [
        field.name
        for field in schema
        if any(is_list(field.type) for is_list in lists)
        and (types.is_floating(field.type.value_type) or types.is_integer(field.type.value_type))
    ]
    if len(vectors) != 1:
        raise refusal(
            f"'{name}' has {len(vectors)} columns of lists of numbers ({', '.join(vectors) or 'none'}); its columns are "
            f"{', '.join(schema.names)}",
            hint="write one column of vectors, beside 'id' or 'text_sha256'",
        )
    return vectors[0], next((key for key in (ID, DIGEST) if key in schema.names), None)


def _told(key: str | None, value: str | int) -> str:
    return f"record {value}" if key is None else f"the {key} {str(value)[:80]!r}"
