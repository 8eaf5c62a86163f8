"""Requests to the API: answered where a router handles them, and passed on to the upstream where none does."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator

from starlette.types import Receive, Scope, Send
from tracer_spec.chat.apis import api_of
from tracer_spec.production.gateway import ID_HEADER, OFF_HEADER, PASSTHROUGH, Reply, Visit
from tracer_spec.production.observed import readable_encodings
from tracer_spec.runtime.inputs import place_of

from tracer_spec_serve.body import Body, ClientLeftError
from tracer_spec_serve.live import LOGGER, Live
from tracer_spec_serve.metrics import Metrics
from tracer_spec_serve.problems import RequestError, response_of
from tracer_spec_serve.relay import Passage, while_connected
from tracer_spec_serve.upstream import Headers, Upstream

FORCED = "forced"
_PASSED = Visit(PASSTHROUGH, {"x-tracer-outcome": PASSTHROUGH})
_ASKED = frozenset((ID_HEADER.encode(), OFF_HEADER.encode()))
_LONGEST_ID = 200
_LEFT = 499
"""The status under which a request is counted whose client has left, as nginx has it."""


class Proxy:
    """Answers requests to the API.

    Parameters
    ----------
    live : Live
    upstream : Upstream or None
        Without one, what no router handles is answered with an error.
    metrics : Metrics
    """

    def __init__(self, live: Live, upstream: Upstream | None, metrics: Metrics) -> None:
        self._live, self._upstream, self._metrics = live, upstream, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        started, body = time.perf_counter(), Body(receive)
        visit, content, status = _PASSED, None, _LEFT
        passage = Passage(send)
        try:
            if scope["method"] == "POST" and api_of(scope["path"]) is not None:
                limits = self._live.settings
                content = await body.read(limits.max_body_bytes, limits.body_timeout_s)
                visit = await self._begin(scope, content)
                self._metrics.overhead.add(time.perf_counter() - started)
            if visit.reply is not None:
                status = 200
                await _reply(visit.reply, send)
            else:
                await while_connected(body, self._pass(scope, content, body, visit, passage))
        except RequestError as error:
            status = error.status
            if error.is_upstreams:
                self._metrics.upstream_errors[error.code,] += 1
            if not passage.is_begun:
                await response_of(error, _own_headers(visit))(scope, receive, send)
        except ClientLeftError:
            pass
        finally:
            if visit.observed is not None:
                visit.observed.end()
            self._count(visit, passage.status or status, time.perf_counter() - started)

    async def _begin(self, scope: Scope, content: bytes) -> Visit:
        """Decide on a request; what goes wrong with that is no reason to lose it."""
        try:
            return await self._live.begin(scope["path"], content, _asked(scope["headers"])) or _PASSED
        except Exception as error:  # noqa: BLE001 - whatever it is, the upstream can answer
            LOGGER.warning("a request could not be decided on, and is passed on: %s", place_of(error))
            return _PASSED

    async def _pass(self, scope: Scope, content: bytes | None, body: Body, visit: Visit, passage: Passage) -> None:
        """Let the upstream answer."""
        if self._upstream is None:
            raise RequestError(502, "no router answers this, and the server has no upstream", "no_upstream")
        headers = scope["headers"]
        sent: bytes | AsyncIterator[bytes] | None = content
        if content is None and any(name in (b"content-length", b"transfer-encoding") for name, _ in headers):
            sent = body.pieces()
        elif content is None:
            body.skip()
        path, query = scope["raw_path"].decode("ascii"), scope["query_string"].decode("ascii")
        if visit.observed is not None:
            headers = _readable(headers)
        response = await self._upstream.send(scope["method"], path, query, headers, sent)
        await passage.relay(response, _own_headers(visit), visit.observed)

    def _count(self, visit: Visit, status: int, seconds: float) -> None:
        reason = ""
        if visit.case is not None and visit.case.decision is not None:
            reason = FORCED if visit.case.is_forced else str(visit.case.decision.reason)
        self._metrics.count(visit.outcome, reason, visit.router, status, seconds)


def _asked(headers: Headers) -> dict[str, str]:
    """Return the headers that a gateway reads; a request without an id, or with an odd one, gets an id of its own."""
    found = {name.decode(): value.decode("latin-1") for name, value in headers if name in _ASKED}
    given = found.get(ID_HEADER, "")
    if not given or len(given) > _LONGEST_ID or not given.isascii() or not given.isprintable():
        found[ID_HEADER] = os.urandom(12).hex()
    return found


def _own_headers(visit: Visit) -> list[tuple[bytes, bytes]]:
    """Return what a response that is not the router's says of the request: its id is that of the log."""
    own = [(name.encode(), value.encode()) for name, value in visit.headers.items()]
    if visit.case is not None:
        own.append((ID_HEADER.encode(), visit.case.id.encode()))
    return own


def _readable(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Return headers that ask for no encoding in which nobody here could read the teacher's answer."""
    kept = [(name, value) for name, value in headers if name != b"accept-encoding"]
    accepted = ", ".join(value.decode("latin-1") for name, value in headers if name == b"accept-encoding")
    return [*kept, (b"accept-encoding", readable_encodings(accepted).encode("latin-1"))]


async def _reply(reply: Reply, send: Send) -> None:
    """Send a router's answer."""
    headers = [(name.encode(), value.encode()) for name, value in reply.headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"".join(reply.pieces)})
