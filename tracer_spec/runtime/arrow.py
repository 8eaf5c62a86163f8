"""Batches in Arrow's columns: read without a copy where they can be, and decisions as columns beside them.

pyarrow is imported by who has an Arrow batch, or asks for one; nothing else of the runtime needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from tracer_spec.errors import DataError, DimensionError, MissingDependencyError, UsageError, did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

ColumnsT = TypeVar("ColumnsT")

COLUMNS = ("label", "handled", "score", "stage", "reason")
"""What a decision is made of, in this order; label and stage are null where deferred."""


class Decisions(Protocol):
    """Columns of decisions, as :class:`~tracer_spec.runtime.decision.Batch` has them."""

    @property
    def labels(self) -> list[str | None]: ...  # noqa: D102
    @property
    def handled(self) -> NDArray[np.bool_]: ...  # noqa: D102
    @property
    def scores(self) -> NDArray[np.float32]: ...  # noqa: D102
    @property
    def stages(self) -> NDArray[np.int64]: ...  # noqa: D102
    @property
    def reasons(self) -> NDArray[Any]: ...  # noqa: D102


class Decides(Protocol):
    """What decides on texts or vectors: a router."""

    @property
    def dimension(self) -> int: ...  # noqa: D102
    def route_batch(self, queries: Any) -> Any: ...  # noqa: D102


def arrow_library() -> Any:
    """Import pyarrow.

    Raises
    ------
    MissingDependencyError
        Where it is not installed.
    """
    try:
        import pyarrow
    except ImportError:
        raise MissingDependencyError(
            "Arrow batches need pyarrow, which is not installed", hint="pip install 'tracer-spec[parquet]'"
        ) from None
    return pyarrow


def decision_schema() -> Any:
    """Return the columns of decisions as a ``pyarrow.Schema``."""
    pa = arrow_library()
    types = (pa.string(), pa.bool_(), pa.float32(), pa.int32(), pa.string())
    return pa.schema(list(zip(COLUMNS, types, strict=True)))


def decisions_to_arrow(batch: Decisions) -> Any:
    """Return decisions as a ``pyarrow.RecordBatch`` of the columns :data:`COLUMNS`."""
    pa = arrow_library()
    columns = (
        batch.labels,
        batch.handled,
        batch.scores,
        pa.array(batch.stages.astype(np.int32), mask=batch.stages < 0),
        batch.reasons.tolist(),
    )
    schema = decision_schema()
    arrays = [
        column if isinstance(column, pa.Array) else pa.array(column, kind)
        for column, kind in zip(columns, schema.types, strict=True)
    ]
    return pa.record_batch(arrays, schema=schema)


def route_arrow(
    router: Decides, batch: ColumnsT, *, text: str | None = None, vector: str | None = None, prefix: str = ""
) -> ColumnsT:
    """Return a batch with the decisions on its rows beside its columns; see :meth:`.RouterRef.route_arrow`."""
    pa = arrow_library()
    if (text is None) == (vector is None):
        raise UsageError("route_arrow reads one column", hint="text='COLUMN', or vector='COLUMN'")
    if not isinstance(batch, pa.RecordBatch):
        table = batch if isinstance(batch, pa.Table) else pa.table(batch)
        parts = [route_arrow(router, part, text=text, vector=vector, prefix=prefix) for part in table.to_batches()]
        fields = [field.with_name(prefix + field.name) for field in decision_schema()]
        return pa.Table.from_batches(parts, schema=pa.schema([*table.schema, *fields]))  # type: ignore[no-any-return]
    refuse_clash(batch.schema.names, prefix, "prefix='router_'")
    column = _column(batch, text if text is not None else str(vector))
    queries = _texts(column, str(text)) if text is not None else _vectors(column, str(vector), router.dimension)
    decisions = decisions_to_arrow(router.route_batch(queries))
    names = [*batch.schema.names, *(prefix + name for name in COLUMNS)]
    return pa.RecordBatch.from_arrays([*batch.columns, *decisions.columns], names)  # type: ignore[no-any-return]


def refuse_clash(names: list[str], prefix: str, remedy: str) -> None:
    """Raise UsageError where a column of the decisions' names is there already."""
    taken = [prefix + name for name in COLUMNS if prefix + name in names]
    if taken:
        raise UsageError(
            f"there is a column '{taken[0]}' already",
            hint=f"{remedy} names the decisions' columns in another way",
        )


def _column(batch: Any, name: str) -> Any:
    if name not in batch.schema.names:
        known = batch.schema.names
        raise DataError(
            f"the batch has no column '{name}'; it has {', '.join(known) or 'none'}", hint=did_you_mean(name, known)
        )
    if batch.schema.names.count(name) > 1:
        raise DataError(f"the batch has {batch.schema.names.count(name)} columns '{name}'")
    return batch.column(name)


def _texts(column: Any, name: str) -> list[str]:
    """Return a column of texts; a null is blank, so that it is deferred."""
    pa = arrow_library()
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_null(kind):
        return [""] * len(column)
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        raise DataError(f"column '{name}' is of type {column.type}, not of texts")
    try:
        values = column.to_pylist()
    except UnicodeDecodeError:
        raise DataError(f"row {first_not_utf8(column)} of column '{name}' is not valid UTF-8") from None
    return values if not column.null_count else ["" if value is None else value for value in values]


def first_not_utf8(column: Any) -> int | None:
    """Return the first row of a column of texts that is not UTF-8, None where all are: Arrow promises it, a writer may lie."""
    try:
        column.validate(full=True)
    except arrow_library().ArrowInvalid:
        for row in range(len(column)):
            try:
                column[row].as_py()
            except UnicodeDecodeError:
                return row
    return None


def _vectors(column: Any, name: str, dimension: int) -> NDArray[Any]:
    """Return a column of lists as a matrix, a view of its memory where it has no null; a null is all NaN, so deferred."""
    pa = arrow_library()
    kind, n = column.type, len(column)
    is_fixed = pa.types.is_fixed_size_list(kind)
    if not (is_fixed or pa.types.is_list(kind) or pa.types.is_large_list(kind)) or not _is_number(kind.value_type):
        raise DataError(f"column '{name}' is of type {kind}, not of lists of numbers")
    present = np.ones(n, bool) if not column.null_count else column.is_valid().to_numpy(zero_copy_only=False)
    if is_fixed:
        lengths = np.full(n, kind.list_size)
    else:
        offsets = column.offsets.to_numpy()
        lengths = np.diff(offsets)
    wrong = np.flatnonzero(present & (lengths != dimension))
    if len(wrong):
        raise DimensionError(
            f"row {wrong[0]} of column '{name}' has {lengths[wrong[0]]} numbers; this policy takes {dimension}"
        )
    values = column.flatten()  # without what stands under nulls
    numbers: NDArray[Any] = values.to_numpy(zero_copy_only=not values.null_count)
    if present.all():
        return numbers.reshape(n, dimension)
    matrix = np.full((n, dimension), np.nan, np.float32)
    matrix[present] = numbers.reshape(-1, dimension)
    return matrix


def _is_number(kind: Any) -> bool:
    types = arrow_library().types
    return bool(types.is_floating(kind) or types.is_integer(kind))
