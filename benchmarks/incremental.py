"""Measure what a build takes when only the target changes, against the first build, in one run.

    python benchmarks/incremental.py ../shared/data --json incremental.json

DATA holds ``banking77_train.jsonl``. Each build is the command line in a process of its own, timed from start to exit, with a
cache that the first one finds empty, and no lock, so that each is a first look. At the end the last target is built once more
without a cache: both bundles must be the same file.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from runtime import LEAN_ZOO, about

WANTED = 10
STEPS = [
    ("first build", 0.92, ()),
    ("the same again", 0.92, ()),
    ("target .92 to .95", 0.95, ()),
    ("target .95 to .90", 0.90, ()),
    ("target .90, --no-cache", 0.90, ("--no-cache",)),
]
ZOOS: dict[str, list[Any]] = {
    "specs/banking77": ["logreg", {"use": "mlp", "with": {"hidden": [256]}}],
    "lean zoo": LEAN_ZOO,
}


def build(folder: Path, target: float, options: tuple[str, ...]) -> dict[str, Any]:
    """Build by the command line and time the whole process, its workers included."""
    (folder / "router.lock").unlink(missing_ok=True)
    command = [sys.executable, "-m", "tracer_spec", "build", "router.yaml", "--out", "out.tracer", "--json", "-q"]
    command += ["--set", f"target.agreement={target}", *options]
    env = os.environ | {"TRACER_SPEC_CACHE": str(folder / "cache"), "TRACER_SPEC_CACHE_MB": "5000"}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"the build ends in {done.returncode}: {done.stderr}{done.stdout[-2000:]}")
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"s": seconds, "cpu_s": cpu_s, "sha256": json.loads(done.stdout)["sha256"]}


def measure(data: Path, zoo: list[Any], work: Path) -> list[dict[str, Any]]:
    """Go through the steps in a fresh folder."""
    work.mkdir(parents=True)
    spec = {
        "version": 1,
        "name": "banking77",
        "traces": {"use": "jsonl", "with": {"path": str(data / "banking77_train.jsonl")}},
        "embedder": "lsa",
        "zoo": zoo,
        "target": {"agreement": 0.92, "confidence": 0.95},
    }
    (work / "router.yaml").write_text(json.dumps(spec))  # JSON is YAML
    rows = [{"what": what, "target": target} | build(work, target, options) for what, target, options in STEPS]
    for row in rows:
        row["ratio"] = rows[0]["s"] / row["s"]
        row["cpu_ratio"] = rows[0]["cpu_s"] / row["cpu_s"]
    if (rows[0]["sha256"], rows[-2]["sha256"]) != (rows[1]["sha256"], rows[-1]["sha256"]):
        raise SystemExit("with and without a cache the bundles differ")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    started = about()
    measured: dict[str, list[dict[str, Any]]] = {}
    print("| zoo | build | s | times faster | processor s | times less | met |\n|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as work:
        for name, zoo in ZOOS.items():
            measured[name] = measure(args.data.resolve(), zoo, Path(work) / name)
            for row in measured[name]:
                met = {True: "yes", False: "NO"}[row["ratio"] >= WANTED] if row["what"].startswith("target") else ""
                met = "" if "--no-cache" in row["what"] else met
                cells = [f"{row['s']:.2f}", f"{row['ratio']:.1f}", f"{row['cpu_s']:.2f}", f"{row['cpu_ratio']:.1f}"]
                print("|", " | ".join([name, row["what"], *cells, met]), "|", flush=True)
    print("with and without the cache: the same files, by sha256")
    print(json.dumps(started, ensure_ascii=False))
    if args.json:
        args.json.write_text(json.dumps(started | {"builds": measured}, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
