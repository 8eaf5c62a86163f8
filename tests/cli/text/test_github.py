"""``--format github``: the real commands, read back by the runner's own rules."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tracer_spec.cli.output import wanted_format
from tracer_spec.cli.text.github_commands import MOST_SUMMARY_BYTES, Annotation, bounded, harmless, shown
from tracer_spec.cli.text.github_summary import plain

ROOT = Path(__file__).parents[3]
HOSTILE = "::error::a,b:c\n::stop-commands::x\r##[add-mask]y %0A"


def commands(log: str) -> list[tuple[str, dict[str, str], str]]:
    """Return what a runner obeys: ``::name key=value,...::data`` at the start of a line, ``##[name]`` anywhere."""
    found = []
    for line in re.split(r"\r\n|\r|\n", log):
        match = re.match(r"\s*::(\S+?)(?: (.*?))?::(.*)", line)
        if match:
            pairs = [pair.split("=", 1) for pair in (match[2] or "").split(",") if pair]
            properties = {key: unescape(value) for key, value in pairs}
            found.append((match[1], properties, unescape(match[3])))
        found += [(each, {}, "") for each in re.findall(r"##\[(\S+?)[ \]]", line)]
    return found


def unescape(text: str) -> str:
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, character)
    return text


def outputs_of(path: Path) -> dict[str, str]:
    """Return outputs, read as the runner does: a delimiter, lines, the delimiter."""
    lines, found = iter(path.read_text().splitlines()), {}
    for line in lines:
        name, _, end = line.partition("<<")
        found[name] = "\n".join(iter(lambda: next(lines), end))
    return found


@pytest.fixture
def github(tmp_path):
    return {
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "GITHUB_WORKSPACE": str(tmp_path),
    }


def test_every_spec_error_is_an_annotation_on_its_line(run, spec, github, tmp_path):
    spec.write_text(spec.read_text().replace("logreg", "logrg").replace("0.9,", "0.9, sure: 1,"))
    result = run("build", "router.yaml", "--format", "github", env=github)
    assert result.returncode == 2
    plugin, error = [each for each in commands(result.stdout) if each[0] == "error"]
    assert (plugin[1]["line"], "no surrogate is called 'logrg'" in plugin[2]) == ("8", True)
    assert {key: error[1][key] for key in ("file", "line", "col")} == {"file": "router.yaml", "line": "10", "col": "26"}
    assert "there is no key 'sure'" in error[2]
    assert "there is no key 'sure'" in result.stderr
    told = outputs_of(tmp_path / "output")
    assert told == {"bundle": "", "sha256": "", "coverage": "", "agreement": "", "status": "invalid"}


def test_a_path_is_told_from_the_root_of_the_repository(run, spec, github, tmp_path):
    (tmp_path / "app").mkdir()
    shutil.move(spec, tmp_path / "app" / "router.yaml")
    result = run("validate", "router.yaml", "--format=github", "--set", "zoo=[x]", cwd=tmp_path / "app", env=github)
    (error,) = commands(result.stdout)
    assert error[1]["file"] == "app/router.yaml"
    assert error[1]["line"] == "8"  # an override has no line: the key's in the file


def test_a_certified_build_tells_its_verdict_on_the_target_and_its_outputs(call_in, built, github, tmp_path):
    result = call_in(
        "build",
        "router.yaml",
        "--format",
        "github",
        cwd=Path(built.args[-1]),
        env={**github, "GITHUB_WORKSPACE": built.args[-1]},
    )
    assert result.returncode == 0, result.stderr
    assert "certified  small" in result.stdout
    verdict = commands(result.stdout)[0]
    assert (verdict[0], verdict[1]["file"], verdict[1]["line"]) == ("notice", "router.yaml", "10")
    assert "at least 90 % of the traffic it handles" in verdict[2]
    told = outputs_of(tmp_path / "output")
    assert told["status"] == "certified"
    assert told["bundle"] == "dist/small.tracer"
    import hashlib

    assert told["sha256"] == hashlib.sha256((Path(built.args[-1]) / told["bundle"]).read_bytes()).hexdigest()
    assert 0 < float(told["coverage"]) <= 1
    assert 0.9 < float(told["agreement"]) <= 1
    assert told["sha256"] in (tmp_path / "summary.md").read_text()


def write_hostile(path: Path) -> None:
    rows = [{"input": f"request {i * 7919 % 1013}", "teacher": ["a", "b", HOSTILE][i * 31 % 7 % 3]} for i in range(80)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_refusal_is_an_error_on_the_target_and_hostile_labels_command_nothing(run, spec, github, tmp_path):
    write_hostile(tmp_path / "traces.jsonl")
    allowed = [
        "--set",
        "traces.labels.allowed=[a, b]",
        "--set",
        "traces.labels.aliases={}",
        "--set",
        "traces.labels.normalize=[]",
    ]
    for extra in ((), ("-v",)):
        result = run("build", "router.yaml", "--format", "github", *allowed, *extra, env=github)
        assert result.returncode == 3, result.stderr
        found = commands(result.stdout)
        assert commands(result.stderr) == []
        assert {each[0] for each in found} <= {"error", "warning", "notice"}
        (error,) = [each for each in found if each[0] == "error"]
        assert error[1]["line"] == "10"
        assert any("made-up labels" in each[1]["title"] for each in found)
    told = outputs_of(tmp_path / "output")
    assert (told["status"], told["bundle"], told["coverage"]) == ("refused", "", "")


def test_plan_and_validate_tell_their_status(run, spec, github, tmp_path):
    spec.write_text(
        spec.read_text().replace("{normalize: [strip, first-line], aliases: {refund: refund_status}}", "{}")
    )
    write_hostile(tmp_path / "traces.jsonl")
    plan = run("plan", "router.yaml", "--format", "github", "--set", "target.agreement=0.999", env=github)
    assert plan.returncode == 0, plan.stderr
    assert commands(plan.stdout)[0][:1] == ("warning",)
    assert outputs_of(tmp_path / "output")["status"] == "uncertifiable"
    assert run("validate", "router.yaml", "--format", "github", env=github).returncode == 0
    assert outputs_of(tmp_path / "output")["status"] == "valid"


def test_unset_or_unwritable_files_are_a_warning_and_keep_the_exit_code(run, spec, tmp_path):
    unset = run("validate", "router.yaml", "--format", "github", env={"GITHUB_OUTPUT": "", "GITHUB_STEP_SUMMARY": ""})
    assert unset.returncode == 0
    (warning,) = commands(unset.stdout)
    assert warning[2] == (
        "GITHUB_OUTPUT and GITHUB_STEP_SUMMARY are not set: no outputs and step summary written; is this GitHub Actions?"
    )
    half = run("validate", "router.yaml", "--format", "github", env={"GITHUB_OUTPUT": "out", "GITHUB_STEP_SUMMARY": ""})
    assert [each[2] for each in commands(half.stdout)] == [
        "GITHUB_STEP_SUMMARY is not set: no step summary written; is this GitHub Actions?"
    ]
    folder = {"GITHUB_OUTPUT": str(tmp_path), "GITHUB_STEP_SUMMARY": str(tmp_path / "no" / "file")}
    bad = run("build", "missing.yaml", "--format", "github", env=folder)
    assert bad.returncode == 2
    assert [each[0] for each in commands(bad.stdout)] == ["error", "warning", "warning"]


def test_two_forms_at_once_are_a_usage_error(run, spec):
    result = run("validate", "router.yaml", "--json", "--format", "text")
    assert result.returncode == 2
    assert "--json and --format text are both given" in result.stdout
    assert json.loads(run("validate", "router.yaml", "--format", "json").stdout)["status"] == "valid"
    assert json.loads(run("validate", "none.yaml", "--format=json").stdout)["error"]["exit_code"] == 2
    assert wanted_format(["plan", "--", "--json"]) == "text"


def test_validate_takes_several_specs_and_reports_all_that_is_wrong(run, spec, tmp_path):
    (tmp_path / "b.yaml").write_text(spec.read_text().replace("name:", "nom:"))
    (tmp_path / "c.yaml").write_text(spec.read_text().replace("logreg", "logrg"))
    result = run("validate", "router.yaml", "b.yaml", "c.yaml")
    assert result.returncode == 2
    assert {line.split(":")[0] for line in result.stderr.splitlines() if re.match(r"\w+\.yaml:", line)} == {
        "b.yaml",
        "c.yaml",
    }
    both = json.loads(run("validate", "router.yaml", "router.yaml", "--json").stdout)
    assert [each["name"] for each in both["specs"]] == ["small", "small"]


def test_the_worst_ten_of_a_level_are_shown_and_the_rest_counted():
    many = [Annotation("error", "", str(n)) for n in range(13)] + [Annotation("notice", "", "n")] * 12
    kept = shown(many)
    counts = {level: sum(each.level == level for each in kept) for level in ("error", "warning", "notice")}
    assert counts == {"error": 10, "warning": 0, "notice": 10}
    assert [each.message for each in kept if each.level == "error"] == [str(n) for n in range(10)]
    assert any(each.message.startswith("13 errors, of which 3 ") for each in kept)
    assert any(each.message.startswith("12 notices, of which 4 ") for each in kept)


def test_an_annotation_says_what_it_was_given_whatever_that_is(tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    line = Annotation("error", HOSTILE, HOSTILE, str(tmp_path / "a,b:c.yaml"), 3, 4).command()
    assert "\n" not in line
    ((level, properties, data),) = commands(line)
    assert (level, properties["file"], properties["line"], properties["col"]) == ("error", "a,b:c.yaml", "3", "4")
    assert data == HOSTILE.replace("##[", "## [")


@pytest.mark.parametrize(
    "line", ["::add-mask::x", " \t::error::x", "\u200b::error::x", "a ##[error]b", "::\u00ad:error::"]
)
def test_no_line_of_the_log_is_a_command(line):
    told = re.sub("[^!-~]", "", harmless(line))
    assert commands(harmless(line)) == []
    assert not told.startswith("::")
    assert "##[" not in harmless(line)


def test_the_summary_is_bounded_and_cut_at_a_line():
    cut = bounded("| é |\n" * 20_000)
    assert len(cut.encode()) <= MOST_SUMMARY_BYTES
    assert cut.startswith("| é |\n")
    assert cut.endswith("| é |\n\n*The rest is cut; the log has it all.*\n")


@pytest.mark.parametrize(
    "text", ["<script>x</script>", "[a](http://b)", "![i](x)", "a|b", "`c` *d*", "www.x.org", "http://x.org", "<!-- x"]
)
def test_what_others_wrote_is_shown_in_markdown_and_does_nothing(text):
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("gfm-like", {"linkify": False})
    table = markdown.render(f"| a | b |\n|---|---|\n| {plain(text)} | end |\n")
    assert set(re.findall(r"<(\w+)", table)) == {"table", "thead", "tbody", "tr", "th", "td"}
    assert table.count("<td>") == 2
    import html

    assert html.unescape(re.findall(r"<td>(.*?)</td>", table)[0]) == text


# --- the action, and the hook -------------------------------------------------------------------------------

ACTION = yaml.safe_load((ROOT / "action.yml").read_text())


def run_step(name: str, inputs: dict[str, str], cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a step's shell with the inputs where the action puts them."""
    (step,) = [each for each in ACTION["runs"]["steps"] if each.get("name") == name]
    given = {**{key: each.get("default", "") for key, each in ACTION["inputs"].items()}, **inputs}
    values = {
        key: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: given[found[1]], value)
        for key, value in step["env"].items()
    }
    import os

    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    script = cwd / "step.sh"
    script.write_text(step["run"])
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
        cwd=cwd,
        env={**os.environ, **env, **values, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_no_step_of_the_action_has_an_expression_in_its_script_and_other_actions_are_pinned():
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
        if "uses" in step:
            assert re.fullmatch(r"actions/setup-python@[0-9a-f]{40}", step["uses"])
    assert set(ACTION["outputs"]) == {"bundle", "sha256", "coverage", "agreement", "status"}


def test_the_action_builds_a_draft_and_runs_nothing_of_its_inputs(spec, github, tmp_path):
    (tmp_path / "traces.jsonl").write_bytes((ROOT / "specs" / "quickstart" / "traces.jsonl").read_bytes())
    inputs = {
        "draft": "true",
        "package": "none",
        "args": "--set\nname=$(touch owned)`touch owned`\n-q",
        "out": "a b;touch owned.tracer",
    }
    assert run_step("Install tracer-spec", inputs, tmp_path, github).returncode == 0
    refused = run_step("Build", inputs, tmp_path, github)
    assert refused.returncode == 2
    assert outputs_of(tmp_path / "output")["status"] == "invalid"
    done = run_step("Build", {**inputs, "args": "--set\nname=other\n-q"}, tmp_path, github)
    assert done.returncode == 0, done.stderr
    told = outputs_of(tmp_path / "output")
    assert (told["status"], told["bundle"]) == ("draft", "a b;touch owned.tracer")
    assert not list(tmp_path.glob("owned*"))


def test_the_action_imports_nothing_from_the_checkout(spec, github, tmp_path):
    for name in ("tracer_spec", "pip", "click", "numpy", "json"):
        (tmp_path / f"{name}.py").write_text("open('owned', 'w').close()\nraise SystemExit(9)\n")
    (tmp_path / "traces.jsonl").write_bytes((ROOT / "specs" / "quickstart" / "traces.jsonl").read_bytes())
    installed = run_step("Install tracer-spec", {"package": "--version"}, tmp_path, github)
    assert "Invalid requirement: '--version'" in installed.stderr
    done = run_step("Build", {"draft": "true", "args": "-q"}, tmp_path, github)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "owned").exists()


def test_the_hook_checks_every_router_yaml_and_nothing_else(spec, tmp_path):
    import os

    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    entry = f"{sys.executable} -m {hook['entry'].replace('tracer-spec', 'tracer_spec')}"
    config = {"repos": [{"repo": "local", "hooks": [{**hook, "language": "system", "entry": entry}]}]}
    (tmp_path / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "router.yml").write_text(spec.read_text().replace("logreg", "logrg"))
    (tmp_path / "other.yaml").write_text("- no spec\n")
    env = {**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "home"), "GIT_CONFIG_GLOBAL": os.devnull}
    env = {key: value for key, value in env.items() if not key.startswith("GIT_") or key == "GIT_CONFIG_GLOBAL"}
    for command in (["git", "init", "-q"], ["git", "add", "."]):
        subprocess.run(command, cwd=tmp_path, env=env, check=True)
    command = [sys.executable, "-m", "pre_commit", "run", "--all-files"]
    failed = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "app/router.yml:8:7  zoo[0]" in failed.stdout
    assert "other.yaml" not in failed.stdout


def test_a_learner_is_found_on_its_line_and_an_address_on_that_of_its_nearest_parent(spec):
    from tracer_spec.cli.spec_lines import read_lines

    zoo = "zoo:\n  - logreg\n  - {use: mlp, as: wide, with: {hidden: [8]}}\n"
    spec.write_text(spec.read_text().replace("zoo: [logreg]\n", zoo))
    lines = read_lines(str(spec))
    assert lines is not None
    assert lines.learners == {"logreg": "zoo[0]", "wide": "zoo[1]"}
    assert lines.find("zoo[1]")[1:] == (10, 5)
    assert lines.find("zoo[1].with.alpha")[1:] == lines.find("zoo[1].with")[1:] == (10, 26)
    assert lines.find("zoo[1].nothing.here")[1:] == (10, 5)
    assert lines.find("target.confidence")[1:] == (12, 26)
    assert read_lines("missing.yaml") is None
