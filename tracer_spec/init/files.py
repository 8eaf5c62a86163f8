"""Guess of the source that reads a file, by its name and first bytes."""

from __future__ import annotations

import glob
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tracer_spec.errors import DataError
from tracer_spec.inputs.files import find_inputs, open_binary
from tracer_spec.inputs.remote import is_remote
from tracer_spec.inputs.streams import DAMAGE

_HEAD_BYTES = 1 << 16
_PARQUET = b"PAR1"
# files of a folder that may hold the other half of the traces
_NEIGHBOURS = 50
_SUFFIXES = {"jsonl": "jsonl", "ndjson": "jsonl", "csv": "csv", "tsv": "csv", "parquet": "parquet", "pq": "parquet"}
_JSON = frozenset(("json", "jsonl"))  # each reads what the other does
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
    name = find_files([path])[0]
    head = _head(name)
    suffix = Path(name.removesuffix(".gz").removesuffix(".zst")).suffix.removeprefix(".").lower()
    use = _SUFFIXES.get(suffix) or _by_content(head)
    return SourceGuess(use, _csv_options(head) if use == "csv" else {})


def source_of(files: Sequence[str]) -> SourceGuess:
    """Return the source that reads all of several files.

    Raises
    ------
    DataError
        Where no one source does.
    """
    first = guess_source(files[0])
    for file in files[1:_NEIGHBOURS]:
        use = guess_source(file).use
        if use != first.use and not {use, first.use} <= _JSON:
            raise DataError(
                f"is read by {use}, and {files[0]} by {first.use}; one source reads files of one kind",
                where=file,
                hint="name files of one kind; a spec may list several sources under 'traces'",
            )
    return first


def find_files(paths: Sequence[str]) -> tuple[str, ...]:
    """Return the files that paths and globs name, each once; an address is left to its file system, globs and all.

    Raises
    ------
    DataError
        Where one of them names no file.
    """
    files: dict[str, None] = {}
    for path in paths:
        if is_remote(path):
            files[path] = None
            continue
        found = [path] if Path(path).is_file() else sorted(glob.glob(path, recursive=True))  # noqa: PTH207 - absolute ones too
        named = [each for each in found if Path(each).is_file()]
        if not named and Path(path).is_dir():
            raise DataError(
                "is a folder", where=path, hint=f"name the files in it, in quotes: '{path.rstrip('/')}/*.jsonl'"
            )
        if not named:
            raise DataError("there is no such file", where=path, hint="--traces FILE: a file, or a glob in quotes")
        files.update(dict.fromkeys(named))
    return tuple(files)


def files_beside(file: str) -> list[str]:
    """Return the other files in a file's folder that the same source reads, by name; none of an address."""
    if is_remote(file):
        return []
    use = guess_source(file).use
    others = sorted(each for each in Path(file).parent.iterdir() if each.is_file() and not each.samefile(file))
    return [str(each) for each in others[:_NEIGHBOURS] if each.suffix == Path(file).suffix and _reads(str(each), use)]


def _reads(file: str, use: str) -> bool:
    try:
        return guess_source(file).use == use
    except DataError:
        return False


def _head(path: str) -> bytes:
    """Return the first bytes of a file, decompressed."""
    try:
        if _is_parquet(path):
            return _PARQUET
        with open_binary(find_inputs(path, example="*.jsonl")[0]) as stream:
            head = stream.read(_HEAD_BYTES)
    except DAMAGE:
        raise DataError("the file cannot be read: it is damaged", where=path) from None
    if not head.strip():
        raise DataError("the file is empty", where=path)
    return head


def _is_parquet(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            return file.read(len(_PARQUET)) == _PARQUET
    except OSError:  # said better by who reads on
        return False


def _by_content(head: bytes) -> str:
    """Tell the source from the content: a file may be called anything."""
    if head == _PARQUET:
        return "parquet"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith((b"{", b"[")):
        return "csv"
    first, _, rest = start.partition(b"\n")
    try:
        json.loads(first)
    except ValueError:
        return "json"  # over several lines, or a line longer than what was read
    return "jsonl" if rest.strip() and start.startswith(b"{") else "json"


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
