"""Processor time of a decision in Spark against the same decision here, in one run, without Spark's start.

python benchmarks/route.py BUNDLE TEXTS.jsonl [--rows 200000] [--runs 3]

TEXTS.jsonl has a text under 'input' on each line. Both sides read the same Parquet and decide on each of its rows. For Spark,
of two cores, the processor time of Java and of all its Python workers counts. A first run of each warms up and is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyspark
import tracer_spec as ts

from tracer_spec_spark import route

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
BATCH_ROWS = 10_000


def main() -> None:
    """Measure, and print a table and the versions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    parser.add_argument("texts", type=Path)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = write_rows(Path(folder) / "rows.parquet", asked.texts, asked.rows)
        spark = start(folder)
        frame = route(spark.read.parquet(str(path)), asked.bundle, text="input")
        ref = ts.RouterRef(asked.bundle)
        sides = {
            "here": (lambda: decide_here(ref, path), lambda: time.process_time()),
            "Spark": (lambda: frame.write.format("noop").mode("overwrite").save(), children_s),
        }
        rows = {name: measured(run, clock, asked.runs) for name, (run, clock) in sides.items()}
        spark.stop()
    print_table(rows, asked.rows)


def write_rows(path: Path, texts: Path, n: int) -> Path:
    """Write so many rows, the texts again and again with a number that makes each its own, in eight row groups."""
    lines = [json.loads(line)["input"] for line in texts.read_text(encoding="utf-8").splitlines()]
    made = [f"{lines[i % len(lines)]} {i // len(lines)}" for i in range(n)]
    table = pa.table({"id": pa.array(range(n)), "input": made})
    pq.write_table(table, path, row_group_size=max(1, n // 8))
    return path


def start(folder: str) -> Any:
    """Return a session of two cores."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = pyspark.sql.SparkSession.builder.master("local[2]")
    settings = {"spark.driver.memory": "1g", "spark.ui.enabled": "false", "spark.log.level": "ERROR"}
    for key, value in (
        settings | {"spark.sql.warehouse.dir": folder, "spark.sql.files.maxPartitionBytes": "2m"}
    ).items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def decide_here(ref: ts.RouterRef, path: Path) -> None:
    """Read and decide in this process."""
    for batch in pq.ParquetFile(path).iter_batches(BATCH_ROWS):
        ref.route_arrow(batch, text="input")


def measured(run: Callable[[], None], clock: Callable[[], float], runs: int) -> tuple[float, float]:
    """Return the seconds by the wall and of processors, the least of the runs after the first."""
    walls, processors = [], []
    for _ in range(runs + 1):
        wall, processor = time.perf_counter(), clock()
        run()
        walls.append(time.perf_counter() - wall)
        processors.append(clock() - processor)
    return min(walls[1:]), min(processors[1:])


def children_s() -> float:
    """Return the processor seconds of all that this process has started, and what that has started."""
    parents, seconds = {}, {}
    for each in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = each.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        pid = int(each.parent.name)
        parents[pid] = int(fields[1])
        # with its children that have ended, whose time goes to those who waited for them
        seconds[pid] = sum(map(int, fields[11:15])) * TICK_S
    return sum(seconds[pid] for pid in parents if descends(pid, os.getpid(), parents))


def descends(pid: int, ancestor: int, parents: dict[int, int]) -> bool:
    """Return whether one process comes of another."""
    while pid := parents.get(pid, 0):
        if pid == ancestor:
            return True
    return False


def print_table(rows: dict[str, tuple[float, float]], n: int) -> None:
    """Print what was measured, and with which versions."""
    print("| side | wall s | processor s | µs a row | ratio |\n|---|---:|---:|---:|---:|")
    least = rows["here"][1]
    for name, (wall, processor) in rows.items():
        print(f"| {name} | {wall:.2f} | {processor:.2f} | {processor / n * 1e6:.1f} | {processor / least:.2f} |")
    versions = f"pyspark {pyspark.__version__}, pyarrow {pa.__version__}, Python {platform.python_version()}"
    print(f"\n{n:,} rows; {versions}; {os.cpu_count()} processors")


if __name__ == "__main__":
    main()
