"""The reasons why records were dropped: every command and page lists them in one order."""

from __future__ import annotations

import json
import re

from tracer_spec.cli import main

SPEC = """\
version: 1
name: a
traces: {use: jsonl, with: {path: traces.jsonl}, on_error: drop}
embedder: {use: lsa, with: {dim: 8}}
zoo: [logreg]
families: [global]
target: {agreement: 0.7}
"""
WANTED = "1 unreadable record, 2 no text, 3 empty text, 4 no label, 5 duplicate id"


def records():
    for n in range(1300):
        yield {"id": f"r{n}", "input": f"request {n} about thing {n % 3}", "teacher": f"thing {n % 3}"}
    yield from (
        {"id": f"r{n}", "input": f"request {n} about thing {n % 3}", "teacher": f"thing {n % 3}"} for n in range(5)
    )
    yield from ({"id": f"s{n}", "input": f"said {n}", "teacher": None} for n in range(4))
    yield from ({"id": f"t{n}", "input": " ", "teacher": "thing 1"} for n in range(3))
    yield from ({"id": f"u{n}", "input": None, "teacher": "thing 1"} for n in range(2))


def test_every_command_and_page_lists_them_alike(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "router.yaml").write_text(SPEC)
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(each) + "\n" for each in records()) + "{bad\n")
    for command in (
        ["plan", "router.yaml", "-q", "--no-curve"],
        ["build", "router.yaml", "-q"],
        ["build", "router.yaml", "-q", "--check"],
        ["inspect", "dist/a.tracer"],
    ):
        assert main(command) == 0
        assert f"1,315 read, 1,300 kept; dropped: {WANTED}" in capsys.readouterr().out, command
    main(["report", "dist/a.tracer", "--out", "a.html"])
    page = (tmp_path / "a.html").read_text()
    told = re.search(r"1,315 read, [^<]*", page)
    assert told is not None
    assert re.findall(r"(\d+) dropped for", told[0]) == ["1", "2", "3", "4", "5"]
