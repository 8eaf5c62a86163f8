"""``/v1/route`` and ``/v1/route_batch``."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import httpx
import numpy as np
import pytest
import tracer_spec as ts


@pytest.fixture(scope="module")
def server(serve_all, bundle):
    return serve_all(bundle)


@pytest.fixture
def post(server):
    return server.client.post


def test_one_decision_is_what_the_command_prints(post, bundle, texts):
    text = texts[3]
    back = post("/v1/route", json={"input": text})
    command = [sys.executable, "-m", "tracer_spec", "route", str(bundle), "--text", text, "--json"]
    printed = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert back.json() == printed
    assert back.headers["x-tracer-version"] == ts.load(bundle).version


def test_many_decisions_are_those_of_the_router(post, bundle, texts):
    decisions = post("/v1/route_batch", json={"inputs": texts}).json()["decisions"]
    batch = ts.load(bundle).route_batch(texts)
    assert [each["label"] for each in decisions] == batch.labels
    assert [each["reason"] for each in decisions] == [str(each) for each in batch.reasons]
    assert np.allclose([each["score"] for each in decisions], batch.scores)


def test_vectors_are_decided_on_as_well(post, bundle):
    router = ts.load(bundle)
    vectors = np.random.default_rng(0).normal(size=(3, router.dimension)).astype(np.float32)
    one = post("/v1/route", json={"embedding": vectors[0].tolist()}).json()
    many = post("/v1/route_batch", json={"embeddings": vectors.tolist()}).json()["decisions"]
    batch = router.route_batch(vectors)
    assert [each["label"] for each in many] == batch.labels
    assert one["label"] == batch.labels[0]
    assert one["reason"] == str(batch.reasons[0])


def test_nothing_asked_is_nothing_decided(post):
    assert post("/v1/route_batch", json={"inputs": []}).json() == {"schema_version": 1, "decisions": []}


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("route", b"no", "the body is not JSON"),
        ("route", b"[1]", "the body is an object with 'input' or 'embedding'"),
        ("route", b"{}", "the body is an object with 'input' or 'embedding'"),
        ("route", b'{"input": "a", "embedding": [1]}', "the body is an object with 'input' or 'embedding'"),
        ("route", b'{"input": 1}', "'input' is not a string"),
        ("route", b'{"input": "\\ud800"}', "'input' holds NaN, Infinity, or half of a surrogate pair"),
        ("route", b'{"embedding": [NaN]}', "'embedding' holds NaN, Infinity, or half of a surrogate pair"),
        ("route", b'{"embedding": [1, 2]}', "the vector has shape (2,); this policy takes (128,)"),
        ("route", b'{"embedding": "x"}', "'embedding' is not a list of numbers"),
        (
            "route",
            b'{"embedding": ["x"]}',
            "item 0 is a value of type str, which is not real numbers; pass a text (str) or a vector of 128 numbers",
        ),
        ("route", b'{"input": "a", "router": "other"}', "'router' names one of 'support-intents'"),
        ("route_batch", b'{"inputs": "a"}', "'inputs' is not a list of strings"),
        ("route_batch", b'{"inputs": ["a", null]}', "'inputs' is not a list of strings"),
        ("route_batch", b'{"embeddings": [[1], [1, 2]]}', "the vectors do not all have the same length"),
    ],
)
def test_a_bad_body_is_answered_with_what_is_wrong(post, path, body, message):
    back = post(f"/v1/{path}", content=body)
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": "invalid_request"}
    assert (back.status_code, back.json()) == (400, {"error": error})


def test_a_chat_needs_an_upstream_only_where_no_router_answers(post, texts, bundle):
    router = ts.load(bundle)
    for handled in (True, False):
        text = next(each for each in texts if router.route(each).handled == handled)
        body = {"messages": [{"role": "user", "content": text}]}
        back = post("/v1/chat/completions", json=body)
        if handled and back.headers["x-tracer-outcome"] == "handled":
            assert back.json()["choices"][0]["message"]["content"] == router.route(text).label
        else:
            assert (back.status_code, back.json()["error"]["code"]) == (502, "no_upstream")


@pytest.mark.parametrize("path", ["/v1/route", "/v1/route_batch"])
def test_a_client_that_leaves_before_its_body_is_whole_leaves_no_trace_in_the_servers_words(serve, bundle, path):
    server = serve(bundle)
    address = httpx.URL(server.url)
    for _ in range(3):
        with socket.create_connection((address.host, address.port)) as client:
            client.sendall(
                f"POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\n".encode()
            )
            assert client.recv(100).startswith(b"HTTP/1.1 100")  # it waits for the body
    assert server.client.get("/healthz").json() == {"status": "ok"}
    code, said = server.end()
    assert code in (0, 143)
    assert "Traceback" not in said
    assert "ClientLeft" not in said
