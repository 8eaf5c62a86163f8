"""What every request passes first: the key, and the limit of requests in flight."""

from __future__ import annotations

import hmac

from starlette.types import ASGIApp, Receive, Scope, Send

from tracer_spec_serve.metrics import Metrics
from tracer_spec_serve.problems import problem

KEY_HEADER = b"x-tracer-key"
PROBES = frozenset(("/healthz", "/readyz"))
_BEARER = b"bearer "


class Gate:
    """Lets requests through to the app.

    Parameters
    ----------
    app : ASGI app
    key : str or None
        What requests must bring, as ``x-tracer-key`` or as a bearer token. It is taken out, so that it never reaches the
        upstream. Probes need none.
    most : int
        Requests that may be in flight; those above it are told to come back. Probes and metrics always pass.
    metrics : Metrics
    """

    def __init__(self, app: ASGIApp, key: str | None, most: int, metrics: Metrics) -> None:
        self._app, self._most, self._metrics = app, most, metrics
        self._key = None if key is None else key.encode("utf-8", "surrogateescape")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or a message of the server's life."""
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        if self._key is not None and not self._takes_key(scope, self._key):
            message = "the key of this server is missing or wrong; it goes into the header x-tracer-key"
            await problem(401, message, "invalid_api_key", www_authenticate="Bearer")(scope, receive, send)
            return
        if self._metrics.in_flight >= self._most and scope["path"] != "/metrics":
            self._metrics.n_overloaded += 1
            message = f"{self._most} requests are in flight, which is the limit of this server"
            await problem(503, message, "overloaded", retry_after="1")(scope, receive, send)
            return
        self._metrics.in_flight += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._metrics.in_flight -= 1

    @staticmethod
    def _takes_key(scope: Scope, key: bytes) -> bool:
        """Return whether a request brings the key, and take it out of its headers."""
        headers = scope["headers"]
        found = [(name, value) for name, value in headers if _brings(name, value, key)]
        scope["headers"] = [each for each in headers if each not in found]
        return bool(found)


def _brings(name: bytes, value: bytes, key: bytes) -> bool:
    if name == b"authorization":
        return value[:7].lower() == _BEARER and hmac.compare_digest(value[7:].strip(), key)
    return name == KEY_HEADER and hmac.compare_digest(value, key)
