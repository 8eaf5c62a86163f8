from __future__ import annotations

import datetime
import json

import tracer_spec as ts
from shop import calls
from tracer_spec.flow.documents.decision import decision_schema

from tracer_spec_spark import decisions
from tracer_spec_spark.decision_table import ROUTER, SCHEMA, UNREAD

KINDS = {"string": "string", "boolean": "boolean", "number": "double", "integer": "int"}


def kinds_of(properties):
    """Return the types of Spark that a schema's properties take."""
    found = {}
    for name, said in properties.items():
        types = {each.get("type") for each in said.get("anyOf", [said])} - {"null"}
        kind = types.pop() if types else None
        found[name] = KINDS.get(kind, "string")
    return found


def test_the_columns_are_those_of_the_schema_of_the_log():
    schema = decision_schema()
    router = next(each for name, each in schema["$defs"].items() if name == "RouterStory")
    assert {field.name: field.dataType.simpleString() for field in ROUTER} == kinds_of(router["properties"])
    wanted = kinds_of(schema["properties"]) | {"time": "timestamp", "router": ROUTER.simpleString(), UNREAD: "string"}
    assert {field.name: field.dataType.simpleString() for field in SCHEMA} == wanted


def test_a_log_is_read_as_it_was_written(spark, bundle, tmp_path):
    texts = [row["input"] for row in calls(60, seed=2)]
    with ts.deploy(
        bundle, teacher=lambda text: {"label": "refund"}, mode="live", audit=0.3, log=tmp_path / "log"
    ) as app:
        for text in texts:
            app.classify(text)
    lines = [
        json.loads(line)
        for path in (tmp_path / "log").glob("*.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    got = {row["id"]: row.asDict(recursive=True) for row in decisions(spark, tmp_path).collect()}
    assert len(got) == len(lines) == 60
    for line in lines:
        row = got[line["id"]]
        assert row.pop(UNREAD) is None
        moment = datetime.datetime.fromisoformat(line.pop("time"))
        assert row.pop("time").astimezone(datetime.UTC) == moment
        raw = line.pop("teacher_raw")
        held = row.pop("teacher_raw")
        assert raw is held is None or json.loads(held) == raw
        assert row == {"input_sha256": None} | line
    assert any(row["router"]["audit"] for row in got.values())


def test_a_line_that_is_no_record_is_kept_as_it_stands(spark, tmp_path):
    good = {
        "id": "a",
        "time": "2026-01-01T00:00:00Z",
        "teacher": None,
        "teacher_raw": None,
        "model": None,
        "router": None,
    }
    path = tmp_path / "decisions-2026-01-01-abc-0001.jsonl"
    path.write_text(json.dumps(good) + '\n{"id": "b", "ti', encoding="utf-8")
    (tmp_path / "monitor.json").write_text("{}")
    rows = decisions(spark, tmp_path).orderBy("id", ascending=False).collect()
    assert rows[0]["id"] == "a"
    assert [row[UNREAD] for row in rows] == [None, '{"id": "b", "ti']
