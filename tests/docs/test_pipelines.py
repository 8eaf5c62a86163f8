"""Calls of the command line in the pages are ones that it takes; those of the quickstart and of the pipelines are run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from tracer_spec.cli.verbs import tracer_spec
from tracer_spec.init.sample import make_traces

ROOT = Path(__file__).parents[2]
PIPELINES = (ROOT / "docs" / "pipelines.md").read_text(encoding="utf-8")
QUICKSTART = (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
ALL = "\n".join(page.read_text(encoding="utf-8") for page in PAGES if page.name != "commands.md")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def calls(page: str) -> list[str]:
    """Return every call of the command line in a page, in code blocks and in backticks."""
    code = "\n".join(re.findall(r"^```(?:sh|bash|yaml)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    inline = "\n".join(re.findall(r"`(tracer-spec [a-z][^`]*)`", page))
    return re.findall(r"tracer-spec [a-z]+ [^&>|\n]*", f"{code}\n{inline}")


@pytest.mark.parametrize("call", sorted({call.strip() for call in calls(ALL)}))
def test_every_call_in_the_pages_is_one_that_the_command_line_takes(call):
    _, verb, *args = shlex.split(call, comments=True)
    command = tracer_spec.get_command(click.Context(tracer_spec), verb)
    assert command is not None, verb
    with command.make_context(verb, args, resilient_parsing=False) as context:
        assert context.params


def test_the_workflow_uses_inputs_and_outputs_that_the_action_has():
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    workflow, gitlab, hooks = (yaml.safe_load(block) for block in blocks(PIPELINES, "yaml"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    ours = [step for step in steps if step.get("uses", "").startswith("OWNER/")]
    assert len(ours) == 2
    for step in ours:
        assert set(step["with"]) <= set(action["inputs"])
    used = set(re.findall(r"steps\.router\.outputs\.(\w+)", PIPELINES))
    assert used <= set(action["outputs"])
    for name in (*action["inputs"], *action["outputs"]):
        assert f"`{name}`" in PIPELINES, name
    (defined,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hooks["repos"][0]["hooks"][0]["id"] == defined["id"]
    assert gitlab["router"]["allow_failure"]["exit_codes"] == [3]


def write_noise(path: Path) -> None:
    rows = [{"input": f"request {i * 7919 % 1013}", "teacher": "abc"[i * 31 % 7 % 3]} for i in range(80)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def shell(script: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a script with ``tracer-spec`` on the path."""
    bin_ = cwd / "bin"
    bin_.mkdir(exist_ok=True)
    (bin_ / "tracer-spec").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tracer_spec "$@"\n')
    (bin_ / "tracer-spec").chmod(0o755)
    env = {**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    return subprocess.run(["bash", "-e", "-c", script], cwd=cwd, env=env, capture_output=True, text=True, check=False)


def test_the_quickstarts_three_commands_end_in_a_report(tmp_path):
    pytest.importorskip("vl_convert")
    traces = make_traces()
    (tmp_path / "my.jsonl").write_text("".join(json.dumps(trace) + "\n" for trace in traces))
    (script,) = [block for block in blocks(QUICKSTART, "sh") if "report.html" in block]
    script = script.replace("tracer-spec build router.yaml", "tracer-spec build router.yaml --set zoo=[logreg]")
    done = shell(script, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.html").read_text().lstrip().lower().startswith("<!doctype html>")


def test_no_recipe_spends_a_look_that_is_thrown_away_with_the_checkout():
    workflow, gitlab, _ = (yaml.safe_load(block) for block in blocks(PIPELINES, "yaml"))
    told = {
        job["if"]: {key for step in job["steps"] for key in step.get("with", {}) if key in ("draft", "locked")}
        for job in workflow["jobs"].values()
    }
    assert told == {"github.event_name == 'pull_request'": {"draft"}, "github.event_name == 'push'": {"locked"}}
    assert workflow[True]["push"] == {"tags": ["v*"]}
    how = {job["rules"][0]["if"]: job["script"][-1].split()[2] for job in gitlab.values()}
    assert how == {"$CI_COMMIT_TAG": "--locked", "$CI_COMMIT_BRANCH || $CI_MERGE_REQUEST_IID": "--draft"}
    for script in blocks(PIPELINES, "sh"):
        for line in re.findall(r"tracer-spec build.*", script):
            assert re.search(r"--(draft|locked|check)", line), line


def test_gitlabs_script_ends_in_a_document_whatever_the_outcome(tmp_path):
    gitlab = yaml.safe_load(blocks(PIPELINES, "yaml")[1])
    (line,) = [line for line in gitlab["router"]["script"] if line.startswith("tracer-spec")]
    write_noise(tmp_path / "traces.jsonl")
    spec = {"version": 1, "name": "x", "traces": {"use": "jsonl", "with": {"path": "traces.jsonl"}}, "embedder": "lsa"}
    (tmp_path / "router.yaml").write_text(yaml.safe_dump({**spec, "zoo": ["logreg"], "target": {"agreement": 0.9}}))
    refused = shell(line, tmp_path)
    assert refused.returncode == 3, refused.stderr
    assert json.loads((tmp_path / "build.json").read_text())["status"] == "refused"
    (tmp_path / "router.yaml").write_text("version: 2\n")
    assert shell(line, tmp_path).returncode == 2
    assert json.loads((tmp_path / "build.json").read_text())["error"]["exit_code"] == 2


def test_the_shells_sample_passes_on_every_code_but_a_refusal(tmp_path):
    (script,) = [block for block in blocks(PIPELINES, "sh") if "case $code" in block]
    (tmp_path / "bin").mkdir()
    for code, outcome in ((0, 0), (3, 0), (5, 5), (2, 2)):
        (tmp_path / "dist").mkdir(exist_ok=True)
        (tmp_path / "dist" / "a.tracer").write_text("x")
        told = script.replace("tracer-spec build --locked router.yaml", f"(exit {code})")
        done = subprocess.run(["bash", "-e", "-c", told], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == outcome
    assert (tmp_path / "dist" / "SHA256SUMS").read_text().endswith("  dist/a.tracer\n")
