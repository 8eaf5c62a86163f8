"""Decisions on the rows of a DataFrame, made where the rows are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    FloatType,
    IntegerType,
    NullType,
    NumericType,
    StringType,
    StructField,
    StructType,
)
from tracer_spec.errors import DataError, UsageError, did_you_mean
from tracer_spec.runtime.arrow import COLUMNS, refuse_clash

from tracer_spec_spark.shipping import BundleT, Settings, ship
from tracer_spec_spark.workers import check_workers, in_worker

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

_TYPES = (StringType(), BooleanType(), FloatType(), IntegerType(), StringType())


def route(
    df: DataFrame,
    bundle: BundleT,
    *,
    text: str | None = None,
    vector: str | None = None,
    prefix: str = "",
    sha256: str | None = None,
    embedder: str | None = None,
    embedder_options: Mapping[str, Any] | None = None,
    allow_uncertified: bool = False,
) -> DataFrame:
    """Decide on the rows of a DataFrame.

    Parameters
    ----------
    df : DataFrame
        Classic or of Spark Connect. Its columns are kept as they are.
    bundle : path or RouterRef
        A ``.tracer`` file of this machine, which Spark brings to the workers; or a :class:`tracer_spec.RouterRef` to one at a
        path that every worker sees.
    text, vector : str
        The column to decide on: of strings, or of arrays of d numbers. One of the two.
    prefix : str
        Stands before the names of the columns of decisions.
    sha256 : str or None
        The digest that the file must have. Without it, it is the one that the file has now; each worker checks it.
    embedder, embedder_options, allow_uncertified
        As :func:`tracer_spec.load` takes them.

    Returns
    -------
    DataFrame
        The columns of ``df``, and ``label`` and ``stage``, null where deferred, ``handled``, ``score`` and ``reason``. A null
        is deferred. Nothing is decided before an action asks for it.

    Raises
    ------
    BundleError
        As :func:`tracer_spec.load`.
    DataError
        Where there is no such column, or it holds something else; where the workers run another Python or tracer-spec.
    MissingDependencyError
        Where the workers lack a package.
    UsageError
        Where both columns are named or none, or ``df`` has a column of a decision's name.

    Examples
    --------
    >>> decided = route(calls, "dist/intents.tracer", text="question")  # doctest: +SKIP
    >>> decided.groupBy("handled").count().show()  # doctest: +SKIP
    """
    if (text is None) == (vector is None):
        raise UsageError("route reads one column", hint="text='COLUMN', or vector='COLUMN'")
    schema = df.schema
    refuse_clash(schema.names, prefix, "prefix='router_'")
    if text is not None:
        check_column(schema, text, StringType, "texts")
    else:
        check_vectors(schema, str(vector))
    session = df.sparkSession
    shipped = ship(session, bundle, sha256, Settings(embedder, embedder_options, allow_uncertified))
    check_workers(session)
    decisions = [StructField(prefix + name, kind) for name, kind in zip(COLUMNS, _TYPES, strict=True)]
    decide = in_worker("routing", "decider", shipped.plain(), {"text": text, "vector": vector, "prefix": prefix})
    return df.mapInArrow(decide, StructType([*schema.fields, *decisions]))


def decider(
    shipped: Mapping[str, Any], columns: Mapping[str, Any]
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return what decides on a worker's batches; called there."""
    from tracer_spec_spark.workers import router_ref

    ref = router_ref(shipped)

    def decide(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield ref.route_arrow(batch, **columns)

    return decide


def check_column(schema: StructType, name: str, kind: type[DataType], what: str) -> None:
    """Raise where a DataFrame has no such column, or one of another type; one of nulls alone will do."""
    found = column_type(schema, name)
    if not isinstance(found, (kind, NullType)):
        raise DataError(f"column '{name}' is of type {found.simpleString()}, not of {what}")


def check_vectors(schema: StructType, name: str) -> None:
    """Raise where a DataFrame has no such column of arrays of numbers."""
    found = column_type(schema, name)
    if not isinstance(found, ArrayType) or not isinstance(found.elementType, NumericType):
        is_of_ml = type(found).__name__ == "VectorUDT"
        hint = "pyspark.ml.functions.vector_to_array makes arrays of them" if is_of_ml else ""
        raise DataError(f"column '{name}' is of type {found.simpleString()}, not of arrays of numbers", hint=hint)


def column_type(schema: StructType, name: str) -> DataType:
    """Return the type of a column.

    Raises
    ------
    DataError
        Where there is none of that name.
    """
    if name not in schema.names:
        known = ", ".join(schema.names) or "none"
        raise DataError(f"there is no column '{name}'; there are {known}", hint=did_you_mean(name, schema.names))
    return schema[name].dataType
