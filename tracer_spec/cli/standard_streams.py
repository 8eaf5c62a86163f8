"""Standard streams that were closed before the process started, as by ``<&-`` and ``>&-``."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import Any


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
