"""SIGTERM and SIGHUP end a call as Ctrl-C does: what is half written is removed, and workers end."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_NAMES = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP


class Ended(KeyboardInterrupt):
    """A signal other than Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = signal.Signals(number)


@contextlib.contextmanager
def as_interrupts() -> Iterator[None]:
    """Raise :class:`Ended` where a signal comes whose default is to end the process; ``nohup`` keeps its meaning."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    taken = [each for each in numbers if signal.getsignal(each) is signal.SIG_DFL]

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        for each in taken:
            signal.signal(each, signal.SIG_IGN)  # 'timeout' sends it twice: the second must not stop the cleaning up
        raise Ended(number)

    for each in taken:
        signal.signal(each, end)
    try:
        yield
    finally:
        for each in taken:
            signal.signal(each, signal.SIG_DFL)


def interrupt_behind(error: BaseException) -> KeyboardInterrupt | None:
    """Return the signal or Ctrl-C behind an error: a library that it interrupts may raise another one in its place.

    A signal goes before an interrupt that a verb has raised anew to say what it left behind.
    """
    met: list[BaseException] = []
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if each not in met:
            met.append(each)
            waiting += [other for other in (each.__context__, each.__cause__) if other is not None]
    interrupts = [each for each in met if isinstance(each, KeyboardInterrupt)]
    return next((each for each in interrupts if isinstance(each, Ended)), interrupts[0] if interrupts else None)
