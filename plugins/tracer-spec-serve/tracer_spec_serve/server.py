"""Runs the app in one process: the socket, the signals, the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from tracer_spec.errors import DataError
from tracer_spec.production.decision_log import DecisionLog
from tracer_spec.text_format import plural

from tracer_spec_serve.app import App
from tracer_spec_serve.live import LOGGER, Live
from tracer_spec_serve.settings import Settings

_BACKLOG = 2048
# longer than clients keep a connection that nobody uses, so that none sends a request into one that is being closed
_KEEP_ALIVE_SECONDS = 75
_SPARE_FILES = 256


def run(settings: Settings, announce: Callable[[str, App], None]) -> None:
    """Serve until a signal comes.

    Parameters
    ----------
    settings : Settings
    announce : callable
        Is given the address once requests are answered, and the app.

    Raises
    ------
    TracerError
        Where a bundle, an option or the log's folder is no good: before anything is listened to.
    DataError
        Where the address is taken, or is not this machine's.
    KeyboardInterrupt
        Where a signal ended it; with a note of what is in the log.
    """
    _ = (
        settings.address,
        settings.secret,
        settings.api_key,
    )  # what is wrong with an option is told before anything is opened
    with contextlib.ExitStack() as stack:
        log = None if settings.log is None else DecisionLog(settings.log)
        if log is not None:
            stack.enter_context(log)
        live = Live(settings, log)
        listener = stack.enter_context(_listen(settings.host, settings.port))
        _raise_file_limit(2 * settings.max_concurrency + _SPARE_FILES)
        _warn(settings)
        app = App(live, log)
        try:
            _Server(app, settings, lambda: announce(_url(listener, settings.host), app)).run([listener])
        except KeyboardInterrupt as interrupt:
            interrupt.add_note(_ended(log))
            raise


class _Server(uvicorn.Server):
    """Says when it listens, and reloads on SIGHUP."""

    def __init__(self, app: App, settings: Settings, announce: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app.asgi,
                lifespan="on",
                ws="none",
                log_config=None,
                log_level=logging.WARNING,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=round(settings.stop_s),
            )
        )
        self._app, self._announce = app, announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self._announce()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGHUP as well as the signals that stop, which are raised again at the end."""
        if not hasattr(signal, "SIGHUP"):  # Windows
            with super().capture_signals():
                yield
            return
        loop = asyncio.get_running_loop()

        def hang_up(*_: Any) -> None:
            loop.call_soon_threadsafe(self._app.reload_soon)

        before = signal.signal(signal.SIGHUP, hang_up)
        try:
            with super().capture_signals():
                yield
        finally:
            signal.signal(signal.SIGHUP, before)


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens, and says where it would not."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # with the protocol, since asyncio sends small pieces at once on sockets alone that say they are TCP's
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _unusable(host, port, error) from None
    try:
        if os.name == "posix":  # elsewhere it would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise _unusable(host, port, error) from None
    return listener


def _unusable(host: str, port: int, error: OSError) -> DataError:
    reason = (error.strerror or str(error)).lower()
    hint = "--port 0 takes a free port" if port else ""
    return DataError(f"nothing can listen there: {reason}", where=f"{host}:{port}", hint=hint)


def _url(listener: socket.socket, host: str) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


def _raise_file_limit(wanted: int) -> None:
    """Let the process open two connections for every request in flight, as far as it may."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _warn(settings: Settings) -> None:
    if settings.is_public and settings.api_key_env is None:
        LOGGER.warning("others can reach %s, and no key is asked for: see --api-key-env", settings.host)
    if settings.bundles and settings.upstream is not None and settings.log is None:
        LOGGER.warning("nothing is logged without --log DIR: nobody can tell later how well the routers do")


def _ended(log: DecisionLog | None) -> str:
    """Write what waits, and say what is in the log."""
    if log is None:
        return "nothing was to be logged"
    log.close()
    written, dropped, waiting = log.counts
    lost = f", and {dropped + waiting:,} are lost" if dropped + waiting else ""
    return f"{plural(written, 'line')} of this process in the log{lost}"


def log_to_stderr() -> None:
    """Let what the server, its libraries and the routers say go to stderr, one plain line each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """Leave out what uvicorn says where the upstream has broken off: it is counted, and the client has been told."""
    return "without completing response" not in record.getMessage()
