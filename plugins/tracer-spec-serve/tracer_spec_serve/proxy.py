"""Everything that is not the server's own: passed on to the upstream as it came."""

from __future__ import annotations

import time

from starlette.types import Receive, Scope, Send
from tracer_spec.production.decision_log import DecisionLog

from tracer_spec_serve.body import Body, ClientLeftError
from tracer_spec_serve.live import Live
from tracer_spec_serve.metrics import NO_ROUTER, Metrics
from tracer_spec_serve.problems import problem
from tracer_spec_serve.relay import relay, while_connected
from tracer_spec_serve.upstream import Upstream

PASSTHROUGH = "passthrough"


class Proxy:
    """Answers what a router handles, and passes on everything else."""

    def __init__(self, live: Live, upstream: Upstream | None, log: DecisionLog | None, metrics: Metrics) -> None:
        self._live, self._upstream, self._log, self._metrics = live, upstream, log, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if self._upstream is None:
            await problem(404, "this server has no upstream: it answers /v1/route alone", "no_upstream")(
                scope, receive, send
            )
            return
        body = Body(receive)
        try:
            await while_connected(body, self._pass(self._upstream, scope, body, send))
        except ClientLeftError:
            return

    async def _pass(self, upstream: Upstream, scope: Scope, body: Body, send: Send) -> None:
        started = time.perf_counter()
        path, query = scope["raw_path"].decode("ascii"), scope["query_string"].decode("ascii")
        has_body = any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
        response = await upstream.send(
            scope["method"], path, query, scope["headers"], body.pieces() if has_body else None
        )
        await relay(response, send, [(b"x-tracer-outcome", b"passthrough")])
        self._metrics.count(PASSTHROUGH, "", NO_ROUTER, response.status, time.perf_counter() - started)
