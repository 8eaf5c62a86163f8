"""Bound of one thread for the numeric libraries of this process, so that sums come out alike on any number of cores."""

from __future__ import annotations

import functools
import sys
from contextlib import AbstractContextManager
from typing import Any


def one_thread() -> AbstractContextManager[Any]:
    """Let the libraries that are loaded by now use one thread, for as long as a ``with`` lasts."""
    limiter: AbstractContextManager[Any] = _libraries(len(sys.modules)).limit(limits=1)
    return limiter


@functools.lru_cache(maxsize=1)
def _libraries(_n_modules: int) -> Any:
    """Find the libraries, which takes milliseconds, anew where modules have been imported: with one a library may have come."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
