"""Sources: where raw records come from."""

from __future__ import annotations

from tracer_spec.builtin.sources import delimited, json_document, json_lines, parquet
from tracer_spec.plugin import Plugin, Source


def sources() -> list[Plugin[Source]]:
    """Return the built-in sources."""
    return [
        Plugin(
            "jsonl",
            "JSON Lines files: one object per line, gzip or not",
            json_lines.make,
            json_lines.JsonLinesOptions,
        ),
        Plugin(
            "json",
            "JSON files: one object each, or a list of them, gzip or not",
            json_document.make,
            json_document.JsonOptions,
        ),
        Plugin(
            "csv",
            "delimited text files with named columns, gzip or not",
            delimited.make,
            delimited.CsvOptions,
        ),
        Plugin("parquet", "Parquet files (needs pyarrow)", parquet.make, parquet.ParquetOptions),
    ]
