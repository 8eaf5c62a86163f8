"""Writing of a file in one step: what is there is whole, before and after."""

from __future__ import annotations

import os
import re
import sys
import threading
from pathlib import Path

from tracer_spec.errors import TracerError


def replace_file(path: Path, data: bytes, *, what: str) -> None:
    """Put a file in place in one step; ``what`` it is, for messages.

    A temporary file in the same folder, ``NAME.tmp-PID-THREAD``, is flushed to disk and then renamed over the target, which
    POSIX promises to be atomic; the folder is flushed after it. The next write removes temporaries whose process is gone.
    """
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}-{threading.get_ident():x}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(path)
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
            where=str(path),
            hint=f"{len(data)} bytes are needed in a folder that may be written; what was there is as it was",
        ) from None


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
