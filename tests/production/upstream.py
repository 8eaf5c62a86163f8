"""A real HTTP server on loopback that speaks three chat APIs, and remembers every byte that it was sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from tests.chat.bodies import PATHS, response, stream
from tracer_spec.chat.reading import asked


class Received(NamedTuple):
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes


class Upstream:
    """Answers each chat with what ``say`` makes of its text; anything else with its own bytes."""

    def __init__(self, say: Callable[[str], str]) -> None:
        self.say = say
        self.received: list[Received] = []
        self.url = ""
        self.before_second = threading.Event()
        self.before_second.set()


@contextmanager
def serving(say: Callable[[str], str]) -> Iterator[Upstream]:
    upstream = Upstream(say)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def log_message(self, *_args: object) -> None:
            pass

        def do_POST(self) -> None:
            body = self._body()
            upstream.received.append(
                Received(self.path, {key.lower(): value for key, value in self.headers.items()}, body)
            )
            api = next((name for name, path in PATHS.items() if self.path == path), None)
            try:
                read = json.loads(body)
            except ValueError:
                read = None
            if api is None or not isinstance(read, dict) or "echo" in read or self.headers.get("content-encoding"):
                self._send(body, "application/octet-stream")
            elif read.get("stream"):
                self._stream(stream(api, upstream.say(asked(read) or "")))
            else:
                self._send(json.dumps(response(api, upstream.say(asked(read) or ""))).encode(), "application/json")

        def _body(self) -> bytes:
            if self.headers.get("transfer-encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("content-length", 0)))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _send(self, content: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _stream(self, events: list[bytes]) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            with suppress(ConnectionError):  # a client may leave before the end
                for number, event in enumerate(events):
                    if number == 1:
                        assert upstream.before_second.wait(30)
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
                self.wfile.write(b"0\r\n\r\n")

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 512

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    upstream.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield upstream
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
