"""Finding and opening the files that paths, globs and addresses name."""

from __future__ import annotations

import errno
import glob
import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from tracer_spec.errors import DataError
from tracer_spec.inputs.remote import find_remote, is_remote, open_remote, remote_name
from tracer_spec.inputs.streams import ADDRESS, BUFFER_BYTES, DAMAGE, Stream, decompressed

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Input:
    """One file to read.

    Parameters
    ----------
    path : str
        ``-`` is the standard input.
    name : str
        Its name in messages.
    system : object
        The file system of fsspec in which the path lies; None for this machine's own.
    """

    path: str
    name: str
    system: Any = field(default=None, repr=False)


def find_inputs(patterns: str | Sequence[str], *, example: str) -> tuple[Input, ...]:
    """Return the files that one or more globs name, each once, sorted by path.

    ``example`` is a glob that would match (``*.jsonl``), for messages. Raises DataError where a pattern matches no file,
    names a folder, or names a file that cannot be read.
    """
    found: dict[str, Input] = {}
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        found |= {file.name if file.system else file.path: file for file in _matches(pattern, example)}
    return tuple(found[key] for key in sorted(found))


def _matches(pattern: str, example: str) -> list[Input]:
    if pattern == STDIN:
        return [Input(STDIN, "stdin")]
    if is_remote(pattern):
        system, paths = find_remote(pattern, example)
        return [Input(path, remote_name(system, path), system) for path in paths]
    return [Input(path, short_name(path)) for path in _match(pattern, example)]


def _match(pattern: str, example: str) -> list[str]:
    """Return the readable files of this machine that one pattern names."""
    name = short_name(pattern)
    try:
        is_literal = Path(pattern).exists()
    except OSError as error:
        raise _unreadable(name, error) from None
    # not Path.glob, which takes hidden files along
    paths = [pattern] if is_literal else glob.glob(_literal_start(pattern), recursive=True)  # noqa: PTH207
    files = [path for path in paths if not Path(path).is_dir()]
    if not files and paths:
        what = "is a folder" if is_literal else "matches folders and no file"
        raise DataError(
            f"'{name}' {what}", hint=f"name the files in it: '{name.rstrip('/*')}/{example}'", address=ADDRESS
        )
    if not files:
        raise DataError(
            f"'{name}' matches no file",
            hint="paths are relative to the spec's folder; '**' reaches into folders",
            address=ADDRESS,
        )
    for path in files:
        if not os.access(path, os.R_OK):
            raise _unreadable(short_name(path), PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    return files


def _literal_start(pattern: str) -> str:
    """Escape the folders of a pattern that exist as written: brackets in their names match themselves."""
    parts = Path(pattern).parts
    start = Path()
    for n_literal, part in enumerate(parts):
        if not (start / part).is_dir():
            return str(Path(glob.escape(str(start)), *parts[n_literal:]))
        start /= part
    return glob.escape(pattern)


def short_name(path: str) -> str:
    """Return a path as its reader knows it, with forward slashes."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # on another drive
        relative = path
    return Path(min(relative, path, key=len)).as_posix()


@contextmanager
def open_binary(file: Input) -> Iterator[Stream]:
    """Open a file for reading, decompressed where it is gzip or zstd."""
    try:
        if file.system is not None:
            with open_remote(file.system, file.path, file.name) as remote:
                yield decompressed(io.BufferedReader(remote, BUFFER_BYTES), file.name)
        elif file.path == STDIN:
            yield decompressed(cast(io.BufferedReader, sys.stdin.buffer), file.name)
        else:
            with Path(file.path).open("rb", buffering=BUFFER_BYTES) as stream:
                yield decompressed(cast(io.BufferedReader, stream), file.name)
    except DAMAGE:
        raise
    except OSError as error:
        raise _unreadable(file.name, error) from None


def seekable(file: Input) -> AbstractContextManager[Any]:
    """Return what a library reads a file of this machine, or of another file system, from: a path, or an open file."""
    return nullcontext(file.path) if file.system is None else open_remote(file.system, file.path, file.name)


def _unreadable(name: str, error: OSError) -> DataError:
    said = (error.strerror or type(error).__name__).lower()
    return DataError(
        f"'{name}' cannot be read: {said}",
        hint="check the path, and that the user who runs the build may read it",
        address=ADDRESS,
    )


def refuse_utf16(stream: Stream, file: Input) -> None:
    """Raise DataError for a file that starts with the mark of UTF-16: no line of it would be readable."""
    try:
        mark = stream.peek(2)[:2]
    except DAMAGE:  # found again, with its place, by who reads on
        return
    if mark in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(
            f"'{file.name}' is UTF-16, not UTF-8",
            hint="convert it: iconv -f utf-16 -t utf-8",
            address=ADDRESS,
        )


def nothing_read(inputs: Sequence[Input]) -> DataError:
    """Return the error for input that holds no record at all."""
    names = ", ".join(f"'{file.name}'" for file in inputs[:3]) + (", ..." if len(inputs) > 3 else "")
    verb = "holds" if len(inputs) == 1 else "hold"
    return DataError(f"{names} {verb} no record", hint="check that the export ran", address=ADDRESS)
