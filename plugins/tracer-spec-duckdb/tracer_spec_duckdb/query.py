"""What a query is, before it runs: one SELECT, in an order, over these files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import duckdb
from tracer_spec.errors import DataError

ADDRESS = "traces.with.query"
_SUFFIXES = {
    "parquet": (".parquet", ".parq"),
    "csv": (".csv", ".tsv"),
    "json": (".json", ".jsonl", ".ndjson"),
}


def checked_tree(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    """Return the syntax tree of a query that is one SELECT, and says in what order.

    Raises
    ------
    DataError
        For any other query.
    """
    found = connection.execute("SELECT json_serialize_sql(?)", [query]).fetchone()
    tree = json.loads(found[0]) if found else {}
    if tree.get("error"):
        said = tree.get("error_message", "")
        if "Only SELECT" in said:
            raise DataError(
                "the query is not a SELECT; a source only reads", hint="write SELECT ... ORDER BY ...", address=ADDRESS
            )
        raise DataError(f"the query is not SQL: {said}", hint="write it in DuckDB's dialect", address=ADDRESS)
    statements = tree["statements"]
    if len(statements) != 1:
        raise DataError(f"the query holds {len(statements)} statements; expected one SELECT", address=ADDRESS)
    node = statements[0]["node"]
    if all(each["type"] != "ORDER_MODIFIER" for each in node["modifiers"]):
        raise DataError(
            "the query has no ORDER BY, so its rows may come in another order each time",
            hint="end it in ORDER BY and a key that no two rows share, or in ORDER BY ALL",
            address=ADDRESS,
        )
    return node


def files_in(tree: Any) -> Iterator[str]:
    """Yield the files and URLs that stand where a table may: ``FROM 'calls/*.parquet'``."""
    if isinstance(tree, dict):
        name = tree.get("table_name")
        is_bare = tree.get("type") == "BASE_TABLE" and not tree.get("schema_name") and isinstance(name, str)
        if is_bare and ("/" in name or format_of(name)):
            yield name
        for each in tree.values():
            yield from files_in(each)
    elif isinstance(tree, list):
        for each in tree:
            yield from files_in(each)


def format_of(path: str) -> str | None:
    """Return the format by the end of a path, None where it is not known."""
    name = path.partition("?")[0].casefold().removesuffix(".gz").removesuffix(".zst")
    return next((each for each, suffixes in _SUFFIXES.items() if name.endswith(suffixes)), None)


def quoted(value: Any) -> str:
    """Return a value as SQL writes it."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(quoted(each) for each in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(str(key))}: {quoted(each)}" for key, each in value.items()) + "}"
    return "'" + str(value).replace("'", "''") + "'"


def named(name: str) -> str:
    """Return a name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'
