"""The same calls over Spark Connect, in a process of its own: one process talks to one kind of Spark."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import tracer_spec as ts
from shop import HAS_JAVA, NO_JAVA, SHORT_LIVED, by_command, calls, write_lines

PROGRAM = """
import json, sys
from pyspark.sql import SparkSession
from tracer_spec_spark import SparkOptions, decisions, route, verify
from tracer_spec_spark.source import SparkSource

bundle, rows, log, java = sys.argv[1:]
builder = SparkSession.builder.remote("local[2]")
settings = {"spark.driver.memory": "1g", "spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2"}
for key, value in {**settings, "spark.driver.extraJavaOptions": java}.items():
    builder = builder.config(key, value)
spark = builder.getOrCreate()
assert type(spark).__module__.startswith("pyspark.sql.connect")
frame = spark.read.schema("id string, input string, teacher string").json(rows).repartition(3)
decided = [row.asDict() for row in route(frame, bundle, text="input", prefix="router_").orderBy("id").collect()]
frame.createOrReplaceTempView("calls")
source = SparkSource(SparkOptions(table="calls", max_rows=100))
told = {
    "decided": decided,
    "verified": verify(frame, bundle, text="input", label="teacher", id="id").document(),
    "sampled": [record.data["id"] for record in source.records()],
    "logged": decisions(spark, log).count(),
}
print(json.dumps(told))
spark.stop()
"""


@pytest.mark.skipif(not HAS_JAVA, reason=NO_JAVA)
def test_spark_connect_carries_the_same_calls(bundle, tmp_path):
    rows = sorted(calls(400, seed=21, first=20_000), key=lambda row: row["id"])
    path = write_lines(tmp_path / "rows.jsonl", rows)
    with ts.deploy(bundle, teacher=lambda text: "refund", mode="live", log=tmp_path / "log") as app:
        app.classify("refund my order")
    command = [sys.executable, "-c", PROGRAM, str(bundle), str(path), str(tmp_path / "log"), SHORT_LIVED]
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert (done.returncode, bool(done.stdout)) == (0, True), done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    wanted = ts.load(bundle).route_batch([row["input"] for row in rows]).to_dicts()
    assert [row["id"] for row in told["decided"]] == [row["id"] for row in rows]
    for row, decision in zip(told["decided"], wanted, strict=True):
        assert {key: row[f"router_{key}"] for key in decision if key != "score"} == {
            key: value for key, value in decision.items() if key != "score"
        }
        assert row["router_score"] == pytest.approx(decision["score"], abs=1e-5)
    assert told["verified"] == by_command(bundle, path)
    assert (len(told["sampled"]), told["sampled"]) == (100, sorted(told["sampled"]))
    assert told["logged"] == 1
