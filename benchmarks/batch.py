#!/usr/bin/env python3
"""Time every engine of docs/batch.md on the same rows: rows per processor second, its start included, in one run.

    python benchmarks/batch.py BUNDLE TRACES.jsonl [--rows 50000] [--only duckdb] [--check]

Each example of the page is run as it stands, in a process of its own. An engine that is not installed is left out, and said
so; so is Spark, by `tracer-spec-spark` and on two cores, where there is no Java. `local` is
`RouterRef.route_arrow` on the whole table, and `route` the command line, with one and with two workers. Times want psutil.
`--check` compares every row of the page's examples with `local` instead, and wants their engines.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "batch.md"
LOCAL = """
import pyarrow.parquet as pq
import tracer_spec as ts

decided = ts.RouterRef("intents.tracer").route_arrow(pq.read_table("requests.parquet"), text="text")
"""
ROUTE = """
import sys
from tracer_spec.cli import main

files = ["intents.tracer", "requests.parquet", "--out", "out.parquet"]
assert main(["route", *files, "--text", "text", "--workers", "{n}", "-q"]) == 0
"""
SPARK = """
import os, sys
import pyspark
from tracer_spec_spark import route

os.environ["PYSPARK_PYTHON"] = sys.executable
spark = pyspark.sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
route(spark.read.parquet("requests.parquet"), "intents.tracer", text="text").write.mode("overwrite").parquet("decided")
"""
# what tells that an engine cannot run here, and what is missing
MISSING = {"ModuleNotFoundError": "not installed", "JAVA_GATEWAY_EXITED": "there is no Java"}
# what a run ends with: the processor seconds of this process and of all that it started, those still running too
CLOCK = """
import os, resource, psutil
spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
seconds = sum(each.ru_utime + each.ru_stime for each in spent)
for process in psutil.Process().children(recursive=True):
    try:
        taken = process.cpu_times()
        seconds += taken.user + taken.system + taken.children_user + taken.children_system
    except psutil.Error:
        pass
print("processor seconds", seconds, flush=True)
os._exit(0)
"""


# what a run ends with instead, where decisions are checked: they are written by the row's id
ROWS = """
import json

if hasattr(decided, "take_all"):
    rows = decided.take_all()
elif hasattr(decided, "to_dicts"):
    rows = decided.to_dicts()
elif hasattr(decided, "to_pylist"):
    rows = decided.to_pylist()
else:
    import pyarrow
    rows = pyarrow.Table.from_pandas(decided).to_pylist()
found = {row["id"]: [row.get("router", row)[key] for key in ("label", "handled", "stage", "reason")] for row in rows}
with open("rows.json", "w") as file:
    json.dump(found, file, sort_keys=True)
"""


def examples() -> dict[str, str]:
    """Return the code of each engine on the page."""
    return dict(re.findall(r"```python engine=(\w+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))


def write_requests(traces: Path, n: int, folder: Path) -> None:
    """Write n texts, hardly any of them twice."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = [json.loads(line)["input"] for line in traces.read_text().splitlines()]
    rng = random.Random(0)
    rows = [f"{rng.choice(texts)} {rng.randrange(n)}" for _ in range(n)]
    pq.write_table(pa.table({"id": list(range(n)), "text": rows}), folder / "requests.parquet")


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own."""
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)


def check(codes: dict[str, str], folder: Path) -> None:
    """Leave with an error where an engine's decisions are not those of `local`."""
    wanted = ""
    for name, code in codes.items():
        done = run(code + ROWS, folder)
        if done.returncode:
            sys.exit(f"{name} failed:\n{done.stderr}")
        found = (folder / "rows.json").read_text()
        wanted = wanted or found
        if found != wanted:
            sys.exit(f"{name} decides otherwise than local")
        print(f"{name}: {len(json.loads(found)):,} rows decided as by local", flush=True)


def measure(code: str, folder: Path) -> tuple[float, float] | str:
    """Return wall and processor seconds of a piece of code, or which of what it needs is missing."""
    started = time.perf_counter()
    done = run(code + CLOCK, folder)
    for said, what in MISSING.items():
        if said in done.stderr:
            return what
    found = re.search(r"processor seconds ([0-9.]+)", done.stdout)
    if done.returncode or found is None:
        sys.exit(done.stderr)
    return time.perf_counter() - started, float(found[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("traces", type=Path)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--only", action="append", help="an engine; all where not given")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    codes = {
        "local": LOCAL,
        "route": ROUTE.format(n=1),
        "route, 2 workers": ROUTE.format(n=2),
        **examples(),
        "spark": SPARK,
    }
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shutil.copy(args.bundle, folder / "intents.tracer")
        write_requests(args.traces, args.rows, folder)
        if args.check:
            check({"local": LOCAL, **examples()}, folder)
            return
        if find_spec("psutil") is None:
            sys.exit("times want psutil: pip install psutil")
        print("| engine | wall s | processor s | rows per processor second |\n|---|---:|---:|---:|")
        for name in args.only or codes:
            taken = measure(codes[name], folder)
            if isinstance(taken, str):
                print(f"| {name} | {taken} | | |")
            else:
                print(f"| {name} | {taken[0]:.1f} | {taken[1]:.1f} | {args.rows / taken[1]:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
