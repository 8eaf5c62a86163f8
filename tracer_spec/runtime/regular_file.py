"""Reading of a file that may be anything: a pipe is not waited for, and no more is read than may be there."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read_regular(path: Path, most_bytes: int) -> bytes:
    """Return the whole of a regular file.

    Raises
    ------
    OSError
        Where it cannot be read, is a folder, a pipe, a socket or a device, or has more bytes than that.
    """
    with open(path, "rb", opener=without_waiting) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {most_bytes:,} bytes", str(path))
    return data


def without_waiting(path: str, flags: int) -> int:
    """Open a file, for ``open(opener=)``; a pipe that nobody writes to is opened too, to be refused, instead of waited for."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
