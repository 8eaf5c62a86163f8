"""``route`` reads what the spec reads: CSV, Parquet and JSON, and the spec's own places of text, id and vector."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.report import documents
from tests.runtime import bundles
from tracer_spec.builtin.formats import PRESETS, Format
from tracer_spec.builtin.formats.requests import request_reader
from tracer_spec.runtime import load

QUICKSTART = Path(__file__).parents[3] / "specs" / "quickstart"

SPEC = """\
version: 1
name: tickets
traces:
  use: csv
  with: {path: log.csv, delimiter: ";"}
  format: {text: Frage, label: Antwort, id: Nr}
  labels: {normalize: [strip, first-line], aliases: {refund: refund_status}}
embedder: {use: lsa, with: {dim: 48}}
zoo: [logreg]
families: [global, l2d]
target: {agreement: 0.9, confidence: 0.95}
"""


@pytest.fixture(scope="module")
def tickets(call_in, tmp_path_factory):
    """Return a bundle built from a table whose columns have names of their own."""
    folder = tmp_path_factory.mktemp("tickets")
    rows = [json.loads(line) for line in (QUICKSTART / "traces.jsonl").read_text().splitlines()]
    with (folder / "log.csv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["Nr", "Frage", "Antwort"])
        writer.writerows([number, row["input"], row["teacher"]] for number, row in enumerate(rows))
    (folder / "router.yaml").write_text(SPEC)
    result = call_in("build", "router.yaml", "--out", "tickets.tracer", cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder / "tickets.tracer"


TEXTS = ["please cancel my order for the desk lamp", "i forgot my password", "tell me; a joke"]


def answers(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def expected(tickets):
    return load(tickets).route_batch(TEXTS).labels


def test_a_table_is_read_with_the_options_and_columns_of_the_spec(run, tickets, expected, tmp_path):
    rows = "".join(f'{number};"{text}"\n' for number, text in enumerate(TEXTS))
    (tmp_path / "new.csv").write_text(f"Nr;Frage\n{rows}9;\n")
    result = run("route", str(tickets), "new.csv")
    assert result.returncode == 1
    found = answers(result)
    assert [each["id"] for each in found[:3]] == ["0", "1", "2"]
    assert [each["label"] for each in found[:3]] == expected
    assert found[3]["error"].startswith("new.csv:5: ")
    assert "1 error: new.csv:5: " in result.stderr


def test_parquet_and_a_json_list_are_read_by_their_endings(run, tickets, expected, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"Nr": [1, 2, 3], "Frage": TEXTS}), tmp_path / "new.parquet")
    (tmp_path / "new.json").write_text(json.dumps([{"Nr": n, "Frage": text} for n, text in enumerate(TEXTS, 1)]))
    for name in ("new.parquet", "new.json"):
        found = answers(run("route", str(tickets), name))
        assert [each["id"] for each in found] == [1, 2, 3]
        assert [each["label"] for each in found] == expected


def test_lines_are_read_where_the_spec_says_and_else_by_their_own_keys(run, tickets, expected):
    lines = [
        {"Nr": 7, "Frage": TEXTS[0], "input": "not this one"},
        {"id": "x", "input": TEXTS[1]},
        {"Frage": TEXTS[2]},
        {"other": 1},
    ]
    result = run("route", str(tickets), stdin="".join(json.dumps(line) + "\n" for line in lines))
    found = answers(result)
    assert [each.get("id") for each in found] == [7, "x", None, None]
    assert [each["label"] for each in found[:3]] == expected
    assert (result.returncode, found[3]["reason"]) == (1, "error")


def test_a_file_that_is_not_there_is_named(run, tickets):
    result = run("route", str(tickets), "nowhere.csv")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("nowhere.csv")


def test_progress_is_shown_on_a_terminal_where_answers_go_to_a_file(monkeypatch, capsys, tickets, tmp_path):
    from tracer_spec.cli import main
    from tracer_spec.cli.commands import route_streams

    (tmp_path / "new.jsonl").write_text("".join(json.dumps({"Frage": text}) + "\n" for text in TEXTS))
    seen = []
    monkeypatch.setattr(route_streams, "is_terminal", lambda stream: True)
    monkeypatch.setattr("tracer_spec.cli.progress.is_terminal", lambda stream: False)
    monkeypatch.setattr("tracer_spec.cli.progress._Lines.__call__", lambda self, event: seen.append(event))
    out = tmp_path / "out.jsonl"
    assert main(["route", str(tickets), str(tmp_path / "new.jsonl"), "--out", str(out)]) == 0
    assert [type(each).__name__ for each in seen] == ["StageStarted", "StepDone"]
    assert seen[1].step.startswith("3 lines, ")
    seen.clear()
    assert main(["route", str(tickets), str(tmp_path / "new.jsonl"), "--out", str(out), "-q"]) == 0
    assert seen == []


# --- what a record asks ------------------------------------------------------------------------------------------------


def test_a_request_of_a_batch_is_read_without_its_answer():
    line = {"custom_id": "r1", "body": {"messages": [{"role": "user", "content": "where is it?"}]}}
    assert request_reader(PRESETS["openai-batch"])(line) == [{"id": "r1", "input": "where is it?", "embedding": None}]


def test_a_record_that_lists_requests_asks_each():
    read = request_reader(Format("custom", iterate="items", text="q", label="a", id="key", where="ok"))
    assert [each["input"] for each in read({"items": [{"q": "a?"}, {"q": "b?"}, {}]})] == ["a?", "b?"]


def test_a_record_of_which_the_format_knows_nothing_is_taken_as_it_is():
    record = {"input": "where is it?", "embedding": [1.0]}
    assert request_reader(Format("custom", text="q", label="a"))(record) == [record]


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"Frage": 7}, "'Frage' is a number, not a string"),
        ({"input": 7}, "'input' is a number, not a string"),
        ({"text": "\ud800"}, "'text' is not valid Unicode: it holds half of a surrogate pair"),
        ({"frage": "a"}, "the record has neither 'Frage' nor 'input' nor 'embedding'"),
        ({"embedding": [1]}, "'embedding' has 1 numbers; this bundle takes 48"),
    ],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_record_lacks_is_named_as_the_spec_names_it(run, tickets, tmp_path, record, problem, workers):
    (tmp_path / "new.jsonl").write_text(json.dumps(record) + "\n")
    (answer,) = answers(run("route", str(tickets), "new.jsonl", "--workers", str(workers)))
    assert answer["error"] == f"new.jsonl:1: {problem}"


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"v": [1, 2]}, "'v' has 2 numbers; this bundle takes 4"),
        ({"v": "a"}, "'v' is not a list of numbers"),
        ({"input": "a"}, "this bundle takes vectors, and the record has no 'v'"),
        ({"w": 1}, "the record has neither 'input' nor 'v' nor 'embedding'"),
    ],
)
def test_a_vector_is_named_as_the_spec_names_it(run, tmp_path, record, problem):
    spec = "traces: {use: jsonl, with: {path: x}, format: {preset: native, id: key}}\n"
    spec += "embedder: {use: precomputed, with: {column: v}}\n"
    contents = {
        **bundles.members(),
        "certificate.json": json.dumps(documents.certificate()).encode(),
        "router.yaml": f"version: 1\nname: x\n{spec}".encode(),
    }
    (tmp_path / "b.tracer").write_bytes(bundles.forge(contents=contents))
    (tmp_path / "new.jsonl").write_text(json.dumps(record) + "\n")
    (answer,) = answers(run("route", "b.tracer", "new.jsonl"))
    assert answer["error"] == f"new.jsonl:1: {problem}"
