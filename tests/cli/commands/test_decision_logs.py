"""A log of what the router answered is refused by every command that reads traces."""

import json

import pytest


@pytest.fixture(scope="module")
def log(bundle, call_in, tmp_path_factory):
    """Return a folder with requests and what ``route`` answered to each: the router's label where it handled one."""
    folder = tmp_path_factory.mktemp("log")
    traces = [json.loads(line) for line in (bundle.parent / "traces.jsonl").read_text().splitlines()]
    asked = [{"id": row["id"], "input": row["input"]} for row in traces]
    (folder / "asked.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))
    routed = call_in("route", str(bundle), "asked.jsonl", cwd=folder)
    answers = [json.loads(line) for line in routed.stdout.splitlines()]
    assert sum(row["handled"] for row in answers) > 200
    logged = [{**row, **answer} for row, answer in zip(asked, answers, strict=True)]
    (folder / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in logged))
    return folder


@pytest.mark.parametrize(
    "command",
    [
        ("verify", "BUNDLE", "traces.jsonl"),
        ("plan", "router.yaml"),
        ("build", "router.yaml"),
        ("build", "router.yaml", "--set", "traces.on_error=drop"),
        ("build", "router.yaml", "--set", "traces.format={text: input, label: label}"),
        ("init", "--traces", "traces.jsonl", "--yes", "fresh"),
    ],
    ids=lambda each: " ".join(each),
)
def test_what_route_wrote_is_no_trace_for(command, log, bundle, call_in):
    (log / "router.yaml").write_bytes((bundle.parent / "router.yaml").read_bytes())
    result = call_in(*(str(bundle) if each == "BUNDLE" else each for each in command), cwd=log)
    assert result.returncode == 1
    assert "a router's decision" in result.stderr
    assert "a router's answer is not the teacher's" in result.stderr
    assert result.stdout == ""
