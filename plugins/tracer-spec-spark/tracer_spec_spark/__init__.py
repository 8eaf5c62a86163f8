"""Routers on Spark: decisions on the rows of a DataFrame, verification, and traces from tables."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator
from tracer_spec.plugin import Options, Plugin, Source, hookimpl
from tracer_spec.plugin.paths import LocalPath

if TYPE_CHECKING:
    from tracer_spec_spark.decision_table import decisions
    from tracer_spec_spark.routing import route
    from tracer_spec_spark.source import SparkSource
    from tracer_spec_spark.verifying import Verified, verify

__all__ = ["SparkOptions", "Verified", "decisions", "route", "verify"]

_HOMES = {
    "decisions": "decision_table",
    "route": "routing",
    "Verified": "verifying",
    "verify": "verifying",
}
# Spark's own rule for what it hides in its pages (spark.redaction.regex), and such a word inside an address
_SECRET = re.compile("secret|password|token|access[.]?key", re.IGNORECASE)
_IN_ADDRESS = re.compile(f"({_SECRET.pattern})=", re.IGNORECASE)


class SparkOptions(Options):
    """Options of ``spark``."""

    table: str | None = Field(None, description="a table or view of Spark's catalog", examples=["logs.calls"])
    sql: str | None = Field(
        None, description="a SELECT instead", examples=["SELECT id, body AS input, answer AS teacher FROM logs.calls"]
    )
    path: LocalPath | None = Field(None, description="files instead: a path or address that Spark reads")
    format: str = Field("parquet", description="of the files of 'path', by the name that Spark has for it")
    options: dict[str, str | bool | int] = Field({}, description="of Spark's reader of those files")
    id: str = Field("id", description="the column that tells rows apart: rows are sampled and put in order by it")
    sample: float | None = Field(None, gt=0, le=1, description="the share of rows to read; all of them where null")
    max_rows: int | None = Field(None, ge=1, description="rows to read at most: of more, those with the least hashes")
    salt: str = Field("", description="another salt of the hash of ids samples other rows")
    conf: dict[str, str | bool | int] = Field(
        {}, description="settings of the Spark session, where the build starts one: {spark.master: 'local[2]'}"
    )

    # checked on the model, not on the field: an error of a field quotes its value, and here that may be a secret
    @model_validator(mode="after")
    def _makes_sense(self) -> SparkOptions:
        given = [key for key in ("table", "sql", "path") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(f"takes one of table, sql and path, got {' and '.join(given) or 'none of them'}")
        for key, value in (*self.conf.items(), *self.options.items()):
            if _SECRET.search(key) or _IN_ADDRESS.search(str(value)):
                raise ValueError(
                    f"{key} looks like a secret (not shown here); set it in spark-defaults.conf, or where the cluster "
                    "keeps its secrets"
                )
        return self


def _make(options: SparkOptions) -> SparkSource:
    import pyspark  # noqa: F401 - a missing library is an error before anything is read

    from tracer_spec_spark.source import SparkSource

    return SparkSource(options)


@hookimpl
def tracer_spec_sources() -> Iterable[Plugin[Source]]:
    """Yield the source."""
    yield Plugin("spark", "rows of a table, SQL or files, sampled by Spark", _make, SparkOptions)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tracer_spec_spark' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(f"tracer_spec_spark.{_HOMES[name]}"), name)
