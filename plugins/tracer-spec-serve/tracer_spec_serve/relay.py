"""Passes a response on to the client while it comes, and drops the request where the client leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import aiohttp
from starlette.types import Send
from tracer_spec.production.observed import Observed

from tracer_spec_serve.body import Body, ClientLeftError
from tracer_spec_serve.upstream import Headers, failed, response_headers

_ID = b"x-request-id"


class Passage:
    """The way of one response to the client.

    Parameters
    ----------
    send : callable
        ASGI's.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    @property
    def is_begun(self) -> bool:
        """Return whether the client has the head of the response, so that nothing else can be said any more."""
        return self.status > 0

    async def relay(self, response: aiohttp.ClientResponse, own: Headers, observed: Observed | None) -> None:
        """Pass a response on, each piece as it comes.

        Parameters
        ----------
        response : ClientResponse
            Whose body is not read yet.
        own : iterable of (bytes, bytes)
            Headers of the server's own, which replace others of their names; the upstream's id is kept under another.
        observed : Observed or None
            Sees all of it as well.

        Raises
        ------
        RequestError
            Where the upstream breaks off.

        Notes
        -----
        The connection to the client has to break off with the upstream's: an end that looks whole would be a lie. Where the
        client leaves first, the upstream is told so by closing its connection.
        """
        if observed is not None:
            head = response.headers
            observed.begin(response.status, head.get("content-type", ""), head.get("content-encoding", ""))
        try:
            self.status = response.status
            headers = _with_own(response_headers(response), own)
            await self._send({"type": "http.response.start", "status": response.status, "headers": headers})
            async for piece in response.content.iter_any():
                if observed is not None:
                    observed.feed(piece)
                await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise failed(error) from None
        finally:
            response.close()  # gives a connection back whose response is read, and ends any other
        if observed is not None:
            observed.end()  # before the client knows that it is over
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def _with_own(headers: list[tuple[bytes, bytes]], own: Headers) -> list[tuple[bytes, bytes]]:
    """Return headers with those of the server's own in the place of others of their names."""
    names = {name for name, _ in own}
    kept = [each for each in headers if each[0] not in names]
    if _ID in names:
        kept += [(b"x-upstream-request-id", value) for name, value in headers if name == _ID]
    return [*kept, *own]


async def while_connected(body: Body, work: Coroutine[Any, Any, None]) -> None:
    """Run what answers a request, and cancel it where the client leaves first.

    Raises
    ------
    ClientLeftError
    """
    here, leaving = asyncio.current_task(), asyncio.ensure_future(body.left())
    assert here is not None  # noqa: S101 - it is a coroutine's

    def stop(_: asyncio.Future[None]) -> None:
        here.cancel()

    leaving.add_done_callback(stop)
    try:
        await work
    except asyncio.CancelledError:
        if leaving.done() and here.cancelling() == 1:
            here.uncancel()
            raise ClientLeftError from None
        raise
    finally:
        leaving.remove_done_callback(stop)
        leaving.cancel()
