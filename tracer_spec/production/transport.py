"""The gateway as the transport of an HTTP client: no server, the same matching, answers and log."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from tracer_spec.production.client_library import ClientLibrary, library_of
from tracer_spec.production.decision_log import DecisionLog
from tracer_spec.production.gateway import Gateway, Visit
from tracer_spec.production.observed import readable_encodings
from tracer_spec.production.released import load_released
from tracer_spec.runtime import Router
from tracer_spec.runtime.embedding import TextEmbedder

Bundle: TypeAlias = str | os.PathLike[str] | Router
# as the OpenAI client's own
_MOST_CONNECTIONS, _MOST_IDLE = 1000, 100
# a type checker takes it for a transport of either library; the clients ask for the methods alone, so neither need be installed
_Transport: Any = object


class OpenAITransport(_Transport):  # type: ignore[misc]
    """Made by :func:`openai_transport`; for synchronous and asynchronous clients of httpx and httpx2.

    Notes
    -----
    One transport serves many threads. ``log`` counts what was written and dropped.
    """

    def __init__(self, gateway: Gateway, inner: Any, *, log: DecisionLog | None, owns_log: bool) -> None:
        self.gateway, self.log = gateway, log
        self._inner, self._ainner = inner, inner
        self._owns_log = owns_log

    def handle_request(self, request: Any) -> Any:
        """Answer a request, or pass it on."""
        library = library_of(request)
        if self._inner is None:
            self._inner = library.module.HTTPTransport(limits=_limits(library))
        if not self.gateway.wants(request.method, request.url.path):
            return self._inner.handle_request(request)
        visit = self.gateway.begin(request.url.path, request.read(), request.headers)
        if visit.reply is not None:
            return library.own_response(visit.reply)
        with _watched(visit, request):
            return library.passed_on(self._inner.handle_request(request), visit)

    async def handle_async_request(self, request: Any) -> Any:
        """Answer a request, or pass it on."""
        library = library_of(request)
        if self._ainner is None:
            self._ainner = library.module.AsyncHTTPTransport(limits=_limits(library))
        if not self.gateway.wants(request.method, request.url.path):
            return await self._ainner.handle_async_request(request)
        visit = await self.gateway.abegin(request.url.path, await request.aread(), request.headers)
        if visit.reply is not None:
            return library.own_response(visit.reply)
        with _watched(visit, request):
            return library.passed_on(await self._ainner.handle_async_request(request), visit)

    def close(self) -> None:
        """Close what asks the API, and write what waits for the log."""
        if self._inner is not None:
            self._inner.close()
        self._close_log()

    async def aclose(self) -> None:
        """Close what asks the API, and write what waits for the log."""
        if self._ainner is not None:
            await self._ainner.aclose()
        self._close_log()

    def __enter__(self) -> OpenAITransport:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> OpenAITransport:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _close_log(self) -> None:
        if self.log is not None and self._owns_log:
            self.log.close()


@contextmanager
def _watched(visit: Visit, request: Any) -> Iterator[None]:
    """See to it that a request whose response is watched gets a readable one, and is logged where none comes."""
    if visit.observed is None:
        yield
        return
    request.headers["accept-encoding"] = readable_encodings(request.headers.get("accept-encoding"))
    try:
        yield
    except BaseException:
        visit.observed.end()
        raise


def _limits(library: ClientLibrary) -> Any:
    return library.module.Limits(max_connections=_MOST_CONNECTIONS, max_keepalive_connections=_MOST_IDLE)


def openai_transport(
    bundle: Bundle | Sequence[Bundle] | None,
    *,
    log: str | os.PathLike[str] | DecisionLog | None = None,
    audit: float = 0.02,
    mode: str = "live",
    secret: bytes | None = None,
    texts: bool = True,
    embedder: TextEmbedder | str | None = None,
    embedder_options: Mapping[str, Any] | None = None,
    sha256: str | None = None,
    transport: Any = None,
) -> OpenAITransport:
    """Put a bundle to work inside an app's OpenAI client, or any other that is built on httpx or httpx2.

    Parameters
    ----------
    bundle : str, path-like, Router, a sequence of them, or None
        Of several bundles, the first whose text is found in a request takes it. Without one, everything passes, and chats are
        logged with their answers, as ``format: chat`` reads them: how to get traces where there are none.
    log : str, path-like, DecisionLog or None
        The folder of the log.
    audit, mode, secret, texts
        As in :func:`tracer_spec.deploy`. The request's id, to which the secret ties the coin, is its header ``x-request-id``.
    embedder, embedder_options, sha256
        As in :func:`tracer_spec.load`, for every bundle that is a path.
    transport : transport or None
        What asks the API, of the client's library; by default that library's own. A client with a transport reads no proxies
        from the environment: give ``httpx.HTTPTransport(proxy=...)`` where there are some.

    Returns
    -------
    OpenAITransport
        For synchronous and asynchronous clients. Closing the client, or leaving a ``with`` block of either, writes the log.

    Raises
    ------
    DataError
        Where the log's folder cannot be written to.
    BundleError, UsageError
        As :func:`tracer_spec.load` and :func:`tracer_spec.deploy`; and where there is a label that no answer gives.

    Notes
    -----
    Requests that are no router's go on as they are, byte for byte, and no response waits for its end. A response says what
    became of its request: ``x-tracer-outcome`` is ``handled``, ``deferred``, ``audited`` or ``passthrough``. A request with
    the header ``x-tracer: off`` is the teacher's.

    Examples
    --------
    >>> transport = openai_transport("dist/intents.tracer", log="decisions/")  # doctest: +SKIP
    >>> client = openai.OpenAI(http_client=openai.DefaultHttpxClient(transport=transport))  # doctest: +SKIP
    """
    listed = () if bundle is None else (bundle,) if isinstance(bundle, (str, os.PathLike, Router)) else tuple(bundle)
    routers = [
        load_released(each, embedder=embedder, embedder_options=embedder_options, sha256=sha256) for each in listed
    ]
    written = log if log is None or isinstance(log, DecisionLog) else DecisionLog(log)
    gateway = Gateway(routers, log=written, audit=audit, mode=mode, secret=secret, texts=texts)
    return OpenAITransport(gateway, transport, log=written, owns_log=written is not log)
