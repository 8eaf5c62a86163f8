"""Bounds of training: wall time and rows."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

import numpy as np
from numpy.typing import NDArray

from tracer_spec.errors import PluginError
from tracer_spec.plugin import Classes

REMEDY = "raise max_seconds, set or lower max_rows, train a smaller model, or take it out of the zoo"

_REPEAT_S = 1.0
_AT_ONCE_S = 1e-6
_ROUNDS_TO_JUDGE_BY = 2


class _Expired(BaseException):
    """Time is up. Not an ``Exception``, so that no library takes it for an error of its own."""


@contextmanager
def at_most(seconds: float, name: str) -> Iterator[None]:
    """Abandon the body of a ``with`` statement once its time is up.

    Parameters
    ----------
    seconds : float
        Wall time, above 0.
    name : str
        Who is training, for the message.

    Raises
    ------
    PluginError
        Where the time is up.

    Notes
    -----
    Uses ``SIGALRM``, which Python delivers to the main thread, between two of its own instructions: one long
    call into compiled code runs to its end, and is abandoned then. The build trains each learner in the main
    thread of a process. In other threads, on Windows, and where a handler is installed that Python cannot put
    back, nothing is bounded.

    An alarm set before, such as that of an enclosing ``at_most``, rings at its time, inside or after.
    """
    outer_handler = _replaceable_handler()
    if outer_handler is None:
        yield
        return
    outer_left_s, outer_interval_s = signal.getitimer(signal.ITIMER_REAL)
    now = time.monotonic()
    mine, theirs = now + seconds, now + outer_left_s if outer_left_s else float("inf")
    active, expired = True, False

    def ring(number: int, frame: FrameType | None) -> None:
        nonlocal theirs, expired
        now = time.monotonic()
        is_theirs, is_mine = now >= theirs, active and now >= mine
        if is_theirs:
            theirs = now + outer_interval_s if outer_interval_s else float("inf")
        if active:
            # once over, keep ringing: compiled code between us and the training may have lost the exception
            _ring_at(min(theirs, now + _REPEAT_S if is_mine else mine), now)
        expired = expired or is_mine
        if is_theirs and callable(outer_handler):
            outer_handler(number, frame)
        if is_mine:
            raise _Expired

    signal.signal(signal.SIGALRM, ring)
    try:
        try:
            _ring_at(min(mine, theirs), now)
            yield
        finally:
            active = False
    except BaseException:
        if not expired:
            raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, outer_handler)
        if theirs < float("inf"):
            _ring_at(theirs, time.monotonic(), outer_interval_s)
    if expired:
        raise PluginError(f"'{name}' was still training after {seconds:g} s, its max_seconds", hint=REMEDY)


def _replaceable_handler() -> signal._HANDLER:
    """Return the present handler of ``SIGALRM``; None where it cannot be replaced, or put back."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        return None
    return signal.getsignal(signal.SIGALRM)


def _ring_at(due: float, now: float, interval_s: float = 0.0) -> None:
    signal.setitimer(signal.ITIMER_REAL, max(due - now, _AT_ONCE_S), interval_s)


@dataclass(slots=True)
class Pace:
    """Predicts, from the first rounds of boosting, whether all of them fit into the time."""

    n_rounds: int
    seconds: float  # wall time for all of them
    name: str
    _started: float = field(default_factory=time.monotonic)

    def check(self, n_done: int) -> None:
        """Take note that ``n_done`` rounds are done.

        Raises
        ------
        PluginError
            Where all rounds would take longer than there is time.
        """
        spent_s = time.monotonic() - self._started
        expected_s = spent_s / n_done * self.n_rounds
        if n_done >= _ROUNDS_TO_JUDGE_BY and expected_s > self.seconds:
            raise PluginError(
                f"'{self.name}' would take about {expected_s:,.0f} s: {n_done} of {self.n_rounds} rounds "
                f"took {spent_s:.1f} s; its max_seconds is {self.seconds:g}",
                hint=REMEDY,
            )


def sample_rows(y: Classes, max_rows: int, seed: int) -> NDArray[np.int64]:
    """Choose rows to train on: one of each class as far as they go round, the rest at random.

    Parameters
    ----------
    y : ndarray of shape (n,), int
    max_rows : int
        At least 1.
    seed : int

    Returns
    -------
    ndarray of shape (min(n, max_rows),), int64
        Row numbers, rising; the same for the same seed.
    """
    shuffled = np.random.default_rng(seed).permutation(len(y))
    _, first = np.unique(y[shuffled], return_index=True)
    rank = np.full(len(y), len(y))
    rank[first] = 0
    order = shuffled[np.argsort(rank, kind="stable")]
    return np.sort(order[:max_rows]).astype(np.int64)
