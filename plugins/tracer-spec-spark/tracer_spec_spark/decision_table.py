"""The log of decisions as a table."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pyspark.sql.types import (
    BooleanType,
    DoubleType,
    IntegerType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FILES = "decisions-*.jsonl*"
UNREAD = "unread"

ROUTER = StructType(
    [
        StructField("name", StringType()),
        StructField("version", StringType()),
        StructField("mode", StringType()),
        StructField("label", StringType()),
        StructField("handled", BooleanType()),
        StructField("score", DoubleType()),
        StructField("stage", IntegerType()),
        StructField("reason", StringType()),
        StructField("audit", BooleanType()),
        StructField("audit_rate", DoubleType()),
        StructField("served", StringType()),
    ]
)
"""What the router made of a request; a test holds it against ``schemas/decision.v1.json``."""

SCHEMA = StructType(
    [
        StructField("id", StringType()),
        StructField("time", TimestampType()),
        StructField("input", StringType()),
        StructField("input_sha256", StringType()),
        StructField("teacher", StringType()),
        StructField("teacher_raw", StringType()),
        StructField("model", StringType()),
        StructField("router", ROUTER),
        StructField(UNREAD, StringType()),
    ]
)
"""The columns of :func:`decisions`."""


def decisions(spark: SparkSession, folder: str | os.PathLike[str]) -> DataFrame:
    """Read logs of decisions as a table.

    Parameters
    ----------
    spark : SparkSession
        Classic or Connect.
    folder : path or address
        Where logs lie, at any depth, that the workers can read: files ``decisions-*.jsonl``, compressed or not.

    Returns
    -------
    DataFrame
        The columns of ``schemas/decision.v1.json``: ``id``, ``time`` (a timestamp), ``input``, ``input_sha256``, ``teacher``,
        ``teacher_raw`` (an object as JSON text), ``model``, ``router`` (a struct, null where no bundle was there to decide);
        and ``unread``: a line that is no such record, as it stands, null for all others.

    Examples
    --------
    >>> decisions(spark, "log").where("router.audit").groupBy("router.label").count().show()  # doctest: +SKIP
    """
    reader = spark.read.schema(SCHEMA).option("recursiveFileLookup", True).option("pathGlobFilter", FILES)
    return reader.json(os.fspath(folder), mode="PERMISSIVE", columnNameOfCorruptRecord=UNREAD)
