"""The command line on a bundle whose embedder is made of the built-in one and another distribution's."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.letters import put_letters
from tests.zygote import python_path

Run = Callable[..., "subprocess.CompletedProcess[str]"]
SECRET = "hunter2-the-secret"

SPEC = """\
version: 1
name: joined
traces: {use: jsonl, with: {path: traces.jsonl}, labels: {normalize: [first-line]}}
embedder:
  use: concat
  with:
    of:
      - {use: lsa, with: {dim: 48}}
      - {use: letters, weight: 0.5, with: {letters: aeioust, key: "${KEY}"}}
zoo: [logreg]
families: [global, l2d]
target: {agreement: 0.8}
"""
QUICKSTART = Path(__file__).parents[3] / "specs" / "quickstart"


WHOLE = f"{{of: [{{use: lsa, with: {{dim: 48}}}}, {{use: letters, with: {{letters: aeioust, key: {SECRET}}}}}]}}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, call_in: Run) -> Path:
    """Build ``old.tracer`` by the spec, and ``new.tracer`` with the embedder given on the command line."""
    place = tmp_path_factory.mktemp("joined")
    put_letters(place / "site")
    (place / "router.yaml").write_text(SPEC)
    lines = (QUICKSTART / "traces.jsonl").read_bytes().splitlines(keepends=True)
    (place / "traces.jsonl").write_bytes(b"".join(lines[:700]))
    for more in (("--out", "old.tracer"), ("--out", "new.tracer", "--set", f"embedder={{use: concat, with: {WHOLE}}}")):
        result = call_in("build", "router.yaml", *more, cwd=place, env=surroundings(place))
        assert result.returncode == 0, result.stderr
        (place / f"{more[1]}.out").write_text(result.stdout + result.stderr)
    return place


def surroundings(place: Path) -> dict[str, str]:
    return {"PYTHONPATH": python_path(place / "site"), "KEY": SECRET, "TRACER_SPEC_CACHE": str(place / "cache")}


@pytest.fixture
def joined(folder: Path, call_in: Run) -> Run:
    """Return what runs a command in the folder of the bundles."""

    def run(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return call_in(*args, cwd=folder, env=surroundings(folder) | env)

    return run


def test_a_value_of_the_environment_or_of_the_command_line_inside_a_part_is_nowhere(folder: Path, joined: Run) -> None:
    commands = (
        ("plan", "router.yaml", "--json"),
        ("inspect", "old.tracer", "--json"),
        ("inspect", "new.tracer"),
        ("diff", "old.tracer", "new.tracer"),
        ("report", "new.tracer", "-o", "page.html"),
    )
    for each in commands:
        result = joined(*each)
        assert result.returncode == 0, result.stderr
        assert SECRET not in result.stdout + result.stderr
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {"router.lock", "old.tracer", "new.tracer", "page.html", "new.tracer.out"} <= {path.name for path in files}
    assert [path.name for path in files if SECRET.encode() in path.read_bytes()] == []


@pytest.mark.parametrize(
    "part",
    [
        "${KEY}",
        "{use: '${KEY}'}",
        "{use: letters, weight: '${KEY}'}",
        "{use: letters, wait: '${KEY}'}",
        "{use: letters, with: '${KEY}'}",
        "{use: letters, with: {letter: '${KEY}'}}",
        "{use: letters, with: {key: '${KEY}${KEY}${KEY}'}}",
        "{use: precomputed, with: {column: '${KEY}'}}",
        "{use: concat, with: {of: ['${KEY}', lsa]}}",
    ],
)
def test_no_error_about_a_part_quotes_the_environment(joined: Run, part: str) -> None:
    result = joined("validate", "router.yaml", "--set", f"embedder.with.of[1]={part}")
    assert result.returncode == 2
    assert "embedder.with.of[1]" in result.stderr
    assert SECRET not in result.stdout + result.stderr


def test_a_build_says_how_to_route_where_the_embedder_needs_a_plugin(folder: Path, joined: Run) -> None:
    following = 'tracer-spec route old.tracer --embedder letters --text "..."'
    assert following in (folder / "old.tracer.out").read_text()
    assert json.loads(joined(*shlex.split(following)[1:]).stdout).keys() >= {"label", "handled"}


def test_a_build_on_vectors_says_to_route_a_file(tmp_path: Path, run: Run) -> None:
    rows = [{"id": str(at), "teacher": "ab"[at % 2], "embedding": [at % 2, at / 300, 1.0]} for at in range(300)]
    (tmp_path / "traces.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "router.yaml").write_text(
        "version: 1\nname: v\ntraces: {use: jsonl, with: {path: traces.jsonl}}\n"
        "embedder: {use: precomputed, with: {column: embedding}}\nzoo: [logreg]\nfamilies: [l2d]\ntarget: {agreement: 0.8}\n"
    )
    result = run("build", "router.yaml")
    assert result.returncode == 0, result.stderr
    assert "tracer-spec route dist/v.tracer FILE\n" in result.stdout
    decided = run("route", "dist/v.tracer", "traces.jsonl")
    assert (decided.returncode, len(decided.stdout.splitlines())) == (0, 300), decided.stderr
    whole = "embedder={use: precomputed, with: {column: vec}}"
    for name, at in (("traces", 0), ("fresh", 1000)):
        named = [
            {"id": str(n + at), "teacher": each["teacher"], "vec": each["embedding"]} for n, each in enumerate(rows)
        ]
        for each in named:
            each["vec"][1] += at
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, named)))
    (tmp_path / "router.lock").unlink()
    result = run("build", "router.yaml", "--set", whole, "--out", "set.tracer")
    assert result.returncode == 0, result.stderr
    verified = run("verify", "set.tracer", "fresh.jsonl")
    assert "300 of 300 traces kept" in verified.stderr
