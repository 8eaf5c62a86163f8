"""Files of ``route``: what it reads, what it writes whole or not at all, and how far it is."""

from __future__ import annotations

import contextlib
import errno
import glob
import gzip
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import click

from tracer_spec.atomic_write import temporary_beside
from tracer_spec.cli.console import is_terminal
from tracer_spec.errors import DataError

if TYPE_CHECKING:
    from tracer_spec.cli.commands.route_lines import ByteStream, Line, Lines

STDIN = "-"
# a disk, a quota or a file that is full
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


def find_files(names: Sequence[str]) -> list[str]:
    """Return the files that are read: those of a folder and of a glob in the order of their names.

    Raises
    ------
    DataError
        Where a folder or a glob holds none.
    """
    return [file for name in names for file in _files_of(name)]


def _files_of(name: str) -> list[str]:
    if "://" in name:
        from tracer_spec.inputs.remote import find_remote

        system, paths = find_remote(name, "*.parquet")
        return [str(system.unstrip_protocol(path)) for path in paths]
    if Path(name).is_dir():
        pattern = f"{glob.escape(name.rstrip('/'))}/**/*"
    elif name == STDIN or Path(name).exists() or not glob.has_magic(name):
        return [name]
    else:
        pattern = name
    found = sorted(path for path in glob.glob(pattern, recursive=True) if Path(path).is_file())  # noqa: PTH207 no hidden
    if not found:
        raise DataError(f"'{name}' holds no file" if pattern != name else f"'{name}' matches no file")
    return found


def lines_of(name: str) -> Iterator[Lines]:
    """Yield the lines of a file of JSON Lines, or of stdin, as they come."""
    from tracer_spec.cli.commands.route_lines import Lines, read_chunks

    with _input(name) as stream:
        shown = "stdin" if name == STDIN else name
        yield from (Lines(shown, lines) for lines in _undamaged(read_chunks(stream), name))


def _undamaged(chunks: Iterator[list[Line]], name: str) -> Iterator[list[Line]]:
    """Name the line after which a compressed file cannot be read."""
    number = 0
    try:
        for lines in chunks:
            yield lines
            number = lines[-1].number if lines else number
    except (EOFError, gzip.BadGzipFile, zlib.error) as damage:
        raise OSError(None, f"the compressed file is damaged or cut short after line {number}", name) from damage


@contextlib.contextmanager
def _input(name: str) -> Iterator[ByteStream]:
    """Open JSON lines."""
    if name == STDIN:
        if sys.stdin.isatty():
            click.echo("reading JSON lines from the terminal; Ctrl-D ends them", err=True)
        yield sys.stdin.buffer  # type: ignore[misc]
        return
    if "://" in name:
        from tracer_spec.inputs.files import find_inputs, open_binary

        (found,) = find_inputs(name, example="*.jsonl")
        with open_binary(found) as remote:
            yield cast("ByteStream", remote)
        return
    opener = gzip.open if name.endswith(".gz") else open
    with opener(name, "rb") as file:
        yield cast("ByteStream", file)


@contextlib.contextmanager
def progress(out: str | None, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Give what shows how many requests are answered: on a terminal alone, where the answers go to a file."""
    if out is None or quiet or not is_terminal(sys.stderr):
        yield lambda _: None
        return
    from tracer_spec.cli.progress import watch
    from tracer_spec.flow.progress import StageStarted, StepDone

    with watch(0) as observe:
        observe(StageStarted("route"))
        started = time.perf_counter()

        def tell(n: int) -> None:
            observe(StepDone("route", f"{n:,} lines, {n / (time.perf_counter() - started):,.0f} per second"))

        yield tell


@contextlib.contextmanager
def output(out: str | None) -> Iterator[BinaryIO]:
    """Open what is written: stdout; or a file that is there whole or not at all."""
    if out is None or (Path(out).exists() and not Path(out).is_file()):
        with contextlib.ExitStack() as stack:
            yield sys.stdout.buffer if out is None else stack.enter_context(_open_existing(out))
        return
    path = Path(out).resolve()  # a symbolic link stays, and what it leads to is replaced
    try:
        temporary = temporary_beside(path)
        file = temporary.open("xb")
    except OSError as error:
        raise OSError(error.errno, error.strerror, out) from None
    with file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException as error:
            temporary.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise _named(error, out) from None
            raise


@contextlib.contextmanager
def _open_existing(out: str) -> Iterator[BinaryIO]:
    """Open a device or a pipe."""
    try:
        with Path(out).open("wb") as file:
            yield file
    except BrokenPipeError as error:
        raise OSError(error.errno, "the reader of this pipe has gone", out) from None
    except OSError as error:
        raise _named(error, out) from None


def _named(error: OSError, out: str) -> OSError:
    """Return the error of a full disk with the file that it is about, which a write does not name."""
    return (
        error if error.filename is not None or error.errno not in _FULL else OSError(error.errno, error.strerror, out)
    )
