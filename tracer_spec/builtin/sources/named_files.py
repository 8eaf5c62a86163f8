"""The files that a source's option ``path`` names: the option, and the records of one file after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias

from pydantic import Field

from tracer_spec.inputs.files import Input, find_inputs, nothing_read, open_binary
from tracer_spec.inputs.streams import Stream, refuse_parquet
from tracer_spec.plugin import Record
from tracer_spec.plugin.paths import LocalPath

Paths: TypeAlias = Literal["-"] | LocalPath | list[LocalPath]


def path_field(*, example: str) -> Any:
    """Return the description of the option ``path``."""
    return Field(
        description="a file, a glob or a list of them, relative to the spec, or at an address such as s3://; "
        "gzip, zstd or neither; '-' is stdin",
        examples=[example],
    )


def read_each(
    patterns: str | list[str], read: Callable[[Stream, Input], Iterator[Record]], *, example: str
) -> Iterator[Record]:
    """Open the files that one or more globs name, one after the other, and yield the records that ``read`` finds.

    Raises
    ------
    DataError
        Where there is no such file, it cannot be read, or none of them holds a record.
    """
    inputs = find_inputs(patterns, example=example)
    is_empty = True
    for file in inputs:
        with open_binary(file) as stream:
            refuse_parquet(stream, file.name)
            for record in read(stream, file):
                is_empty = False
                yield record
    if is_empty:
        raise nothing_read(inputs)
