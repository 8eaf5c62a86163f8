"""A real HTTP server on loopback that misbehaves as it is told to."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

DIMENSION = 6


def vector(text: str, d: int = DIMENSION) -> list[float]:
    """Return the vector that the server has for a text, of length 1."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
    row = np.random.default_rng(seed).normal(size=d)
    return [float(value) for value in row / np.linalg.norm(row)]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        endpoint = self.server.endpoint
        with endpoint.lock:
            endpoint.requests.append((self.path, dict(self.headers.items()), body, time.monotonic()))
            behave = endpoint.script.pop(0) if endpoint.script else good
        behave(self, body)

    def answer(self, content: bytes, status: int = 200, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(content) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)


def items(body):
    d = body.get("dimensions", DIMENSION)
    return [{"object": "embedding", "index": i, "embedding": vector(text, d)} for i, text in enumerate(body["input"])]


def good(handler, body):
    handler.answer(json.dumps({"object": "list", "data": items(body)}).encode())


def changed(change):
    """Answer with items that ``change`` has altered."""
    return lambda handler, body: handler.answer(json.dumps({"data": change(items(body))}).encode())


def status(code, message="", error_code=None, **headers):
    content = json.dumps({"error": {"message": message, "code": error_code}}).encode()
    return lambda handler, body: handler.answer(content, code, **headers)


def dropped(handler, body):
    handler.close_connection = True
    handler.connection.close()


def cut_short(handler, body):
    """Promise more bytes than are sent."""
    content = json.dumps({"data": items(body)}).encode()
    handler.answer(content[: len(content) // 2], length=len(content))
    handler.close_connection = True


def half_json(handler, body):
    """Send half a document as if it were whole."""
    content = json.dumps({"data": items(body)}).encode()
    handler.answer(content[: len(content) // 2])


def slow(seconds):
    def behave(handler, body):
        time.sleep(seconds)
        try:
            good(handler, body)
        except OSError:
            handler.close_connection = True

    return behave


def never(handler, body):
    """Answer nothing until the client has gone."""
    handler.rfile.read(1)
    handler.close_connection = True


def drip(handler, body):
    """Send a byte now and then until the client has gone, so that no single read times out and the answer never ends."""
    handler.send_response(200)
    handler.send_header("content-length", "1000000000")
    handler.end_headers()
    with contextlib.suppress(OSError):
        while True:
            handler.wfile.write(b" ")
            time.sleep(0.02)
    handler.close_connection = True


class Endpoint:
    """A real HTTP server on loopback that does as the script says, one request after another, and then behaves."""

    def __init__(self):
        self.script, self.requests, self.lock = [], [], threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *args: None  # dropped connections are what the tests are about
        self.server.endpoint = self
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    @property
    def inputs(self):
        return [body["input"] for _, _, body, _ in self.requests]
