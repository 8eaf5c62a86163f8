"""What a transport needs of its client's HTTP library, httpx or httpx2: whichever a request belongs to."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from functools import cache
from typing import Any, NamedTuple

from tracer_spec.production.gateway import Reply, Visit
from tracer_spec.production.observed import Observed

_LIBRARIES = ("httpx", "httpx2")


class ClientLibrary(NamedTuple):
    """A library: its module, and the bodies of responses that it takes."""

    module: Any
    pieces: Any
    watched: Any

    def own_response(self, reply: Reply) -> Any:
        """Return the response of a router."""
        return self.module.Response(200, headers=dict(reply.headers), stream=self.pieces(reply.pieces))

    def passed_on(self, response: Any, visit: Visit) -> Any:
        """Return the API's response, with what is said of the visit in its headers."""
        seen, headers = visit.observed, response.headers
        if seen is None:
            headers.update(visit.headers)
            return response
        seen.begin(response.status_code, headers.get("content-type", ""), headers.get("content-encoding", ""))
        headers.update(visit.headers)
        # another response, since one that has its content already never reads its stream
        return self.module.Response(
            response.status_code,
            headers=headers,
            stream=self.watched(response.stream, seen),
            extensions=response.extensions,
        )


def library_of(request: Any) -> ClientLibrary:
    """Return the library that a request belongs to."""
    homes = (each.__module__.partition(".")[0] for each in type(request).__mro__)
    return _library(next(home for home in homes if home in _LIBRARIES))


@cache
def _library(name: str) -> ClientLibrary:
    """Make the bodies of a library, which takes its own alone."""
    module: Any = sys.modules[name]

    class Pieces(module.SyncByteStream, module.AsyncByteStream):  # type: ignore[misc]
        """The body of a reply, a piece for each event."""

        def __init__(self, pieces: tuple[bytes, ...]) -> None:
            self._pieces = pieces

        def __iter__(self) -> Iterator[bytes]:
            yield from self._pieces

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for piece in self._pieces:
                yield piece

    class Watched(module.SyncByteStream, module.AsyncByteStream):  # type: ignore[misc]
        """The body of the API's response as it comes, each piece shown to the watcher before it goes on."""

        def __init__(self, stream: Any, seen: Observed) -> None:
            self._stream, self._seen = stream, seen

        def __iter__(self) -> Iterator[bytes]:
            try:
                for piece in self._stream:
                    self._seen.feed(piece)
                    yield piece
            finally:
                self._seen.end()

        async def __aiter__(self) -> AsyncIterator[bytes]:
            try:
                async for piece in self._stream:
                    self._seen.feed(piece)
                    yield piece
            finally:
                self._seen.end()

        def close(self) -> None:
            self._stream.close()
            self._seen.end()

        async def aclose(self) -> None:
            await self._stream.aclose()
            self._seen.end()

    return ClientLibrary(module, Pieces, Watched)
