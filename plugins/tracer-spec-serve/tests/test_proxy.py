"""What is not the server's own goes to the upstream and back as it is."""

from __future__ import annotations

import gzip
import socket

import httpx
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from mock_upstream import chunks
from random_bodies import BODIES, MANY


@pytest.fixture(scope="module")
def server(serve_all, mock_upstream, tmp_path_factory):
    return serve_all("--upstream", f"{mock_upstream.url}/v1", "--log", tmp_path_factory.mktemp("log"))


@pytest.fixture
def client(server):
    return server.client


@MANY
@given(body=BODIES, path=st.sampled_from(["/v1/embeddings", "/v1/files", "/v1/chat/completions/x"]))
def test_a_body_arrives_byte_for_byte_and_so_does_its_answer(client, upstream, body, path):
    async def echo(request, received):
        return web.Response(body=received, headers={"content-type": "application/x-own"})

    upstream.answer = echo
    back = client.post(path, content=body, headers={"content-type": "text/odd; charset=x"})
    request, received = upstream.last
    assert (request.path, received, request.headers["content-type"]) == (path, body, "text/odd; charset=x")
    assert (back.status_code, back.content, back.headers["content-type"]) == (200, body, "application/x-own")
    assert back.headers["x-tracer-outcome"] == "passthrough"


def test_path_and_query_are_not_touched(server, upstream):
    raw = "/v1/odd%2Fpath/%7Bx%7D?a=%2B&b=c+d&a=2"
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"GET {raw} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        while connection.recv(4096):
            pass
    assert upstream.last[0].raw_path == raw


def test_a_compressed_body_and_a_compressed_answer_stay_compressed(client, upstream):
    packed = gzip.compress(b'{"model": "m"}')

    async def answer(request, received):
        return web.Response(body=received, headers={"content-encoding": "gzip"})

    upstream.answer = answer
    with client.stream("POST", "/v1/embeddings", content=packed, headers={"content-encoding": "gzip"}) as back:
        assert b"".join(back.iter_raw()) == packed
        assert back.headers["content-encoding"] == "gzip"
    request, received = upstream.last
    assert (request.headers["content-encoding"], received) == ("gzip", packed)


def test_headers_of_the_connection_end_here_and_all_others_pass(client, upstream):
    async def answer(request, received):
        own = {"x-answer": "kept", "keep-alive": "timeout=5", "x-request-id": "upstreams"}
        response = web.Response(text="", headers=own)
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        return response

    upstream.answer = answer
    sent = {
        "authorization": "Bearer sk-client",
        "x-mine": "kept",
        "te": "trailers",
        "connection": "x-hop",
        "x-hop": "1",
    }
    back = client.get("/v1/models", headers={**sent, "x-tracer": "off", "accept-encoding": "br"})
    received = upstream.last[0].headers
    assert (received["authorization"], received["x-mine"]) == ("Bearer sk-client", "kept")
    assert received["accept-encoding"] == "br"
    assert not {"te", "x-hop", "x-tracer"} & {name.lower() for name in received}
    assert received["host"] == upstream.url.removeprefix("http://")
    assert back.headers["x-answer"] == "kept"
    assert "keep-alive" not in back.headers
    assert len(back.headers.get_list("set-cookie")) == 2


def test_nothing_is_added_to_what_the_client_says_of_itself(server, upstream):
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"POST /v1/x HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        while connection.recv(4096):
            pass
    assert sorted(name.lower() for name in upstream.last[0].headers) == ["content-length", "host"]


def test_redirects_and_errors_are_the_clients_to_read(client, upstream):
    async def answer(request, received):
        if request.path == "/v1/moved":
            return web.Response(status=302, headers={"location": "http://elsewhere.invalid/"})
        return web.json_response({"error": {"message": "no"}}, status=429, headers={"retry-after": "7"})

    upstream.answer = answer
    assert client.get("/v1/moved").headers["location"] == "http://elsewhere.invalid/"
    back = client.get("/v1/busy")
    assert (back.status_code, back.headers["retry-after"], back.json()) == (429, "7", {"error": {"message": "no"}})


def test_the_first_chunk_reaches_the_client_before_the_upstream_sends_its_second(client, upstream):
    may_go_on = upstream.event()
    first, *rest = chunks("m")

    async def answer(request, received):
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(first)
        await may_go_on.wait()
        for piece in rest:
            await response.write(piece)
        await response.write_eof()
        return response

    upstream.answer = answer
    body = {"model": "m", "stream": True, "n": 2, "messages": [{"role": "user", "content": "hi"}]}
    with client.stream("POST", "/v1/chat/completions", json=body) as back:
        pieces = back.iter_raw()
        assert next(pieces) == first
        upstream.set(may_go_on)
        assert b"".join(pieces) == b"".join(rest)


def test_a_stream_that_the_upstream_breaks_off_does_not_look_whole(serve, upstream, tmp_path):
    async def answer(request, received):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half")
        request.transport.abort()
        return response

    upstream.answer = answer
    server = serve("--upstream", upstream.url, "--log", tmp_path)
    with pytest.raises(httpx.RemoteProtocolError):
        server.client.get("/v1/models")
    counted = server.client.get("/metrics").text.splitlines()
    assert 'tracer_upstream_errors_total{code="upstream_unreachable"} 1.0' in counted
    assert "ASGI" not in server.end()[1]


def test_the_request_is_dropped_where_its_client_leaves(client, upstream):
    begun, left = upstream.event(), upstream.event()

    async def answer(request, received):
        response = web.StreamResponse()
        await response.prepare(request)
        begun.set()
        try:
            while True:
                await response.write(b"more")
        except ConnectionError:
            left.set()
            raise

    upstream.answer = answer
    with client.stream("GET", "/v1/endless"):
        pass
    import asyncio

    asyncio.run_coroutine_threadsafe(left.wait(), upstream.loop).result(60)


@pytest.mark.parametrize(
    ("base", "path", "arrives"),
    [
        ("/v1", "/v1/models", "/v1/models"),
        ("", "/v1/models", "/v1/models"),
        ("/v1/", "/v1/models", "/v1/models"),
        ("/v1", "/models", "/v1/models"),
        ("/openai/v1", "/v1/models", "/openai/v1/models"),
        ("/v1beta/openai", "/chat", "/v1beta/openai/chat"),
        ("/v1?api-version=7", "/v1/models?limit=2", "/v1/models?api-version=7&limit=2"),
    ],
)
def test_an_upstream_is_written_with_or_without_v1(base, path, arrives):
    from tracer_spec_serve.upstream import Address

    query = path.partition("?")[2]
    url = Address.of(f"https://api.example{base}").url(path.partition("?")[0], query)
    assert str(url) == f"https://api.example{arrives}"


def test_an_upstream_that_is_down_is_a_502_in_openais_shape(serve, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        secret = f"http://user:p4ssword@127.0.0.1:{taken.getsockname()[1]}/v1?key=s3cret"
        server = serve("--upstream", secret, "--log", tmp_path / "log")
        back = server.client.get("/v1/models")
    assert back.status_code == 502
    assert back.json() == {
        "error": {
            "message": "the upstream cannot be reached (ClientConnectorError)",
            "type": "server_error",
            "param": None,
            "code": "upstream_unreachable",
        }
    }
    _, said = server.end()
    assert "p4ssword" not in said + back.text
    assert "s3cret" not in said + back.text


def test_an_upstream_that_is_silent_is_a_504(serve, upstream, tmp_path):
    done = upstream.event()

    async def answer(request, received):
        await done.wait()
        return web.Response()

    upstream.answer = answer
    server = serve("--upstream", upstream.url, "--log", tmp_path / "log", "--timeout", "0.2")
    back = server.client.get("/v1/models")
    upstream.set(done)
    assert (back.status_code, back.json()["error"]["code"]) == (504, "upstream_timeout")


def test_user_and_password_of_the_upstream_are_for_requests_that_bring_no_key(serve, upstream, tmp_path):
    url = upstream.url.replace("http://", "http://user:pass@")
    server = serve("--upstream", url, "--log", tmp_path / "log")
    server.client.get("/v1/a")
    assert upstream.last[0].headers["authorization"] == "Basic dXNlcjpwYXNz"
    server.client.get("/v1/a", headers={"authorization": "Bearer own"})
    assert upstream.last[0].headers["authorization"] == "Bearer own"
