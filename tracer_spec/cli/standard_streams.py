"""Standard streams: some are closed before the process starts, as by ``<&-``, and stdout is not ours alone."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from typing import Any, TextIO


class _ClosedInput(io.RawIOBase):
    """Says that it is closed once somebody reads it, and not before: most calls read nothing."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ARG002 - the signature of a raw stream
        raise OSError(errno.EBADF, "stdin is closed")


def stand_in() -> bool:
    """Put something in the place of each stream that is closed, and return whether stdout was open.

    Notes
    -----
    The next file to be opened would take the number of a closed stream, and what is printed would end up in it.
    """
    is_open = sys.stdout is not None
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with contextlib.suppress(OSError):
                os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(_ClosedInput()))
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - until the process ends
    return is_open


@contextlib.contextmanager
def own_stdout() -> Iterator[None]:
    """Give what is printed here a number of its own, and let the number of stdout lead to stderr, for the rest of the process.

    What a plugin prints by other ways than ``print`` is no part of an answer: a library in C, which writes what it holds back
    as the process ends, a child process, a write to the number itself. Afterwards, ``print`` leads to stderr too.
    """
    given = sys.stdout
    if not isinstance(given, io.TextIOWrapper) or not _is_number_one(given):
        yield
        return
    given.flush()
    own = sys.stdout = io.TextIOWrapper(
        os.fdopen(os.dup(1), "wb"),
        given.encoding,
        given.errors,
        line_buffering=given.line_buffering,
        write_through=given.write_through,
    )
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout = sys.stderr
        with contextlib.suppress(OSError, ValueError):  # whoever wrote has flushed, and told what failed
            own.close()


def reader_has_gone(stream: TextIO) -> bool:
    """Tell whether nobody reads a stream any more; True where that cannot be asked, as of a stream in memory or on Windows."""
    try:
        ready = select.poll()
        ready.register(stream, 0)
    except (AttributeError, OSError, ValueError):
        return True
    return bool(ready.poll(0))


def _is_number_one(stream: io.TextIOWrapper) -> bool:
    """Tell whether a stream writes to the number of stdout; a console of Windows and a stream in memory do not."""
    try:
        return stream.fileno() == 1 and sys.platform != "win32"
    except (OSError, ValueError):
        return False
