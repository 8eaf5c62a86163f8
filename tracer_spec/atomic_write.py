"""Writing of a file in one step: what is there is whole, before and after; and a folder for one writer at a time."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tracer_spec.errors import TracerError, remedy_of


def replace_file(path: Path, data: bytes, *, what: str) -> None:
    """Put a file in place in one step; ``what`` it is, for messages.

    A temporary file in the same folder, ``NAME.tmp-PID-THREAD``, is flushed to disk and then renamed over the target, which
    POSIX promises to be atomic; the folder is flushed after it. The next write removes temporaries whose process is gone.
    A symbolic link stays, and the file that it leads to is replaced. A device, a pipe and a socket are refused: a file in
    their place would break what else uses them.
    """
    shown, path = path, replaced_file(path, what=what)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_beside(path)
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _flush_folder(path.parent)
    except OSError as error:
        raise TracerError(
            f"{what} cannot be written: {error.strerror or error}",
            where=str(shown),
            hint=f"{len(data)} bytes are needed in a folder that may be written; what was there is as it was",
        ) from None


def temporary_beside(path: Path) -> Path:
    """Return the name of a temporary file for a target, after those of writers that were killed are removed."""
    _remove_stale(path)
    return path.with_name(f"{path.name}.tmp-{os.getpid()}-{threading.get_ident():x}")


def replaced_file(path: Path, *, what: str) -> Path:
    """Return the file that a write to ``path`` replaces: what a symbolic link leads to, else itself.

    Raises
    ------
    TracerError
        Where a device, a pipe or a socket is there, or links run in a circle.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, PermissionError, NotADirectoryError):
        mode = stat.S_IFREG  # there is none, or the write itself will tell
    except OSError as error:
        fact = f"{what} cannot be written: {error.strerror}"
        raise TracerError(fact, where=str(path), hint=remedy_of(error)) from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        kind = "a pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
        raise TracerError(
            f"{what} cannot be written: this is {kind}, and would be replaced by a file",
            where=str(path),
            hint="name a regular file, or one that is not there yet",
        )
    return path.resolve() if path.is_symlink() else path


def check_writable(path: Path, *, what: str) -> None:
    """Find out that a file cannot be written before there is anything to write; nothing is made.

    Raises
    ------
    TracerError
        Where it is no regular file, or its folder may not be written or made.
    """
    target = replaced_file(path, what=what)
    folder = next(each for each in target.absolute().parents if os.path.lexists(each))
    number = 0
    if target.is_dir():
        number = errno.EISDIR
    elif not folder.is_dir():
        number = errno.ENOTDIR
    elif not os.access(folder, os.W_OK | os.X_OK):
        number = errno.EACCES
    if number:
        hint = "name a file in a folder that may be written; nothing was done"
        raise TracerError(f"{what} cannot be written: {os.strerror(number)}", where=str(path), hint=hint)


def check_replaces_its_own(path: Path, *, what: str, ending: str | None, start: bytes) -> None:
    """Find out that a file of another kind would be lost: traces, a spec, a bundle in the place of a page.

    Parameters
    ----------
    path : Path
        Where ``what`` will be written.
    ending : str or None
        Of a name of this kind, in small letters; None where a name says too little.
    start : bytes
        Of a content of this kind, its letters small or not. An empty file is nobody's.

    Raises
    ------
    TracerError
        Where a file is there that has neither.
    """
    if (ending and path.name.lower().endswith(ending)) or not path.is_file():
        return
    with path.open("rb") as file:
        found = file.read(len(start))
    if found and found.lower() != start.lower():
        other = f", or one that ends in {ending}" if ending else ""
        hint = f"name a file that is not there yet{other}; nothing was done"
        raise TracerError(f"{what} would replace a file of another kind", where=str(path), hint=hint)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes that ask for the same from writing in a folder meanwhile, where the system has a way to."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # which lets go of the folder


def _flush_folder(folder: Path) -> None:
    """Wait until a rename in this folder is on disk, where the system has a way to."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_stale(path: Path) -> None:
    """Remove what writers of this file left behind when they were killed."""
    pattern = re.compile(rf"{re.escape(path.name)}\.tmp-([0-9]{{1,10}})-[0-9a-f]+")
    for sibling in path.parent.iterdir():
        match = pattern.fullmatch(sibling.name)
        if match and not _is_alive(int(match[1])):
            sibling.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    """Return whether a process may still be running."""
    if sys.platform == "win32":
        return True  # there, signal 0 is Ctrl-C: better a leftover than a process that is interrupted
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
