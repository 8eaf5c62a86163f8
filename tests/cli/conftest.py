"""Runs the command line as a stranger would: in a process of its own, in an empty folder."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.zygote import call

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "specs" / "quickstart"

Run = Callable[..., "subprocess.CompletedProcess[str]"]

SPEC = """\
version: 1
name: small
traces:
  use: jsonl
  with: {path: traces.jsonl}
  labels: {normalize: [strip, first-line], aliases: {refund: refund_status}}
embedder: {use: lsa, with: {dim: 48}}
zoo: [logreg]
families: [global, l2d]
target: {agreement: 0.9, confidence: 0.95}
"""


@pytest.fixture(scope="session")
def call_in() -> Run:
    return call


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run_here(
        *args: str, env: Mapping[str, str] | None = None, stdin: str = "", cwd: Path = tmp_path
    ) -> subprocess.CompletedProcess[str]:
        return call(*args, cwd=cwd, env=env, stdin=stdin)

    return run_here


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """Return the outcome of ``build`` on the quickstart's traces, small zoo; its cwd is ``args[-1]``."""
    folder = tmp_path_factory.mktemp("built")
    (folder / "router.yaml").write_text(SPEC)
    (folder / "traces.jsonl").write_bytes((QUICKSTART / "traces.jsonl").read_bytes())
    result = call("build", "router.yaml", "--out", str(folder / "small.tracer"), cwd=folder)
    assert result.returncode == 0, result.stderr
    result.args = [*result.args, str(folder)]
    return result


@pytest.fixture(scope="session")
def bundle(built: subprocess.CompletedProcess[str]) -> Path:
    return Path(built.args[-1]) / "small.tracer"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """Return a spec in the working folder, with three traces beside it."""
    traces = [{"input": f"text {number}", "teacher": "a"} for number in range(3)]
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(trace) + "\n" for trace in traces))
    path = tmp_path / "router.yaml"
    path.write_text(SPEC)
    return path
