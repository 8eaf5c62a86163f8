#!/usr/bin/env python3
"""Measure what `tracer-spec serve` costs: processor time of a request that is handled, time on top of the upstream's else.

    tracer-spec build specs/quickstart/router.yaml && python benchmarks/serve.py dist/support-intents.tracer TRACES.jsonl

The texts are the `input` of each line. One process serves, on one core where the system can pin it; the client and the upstream
run beside it. A bare starlette app under the same uvicorn, which answers every request with two bytes, is the measure.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import aiohttp

import tracer_spec as ts

CONNECTIONS, WARM_UP, ROUNDS = 8, 200, 3
CHAT = "/v1/chat/completions"
APPS = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

LABEL = b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant",\
"content":"label"},"finish_reason":"stop"}]}'

async def bare(request):
    return PlainTextResponse("ok")

async def upstream(request):
    await request.body()
    return Response(LABEL, media_type="application/json")

app = Starlette(routes=[Route("/{path:path}", globals()[sys.argv[1]], methods=["POST"])])
config = uvicorn.Config(app, port=0, log_level="warning", access_log=False, lifespan="off", timeout_keep_alive=75)

class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        print(f"listening on http://127.0.0.1:{port}", file=sys.stderr, flush=True)

Server(config).run()
"""


@contextlib.contextmanager
def running(*command: str, core: int | None) -> Iterator[tuple[int, str]]:
    """Start a server, on one core where it can be pinned; give its process id and its address."""
    process = subprocess.Popen(
        [sys.executable, *command],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if line.startswith("listening on "):
                yield process.pid, line.split()[-1]
                return
        raise SystemExit(f"{command[0]} did not start")
    finally:
        process.terminate()
        process.wait()


def processor_s(pid: int) -> float:
    """Return the processor time of a process so far, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def post_all(url: str, bodies: list[bytes], headers: dict[str, str]) -> list[str]:
    """Post bodies over a few connections at once; return the outcomes."""
    left, outcomes = iter(bodies), []

    async def worker(session: aiohttp.ClientSession) -> None:
        for body in left:
            async with session.post(url + CHAT, data=body, headers=headers) as back:
                await back.read()
                outcomes.append(back.headers.get("x-tracer-outcome", ""))

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:
        await asyncio.gather(*(worker(session) for _ in range(CONNECTIONS)))
    return outcomes


def processor_us(pid: int, url: str, bodies: list[bytes], outcome: str) -> float:
    """Return the processor time of one request, in microseconds."""
    asyncio.run(post_all(url, bodies[:WARM_UP], {}))
    before = processor_s(pid)
    outcomes = asyncio.run(post_all(url, bodies, {}))
    taken = processor_s(pid) - before
    assert set(outcomes) == {outcome}, set(outcomes)
    return taken / len(bodies) * 1e6


async def latencies_us(urls: dict[str, str], body: bytes, n: int) -> dict[str, float]:
    """Return the median time of a deferred request at each address, one after the other in turns."""
    taken: dict[str, list[float]] = {name: [] for name in urls}
    async with aiohttp.ClientSession() as session:
        for number in range(n + WARM_UP):
            for name, url in urls.items():
                started = time.perf_counter_ns()
                async with session.post(url + CHAT, data=body, headers={"x-tracer": "off"}) as back:
                    await back.read()
                if number >= WARM_UP:
                    taken[name].append((time.perf_counter_ns() - started) / 1000)
    return {name: statistics.median(times) for name, times in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle")
    parser.add_argument("texts", type=Path)
    parser.add_argument("--requests", type=int, default=5000)
    args = parser.parse_args()
    texts = [json.loads(line)["input"] for line in args.texts.read_text().splitlines()]
    batch = ts.load(args.bundle).route_batch(texts)
    handled = [text for text, is_handled in zip(texts, batch.handled, strict=True) if is_handled]
    bodies = [json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode() for text in handled]
    bodies = (bodies * (args.requests // len(bodies) + 1))[: args.requests]
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    core = cores[0] if len(cores) > 1 else None
    if core is not None:
        os.sched_setaffinity(0, set(cores[1:]))
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(tempfile.TemporaryDirectory())
        bare_pid, bare_url = stack.enter_context(running("-c", APPS, "bare", core=core))
        _, upstream_url = stack.enter_context(running("-c", APPS, "upstream", core=None))
        options = (args.bundle, "--port", "0", "--audit", "0", "--upstream", upstream_url, "--log", log)
        pid, url = stack.enter_context(running("-m", "tracer_spec", "serve", *options, core=core))
        bare = min(processor_us(bare_pid, bare_url, bodies, "") for _ in range(ROUNDS))
        own = min(processor_us(pid, url, bodies, "handled") for _ in range(ROUNDS))
        times = asyncio.run(latencies_us({"direct": upstream_url, "through": url}, bodies[0], args.requests // 5))
    added = times["through"] - times["direct"]
    result = {
        "handled": {"bare_us": bare, "handled_us": own, "ratio": own / bare},
        "deferred": {"direct_us": times["direct"], "through_us": times["through"], "added_us": added},
        "versions": {name: version(name) for name in ("starlette", "uvicorn", "httptools", "aiohttp", "onnxruntime")}
        | {"python": platform.python_version()},
    }
    print("| | µs | |\n|---|---:|---|")
    print(f"| a bare answer of starlette, processor time | {bare:.0f} | |")
    print(f"| a request handled, processor time | {own:.0f} | {own / bare:.1f} times the bare answer |")
    print(f"| the upstream itself, median | {times['direct']:.0f} | |")
    print(f"| a request deferred to it, median | {times['through']:.0f} | {added:.0f} more |")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
