"""The body of a request: whole within a limit, or piece by piece; and whether its client is still there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.types import Receive

from tracer_spec_serve.problems import RequestError


class ClientLeftError(Exception):
    """The client is gone: nobody waits for an answer."""


class Body:
    """The body of one request.

    Parameters
    ----------
    receive : callable
        ASGI's. Nobody else may call it.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_read = asyncio.Event()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes.

        Raises
        ------
        ClientLeftError
        """
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientLeftError
            more = message.get("more_body", False)
            if not more:
                self._is_read.set()
            if message.get("body"):
                yield message["body"]

    async def read(self, max_bytes: int, timeout_s: float) -> bytes:
        """Return the whole body.

        Raises
        ------
        ClientLeftError
        RequestError
            413 where it is too large, 408 where it takes too long.
        """
        found, size = [], 0
        try:
            async with asyncio.timeout(timeout_s):
                async for piece in self.pieces():
                    size += len(piece)
                    if size > max_bytes:
                        raise RequestError(413, f"the body is larger than {max_bytes:,} bytes", "body_too_large")
                    found.append(piece)
        except TimeoutError:
            raise RequestError(408, f"the body did not come within {timeout_s:g} seconds", "body_timeout") from None
        return found[0] if len(found) == 1 else b"".join(found)

    def skip(self) -> None:
        """Say that nobody reads it: there is none."""
        self._is_read.set()

    async def left(self) -> None:
        """Wait until the client leaves, once the body is read or skipped."""
        await self._is_read.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
