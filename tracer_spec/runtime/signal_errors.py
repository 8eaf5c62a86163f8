"""Tells an exception that a signal's handler raised from one of the code that it interrupted."""

from __future__ import annotations

import functools
import signal
import types
from collections.abc import Iterator
from typing import Any


def pass_signal_error(error: BaseException) -> None:
    """Raise the exception of a signal's handler, such as an app's time limit, where one is behind ``error``.

    Notes
    -----
    A handler runs inside of whatever it interrupts, so its exception comes out of there. It is known by the handler's
    function, which is in its traceback. Where the interrupted code caught it and raised another exception, it is found
    as that one's cause or context.
    """
    handlers = {_code_of(signal.getsignal(number)) for number in signal.valid_signals()}
    for each in _chain(error):
        trace = each.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code in handlers:
                raise each
            trace = trace.tb_next


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
