from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

# pytest's importlib mode leaves the path alone, and these are no tests
sys.path.insert(0, str(Path(__file__).parent))

from mock_upstream import MockUpstream

AT_MOST_S = 120
SERVES_S = 600  # a server that nobody ends does not outlive the tests by much
LISTENING = "listening on "


class ServerProcess:
    """``tracer-spec serve`` as a user starts it, on a free port."""

    def __init__(self, *options: str, env: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-W", "error", "-m", "tracer_spec", "serve", "--port", "0", *options]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})}
        )
        self._watchdog = threading.Timer(SERVES_S, self.process.kill)
        self._watchdog.start()
        self.errors: list[str] = []
        self._said = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        line = self.wait_for(LISTENING)
        self.url = line.removeprefix(LISTENING).strip()
        # its connections are kept; and the certificates, which no request here asks for, take longer to read than it takes
        self.client = httpx.Client(base_url=self.url, trust_env=False, verify=False, timeout=60)

    def _read(self) -> None:
        for line in self.process.stderr:
            with self._said:
                self.errors.append(line)
                self._said.notify_all()
        with self._said:
            self.errors.append("")
            self._said.notify_all()

    def wait_for(self, words: str) -> str:
        """Return the first line on stderr that holds some words."""

        def found() -> str | None:
            return next((line for line in self.errors if words in line), None)

        with self._said:
            assert self._said.wait_for(lambda: found() or "" in self.errors, AT_MOST_S)
        assert found(), "".join(self.errors)
        return found()

    def end(self, number: int | None = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal, unless one was sent already; return the exit code and all of stderr."""
        self.client.close()
        if number is not None and self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(AT_MOST_S)
        self._watchdog.cancel()
        self._reader.join(10)
        self.process.stdout.close()
        self.process.stderr.close()
        return code, "".join(self.errors)


@pytest.fixture(scope="module")
def mock_upstream():
    mock = MockUpstream()
    yield mock
    mock.close()


@pytest.fixture
def upstream(mock_upstream):
    """Return the API behind the servers, which nobody has asked yet."""
    mock_upstream.forget()
    return mock_upstream


def starter(stack: contextlib.ExitStack):
    """Return what starts servers, which end with a test or a module."""

    def start(*options: object, env: dict[str, str] | None = None) -> ServerProcess:
        server = ServerProcess(*map(str, options), env=env)
        stack.callback(server.end)
        return server

    return start


@pytest.fixture
def serve():
    with contextlib.ExitStack() as stack:
        yield starter(stack)


@pytest.fixture(scope="module")
def serve_all():
    """Start a server for all tests of a module."""
    with contextlib.ExitStack() as stack:
        yield starter(stack)


ROOT = Path(__file__).parents[3]


def rows() -> list[dict]:
    path = ROOT / "specs" / "quickstart" / "traces.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="session")
def texts() -> list[str]:
    return [row["input"] for row in rows()][:1500]


def built(folder: Path, **changed) -> Path:
    """Build the quickstart's bundle, with some keys of its spec changed."""
    import tracer_spec as ts
    import yaml

    home = ROOT / "specs" / "quickstart"
    (folder / "traces.jsonl").write_bytes((home / "traces.jsonl").read_bytes())
    spec = folder / "router.yaml"
    spec.write_text(yaml.safe_dump(yaml.safe_load((home / "router.yaml").read_text()) | changed))
    assert ts.build(spec, out=folder / "intents.tracer", cache=False).status == "certified"
    return folder / "intents.tracer"


@pytest.fixture(scope="session")
def bundle(tmp_path_factory) -> Path:
    return built(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="session")
def other_bundle(tmp_path_factory) -> Path:
    """The same router, of another version."""
    return built(tmp_path_factory.mktemp("other"), target={"agreement": 0.9}, zoo=["logreg"])
