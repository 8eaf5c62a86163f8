"""Opens what the options name, locks everything else, and streams the query's rows."""

from __future__ import annotations

import glob
import importlib.util
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
from tracer_spec.errors import DataError, MissingDependencyError
from tracer_spec.plugin import Record

from tracer_spec_duckdb.query import ADDRESS, checked_tree, files_in, format_of, named, quoted
from tracer_spec_duckdb.values import converters, rows
from tracer_spec_duckdb.wording import Wording

if TYPE_CHECKING:
    from tracer_spec_duckdb import DuckdbOptions, Secret

_EXTRAS = {"httpfs": "remote", "sqlite_scanner": "sqlite", "postgres_scanner": "postgres"}
_REMOTE = ("s3://", "s3a://", "s3n://", "gs://", "gcs://", "r2://", "http://", "https://")


@dataclass(frozen=True, slots=True)
class DuckdbSource:
    """Streams one record a row, read-only, in Arrow batches.

    Parameters
    ----------
    options : DuckdbOptions

    Notes
    -----
    Files become views, and databases are attached read-only, before DuckDB is locked to open nothing else. What is
    sorted beyond ``memory_mb`` waits in a temporary folder.
    """

    options: DuckdbOptions

    def records(self) -> Iterator[Record]:
        """Yield the rows of the query in its order; a row's address is ``query#row``, counted from 1.

        Raises
        ------
        DataError
            Where something named does not exist or cannot be read, the query is wrong, or it has no row.
        """
        number = 0
        with tempfile.TemporaryDirectory(prefix="tracer-spec-") as spill, duckdb.connect(":memory:") as connection:
            opening = _Opening(self.options, connection)
            with opening.translated(ADDRESS):
                opening.open(spill)
                relation = connection.sql(self.options.query)
                convert = converters(relation.columns, relation.types)
                reader = relation.to_arrow_reader(self.options.batch_rows)
                try:
                    while (batch := next(reader, None)) is not None:
                        for data in rows(batch, convert):
                            number += 1
                            yield Record(f"query#{number}", data)
                finally:
                    reader.close()
        if not number:
            raise DataError("the query gives no row", hint="check its WHERE, and that the export ran", address=ADDRESS)


@dataclass(slots=True)
class _Opening:
    """Brings a connection to where the query can run."""

    options: DuckdbOptions
    connection: duckdb.DuckDBPyConnection
    wording: Wording = field(init=False)
    _paths: list[str] = field(default_factory=list)
    _folders: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.wording = Wording(self.options.model_dump_json(), os.path.normpath(self.options.folder))

    @contextmanager
    def translated(self, address: str) -> Iterator[None]:
        """Turn DuckDB's and Arrow's errors into ours."""
        try:
            yield
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            said, hint = self.wording.of(error), "run the query in DuckDB to see more"
            if isinstance(error, duckdb.PermissionException) and "file system" in said:
                said = said.partition(" - ")[0]
                hint = "name files after FROM or under 'files', not in a function: files: {calls: calls/*.csv}"
            raise DataError(f"DuckDB says: {said}", hint=hint, address=address) from None

    def open(self, spill: str) -> None:
        """Open all that the options name, and lock the rest."""
        asked, run = self.options, self.connection.execute
        run("SET autoinstall_known_extensions = false")
        run("SET autoload_known_extensions = false")
        run("SET python_enable_replacements = false")
        run("SET preserve_insertion_order = true")
        run("SET TimeZone = 'UTC'")
        run(f"SET threads = {asked.threads}")
        run(f"SET memory_limit = '{asked.memory_mb}MB'")
        run(f"SET temp_directory = {quoted(spill)}")
        tree = checked_tree(self.connection, asked.query)
        for secret in asked.secrets:
            self._keep(secret)
        for kind, databases in (("sqlite", asked.sqlite), ("duckdb", asked.duckdb)):
            for name, path in databases.items():
                self._attach_file(kind, name, path)
        for name, variable in asked.postgres.items():
            self._attach_server(name, variable)
        for name, given in asked.files.items():
            paths = given if isinstance(given, (str, list)) else given.path
            settings = {} if isinstance(given, (str, list)) else given.options
            form = None if isinstance(given, (str, list)) else given.format
            self._view(name, [paths] if isinstance(paths, str) else paths, form, settings, f"traces.with.files.{name}")
        for path in dict.fromkeys(files_in(tree)):
            if path not in asked.files:
                resolved = path if "://" in path else os.path.join(asked.folder, path)  # noqa: PTH118 - may be a glob
                self._view(path, [resolved], None, {}, ADDRESS)
        run(f"SET allowed_paths = {quoted(self._paths)}")
        run(f"SET allowed_directories = {quoted(self._folders)}")
        run("SET enable_external_access = false")
        run("SET lock_configuration = true")

    def _view(self, name: str, patterns: list[str], form: str | None, options: dict[str, object], at: str) -> None:
        """Make files a table."""
        paths: list[str] = []
        for pattern in patterns:
            found = self._find(pattern, at)
            paths += found
            form = form or format_of(found[0])
        if form is None:
            raise DataError(
                f"the name of '{self._short(paths[0])}' does not tell its format",
                hint="say it under 'files': {TABLE: {path: ..., format: csv}}",
                address=at,
            )
        if any(not key.isidentifier() for key in options):
            raise DataError("a reader's option has a name that is not a word", address=f"{at}.options")
        given = "".join(f", {key} = {quoted(value)}" for key, value in options.items())
        with self.translated(at):
            self.connection.execute(f"CREATE VIEW {named(name)} AS FROM read_{form}({quoted(paths)}{given})")

    def _find(self, pattern: str, at: str) -> list[str]:
        """Return the files of a pattern, sorted; a URL as it is. They may be opened, and nothing else."""
        if "://" in pattern:
            if not pattern.startswith(_REMOTE):
                scheme = pattern.partition("://")[0]
                raise DataError(f"'{scheme}://' cannot be read; these can: {', '.join(_REMOTE)}", address=at)
            self._load("httpfs", f"'{pattern.partition('://')[0]}://'")
            start = glob.escape(pattern).partition("[")[0]
            if start == pattern:
                self._paths.append(pattern)
            else:
                self._folders.append(start.rpartition("/")[0] + "/")
            return [pattern]
        path = os.path.abspath(pattern)  # noqa: PTH100 - may be a glob
        found = [path] if Path(path).is_file() else sorted(filter(os.path.isfile, glob.glob(path, recursive=True)))  # noqa: PTH207
        if not found:
            raise DataError(
                f"'{self._short(path)}' matches no file", hint="paths are relative to the spec's folder", address=at
            )
        self._paths += found
        return found

    def _short(self, path: str) -> str:
        return path if "://" in path else Path(os.path.relpath(path, self.options.folder)).as_posix()

    def _attach_file(self, kind: str, name: str, path: str) -> None:
        at = f"traces.with.{kind}.{name}"
        if not Path(path).is_file():
            raise DataError(
                f"'{self._short(path)}' is not a file", hint="paths are relative to the spec's folder", address=at
            )
        if kind == "sqlite":
            self._load("sqlite_scanner", "an SQLite database")
        with self.translated(at):
            self.connection.execute(
                f"ATTACH {quoted(os.path.abspath(path))} AS {named(name)} (TYPE {kind}, READ_ONLY)"  # noqa: PTH100
            )

    def _attach_server(self, name: str, variable: str) -> None:
        at = f"traces.with.postgres.{name}"
        self._load("postgres_scanner", "PostgreSQL")
        where = self._variable(variable, at)
        with self.translated(at):
            self.connection.execute(f"ATTACH {quoted(where)} AS {named(name)} (TYPE postgres, READ_ONLY)")

    def _keep(self, secret: Secret) -> None:
        """Give DuckDB a secret, for this connection alone."""
        self._load("httpfs", f"a secret of the type '{secret.type}'")
        at = "traces.with.secrets"
        parts: dict[str, object] = dict(secret.settings)
        parts |= {key: self._variable(variable, at) for key, variable in secret.env.items()}
        if secret.scope:
            parts["scope"] = secret.scope
        if any(not key.isidentifier() for key in parts):
            raise DataError("a secret has a setting whose name is not a word", address=at)
        given = "".join(f", {key} {quoted(value)}" for key, value in parts.items())
        with self.translated(at):
            self.connection.execute(f"CREATE SECRET {named(f's{id(secret)}')} (TYPE {secret.type}{given})")

    def _variable(self, variable: str, at: str) -> str:
        value = os.environ.get(variable, "")
        if not value:
            raise DataError(f"the environment variable '{variable}' is not set", hint=f"export {variable}", address=at)
        self.wording.hide(value, variable)
        return value

    def _load(self, extension: str, what: str) -> None:
        """Load an extension that is on this machine: a build downloads no code."""
        package = importlib.util.find_spec(f"duckdb_extension_{extension}")
        version = f"v{duckdb.__version__}"
        places = [Path(each) for each in (package.submodule_search_locations or ())] if package else []
        files = [place / "extensions" / version / f"{extension}.duckdb_extension" for place in places]
        name = next((quoted(str(each)) for each in files if each.is_file()), extension)
        try:
            self.connection.execute(f"LOAD {name}")
        except duckdb.Error:
            raise MissingDependencyError(
                f"{what} needs DuckDB's extension '{extension}', which is not installed for DuckDB {duckdb.__version__}",
                hint=f"pip install 'tracer-spec-duckdb[{_EXTRAS[extension]}]', or once, where there is a network: "
                f"python -c \"import duckdb; duckdb.sql('INSTALL {extension}')\"",
            ) from None
