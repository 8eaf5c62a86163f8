"""The real OpenAI client against a server process, and an API behind it."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import openai
import pytest
import tracer_spec as ts
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from mock_upstream import TEACHERS, chunks
from random_bodies import JSON, MANY

SECRET = "tests-secret"
AUDIT = 0.1


def started(start, bundle, url: str, log: Path):
    options = ("--upstream", f"{url}/v1", "--log", log, "--secret-env", "COIN", "--audit", AUDIT)
    return start(bundle, *options, env={"COIN": SECRET})


@pytest.fixture
def server(serve, upstream, bundle, tmp_path):
    """Start a server with a log that holds what one test asks, and may be ended."""
    return started(serve, bundle, upstream.url, tmp_path / "log")


@pytest.fixture(scope="module")
def any_server(serve_all, mock_upstream, bundle, tmp_path_factory):
    """Start a server for the tests that look at answers alone."""
    return started(serve_all, bundle, mock_upstream.url, tmp_path_factory.mktemp("any"))


@pytest.fixture
def client(server):
    http = httpx.Client(trust_env=False)
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="sk-client", http_client=http, timeout=60) as made:
        yield made


def asked(text: str, **more) -> dict:
    return {"model": "gpt-x", "messages": [{"role": "user", "content": text}], **more}


def joined(stream) -> str:
    return "".join(each.choices[0].delta.content or "" for each in stream)


def log_lines(folder: Path) -> list[dict]:
    files = sorted(folder.glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_every_text_comes_back_with_the_routers_label_or_the_upstreams_and_every_decision_is_logged(
    server, client, upstream, bundle, texts, tmp_path
):
    router = ts.load(bundle)
    outcomes = []
    for number, text in enumerate(texts):
        options = {"extra_headers": {"x-request-id": f"req-{number}"}, "stream": number % 3 == 0}
        back = client.chat.completions.with_raw_response.create(**asked(text), **options)
        outcome, answer = back.headers["x-tracer-outcome"], back.parse()
        said = joined(answer) if options["stream"] else answer.choices[0].message.content
        decision = router.route(text)
        assert said == (decision.label if outcome == "handled" else TEACHERS)
        assert outcome == "audited" or (outcome == "handled") == decision.handled
        assert back.headers["x-request-id"] == f"req-{number}"
        assert back.headers["x-tracer-version"] == router.version
        outcomes.append(outcome)
    assert 0.05 * len(texts) < outcomes.count("audited") < 0.15 * len(texts)
    assert len(upstream.requests) == len(texts) - outcomes.count("handled")
    server.end()
    lines = log_lines(tmp_path / "log")
    own = ts.openai_transport(bundle, log=tmp_path / "own", audit=AUDIT, secret=SECRET.encode())
    http = httpx.Client(transport=own)
    with openai.OpenAI(base_url=f"{upstream.url}/v1", api_key="sk-client", http_client=http, timeout=60) as inside:
        for number, text in enumerate(texts):
            options = {"extra_headers": {"x-request-id": f"req-{number}"}, "stream": number % 3 == 0}
            back = inside.chat.completions.with_raw_response.create(**asked(text), **options)
            assert back.headers["x-tracer-outcome"] == outcomes[number]
            if options["stream"]:
                joined(back.parse())
    own.close()
    assert [_without_time(line) for line in lines] == [_without_time(line) for line in log_lines(tmp_path / "own")]


def _without_time(line: dict) -> dict:
    return {key: value for key, value in line.items() if key != "time"}


def test_a_client_of_asyncio_is_answered_alike(any_server, bundle, texts, upstream):
    async def ask():
        http = httpx.AsyncClient(trust_env=False)
        url = f"{any_server.url}/v1"
        async with openai.AsyncOpenAI(base_url=url, api_key="k", http_client=http, timeout=60) as client:
            whole = await asyncio.gather(*(client.chat.completions.create(**asked(text)) for text in texts[:40]))
            streamed = [await client.chat.completions.create(**asked(text), stream=True) for text in texts[:10]]
            return whole, ["".join([(c.choices[0].delta.content or "") async for c in each]) for each in streamed]

    router = ts.load(bundle)
    whole, streamed = asyncio.run(ask())
    for text, answer in zip(texts, whole, strict=False):
        assert answer.choices[0].message.content in (router.route(text).label, TEACHERS)
        assert answer.model in (f"tracer/{router.name}@{router.version}", "gpt-x")
    assert all(said in (router.route(text).label, TEACHERS) for text, said in zip(texts, streamed, strict=False))


def a_handled_text(bundle, texts) -> str:
    """Return a text that the router handles and the coin passes over, under the id 'fixed'."""
    from tracer_spec.production.coin import Coin

    assert not Coin(AUDIT, SECRET.encode()).falls("fixed")
    router = ts.load(bundle)
    return next(text for text in texts if router.route(text).handled)


SPEC = {"version": 1, "name": "first", "embedder": "lsa", "zoo": ["logreg"], "target": {"agreement": 0.9}}
FIXED = {"x-request-id": "fixed"}


@pytest.mark.parametrize(
    "odd",
    [
        {"n": 2},
        {"logprobs": True},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,x"}}]}]},
        {"tools": [{"type": "function", "function": {"name": "search", "parameters": {}}}]},
    ],
)
def test_a_request_that_no_label_answers_goes_to_the_upstream_byte_for_byte(any_server, upstream, odd, bundle, texts):
    body = json.dumps(asked(a_handled_text(bundle, texts)) | odd, indent=1).encode()
    back = any_server.client.post("/v1/chat/completions", content=body, headers=FIXED)
    assert back.headers["x-tracer-outcome"] == "passthrough"
    assert upstream.last[1] == body


CHATS = st.fixed_dictionaries(
    {"messages": st.lists(JSON | st.fixed_dictionaries({"role": JSON, "content": JSON}), max_size=3)}
)


@MANY
@given(body=st.one_of(JSON, CHATS).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=200))
def test_whatever_a_chat_holds_it_arrives_byte_for_byte(any_server, upstream, body):
    async def echo(request, received):
        return web.Response(body=received)

    upstream.answer = echo
    back = any_server.client.post("/v1/chat/completions", content=body, headers={"x-tracer": "off"})
    assert (back.status_code, back.content, upstream.last[1]) == (200, body, body)


def test_a_fault_of_the_server_loses_no_request(upstream, bundle):
    """JSON this deep is read by some parsers and not by others; whatever goes wrong here, the upstream may answer."""
    from starlette.testclient import TestClient

    from tracer_spec_serve.app import App
    from tracer_spec_serve.live import Live
    from tracer_spec_serve.settings import Settings

    async def fail(*_):
        raise ValueError("a text that nobody should read")

    live = Live(Settings(bundles=(str(bundle),), upstream=upstream.url), None)
    live.begin = fail
    with TestClient(App(live, None).asgi) as client:
        back = client.post("/v1/chat/completions", json=asked("hello"))
    assert back.json()["choices"][0]["message"]["content"] == TEACHERS
    assert back.headers["x-tracer-outcome"] == "passthrough"


def test_the_app_may_ask_for_the_teacher(server, upstream, bundle, texts, tmp_path):
    body = asked(a_handled_text(bundle, texts))
    sent = [{**FIXED, **more} for more in ({}, {"x-tracer": "off"})]
    backs = [server.client.post("/v1/chat/completions", json=body, headers=headers) for headers in sent]
    assert [back.headers["x-tracer-outcome"] for back in backs] == ["handled", "deferred"]
    server.end()
    assert [line["router"]["served"] for line in log_lines(tmp_path / "log")] == ["router", "teacher"]
    assert [line["router"]["audit"] for line in log_lines(tmp_path / "log")] == [False, False]


def test_a_stream_of_a_deferred_request_is_unbuffered_and_logged_at_its_end(server, upstream, bundle, texts, tmp_path):
    may_go_on = upstream.event()
    first, *rest = chunks("gpt-y")

    async def answer(request, received):
        response = web.StreamResponse(headers={"content-type": "text/event-stream", "x-request-id": "upstreams"})
        await response.prepare(request)
        await response.write(first)
        await may_go_on.wait()
        for piece in rest:
            await response.write(piece)
        await response.write_eof()
        return response

    upstream.answer = answer
    body = asked(a_handled_text(bundle, texts), stream=True)
    sent = {"headers": {**FIXED, "x-tracer": "off"}, "json": body}
    with server.client.stream("POST", "/v1/chat/completions", **sent) as back:
        pieces = back.iter_raw()
        assert next(pieces) == first
        upstream.set(may_go_on)
        assert b"".join(pieces) == b"".join(rest)
        assert (back.headers["x-request-id"], back.headers["x-upstream-request-id"]) == ("fixed", "upstreams")
    server.end()
    (line,) = log_lines(tmp_path / "log")
    assert (line["teacher_raw"], line["model"], line["id"]) == (TEACHERS, "gpt-y", "fixed")


def test_a_deferred_request_whose_client_leaves_is_logged_as_answered_by_nobody(server, upstream, texts, tmp_path):
    left = upstream.event()

    async def answer(request, received):
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        try:
            while True:
                await response.write(chunks("m")[0])
        except ConnectionError:
            left.set()
            raise

    upstream.answer = answer
    sent = {"headers": {"x-tracer": "off"}, "json": asked(texts[0], stream=True)}
    with server.client.stream("POST", "/v1/chat/completions", **sent) as back:
        next(back.iter_raw())
    asyncio.run_coroutine_threadsafe(left.wait(), upstream.loop).result(60)
    server.end()
    (line,) = log_lines(tmp_path / "log")
    assert (line["router"]["served"], line["teacher"]) == ("nobody", None)


@pytest.mark.parametrize("encoding", ["gzip", "br, zstd", "gzip, br"])
def test_the_teachers_answer_is_read_in_whatever_encoding_the_client_takes(
    server, upstream, bundle, texts, tmp_path, encoding
):
    async def answer(request, received):
        response = web.json_response({"choices": [{"message": {"role": "assistant", "content": TEACHERS}}]})
        assert request.headers["accept-encoding"] in ("gzip", "identity")
        if request.headers["accept-encoding"] == "gzip":
            response.enable_compression(web.ContentCoding.gzip)
        return response

    upstream.answer = answer
    sent = {"headers": {"x-tracer": "off", "accept-encoding": encoding}, "json": asked(texts[0])}
    back = server.client.post("/v1/chat/completions", **sent)
    assert back.json()["choices"][0]["message"]["content"] == TEACHERS
    server.end()
    assert [line["teacher_raw"] for line in log_lines(tmp_path / "log")] == [TEACHERS]


def test_where_the_upstream_is_down_what_is_handled_is_still_answered(serve, bundle, texts, tmp_path):
    with socket.socket() as taken:  # and nobody listens there
        taken.bind(("127.0.0.1", 0))
        server = started(serve, bundle, f"http://127.0.0.1:{taken.getsockname()[1]}", tmp_path / "log")
        sent = {"url": "/v1/chat/completions", "json": asked(a_handled_text(bundle, texts))}
        handled = server.client.post(**sent, headers=FIXED)
        deferred = server.client.post(**sent, headers={**FIXED, "x-tracer": "off"})
    assert (handled.status_code, handled.headers["x-tracer-outcome"]) == (200, "handled")
    assert (deferred.status_code, deferred.json()["error"]["code"]) == (502, "upstream_unreachable")
    assert deferred.headers["x-tracer-outcome"] == "deferred"
    server.end()
    assert [line["router"]["served"] for line in log_lines(tmp_path / "log")] == ["router", "nobody"]


def test_several_bundles_are_asked_in_their_order(serve, upstream, bundle, other_bundle, texts, tmp_path):
    server = serve(other_bundle, bundle, "--upstream", upstream.url, "--audit", "0", "--log", tmp_path / "log")
    back = server.client.post("/v1/chat/completions", json=asked(texts[0]))
    assert back.headers["x-tracer-version"] == ts.load(other_bundle).version


def test_without_a_bundle_every_chat_is_logged_as_a_trace_that_format_chat_reads(serve, upstream, texts, tmp_path):
    server = serve("--upstream", upstream.url, "--log", tmp_path / "log")
    for number, text in enumerate(texts[:20]):
        back = server.client.post("/v1/chat/completions", json=asked(text, stream=number % 2 == 0))
        assert back.headers["x-tracer-outcome"] == "passthrough"
    server.client.get("/v1/models")
    server.end()
    spec = {**SPEC, "traces": {"use": "jsonl", "with": {"path": str(tmp_path / "log" / "*.jsonl")}, "format": "chat"}}
    (tmp_path / "router.yaml").write_text(json.dumps(spec))
    command = [sys.executable, "-m", "tracer_spec", "plan", "router.yaml", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "20 of 20 traces kept" in done.stderr, done.stdout
