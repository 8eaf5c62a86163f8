"""What a file is by the end of its name: Parquet, another table, or JSON Lines."""

from __future__ import annotations

_PARQUET = (".parquet", ".pq")
_TABLES = (".csv", ".tsv", ".json", *_PARQUET)

# what a reader would take for anything but JSON lines
_NO_LINES = (
    ".csv",
    ".tsv",
    ".gz",
    ".zst",
    ".bz2",
    ".xz",
    ".zip",
    ".xls",
    ".xlsx",
    ".arrow",
    ".feather",
    ".orc",
    ".avro",
)


def is_parquet(path: str) -> bool:
    """Tell by its ending whether a file is Parquet."""
    return path.lower().endswith(_PARQUET)


def is_table(path: str) -> bool:
    """Tell by its ending whether a file is no JSON Lines, or need not be."""
    return path.lower().removesuffix(".gz").removesuffix(".zst").endswith(_TABLES)


def is_called_otherwise(path: str) -> bool:
    """Tell by its ending whether a reader of a file would expect neither JSON lines nor Parquet."""
    return path.lower().endswith(_NO_LINES)
