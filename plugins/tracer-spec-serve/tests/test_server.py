"""The process: what it takes, what it says, how it reloads and how it ends."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys

import httpx
import pytest
import tracer_spec as ts
from aiohttp import web


def asked(text: str) -> dict:
    return {"model": "m", "messages": [{"role": "user", "content": text}]}


def post(server, path: str, **sent) -> httpx.Response:
    return server.client.post(path, **sent)


def get(server, path: str, **sent) -> httpx.Response:
    return server.client.get(path, **sent)


def test_probes_tell_what_serves(serve, bundle):
    server, router = serve(bundle), ts.load(bundle)
    assert get(server, "/healthz").json() == {"status": "ok"}
    told = {
        "name": router.name,
        "version": router.version,
        "sha256": router.sha256,
        "claim": "not watched",
        "handles": True,
    }
    assert get(server, "/readyz").json() == {"status": "ready", "routers": [told]}


def test_with_json_the_address_is_a_document(serve, bundle):
    server = serve(bundle, "--json")
    document = json.loads("".join(iter(server.process.stdout.readline, "}\n")) + "}")
    assert document["url"] == server.url
    assert [each["name"] for each in document["routers"]] == ["support-intents"]


def test_metrics_are_those_of_prometheus(serve, upstream, bundle, texts, tmp_path):
    from prometheus_client.parser import text_string_to_metric_families

    server = serve(bundle, "--upstream", upstream.url, "--log", tmp_path, "--audit", "0")
    for text in texts[:30]:
        post(server, "/v1/chat/completions", json=asked(text))
    get(server, "/v1/models")
    post(server, "/v1/route", json={"input": texts[0]})
    families = list(text_string_to_metric_families(get(server, "/metrics").text))
    samples = {(each.name, *sorted(each.labels.items())): each.value for one in families for each in one.samples}
    requests = {key: value for key, value in samples.items() if key[0] == "tracer_requests_total"}
    assert sum(requests.values()) == 31
    decisions = [ts.load(bundle).route(text) for text in texts[:30]]
    router = ("router", "support-intents")
    version = ("version", ts.load(bundle).version)
    handled = ("outcome", "handled"), ("reason", "handled"), router, ("status", "200"), version
    assert requests[("tracer_requests_total", *handled)] == sum(each.handled for each in decisions)
    assert samples[("tracer_ready",)] == 1
    assert samples[("tracer_handling", router, version)] == 1
    assert samples[("tracer_overhead_seconds_count",)] == 30
    assert {"tracer_e_value", "tracer_audited_agreement", "tracer_bundle_info", "tracer_log_lines"} <= {
        each.name for each in families
    }


@pytest.mark.parametrize("good", [True, False])
@pytest.mark.parametrize("by", ["request", "signal"])
def test_a_reload_serves_the_new_bundle_or_the_old_one_on(serve, bundle, other_bundle, tmp_path, good, by):
    served = tmp_path / "served.tracer"
    served.write_bytes(bundle.read_bytes())
    server = serve(served)
    served.write_bytes(other_bundle.read_bytes() if good else other_bundle.read_bytes()[:-9])
    if by == "request":
        back = post(server, "/-/reload")
        assert back.status_code == (200 if good else 409)
        assert good or back.json()["error"]["message"].startswith("the bundles serve on as they were: ")
    else:
        server.process.send_signal(signal.SIGHUP)
    server.wait_for("reloaded: support-intents" if good else "reload refused, the bundles serve on as they were")
    wanted = ts.load(other_bundle if good else bundle).version
    assert post(server, "/v1/route", json={"input": "where is it"}).headers["x-tracer-version"] == wanted
    assert server.end()[0] == 128 + signal.SIGTERM


def test_of_a_folder_of_releases_what_is_promoted_serves_and_a_canary_serves_its_share(
    serve, bundle, other_bundle, tmp_path
):
    from tracer_spec.production.releases import promote

    folder, old, new = tmp_path / "releases", ts.load(bundle), ts.load(other_bundle)
    promote(bundle, folder)
    server = serve(folder, "--log", tmp_path / "log")

    def versions(n: int) -> list[str]:
        sent = asked("where is my parcel")
        return [post(server, "/v1/chat/completions", json=sent).headers["x-tracer-version"] for _ in range(n)]

    assert set(versions(5)) == {old.version}
    promote(other_bundle, folder, canary=0.5)
    assert post(server, "/-/reload").status_code == 200
    assert set(versions(60)) == {old.version, new.version}
    assert [each["version"] for each in get(server, "/readyz").json()["routers"]] == [old.version, new.version]
    promote(other_bundle, folder)
    assert post(server, "/-/reload").status_code == 200
    assert set(versions(5)) == {new.version}


def test_a_folder_in_shadow_lets_the_upstream_answer_and_goes_live_by_a_reload(serve, bundle, tmp_path):
    from tracer_spec.production.releases import promote

    folder = tmp_path / "releases"
    promote(bundle, folder, shadow=True)
    server = serve(folder, "--log", tmp_path / "log", "--audit", "0")

    def outcome() -> str:
        return post(server, "/v1/chat/completions", json=asked("where is my parcel")).headers["x-tracer-outcome"]

    assert outcome() == "audited"
    promote(folder, folder, shadow=False)
    assert post(server, "/-/reload").status_code == 200
    assert outcome() == "handled"


def test_a_pinned_bundle_is_not_replaced_by_another(serve, bundle, other_bundle, tmp_path):
    served = tmp_path / "served.tracer"
    served.write_bytes(bundle.read_bytes())
    server = serve(served, "--sha256", ts.load(bundle).sha256)
    served.write_bytes(other_bundle.read_bytes())
    assert post(server, "/-/reload").status_code == 409


IN_FLIGHT, AT_ONCE = 2000, 100


def test_requests_in_flight_survive_a_good_and_a_bad_reload(serve, upstream, bundle, other_bundle, tmp_path, texts):
    """Each is held by the upstream, which lets them go once the server has been reloaded twice."""
    may_answer = upstream.event()

    async def answer(request, received):
        await may_answer.wait()
        return web.json_response(
            {"choices": [{"message": {"role": "assistant", "content": json.loads(received)["user"]}}]}
        )

    upstream.answer = answer
    served = tmp_path / "served.tracer"
    served.write_bytes(bundle.read_bytes())
    server = serve(served, "--upstream", upstream.url, "--log", tmp_path / "log")

    async def ask():
        import aiohttp

        async def one(session, number):
            body = {**asked(texts[number % len(texts)]), "user": f"u{number}"}
            async with session.post(url, json=body, headers={"x-tracer": "off"}) as back:
                answered = await back.json()
                return back.status, answered["choices"][0]["message"]["content"], back.headers["x-tracer-version"]

        url = f"{server.url}/v1/chat/completions"
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            waiting = []
            for first in range(0, IN_FLIGHT, AT_ONCE):  # no more, since the upstream must accept each within seconds
                waiting += [asyncio.ensure_future(one(session, first + i)) for i in range(AT_ONCE)]
                while len(upstream.requests) < len(waiting):
                    assert not any(each.done() for each in waiting)
                    await asyncio.sleep(0.01)
            for data, status in ((other_bundle.read_bytes(), 200), (b"bad", 409)):
                served.write_bytes(data)
                async with session.post(f"{server.url}/-/reload") as back:
                    assert back.status == status
            upstream.set(may_answer)
            return await asyncio.gather(*waiting)

    answers = asyncio.run(ask())
    version = ts.load(bundle).version
    assert answers == [(200, f"u{number}", version) for number in range(IN_FLIGHT)]
    server.end()
    lines = [json.loads(line) for file in (tmp_path / "log").glob("*.jsonl") for line in file.read_text().splitlines()]
    assert sorted(line["teacher_raw"] for line in lines) == sorted(f"u{number}" for number in range(IN_FLIGHT))
    assert {line["router"]["version"] for line in lines} == {version}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_once_requests_in_flight_are_answered_and_logged(
    serve, upstream, bundle, texts, tmp_path, number
):
    may_answer, there = upstream.event(), upstream.event()

    async def answer(request, received):
        there.set()
        await may_answer.wait()
        return web.json_response({"choices": [{"message": {"role": "assistant", "content": "late"}}]})

    server = serve(bundle, "--upstream", upstream.url, "--log", tmp_path, "--audit", "0")
    for text in texts[:200]:
        post(server, "/v1/chat/completions", json=asked(text))
    before = len(upstream.requests)
    upstream.answer = answer

    async def ask():
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            url, off = f"{server.url}/v1/chat/completions", {"x-tracer": "off"}
            waiting = asyncio.ensure_future(client.post(url, json=asked("where is it"), headers=off))
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(there.wait(), upstream.loop))
            server.process.send_signal(number)
            while _listens(server):  # the socket is closed first, and what is in flight goes on
                await asyncio.sleep(0.01)
            upstream.set(may_answer)
            return await waiting

    assert asyncio.run(ask()).json()["choices"][0]["message"]["content"] == "late"
    code, said = server.end(None)
    assert code == (130 if number == signal.SIGINT else 143)
    assert "; 201 lines of this process in the log\n" in said
    assert "Traceback" not in said
    lines = [json.loads(line) for file in tmp_path.glob("*.jsonl") for line in file.read_text().splitlines()]
    assert len(lines) == 201
    assert sum(line["router"]["served"] == "teacher" for line in lines) == before + 1


def _listens(server) -> bool:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


KEY = {"SERVER_KEY": "tests-key"}


def test_with_a_key_requests_must_bring_it_and_it_stays_here(serve, upstream, bundle):
    server = serve(bundle, "--upstream", upstream.url, "--api-key-env", "SERVER_KEY", env=KEY)
    assert get(server, "/readyz").status_code == 200
    for path in ("/v1/models", "/metrics"):
        back = get(server, path, headers={"authorization": "Bearer sk-of-the-upstream"})
        assert (back.status_code, back.json()["error"]["code"]) == (401, "invalid_api_key")
    both = {"authorization": "Bearer sk-of-the-upstream", "x-tracer-key": "tests-key"}
    assert get(server, "/v1/models", headers=both).status_code == 200
    assert upstream.last[0].headers["authorization"] == "Bearer sk-of-the-upstream"
    assert "x-tracer-key" not in upstream.last[0].headers
    assert get(server, "/v1/models", headers={"authorization": "Bearer tests-key"}).status_code == 200
    assert "authorization" not in upstream.last[0].headers
    assert "tests-key" not in server.end()[1]


def test_bodies_and_requests_in_flight_are_limited(serve, upstream, bundle):
    may_answer, there = upstream.event(), upstream.event()

    async def answer(request, received):
        there.set()
        await may_answer.wait()
        return web.Response()

    server = serve(bundle, "--upstream", upstream.url, "--max-body", "0.001", "--max-concurrency", "1")
    back = post(server, "/v1/chat/completions", json=asked("x" * 1000))
    assert (back.status_code, back.json()["error"]["code"]) == (413, "body_too_large")
    upstream.answer = answer

    async def ask():
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            waiting = asyncio.ensure_future(client.get(f"{server.url}/v1/models"))
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(there.wait(), upstream.loop))
            refused = await client.get(f"{server.url}/v1/models")
            probes = [
                (await client.get(f"{server.url}{path}")).status_code for path in ("/healthz", "/readyz", "/metrics")
            ]
            upstream.set(may_answer)
            return refused, probes, (await waiting).status_code

    refused, probes, held = asyncio.run(ask())
    assert (refused.status_code, refused.json()["error"]["code"], refused.headers["retry-after"]) == (
        503,
        "overloaded",
        "1",
    )
    assert (probes, held) == ([200, 200, 200], 200)


def test_a_public_address_without_a_key_is_said_and_takes_no_reload(serve, bundle):
    server = serve(bundle, "--host", "0.0.0.0")
    server.wait_for("others can reach 0.0.0.0, and no key is asked for: see --api-key-env")
    port = server.url.rpartition(":")[2]
    back = httpx.post(f"http://127.0.0.1:{port}/-/reload", trust_env=False)
    assert (back.status_code, back.json()["error"]["code"]) == (403, "forbidden")


REFUSED = [
    ((), 2, "there is nothing to serve"),
    (
        ("--upstream", "http://127.0.0.1:1"),
        2,
        "without a bundle and without --log nothing would come of the requests",
    ),
    (("BUNDLE", "--upstream", "ftp://user:s3cret@x"), 2, "--upstream is not an address of http or https"),
    (("BUNDLE", "--upstream", "http://user:s3cret@x:port/"), 2, "--upstream is not an address of http or https"),
    (("BUNDLE", "--upstream", "http://us\udcffer:s3cret@x/"), 2, "--upstream is not an address of http or https"),
    (("BUNDLE", "--sha256", "0", "--sha256", "1"), 2, "--sha256 is given 2 times, for 1 bundle"),
    (("BUNDLE", "--on-refuted", "defer"), 2, "--on-refuted defer needs --log DIR"),
    (("BUNDLE", "--state", "x"), 2, "--state needs --log DIR"),
    (("BUNDLE", "--mode", "brisk"), 2, "there is no mode 'brisk'"),
    (("BUNDLE", "--audit", "2"), 2, "the audit rate must be between 0 and 1, got 2.0"),
    (
        ("BUNDLE", "--api-key-env", "NOT_SET"),
        2,
        "--api-key-env: the environment variable NOT_SET is not set, or empty",
    ),
    (
        ("BUNDLE", "--secret-env", "NOT_SET"),
        2,
        "--secret-env: the environment variable NOT_SET is not set, or empty",
    ),
    (("nowhere.tracer",), 4, "no such file"),
    ((__file__,), 4, "bundle"),
    (("BUNDLE", "--host", "192.0.2.1"), 1, "nothing can listen there"),
    (("BUNDLE", "--log", "/proc/none"), 1, "decisions cannot be logged there"),
]
# one process for all of them, since it takes a second to import the server
PROGRAM = """
import contextlib, io, json, sys
from tracer_spec.cli import main

for options in json.loads(sys.argv[1]):
    with contextlib.redirect_stderr(io.StringIO()) as said:
        code = main(["serve", "--port", "0", *options])
    print(json.dumps([code, said.getvalue()]))
"""


@pytest.fixture(scope="module")
def refused(bundle) -> dict[tuple[str, ...], tuple[int, str]]:
    """Return the exit code and the words for each of REFUSED."""
    given = [[str(bundle) if each == "BUNDLE" else each for each in options] for options, *_ in REFUSED]
    command = [sys.executable, "-W", "error", "-c", PROGRAM, json.dumps(given)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == len(REFUSED), done.stderr
    return {options: tuple(each) for (options, *_), each in zip(REFUSED, told, strict=True)}


@pytest.mark.parametrize(("options", "code", "said"), REFUSED)
def test_what_is_wrong_is_said_before_anything_is_served(refused, options, code, said):
    found, errors = refused[options]
    assert (found, said in errors, "Traceback" in errors, "s3cret" in errors) == (code, True, False, False), errors


def test_small_pieces_are_sent_at_once():
    """asyncio asks for that on sockets alone that say their protocol; else an answer in two pieces waits 40 ms."""
    from tracer_spec_serve.server import _listen

    with _listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_a_port_that_is_taken_is_said(bundle):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-W", "error", "-m", "tracer_spec", "serve", str(bundle), "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "address already in use" in done.stderr
