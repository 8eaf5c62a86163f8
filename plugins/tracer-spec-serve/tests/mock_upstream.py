"""An API on loopback that keeps every request as it came, and answers as a test wants."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable

from aiohttp import web


class MockUpstream:
    """Runs in a thread of its own; ``answer(request, body)`` makes its responses."""

    def __init__(self) -> None:
        self.forget()
        self.loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def forget(self) -> None:
        """Have no request, and answer each as at first."""
        self.requests: list[tuple[web.Request, bytes]] = []
        self.answer: Callable[[web.Request, bytes], Awaitable[web.StreamResponse]] = completed

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def last(self) -> tuple[web.Request, bytes]:
        return self.requests[-1]

    def event(self) -> asyncio.Event:
        """Return an event of the API's own loop."""
        return asyncio.run_coroutine_threadsafe(_event(), self.loop).result(10)

    def set(self, event: asyncio.Event) -> None:
        self.loop.call_soon_threadsafe(event.set)

    def stop_listening(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self.loop).result(30)

    def close(self) -> None:
        self.stop_listening()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._start())
        self._ready.set()
        self.loop.run_forever()

    async def _start(self) -> None:
        app = web.Application(client_max_size=1 << 28)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, auto_decompress=False, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, backlog=4096)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.requests.append((request, body))
        return await self.answer(request, body)


async def _event() -> asyncio.Event:
    return asyncio.Event()


TEACHERS = "teachers_label"


async def completed(request: web.Request, body: bytes) -> web.StreamResponse:
    """Answer a chat with one label, in one piece or as events; anything else with its own body."""
    if not request.path.endswith("/chat/completions"):
        return web.Response(body=body, content_type=request.content_type)
    asked = json.loads(body)
    model = asked.get("model")
    if not asked.get("stream"):
        message = {"role": "assistant", "content": TEACHERS, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        usage = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
        head = {"id": "chatcmpl-mock", "object": "chat.completion", "created": 1, "model": model}
        return web.json_response({**head, "choices": [choice], "usage": usage})
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    for piece in chunks(model):
        await response.write(piece)
    await response.write_eof()
    return response


def chunks(model: str | None) -> list[bytes]:
    """Return a stream of TEACHERS, in two halves."""
    head = {"id": "chatcmpl-mock", "object": "chat.completion.chunk", "created": 1, "model": model}
    deltas = [{"role": "assistant", "content": TEACHERS[:4]}, {"content": TEACHERS[4:]}, {}]
    events = []
    for number, delta in enumerate(deltas):
        choice = {"index": 0, "delta": delta, "finish_reason": "stop" if number == 2 else None}
        events.append(f"data: {json.dumps({**head, 'choices': [choice]})}\n\n".encode())
    return [*events, b"data: [DONE]\n\n"]
