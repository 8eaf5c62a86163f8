"""The rows of a SQL query as traces: files, buckets and databases, through DuckDB."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator
from tracer_spec.plugin import Options, Plugin, Source, hookimpl
from tracer_spec.plugin.paths import LocalPath

if TYPE_CHECKING:
    from tracer_spec_duckdb.source import DuckdbSource

_VARIABLE = re.compile("[A-Za-z_][A-Za-z0-9_]*")
# settings of a secret that are secrets: they are named by variables, never written into a spec
_HIDDEN = ("secret", "session_token", "password", "bearer_token")


class File(Options):
    """A table that is read from files."""

    path: LocalPath | list[LocalPath] = Field(description="a file, a glob, a URL, or a list of them")
    format: Literal["parquet", "csv", "json"] | None = Field(None, description="by the end of the name where null")
    options: dict[str, Any] = Field({}, description="what DuckDB's read_csv, read_json or read_parquet takes")


class Secret(Options):
    """What DuckDB's CREATE SECRET takes, the secret parts by the names of environment variables."""

    type: Literal["s3", "gcs", "r2", "http"] = Field(description="what it opens")
    scope: str | None = Field(None, description="the start of the URLs that it is for; all where null")
    settings: dict[str, str | bool | int] = Field({}, description="region, endpoint, url_style, use_ssl, ...")
    env: dict[str, str] = Field(
        {}, description="setting to variable: {key_id: AWS_ACCESS_KEY_ID, secret: AWS_SECRET_ACCESS_KEY}"
    )


class DuckdbOptions(Options):
    """Options of ``duckdb``."""

    query: str = Field(
        description="one SELECT that ends in ORDER BY; a file after FROM is relative to the spec",
        examples=["SELECT id, body AS input, answer AS teacher FROM 'calls/*.parquet' ORDER BY id"],
    )
    folder: LocalPath = Field(
        ".", validate_default=True, description="where relative paths of the query start, relative to the spec"
    )
    files: dict[str, LocalPath | list[LocalPath] | File] = Field(
        {}, description="table to file, glob, URL or list; or {path, format, options} for a reader's own options"
    )
    sqlite: dict[str, LocalPath] = Field({}, description="database to SQLite file, attached read-only")
    duckdb: dict[str, LocalPath] = Field({}, description="database to DuckDB file, attached read-only")
    postgres: dict[str, str] = Field(
        {}, description="database to the environment variable that holds its connection string, attached read-only"
    )
    secrets: list[Secret] = Field([], description="for s3://, gs://, r2:// and https://")
    batch_rows: int = Field(2048, ge=1, le=1_000_000, description="rows in one Arrow batch")
    memory_mb: int = Field(1024, ge=64, description="what DuckDB may hold; it sorts more than that on disk")
    threads: int = Field(1, ge=1, le=256, description="with one, rows that ORDER BY leaves tied stay in one order")

    # checked on the model, not on the field: an error of a field quotes its value, and here that may be a secret
    @model_validator(mode="after")
    def _holds_no_secret(self) -> DuckdbOptions:
        for name, variable in self.postgres.items():
            if not _VARIABLE.fullmatch(variable):
                raise ValueError(
                    f"postgres.{name} takes the name of an environment variable, never the connection string itself "
                    "(not shown here)"
                )
        for number, each in enumerate(self.secrets):
            for key in each.settings:
                if key.casefold() in _HIDDEN:
                    raise ValueError(
                        f"secrets[{number}].settings.{key} is a secret (not shown here); name the variable that holds "
                        f"it under 'env'"
                    )
            for key, variable in each.env.items():
                if not _VARIABLE.fullmatch(variable):
                    raise ValueError(
                        f"secrets[{number}].env.{key} takes the name of an environment variable, never the value "
                        "itself (not shown here)"
                    )
        return self


def _make(options: DuckdbOptions) -> DuckdbSource:
    import duckdb  # noqa: F401 - a missing library is an error before anything is read
    import pyarrow  # noqa: F401

    from tracer_spec_duckdb.source import DuckdbSource

    return DuckdbSource(options)


@hookimpl
def tracer_spec_sources() -> Iterable[Plugin[Source]]:
    """Yield the source."""
    yield Plugin("duckdb", "rows of a SQL query: files, S3, SQLite, PostgreSQL", _make, DuckdbOptions)
