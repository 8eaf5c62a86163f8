"""``tracer-spec init``: files that work as they are, asked for or not."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys

import pytest
import yaml

from tracer_spec.init.sample import make_traces
from tracer_spec.spec.model import DEFAULT_ZOO


def write_traces(path, n=400):
    path.write_text(
        "".join(json.dumps({"q": t["input"], "said": t["teacher"]}) + "\n" for t in make_traces(n_requests=n))
    )


def test_without_traces_samples_are_written_that_can_be_certified(run, tmp_path):
    result = run("init", "demo", "--yes")
    assert result.returncode == 0, result.stderr
    folder = tmp_path / "demo"
    assert {path.name for path in folder.iterdir()} == {
        "router.yaml",
        "traces.jsonl",
        "labels.txt",
        "router.schema.json",
    }
    assert "add dist/ to .gitignore" in result.stdout
    built = run("build", "router.yaml", "-q", "--json", "--set", "zoo=[logreg]", cwd=folder)
    assert json.loads(built.stdout)["status"] == "certified", built.stderr


def test_a_name_that_no_router_may_have_is_refused_before_a_file_is_written(run, tmp_path):
    write_traces(tmp_path / "t.jsonl")
    for given in (["--traces", "t.jsonl"], []):
        result = run("init", "app", *given, "--yes", "--name", "GPT_5.2")
        assert result.returncode == 2
        assert "'GPT_5.2' is not" in result.stderr
        assert "--name gpt-5-2" in result.stderr
        assert not (tmp_path / "app").exists()


def test_the_written_spec_is_valid_for_its_schema_and_says_what_was_found(run, tmp_path):
    import jsonschema

    write_traces(tmp_path / "t.jsonl")
    (tmp_path / ".gitignore").write_text("/dist/\n")
    result = run("init", "app", "--traces", "t.jsonl", "--yes", "--name", "on", "--target", "0.85")
    assert result.returncode == 0, result.stderr
    assert "0.85, as asked" in result.stdout
    text = (tmp_path / "app" / "router.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=router.schema.json\n")
    jsonschema.validate(yaml.safe_load(text), json.loads((tmp_path / "app" / "router.schema.json").read_text()))
    data = yaml.safe_load(text)
    assert (data["name"], data["target"]["agreement"]) == ("on", 0.85)
    assert data["traces"]["with"] == {"path": "../t.jsonl"}
    assert data["traces"]["format"] == {"text": "q", "label": "said"}
    assert data["zoo"] == list(DEFAULT_ZOO)
    assert ".gitignore" not in result.stdout
    assert str(tmp_path) not in text
    planned = json.loads(run("plan", "router.yaml", "-q", "--json", cwd=tmp_path / "app").stdout)
    assert planned["status"] == "certifiable"


def test_where_answers_hold_more_than_the_label_the_spec_says_what_an_app_may_be_answered(run, tmp_path):
    rows = [{"q": f"text {n}", "said": json.dumps({"topic": "abcd"[n % 4], "sure": n / 100})} for n in range(100)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run("init", "--traces", "t.jsonl", "--yes", "--name", "on").returncode == 0
    text = (tmp_path / "router.yaml").read_text()
    traces = yaml.safe_load(text)["traces"]
    assert (traces["format"]["label"], traces["labels"]["normalize"]) == ("said", ["json:topic"])
    assert "serve" not in yaml.safe_load(text)
    decided = yaml.safe_load(text.replace("# serve: ", "serve: "))
    assert json.loads(decided["serve"]["answer"]) == {"topic": "{label}", "sure": 1.0}


def test_nothing_is_overwritten_unless_forced(run, tmp_path):
    (tmp_path / "router.yaml").write_text("mine")
    refused = run("init", "--yes")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == "there already: router.yaml\n  hint: --force overwrites, or name another folder\n"
    (tmp_path / "router.yaml").unlink()
    (tmp_path / "traces.jsonl").write_text("mine")
    assert "there already: traces.jsonl" in run("init", "--yes").stderr
    assert (tmp_path / "traces.jsonl").read_text() == "mine"
    assert not (tmp_path / "router.yaml").exists()
    forced = json.loads(run("init", "--force", "--json").stdout)
    assert forced["files"] == ["traces.jsonl", "labels.txt", "router.schema.json", "router.yaml"]
    assert (forced["source"], forced["gitignore"]) == ("jsonl", ["dist/"])


def test_traces_where_a_folder_or_a_spec_belongs_are_told_apart_from_one(run, tmp_path):
    (tmp_path / "my log.jsonl").write_text('{"input": "a", "teacher": "b"}\n')
    refused = run("init", "my log.jsonl")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        "my log.jsonl is a file, not a folder to write into\n"
        "  hint: a spec for such traces: tracer-spec init --traces 'my log.jsonl'\n"
    )
    for verb in ("validate", "plan", "build"):
        refused = run(verb, "my log.jsonl")
        assert refused.returncode == 2
        assert refused.stderr == (
            "my log.jsonl\n  these are traces, not a spec\n"
            "  hint: for a spec of them: tracer-spec init --traces 'my log.jsonl'\n"
        )


def test_odd_names_reach_the_spec_as_they_are(run, tmp_path):
    rows = [{"Nº ${HOME}": f"some words {n}", 'my "label"': "ab"[n % 2]} for n in range(200)]
    (tmp_path / "no: ${X}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = run("init", "--traces", "no: ${X}.jsonl", "--yes", env={"HOME": str(tmp_path)})
    assert result.returncode == 0, result.stderr
    planned = json.loads(run("plan", "router.yaml", "-q", "--json", "--no-curve").stdout)
    assert planned["traces"]["kept"] == 200
    assert set(planned["labels"]) == {"a", "b"}


def test_a_text_without_traces_and_a_file_that_is_not_there_are_errors(run):
    assert run("init", "--yes", "--text", "x").returncode == 2
    missing = run("init", "--yes", "--traces", "none.jsonl")
    assert (missing.returncode, missing.stderr.splitlines()[0]) == (1, "none.jsonl")


def test_json_holds_what_was_found_or_why_there_is_no_spec(run, tmp_path):
    rows = [{"q": f"Sort this: some words {n}", "id": n, "said": f"Label: {'ab'[n % 2]}"} for n in range(200)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    written = json.loads(run("init", "--traces", "t.jsonl", "--json").stdout)
    assert written["format"] == {"text": "q", "label": "said", "id": "id"}
    assert (written["extract"], written["normalize"][2]) == (["after:Sort this: "], "prefix:Label:")
    assert written["notes"][1] == "2 different answers among those that train."
    (tmp_path / "one.jsonl").write_text("".join(json.dumps({**row, "said": "a"}) + "\n" for row in rows))
    refused = run("init", "other", "--traces", "one.jsonl", "--json")
    error = json.loads(refused.stdout)["error"]
    assert (refused.returncode, error["exit_code"]) == (1, 1)
    assert "said: text in 200 records: 1 different value, 1 character on average" in error["problems"][0]["what"]
    assert not (tmp_path / "other").exists()


END = "\x04"  # Ctrl-D


def answer_on_a_terminal(args, answers, cwd):
    """Run a command on a pseudo-terminal, answer each prompt, and return its exit code and all it wrote."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tracer_spec", *args],
        cwd=cwd,
        env={**os.environ, "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "200"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    written, left = "", list(answers)
    while select.select([master], [], [], 120)[0]:
        try:
            block = os.read(master, 65536).decode()
        except OSError:  # how Linux says that the other end is closed
            break
        written += block
        if left and left[0][0] in written:
            answer = left.pop(0)[1]
            os.write(master, answer.encode() if answer == END else f"{answer}\n".encode())
    os.close(master)
    assert left == [], written
    return process.wait(timeout=120), written


def test_on_a_terminal_it_asks_for_what_it_cannot_know(tmp_path):
    rows = [{"message": f"some words {n}", "a": f"x{n % 3}", "b": f"y{n % 3}"} for n in range(400)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    answers = [
        ("traces file", "t.jsonl"),
        ("name of the router", "mine"),
        ("the LLM's answer", "b"),
        ("agreement to certify", "0.9"),
    ]
    code, written = answer_on_a_terminal(["init"], answers, tmp_path)
    assert code == 0, written
    data = yaml.safe_load((tmp_path / "router.yaml").read_text())
    assert data["name"] == "mine"
    assert data["traces"]["format"]["label"] == "b"
    assert data["target"]["agreement"] == 0.9


def test_where_one_file_cannot_be_written_none_is(run, tmp_path):
    os.mkfifo(tmp_path / "router.yaml")
    result = run("init", "--yes", "--force")
    assert (result.returncode, result.stdout) == (1, "")
    assert "router.yaml\n  the file cannot be written: this is a pipe" in result.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["router.yaml"]


def test_an_interrupted_question_leaves_nothing_behind(tmp_path):
    code, _ = answer_on_a_terminal(["init"], [("traces file", END)], tmp_path)
    assert code == 130
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("shell", "wanted"), [("bash", "plain,validate"), ("zsh", "validate"), ("fish", "plain,validate")]
)
def test_the_shells_can_ask_for_completions(run, shell, wanted):
    env = {"_TRACER_SPEC_COMPLETE": f"{shell}_complete", "COMP_WORDS": "tracer-spec va", "COMP_CWORD": "1"}
    if shell == "fish":
        env["COMP_CWORD"] = "va"
    result = run(env=env)
    assert wanted in result.stdout
    assert "inspect" not in result.stdout
    source = run(env={"_TRACER_SPEC_COMPLETE": f"{shell}_source"})
    assert "_TRACER_SPEC_COMPLETE" in source.stdout
