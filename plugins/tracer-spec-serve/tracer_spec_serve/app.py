"""The app: its own endpoints, and behind them everything that goes to the upstream."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from tracer_spec.errors import TracerError
from tracer_spec.production.decision_log import DecisionLog
from tracer_spec.runtime.inputs import place_of

from tracer_spec_serve.decide import Decide
from tracer_spec_serve.gate import Gate
from tracer_spec_serve.live import LOGGER, Live
from tracer_spec_serve.metrics import Metrics
from tracer_spec_serve.problems import problem
from tracer_spec_serve.proxy import Proxy
from tracer_spec_serve.upstream import Upstream

LOOK_SECONDS = 2.0
"""How often the monitors look for what is new in the log."""


class App:
    """A server's parts, tied together.

    Parameters
    ----------
    live : Live
    log : DecisionLog or None
    """

    def __init__(self, live: Live, log: DecisionLog | None) -> None:
        self.live, self.log = live, log
        self.metrics = Metrics(live, log)
        settings = live.settings
        address = settings.address
        self._upstream = None if address is None else Upstream(address, settings.timeout_s)
        self._reloading: set[asyncio.Task[None]] = set()
        decide = Decide(live, self.metrics)
        routes = [
            Route("/healthz", self._health),
            Route("/readyz", self._ready),
            Route("/metrics", self._metrics),
            Route("/v1/route", decide.one, methods=["POST"]),
            Route("/v1/route_batch", decide.many, methods=["POST"]),
            Route("/-/reload", self._reload, methods=["POST"]),
        ]
        self._own = Starlette(routes=routes, lifespan=self._life)
        self._own_paths = {each.path for each in routes}
        self._proxy = Proxy(live, self._upstream, self.metrics)
        self.asgi: ASGIApp = Gate(self._dispatch, settings.api_key, settings.max_concurrency, self.metrics)

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request to the API at once: the router of paths costs as much as a decision."""
        if scope["type"] == "http" and scope["path"] not in self._own_paths:
            await self._proxy(scope, receive, send)
        else:
            await self._own(scope, receive, send)

    @contextlib.asynccontextmanager
    async def _life(self, _: Starlette) -> AsyncIterator[None]:
        """Open connections, and watch the claims, as long as the server runs."""
        if self._upstream is not None:
            await self._upstream.open()
        watching = asyncio.ensure_future(self._watch())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            if self._upstream is not None:
                await self._upstream.close()

    async def _watch(self) -> None:
        while True:
            try:
                await self.live.look()
            except Exception as error:  # noqa: BLE001 - one look that fails must not be the last
                LOGGER.warning("the claims were not looked at: %s", place_of(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def _health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _ready(self, _: Request) -> Response:
        """Tell what serves. A refuted claim is no reason to take the server away: the upstream answers behind it."""
        return JSONResponse({"status": "ready", "routers": self.routers()})

    def routers(self) -> list[dict[str, Any]]:
        """Return what serves by now, as JSON values."""
        return [
            {
                "name": each.router.name,
                "version": each.router.version,
                "sha256": each.router.sha256,
                "claim": "not watched" if each.watch is None else each.watch.verdict,
                "handles": not each.is_revoked,
                **({"trouble": each.watch.trouble} if each.watch is not None and each.watch.trouble else {}),
            }
            for each in self.live.all
        ]

    async def _metrics(self, _: Request) -> Response:
        return Response(self.metrics.text(), headers={"content-type": CONTENT_TYPE_LATEST})

    async def _reload(self, _: Request) -> Response:
        settings = self.live.settings
        if settings.is_public and settings.api_key_env is None:
            message = (
                "others can reach this server, and it asks for no key: send it SIGHUP, or start it with --api-key-env"
            )
            return problem(403, message, "forbidden")
        try:
            await self.reload()
        except (TracerError, OSError) as error:
            return problem(409, f"the bundles serve on as they were: {reason(error)}", "bad_bundle")
        return JSONResponse({"routers": self.routers()})

    async def reload(self) -> None:
        """Open the bundles anew, and say what came of it; raise where one is bad, and the old ones serve on."""
        try:
            await self.live.reload()
        except (TracerError, OSError) as error:
            self.metrics.reloads["refused",] += 1
            LOGGER.warning("reload refused, the bundles serve on as they were: %s", reason(error))
            raise
        self.metrics.reloads["done",] += 1
        names = ", ".join(f"{each.router.name} {each.router.version}" for each in self.live.all)
        LOGGER.warning("reloaded: %s", names or "no bundle")

    def reload_soon(self) -> None:
        """Reload in the background, as a signal asks for it."""
        task = asyncio.ensure_future(self._quiet_reload())
        self._reloading.add(task)
        task.add_done_callback(self._reloading.discard)

    async def _quiet_reload(self) -> None:
        with contextlib.suppress(TracerError, OSError):  # told already
            await self.reload()


def reason(error: Exception) -> str:
    """Return an error on one line."""
    if isinstance(error, TracerError):
        return "; ".join(" ".join(str(each).split()) for each in error.problems)
    return f"{getattr(error, 'filename', '') or ''}: {getattr(error, 'strerror', '') or error}".removeprefix(
        ": "
    ).lower()
