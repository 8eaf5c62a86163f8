"""Vectors in Parquet: a file, or the folder of parts that an engine writes. Only those that are asked for are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer_spec.errors import DataError, MissingDependencyError

ADDRESS = "embedder.with.path"
ID, DIGEST = "id", "text_sha256"
_ROWS = 4096


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
    try:
        import pyarrow as pa
        import pyarrow.dataset as ds
    except ImportError:
        raise MissingDependencyError(
            "vectors in Parquet need pyarrow, which is not installed", hint="pip install 'tracer-spec[parquet]'"
        ) from None
    name = Path(path).name
    if not Path(path).exists():
        raise _refusal(f"'{path}' does not exist", hint="a path is relative to the spec's folder")
    try:
        table = ds.dataset(path, format="parquet")
        column, key = _columns(table.schema, name)
        wanted = _wanted(key, rows, ids, texts, name)
        return _gather(table, column, key, wanted, name)
    except (pa.ArrowException, OSError) as error:
        said = " ".join(str(error).split("\n")[0].split())
        raise _refusal(f"'{name}' is not readable as Parquet: {said}") from None


def digest_of(text: str) -> str:
    """Return the sha256 of a text in UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


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
        raise _refusal(
            f"'{name}' has {len(vectors)} columns of lists of numbers ({', '.join(vectors) or 'none'}); its columns are "
            f"{', '.join(schema.names)}",
            hint="write one column of vectors, beside 'id' or 'text_sha256'",
        )
    return vectors[0], next((key for key in (ID, DIGEST) if key in schema.names), None)


def _wanted(
    key: str | None, rows: Sequence[int], ids: Sequence[str | None], texts: Sequence[str], name: str
) -> list[str | int]:
    """Return the key of each trace."""
    if key == ID:
        if None in ids:
            raise DataError(
                f"{sum(each is None for each in ids)} of {len(ids)} traces have no id to join '{name}' on",
                address="traces.format.id",
                hint="map 'id' in traces.format, or name vectors by 'text_sha256'",
            )
        return [str(each) for each in ids]
    return list(rows) if key is None else [digest_of(text) for text in texts]


def _gather(
    table: Any, column: str, key: str | None, wanted: list[str | int], name: str
) -> tuple[NDArray[Any], list[str]]:
    """Return the vectors of these keys, and their names."""
    place: dict[str | int, int] = {}  # of each key among those that are kept
    for each in wanted:
        place.setdefault(each, len(place))
    kept: NDArray[Any] | None = None
    found = np.zeros(len(place), bool)
    for keys, vectors in _batches(table, column, key):
        for at, each in enumerate(keys):
            to = place.get(each)
            if to is None:
                continue
            if found[to]:
                raise _refusal(
                    f"'{name}' has the {key} {str(each)[:80]!r} more than once", hint="keep one vector for each"
                )
            vector = vectors[at].values
            if vector is None or not len(vector) or (kept is not None and len(vector) != kept.shape[1]):
                got = "nothing" if vector is None else f"{len(vector)} numbers"
                raise _refusal(
                    f"'{name}' has {got} for {_told(key, each)}", hint="all vectors must come from one model"
                )
            if kept is None:
                kept = np.zeros((len(place), len(vector)), np.float32)
            with np.errstate(over="ignore"):
                kept[to] = vector.to_numpy(zero_copy_only=False)
            found[to] = True
    if not found.all():
        missing = next(each for each, to in place.items() if not found[to])
        raise _refusal(
            f"'{name}' has no vector for {_told(key, missing)}; {int((~found).sum())} of {len(place)} are missing",
            hint="embed the missing traces too, or drop them with traces.format.where",
        )
    matrix = np.zeros((0, 0), np.float32) if kept is None else kept[[place[each] for each in wanted]]
    return matrix, [_told(key, each) for each in wanted]


def _batches(table: Any, column: str, key: str | None) -> Iterator[tuple[Sequence[Any], Any]]:
    """Yield keys and vectors, a batch at a time."""
    first = 0
    for batch in table.to_batches(columns=[column, key] if key else [column], batch_size=_ROWS):
        keys = (
            range(first, first + len(batch)) if key is None else [str(each) for each in batch.column(key).to_pylist()]
        )
        first += len(batch)
        yield keys, batch.column(column)


def _told(key: str | None, value: str | int) -> str:
    return f"record {value}" if key is None else f"the {key} {str(value)[:80]!r}"


def _refusal(what: str, *, hint: str = "") -> DataError:
    return DataError(what, address=ADDRESS, hint=hint)
