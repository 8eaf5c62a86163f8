"""Guess of the source that reads a file, by its name and first bytes."""

from __future__ import annotations

import glob
import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tracer_spec.errors import DataError

_HEAD_BYTES = 1 << 16
_GZIP = b"\x1f\x8b"
_SUFFIXES = {"jsonl": "jsonl", "ndjson": "jsonl", "csv": "csv", "tsv": "csv", "parquet": "parquet", "pq": "parquet"}
_DELIMITERS = (",", "\t", ";", "|")


@dataclass(frozen=True, slots=True)
class SourceGuess:
    """The source that reads a file, and its options where the defaults will not do."""

    use: str
    options: Mapping[str, Any] = field(default_factory=dict)


def guess_source(path: str) -> SourceGuess:
    """Return the source for a file, or for the first of those that a glob names.

    Raises
    ------
    DataError
        Where there is no such file, it cannot be read, or it is empty.
    """
    found = [path] if Path(path).is_file() else sorted(glob.glob(path, recursive=True))  # noqa: PTH207 - absolute ones too
    files = [each for each in found if Path(each).is_file()]
    if not files:
        raise DataError("there is no such file", where=path, hint="--traces FILE: a file, or a glob in quotes")
    head = _head(files[0])
    suffix = Path(files[0].removesuffix(".gz")).suffix.removeprefix(".").lower()
    use = _SUFFIXES.get(suffix) or _by_content(head)
    return SourceGuess(use, _csv_options(head) if use == "csv" else {})


def _head(path: str) -> bytes:
    """Return the first bytes of a file, decompressed."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(_HEAD_BYTES)
        if head.startswith(_GZIP):
            with gzip.open(path) as stream:
                head = stream.read(_HEAD_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "it is damaged"
        raise DataError(f"the file cannot be read: {reason.lower()}", where=path) from None
    if not head.strip():
        raise DataError("the file is empty", where=path)
    return head


def _by_content(head: bytes) -> str:
    """Tell the source from the content: a file may be called anything."""
    if head.startswith(b"PAR1"):
        return "parquet"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"["):
        return "json"
    if not start.startswith(b"{"):
        return "csv"
    try:
        json.loads(start.split(b"\n", 1)[0])
    except ValueError:
        return "jsonl" if b"\n" not in start else "json"
    return "jsonl"


def _csv_options(head: bytes) -> dict[str, Any]:
    """Return delimiter and encoding where they are not the usual ones."""
    encoding = _encoding(head)
    header = head.decode(encoding or "utf-8", "replace").splitlines()[0]
    delimiter = max(_DELIMITERS, key=header.count)
    given = {"delimiter": delimiter if delimiter != "," and header.count(delimiter) else None, "encoding": encoding}
    return {key: value for key, value in given.items() if value}


def _encoding(head: bytes) -> str | None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        head[: head.rfind(b"\n") + 1 or None].decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return None
