"""Tells an exception that a signal's handler raised from one of the code that it interrupted."""

from __future__ import annotations

import functools
import signal
import sys
import types
from collections.abc import Iterator
from typing import Any


def pass_signal_error(error: BaseException, *, levels: int = 1) -> None:
    """Raise the exception of a signal's handler, such as an app's time limit, where one is behind ``error``.

    Parameters
    ----------
    error : BaseException
    levels : int
        How many calls up the function is that caught it.

    Notes
    -----
    A handler runs inside of whatever it interrupts, so its exception comes out of there. It is known by the handler's
    function, which is in its traceback; ``KeyboardInterrupt`` needs no function. Where the interrupted code caught it and
    raised another exception, it is found as that one's cause or context. One that the app had met before it called is no
    news: its frames are not inside the function that caught this one.
    """
    handlers = {_code_of(signal.getsignal(number)) for number in signal.valid_signals()}
    caller = sys._getframe(levels)
    for each in _chain(error):
        frames = list(_frames(each))
        is_raised = isinstance(each, KeyboardInterrupt) or any(frame.f_code in handlers for frame in frames)
        if is_raised and any(
            _is_inside(frame, caller) for frame in frames
        ):  # a generator's frame forgets who called it
            raise each


def _frames(error: BaseException) -> Iterator[types.FrameType]:
    """Yield the frames of a traceback, the innermost last."""
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def _is_inside(frame: types.FrameType | None, caller: types.FrameType) -> bool:
    """Return whether a frame was called, over any others, by another."""
    while frame is not None and frame is not caller:
        frame = frame.f_back
    return frame is caller


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those that led to it."""
    waiting, met = [error], set()
    while waiting:
        each = waiting.pop()
        if id(each) not in met:
            met.add(id(each))
            yield each
            waiting += [other for other in (each.__context__, each.__cause__) if other is not None]


def _code_of(handler: Any) -> types.CodeType | None:
    """Return the code of a handler that is written in Python."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    if not isinstance(handler, types.FunctionType | types.MethodType):
        handler = getattr(type(handler), "__call__", None)  # noqa: B004 - it is looked up, not asked for
    code = getattr(handler, "__code__", None)
    return code if isinstance(code, types.CodeType) else None
