"""The trace source: rows of Spark in the order of their ids, sampled where they are."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracer_spec.errors import DataError
from tracer_spec.plugin import Record

from tracer_spec_spark.routing import column_type
from tracer_spec_spark.sampling import sampled
from tracer_spec_spark.workers import ERRORS, check_workers, quoted, told

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from tracer_spec_spark import SparkOptions

ADDRESS = "traces.with"
_AS_JSON = {
    "ignoreNullFields": "false",
    "timeZone": "UTC",
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}


# what Spark would write over the progress of a build
_QUIET: dict[str, str | bool | int] = {"spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR"}


@dataclass(frozen=True, slots=True)
class SparkSource:
    """Streams one record a row, in the order of the ids; whole rows are moved of the sample alone.

    Parameters
    ----------
    options : SparkOptions

    Notes
    -----
    Of equal ids, rows are ordered by what they hold. Spark writes each row as JSON, so that values are those of JSON, and the
    rows of one partition at a time are held here. The session is the one that is there already, else one is started, and left:
    it ends with the process.
    """

    options: SparkOptions

    def records(self) -> Iterator[Record]:
        """Yield the sampled rows; a row's address is ``spark#row``, counted from 1 in their order.

        Raises
        ------
        DataError
            Where a table, column or file does not exist, rows that are to be sampled have no id, or there is no row.
        """
        number = 0
        with translated():
            for row in self._rows().toLocalIterator():
                number += 1
                yield Record(f"spark#{number}", json.loads(row[0]))
        if not number:
            raise DataError("there is no row", hint="check the table, and the WHERE of the SQL", address=ADDRESS)

    def _rows(self) -> DataFrame:
        """Return the sampled rows as JSON in their order."""
        from pyspark.sql import functions as f

        asked = self.options
        session = open_session(asked.conf)
        rows = self._read(session)
        column_type(rows.schema, asked.id)
        doubled = sorted({name for name in rows.columns if rows.columns.count(name) > 1})
        if doubled:
            raise DataError(f"two columns are called '{doubled[0]}'", hint="name one of them with AS", address=ADDRESS)
        if asked.sample is not None or asked.max_rows is not None:
            check_workers(session)
            rows = sampled(rows, asked.id, share=asked.sample, max_rows=asked.max_rows, salt=asked.salt)
        row = f.to_json(f.struct(*map(_as_json, rows.schema.fields)), _AS_JSON).alias("row")
        return rows.select(f.col(quoted(asked.id)).alias("id"), row).orderBy("id", "row").select("row")

    def _read(self, session: SparkSession) -> DataFrame:
        asked = self.options
        if asked.table is not None:
            return session.table(asked.table)
        if asked.sql is not None:
            return session.sql(asked.sql)
        return session.read.format(asked.format).options(**asked.options).load(asked.path)


def open_session(conf: dict[str, str | bool | int]) -> SparkSession:
    """Return the session that is active, else a new one of these settings, whose workers run this Python."""
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    builder = SparkSession.builder.appName("tracer-spec")
    if "PYSPARK_PYTHON" not in os.environ and _is_local(conf):
        os.environ["PYSPARK_PYTHON"] = sys.executable
    for key, value in (_QUIET | conf).items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def _is_local(conf: Mapping[str, str | bool | int]) -> bool:
    """Return whether the workers run on this machine, as far as the spec and the environment say."""
    where = conf.get("spark.master") or conf.get("spark.remote") or os.environ.get("SPARK_REMOTE") or "local"
    return str(where).startswith("local")


@contextmanager
def translated() -> Iterator[None]:
    """Turn Spark's errors into ours."""
    try:
        yield
    except ERRORS as error:
        said = told(error).problems[0]
        raise DataError(said.what, hint=said.hint, address=ADDRESS) from None


def _as_json(field: Any) -> Any:
    """Return a column as JSON has it: NaN is missing, bytes are text."""
    from pyspark.sql import functions as f
    from pyspark.sql.types import BinaryType, DoubleType, FloatType

    column = f.col(quoted(field.name))
    if isinstance(field.dataType, (DoubleType, FloatType)):
        column = f.when(~f.isnan(column), column)
    elif isinstance(field.dataType, BinaryType):
        column = column.cast("string")
    return column.alias(field.name)
