"""From an Arrow batch of DuckDB's to values as JSON has them, which is what formats read."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import pyarrow as pa
from tracer_spec.errors import DataError

Convert: TypeAlias = Callable[[Any], Any]

_AS_IT_IS = frozenset(
    [
        "boolean",
        "tinyint",
        "smallint",
        "integer",
        "bigint",
        "utinyint",
        "usmallint",
        "uinteger",
        "ubigint",
        "enum",
        "uuid",
        "time",
        "sqlnull",
        "null",
    ]
) | {'"null"'}
_MOMENTS = frozenset(("date", "timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns", "timestamp with time zone"))


def converters(names: Sequence[str], types: Sequence[Any]) -> list[Convert | None]:
    """Return what each column's values go through, None where they are fine as Arrow gives them.

    Parameters
    ----------
    names : sequence of str
    types : sequence of duckdb type
        Of DuckDB, which knows JSON from text where Arrow does not.

    Raises
    ------
    DataError
        For a column of a type that JSON has no value for.
    """
    return [_converter(name, each) for name, each in zip(names, types, strict=True)]


def rows(batch: pa.RecordBatch, convert: Sequence[Convert | None]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a batch."""
    columns = []
    for column, through in zip(batch.columns, convert, strict=True):
        target = _target(column.type)
        values = (column if target == column.type else column.cast(target)).to_pylist()
        columns.append(values if through is None else [None if each is None else through(each) for each in values])
    names = batch.schema.names
    for row in zip(*columns, strict=True):
        yield dict(zip(names, row, strict=True))


def _converter(name: str, of: Any) -> Convert | None:
    """Return the converter of a DuckDB type."""
    kind = of.id
    if kind == "varchar":
        return _decoded if str(of) == "JSON" else None
    if kind in _AS_IT_IS:
        return None
    if kind in _MOMENTS:
        return _finite_moment
    if kind in ("hugeint", "uhugeint"):
        return int
    if kind == "decimal":
        return int if dict(of.children)["scale"] == 0 else float
    if kind in ("float", "double"):
        return _number
    if kind == "blob":
        return _text
    if kind in ("list", "array"):
        return _list(_converter(name, dict(of.children)["child"]))
    if kind == "struct":
        return _struct({key: _converter(name, child) for key, child in of.children})
    if kind == "map":
        parts = dict(of.children)
        return _map(_converter(name, parts["key"]), _converter(name, parts["value"]))
    raise DataError(
        f"the column '{name}' of the query holds {of}, which JSON has no value for",
        hint=f'CAST("{name}" AS VARCHAR) AS "{name}"',
        address="traces.with.query",
    )


def _number(value: float) -> float | None:
    # JSON has no NaN, and other tools write it for what is missing
    return None if math.isnan(value) else value


def _finite_moment(text: str) -> str | None:
    return None if text.startswith("<") else text  # Arrow's word for 'infinity'


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _text(held: bytes) -> Any:
    try:
        return held.decode()
    except UnicodeDecodeError:
        return held


def _list(each: Convert | None) -> Convert | None:
    # a vector keeps its NaN: that it is not finite is for the embedder to say
    if each is None or each is _number:
        return None
    return lambda values: [None if value is None else each(value) for value in values]


def _struct(parts: dict[str, Convert | None]) -> Convert | None:
    changing = {key: each for key, each in parts.items() if each is not None}
    if not changing:
        return None

    def convert(value: dict[str, Any]) -> dict[str, Any]:
        return {
            key: changing[key](held) if held is not None and key in changing else held for key, held in value.items()
        }

    return convert


def _map(key: Convert | None, value: Convert | None) -> Convert:
    def convert(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
        return {str(key(k) if key else k): value(v) if value is not None and v is not None else v for k, v in pairs}

    return convert


def _target(of: pa.DataType) -> pa.DataType:
    """Return an Arrow type with text for moments, which Python's own cannot hold to the nanosecond or before year 1."""
    if pa.types.is_temporal(of) and not pa.types.is_interval(of) and not pa.types.is_duration(of):
        return pa.string()
    if pa.types.is_struct(of):
        return pa.struct([pa.field(each.name, _target(each.type)) for each in of])
    if pa.types.is_map(of):
        return pa.map_(_target(of.key_type), _target(of.item_type))
    if pa.types.is_list(of):
        return pa.list_(_target(of.value_type))
    return of
