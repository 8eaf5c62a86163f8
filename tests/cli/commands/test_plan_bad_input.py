"""What a user sees of bad files, for every source and either policy: an error with its place, or a counted drop."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracer_spec.cli import main

ROWS = [{"id": str(n), "input": f"where is card {n}?", "teacher": "ab"[n % 2]} for n in range(40)]
SPEC = """\
version: 1
name: small
traces: {{use: {source}, with: {{path: {path}}}, on_error: {policy}}}
embedder: lsa
target: {{agreement: 0.9}}
"""


def jsonl(rows):
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def document(rows):
    return json.dumps(rows).encode()


def csv(rows):
    return b"id,input,teacher\n" + b"".join(f"{','.join(row.values())}\n".encode() for row in rows)


def parquet(rows, third=b""):
    texts = [third if third and n == 2 else row["input"].encode() for n, row in enumerate(rows)]
    columns = {"id": [row["id"] for row in rows], "input": pa.array(texts, pa.binary()).view(pa.string())}
    stream = io.BytesIO()
    pq.write_table(pa.table({**columns, "teacher": [row["teacher"] for row in rows]}), stream)
    return stream.getvalue()


WRITERS = {"jsonl": jsonl, "json": document, "csv": csv, "parquet": parquet}
BROKEN = b"card \xff\xfe 2?"
# a source and its file; where it is bad, and how many records are read up to there or beyond
ONE_BAD_RECORD = {
    "jsonl: not UTF-8": ("jsonl", jsonl(ROWS).replace(b"card 2?", BROKEN), "t.jsonl:3", 40),
    "jsonl: NaN": ("jsonl", jsonl(ROWS).replace(b'"where is card 2?"', b"NaN"), "t.jsonl:3", 40),
    "jsonl: a list": ("jsonl", jsonl(ROWS) + b"[1]\n", "t.jsonl:41", 41),
    "jsonl: wrong type": ("jsonl", jsonl(ROWS).replace(b'"where is card 2?"', b'{"text": 2}'), "t.jsonl:3", 40),
    "jsonl: no label": ("jsonl", jsonl([*ROWS, {"input": "where?"}]), "t.jsonl:41", 41),
    "jsonl: cut short": ("jsonl", jsonl(ROWS)[:-9], "t.jsonl:40", 40),
    "jsonl: gzip cut short": ("jsonl", gzip.compress(jsonl(ROWS))[:-9], "t.jsonl:41", 41),
    "json: no object": ("json", document([*ROWS, 7]), "t.json[40]", 41),
    "json: cut short": ("json", document(ROWS)[:-9], "t.json[39]", 40),
    "json: NaN": ("json", document(ROWS).replace(b'"where is card 39?"', b"NaN"), "t.json[39]", 40),
    "csv: not UTF-8": ("csv", csv(ROWS).replace(b"card 2?", BROKEN), "t.csv:4", 40),
    "csv: too few fields": ("csv", csv(ROWS) + b"40,where?\n", "t.csv:42", 41),
    "csv: no label": ("csv", csv(ROWS) + b"40,where?,\n", "t.csv:42", 41),
    "csv: a quote never closed": ("csv", csv(ROWS) + b'40,"where?,a\n', "t.csv:42", 41),
    "parquet: not UTF-8": ("parquet", parquet(ROWS, BROKEN), "t.parquet#2", 40),
}
SAME_AS_GOOD = {
    "a mark at the start": ("jsonl", b"\xef\xbb\xbf" + jsonl(ROWS)),
    "carriage returns and blank lines": ("jsonl", jsonl(ROWS).replace(b"\n", b"\r\n\r\n")),
    "a mark at the start of json": ("json", b"\xef\xbb\xbf" + document(ROWS)),
    "a mark at the start of csv": ("csv", b"\xef\xbb\xbf" + csv(ROWS).replace(b"\n", b"\r\n")),
    "NaN in a field that nobody reads": ("jsonl", jsonl(ROWS).replace(b"}", b', "score": NaN}')),
    "an object over several lines": ("jsonl", b"\n".join(json.dumps(row, indent=2).encode() for row in ROWS)),
    "objects of json one after another": ("json", b"\n".join(json.dumps(row, indent=2).encode() for row in ROWS)),
    "zstd": ("jsonl", pa.compress(jsonl(ROWS), "zstd", asbytes=True)),
    "gzip": ("csv", gzip.compress(csv(ROWS))),
}


@pytest.fixture
def plan(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def plan(source, content, policy="fail", path=None):
        """Return the exit code and the document of ``plan --json``."""
        file = Path(f"t.{source}")
        if content is not None:
            file.write_bytes(content)
        Path("router.yaml").write_text(SPEC.format(source=source, path=path or file, policy=policy), encoding="utf-8")
        monkeypatch.setattr("sys.argv", ["tracer-spec", "plan", "router.yaml", "-q", "--json", "--no-curve"])
        code = main()
        return code, json.loads(capsys.readouterr().out)

    return plan


@pytest.mark.parametrize(("source", "content", "where", "n_read"), ONE_BAD_RECORD.values(), ids=ONE_BAD_RECORD)
def test_a_bad_record_is_an_error_at_its_place_or_a_counted_drop(plan, source, content, where, n_read):
    code, told = plan(source, content)
    assert code == 1
    head, *problems = told["error"]["problems"]
    assert head["what"].startswith(f"1 of {n_read} records cannot be used: ")
    assert [problem["where"] for problem in problems] == [where]
    code, told = plan(source, content, "drop")
    assert code == 0
    counts = told["traces"]
    assert (counts["read"], counts["kept"], sum(counts["dropped"].values())) == (n_read, n_read - 1, 1)


@pytest.mark.parametrize(("source", "content"), SAME_AS_GOOD.values(), ids=SAME_AS_GOOD)
def test_what_is_no_fault_of_the_file_is_passed_over(plan, source, content):
    assert plan(source, content)[1]["traces"] == plan(source, WRITERS[source](ROWS))[1]["traces"]


@pytest.mark.parametrize("policy", ["fail", "drop"])
@pytest.mark.parametrize("source", WRITERS)
def test_input_that_is_not_there_or_holds_nothing_is_an_error_whatever_the_policy(plan, source, policy):
    Path("folder").mkdir()
    kinds = {
        "matches no file": (None, "nowhere/*"),
        "is a folder": (None, "folder"),
        "holds no record": (WRITERS[source](ROWS[:0]), None),
    }
    for said, (content, path) in kinds.items():
        code, told = plan(source, content, policy, path)
        (problem,) = told["error"]["problems"]
        assert (code, problem["address"]) == (1, "traces.with.path"), problem
        assert said in problem["what"]
        assert problem["hint"]


@pytest.mark.parametrize("policy", ["fail", "drop"])
@pytest.mark.parametrize("source", WRITERS)
def test_a_file_of_another_kind_is_an_error_that_says_where_to_look(plan, source, policy):
    code, told = plan(source, b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, policy)
    head = told["error"]["problems"][0]
    assert code == 1
    assert head["hint"]
    assert "traces" in head["address"] or head["where"].startswith("t.")


@pytest.mark.parametrize("verb", ["plan", "build"])
@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "traces: {use: jsonl, with: {path: gone.jsonl}}",
            "router.yaml:1:35  traces.with.path\n  'gone.jsonl' matches no",
        ),
        (
            "traces:\n- {use: jsonl, with: {path: t.jsonl}}\n- {use: csv, with: {path: gone.csv}}",
            "router.yaml:3:27  traces[1]",
        ),
        (
            "traces: {use: jsonl, with: {path: t.jsonl}, labels: {allowed: gone.txt}}",
            "router.yaml:1:63  traces.labels.al",
        ),
        (
            "embedder: {use: precomputed, with: {path: gone.npy}}\ntraces: {use: jsonl, with: {path: t.jsonl}}",
            "router.yaml:1:43  embedder.with.path",
        ),
        ("defer_labels: [c]\ntraces: {use: jsonl, with: {path: t.jsonl}}", "router.yaml:1:15  defer_labels"),
    ],
    ids=["traces", "second source", "labels", "vectors", "deferred label"],
)
def test_an_error_about_a_value_of_the_spec_names_its_line_in_plan_and_in_build(
    verb, written, said, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    Path("t.jsonl").write_bytes(jsonl(ROWS))
    embedder = "" if "embedder" in written else "embedder: lsa\n"
    Path("router.yaml").write_text(f"{written}\n{embedder}version: 1\nname: small\ntarget: {{agreement: 0.9}}\n")
    assert main([verb, "router.yaml", "-q"]) in (1, 2)
    assert capsys.readouterr().err.startswith(said)
