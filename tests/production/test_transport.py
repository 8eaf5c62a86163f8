"""The transport inside OpenAI's own clients, and inside those of httpx, against a real server."""

from __future__ import annotations

import asyncio
import json
import os
import zlib
from collections import Counter

import httpx
import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tracer_spec as ts
from tests.chat.bodies import PATHS, SYSTEM, TOOL, forcing, request
from tests.production.conftest import rows
from tests.production.test_deployment import lines_in
from tests.production.upstream import serving
from tests.production.variants import variant
from tracer_spec.builtin.formats import PRESETS, compile_format
from tracer_spec.flow.documents.decision import DecisionRecord
from tracer_spec.plugin import Record

SERVE = {"match": "contains(not_null(system, instructions, messages[0].content), 'Classify')"}
WORLD = {row["input"]: json.dumps({"intent": row["teacher"].strip()}) for row in rows()}
ALL = [row["input"] for row in rows()]


@pytest.fixture(scope="module")
def bundle(bundle, tmp_path_factory):
    return variant(bundle, tmp_path_factory.mktemp("served"), serve=SERVE)


@pytest.fixture(scope="module")
def upstream():
    with serving(lambda text: WORLD.get(text, "no idea")) as found:
        yield found


@pytest.fixture(scope="module")
def any_client(bundle):
    """Return a client for many requests: each client reads the certificates of the web."""
    with httpx.Client(transport=ts.openai_transport(bundle)) as client:
        yield client


def client_of(upstream, transport):
    http = openai.DefaultHttpxClient(transport=transport)
    return openai.OpenAI(api_key="k", base_url=upstream.url, http_client=http, max_retries=0)


def messages(text):
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]


def expected(bundle, texts):
    """Return what must come back of each text: the router's label where it handles, else what the server says."""
    router = ts.load(bundle)
    batch = router.route_batch(texts)
    pairs = zip(texts, batch.handled, batch.labels, strict=True)
    return [json.dumps({"intent": label}) if handled else WORLD[text] for text, handled, label in pairs]


def test_every_text_comes_back_with_the_routers_label_or_the_teachers(bundle, upstream, tmp_path):
    transport = ts.openai_transport(bundle, log=tmp_path, audit=0.0)
    with client_of(upstream, transport) as client:
        found = [
            client.chat.completions.create(model="m", messages=messages(text)).choices[0].message.content
            for text in ALL
        ]
    assert found == expected(bundle, ALL)
    lines = lines_in(tmp_path)
    assert [line["input"] for line in lines] == ALL
    assert {DecisionRecord.model_validate(line).router.served for line in lines} == {"router", "teacher"}
    assert transport.log.counts == (len(ALL), 0, 0)
    by_teacher = [line for line in lines if line["router"]["served"] == "teacher"]
    assert [line["teacher_raw"] for line in by_teacher] == [WORLD[line["input"]] for line in by_teacher]
    assert {line["model"] for line in by_teacher} == {"m-1-2026"}


def test_the_same_without_waiting_and_in_streams(bundle, upstream, tmp_path):
    texts = ALL[:200]

    async def ask(client, text):
        chunks = await client.chat.completions.create(
            model="m", messages=messages(text), stream=True, stream_options={"include_usage": True}
        )
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices])

    async def run():
        http = openai.DefaultAsyncHttpxClient(transport=ts.openai_transport(bundle, log=tmp_path, audit=0.0))
        async with openai.AsyncOpenAI(api_key="k", base_url=upstream.url, http_client=http, max_retries=0) as client:
            return await asyncio.gather(*(ask(client, text) for text in texts))

    assert asyncio.run(run()) == expected(bundle, texts)
    lines = {line["input"]: line for line in lines_in(tmp_path)}
    assert lines.keys() == set(texts)
    assert {line["teacher_raw"] for line in lines.values()} <= {None, *WORLD.values()}
    assert Counter(line["router"]["served"] for line in lines.values())["nobody"] == 0


def test_a_response_says_what_became_of_its_request(bundle, upstream):
    router = ts.load(bundle)
    handled = next(text for text in ALL if router.route(text).handled)
    with client_of(upstream, ts.openai_transport(router, audit=0.0)) as client:
        ask = client.chat.completions.with_raw_response.create
        said = ask(model="m", messages=messages(handled), extra_headers={"x-request-id": "r-1"})
        assert said.headers["x-tracer-outcome"] == "handled"
        assert said.headers["x-tracer-version"] == router.version
        assert said.parse()._request_id == "r-1"
        assert said.parse().model == f"tracer/deployed@{router.version}"
        off = ask(model="m", messages=messages(handled), extra_headers={"x-tracer": "off"})
        assert (off.headers["x-tracer-outcome"], off.parse().model) == ("deferred", "m-1-2026")
        other = ask(model="m", messages=[{"role": "user", "content": handled}])
        assert (other.headers["x-tracer-outcome"], other.parse().model) == ("passthrough", "m-1-2026")
    with client_of(upstream, ts.openai_transport(router, audit=1.0)) as client:
        said = client.chat.completions.with_raw_response.create(model="m", messages=messages(handled))
        assert said.headers["x-tracer-outcome"] == "audited"


def test_tools_json_and_the_responses_api_get_answers_that_the_client_parses(bundle, upstream):
    router = ts.load(bundle)
    text = next(text for text in ALL if router.route(text).handled)
    label = router.route(text).label
    with client_of(upstream, ts.openai_transport(router, audit=0.0)) as client:
        tool = client.chat.completions.create(model="m", messages=messages(text), **forcing("chat", "classify"))
        (call,) = tool.choices[0].message.tool_calls
        assert (call.function.name, json.loads(call.function.arguments)) == ("classify", {"intent": label})
        schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": TOOL, "strict": True}}
        answer = client.chat.completions.create(model="m", messages=messages(text), response_format=schema)
        assert json.loads(answer.choices[0].message.content) == {"intent": label}
        plain = client.responses.create(model="m", instructions=SYSTEM, input=text)
        assert json.loads(plain.output_text) == {"intent": label}
        assert plain.model.startswith("tracer/")
        forced = client.responses.create(model="m", instructions=SYSTEM, input=text, **forcing("responses", "classify"))
        assert json.loads(forced.output[0].arguments) == {"intent": label}
        with client.responses.stream(model="m", instructions=SYSTEM, input=text) as events:
            kinds = [event.type for event in events]
            assert json.loads(events.get_final_response().output_text) == {"intent": label}
        assert kinds[0], kinds[-1] == ("response.created", "response.completed")
        with client.chat.completions.stream(
            model="m", messages=messages(text), **forcing("chat", "classify")
        ) as stream:
            parsed = stream.get_final_completion().choices[0].message.tool_calls[0].function
        assert (parsed.name, json.loads(parsed.arguments)) == ("classify", {"intent": label})


@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.parametrize("api", PATHS)
def test_any_client_of_either_library_will_do(bundle, upstream, tmp_path, library, api):
    router = ts.load(bundle)
    texts = ALL[:40]
    url = upstream.url.removesuffix("/v1") + PATHS[api]
    with library.Client(transport=ts.openai_transport(bundle, log=tmp_path, audit=0.0)) as client:
        bodies = [client.post(url, json=request(api, text)).json() for text in texts]
    own = [body["model"].startswith("tracer/") for body in bodies]
    assert own == [router.route(text).handled for text in texts]
    lines = lines_in(tmp_path)
    assert [line["router"]["served"] for line in lines] == ["router" if each else "teacher" for each in own]
    assert [line["teacher_raw"] for line in lines] == [
        None if each else WORLD[text] for each, text in zip(own, texts, strict=True)
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from([*PATHS.values(), "/v1/embeddings"]),
    json_values.map(lambda value: json.dumps({"echo": value}).encode())
    | st.binary(max_size=200)
    | json_values.map(lambda value: json.dumps(request("chat", "x", n=2, echo=value), indent=3).encode())
    | json_values.map(lambda value: json.dumps(request("chat", "x", logprobs=True, echo=value)).encode("utf-16")),
    st.booleans(),
)
def test_what_is_not_the_routers_arrives_and_comes_back_byte_for_byte(any_client, upstream, path, body, is_packed):
    body = zlib.compress(body) if is_packed else body
    sent = {"content-type": "application/json", **({"content-encoding": "deflate"} if is_packed else {})}
    url = upstream.url.removesuffix("/v1") + path
    got = any_client.post(url, content=body, headers={**sent, "accept-encoding": "br"})
    assert upstream.received[-1].body == body
    assert upstream.received[-1].headers["accept-encoding"] == "br"
    assert got.content == body
    assert got.headers.get("x-tracer-outcome", "passthrough") == "passthrough"


def test_an_upload_that_is_no_chat_is_not_held_back(bundle, upstream):
    def pieces():
        yield b"a" * 10
        yield b"b" * 10

    with httpx.Client(transport=ts.openai_transport(bundle)) as client:
        got = client.post(f"{upstream.url}/files", content=pieces())
    assert (got.content, upstream.received[-1].body) == (b"a" * 10 + b"b" * 10,) * 2
    assert "x-tracer-outcome" not in got.headers


@pytest.mark.parametrize("has_bundle", [True, False])
def test_a_stream_is_passed_on_piece_by_piece(bundle, upstream, tmp_path, has_bundle):
    """The server sends its second event only when the client has read the first."""
    router = ts.load(bundle)
    deferred = next(text for text in ALL if not router.route(text).handled)
    upstream.before_second.clear()
    try:
        with client_of(
            upstream, ts.openai_transport(router if has_bundle else None, log=tmp_path, audit=0.0)
        ) as client:
            chunks = client.chat.completions.create(model="m", messages=messages(deferred), stream=True)
            first = next(chunks)
            upstream.before_second.set()
            rest = list(chunks)
    finally:
        upstream.before_second.set()
    assert "".join(chunk.choices[0].delta.content or "" for chunk in [first, *rest]) == WORLD[deferred]
    (line,) = lines_in(tmp_path)
    if has_bundle:
        assert (line["router"]["served"], line["teacher_raw"]) == ("teacher", WORLD[deferred])


def test_a_stream_that_the_app_breaks_off_is_nobodys(bundle, upstream, tmp_path):
    router = ts.load(bundle)
    deferred = next(text for text in ALL if not router.route(text).handled)
    with client_of(upstream, ts.openai_transport(router, log=tmp_path, audit=0.0)) as client:
        chunks = client.chat.completions.create(model="m", messages=messages(deferred), stream=True)
        next(chunks)
        chunks.close()
    (line,) = lines_in(tmp_path)
    assert (line["router"]["served"], line["teacher"]) == ("nobody", None)


def test_a_server_that_is_down_costs_deferred_requests_alone(bundle, tmp_path):
    router = ts.load(bundle)
    texts = ALL[:60]
    failed = 0
    transport = ts.openai_transport(router, log=tmp_path, audit=0.0)
    http = openai.DefaultHttpxClient(transport=transport)
    with openai.OpenAI(api_key="k", base_url="http://127.0.0.1:9/v1", http_client=http, max_retries=0) as client:
        for text in texts:
            try:
                client.chat.completions.create(model="m", messages=messages(text))
            except openai.APIConnectionError:
                failed += 1
    served = Counter(line["router"]["served"] for line in lines_in(tmp_path))
    n_handled = sum(router.route(text).handled for text in texts)
    assert (failed, served) == (60 - n_handled, {"router": n_handled, "nobody": 60 - n_handled})


def test_without_a_bundle_chats_pass_and_are_logged_as_traces(upstream, tmp_path):
    with client_of(upstream, ts.openai_transport(None, log=tmp_path)) as client:
        for text in ALL[:30]:
            said = client.chat.completions.with_raw_response.create(model="m", messages=messages(text))
            assert said.headers["x-tracer-outcome"] == "passthrough"
        for text in ALL[30:60]:
            list(client.chat.completions.create(model="m", messages=messages(text), stream=True))
        client.responses.create(model="m", instructions=SYSTEM, input=ALL[60])
    records = [Record("l", line) for line in lines_in(tmp_path)]
    read = [raw for _, raw in compile_format(PRESETS["chat"]).traces(records)]
    assert [(raw.text, raw.label, raw.reason) for raw in read] == [(text, WORLD[text], "") for text in ALL[:61]]
    assert "k" not in {value for path in tmp_path.glob("*") for value in path.read_text().split('"')}


def test_the_answer_is_read_whatever_encodings_the_client_would_take(bundle, upstream, tmp_path):
    router = ts.load(bundle)
    deferred = next(text for text in ALL if not router.route(text).handled)
    with httpx.Client(transport=ts.openai_transport(router, log=tmp_path, audit=0.0)) as client:
        url = upstream.url.removesuffix("/v1") + PATHS["chat"]
        client.post(url, json=request("chat", deferred), headers={"accept-encoding": "gzip, br, zstd"})
    assert upstream.received[-1].headers["accept-encoding"] == "gzip"


def test_a_transport_of_the_apps_own_asks_the_api(bundle):
    asked = []

    def answer(asking):
        asked.append(asking)
        return httpx.Response(200, json={"choices": [{"message": {"content": "refund"}, "finish_reason": "stop"}]})

    transport = ts.openai_transport(bundle, audit=1.0, transport=httpx.MockTransport(answer))
    with httpx.Client(transport=transport) as client:
        got = client.post("http://api/v1/chat/completions", json=request("chat", ALL[0]))
    assert len(asked) == 1
    assert got.json()["choices"][0]["message"]["content"] == "refund"


def test_a_forked_worker_answers_and_logs_on_its_own(bundle, upstream, tmp_path):
    router = ts.load(bundle)
    handled = next(text for text in ALL if router.route(text).handled)
    transport = ts.openai_transport(router, log=tmp_path, audit=0.0)
    url = upstream.url.removesuffix("/v1") + PATHS["chat"]
    child = os.fork()
    if child == 0:
        with httpx.Client(transport=transport) as client:
            own = client.post(url, json=request("chat", handled)).json()["model"].startswith("tracer/")
        os._exit(0 if own else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    transport.close()
    assert len(lines_in(tmp_path)) == 1
