"""Passes a response on to the client while it comes, and drops the request where the client leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
from starlette.types import Send

from tracer_spec_serve.body import Body, ClientLeftError
from tracer_spec_serve.upstream import Headers, failed, response_headers


async def relay(
    response: aiohttp.ClientResponse, send: Send, own: Headers, see: Callable[[bytes], None] | None = None
) -> None:
    """Pass a response on, each piece as it comes.

    Parameters
    ----------
    response : ClientResponse
        Whose body is not read yet.
    send : callable
        ASGI's.
    own : iterable of (bytes, bytes)
        Headers of the server's own, which replace others of their names.
    see : callable or None
        Is given each piece of the body as well.

    Raises
    ------
    RequestError
        Where the upstream breaks off.

    Notes
    -----
    The connection to the client has to break off with the upstream's: an end that looks whole would be a lie. Where the client
    leaves first, the upstream is told so by closing its connection.
    """
    names = {name for name, _ in own}
    headers = [each for each in response_headers(response) if each[0] not in names]
    try:
        await send({"type": "http.response.start", "status": response.status, "headers": [*headers, *own]})
        async for piece in response.content.iter_any():
            if see is not None:
                see(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise failed(error) from None
    finally:
        response.close()  # gives a connection back whose response is read, and ends any other
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def while_connected(body: Body, work: Coroutine[Any, Any, None]) -> None:
    """Run what answers a request, and cancel it where the client leaves first.

    Raises
    ------
    ClientLeftError
    """
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(body.left())
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientLeftError
        working.result()
    finally:
        for each in (working, leaving):
            each.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)
