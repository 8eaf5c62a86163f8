#!/usr/bin/env python3
"""Build the specs of the real datasets, route their untouched test rows, and print the table of docs/results.md.

    python benchmarks/results.py ../shared/data [--json out.json]

Everything goes through the command line, as a user's pipeline would: ``tracer-spec build`` on a copy of the spec (so that the
first look at the certify rows is the first), then ``tracer-spec route`` on the test rows. End-to-end macro-F1 is that of the
whole system: the surrogate's label where it handles, the teacher's where it defers.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from sklearn.metrics import f1_score

SPECS = Path(__file__).parents[1] / "specs"
RUNS = (
    ("banking77", "BANKING77_TRACES", "banking77_train.jsonl", "banking77_test.jsonl", 0.92),
    ("banking77", "BANKING77_TRACES", "banking77_train.jsonl", "banking77_test.jsonl", 0.95),
    ("clinc150", "CLINC150_TRACES", "clinc150_train.jsonl", "clinc150_test.jsonl", 0.92),
    ("clinc150", "CLINC150_TRACES", "clinc150_train.jsonl", "clinc150_test.jsonl", 0.95),
    ("banking77-llm", "LLM_TRACES", "banking77_claude_4_5_sonnet_500.jsonl", "", 0.92),
    ("banking77-llm", "LLM_TRACES", "banking77_gpt_5_2_500.jsonl", "", 0.92),
    ("banking77-llm", "LLM_TRACES", "banking77_gpt_5_mini_500.jsonl", "", 0.92),
)


def tracer_spec(*arguments: str, **environ: str) -> str:
    """Run a command; a refusal (exit 3) is a result."""
    command = [sys.executable, "-m", "tracer_spec", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environ)
    if done.returncode not in (0, 3):
        raise SystemExit(done.stderr)
    return done.stdout


def run(data: Path, spec: str, variable: str, traces: str, test: str, target: float) -> dict[str, object]:
    """Build one spec and measure its bundle."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(SPECS / spec, Path(folder) / spec, ignore=shutil.ignore_patterns("*.lock")))
        bundle = Path(folder) / "out.tracer"
        started = time.perf_counter()
        build = ["build", str(copy / "router.yaml"), "--out", str(bundle), "--json", "-q", "--no-cache"]
        build += ["--set", f"target.agreement={target}"]
        result = json.loads(tracer_spec(*build, **{variable: str((data / traces).resolve())}))
        row = {
            "traces": traces, "read": result["traces"]["read"], "target": target, "status": result["status"],
            "build_s": time.perf_counter() - started, "off_list": result["traces"]["n_unknown_labels"],
        }  # fmt: skip
        if result["status"] == "certified" and test:
            row |= measure(bundle, data / test) | {"mb": bundle.stat().st_size / 1e6}
    return row


def measure(bundle: Path, test: Path) -> dict[str, float]:
    """Route the test rows and compare with the teacher."""
    teacher = [json.loads(line)["teacher"] for line in test.read_text().splitlines()]
    decisions = [json.loads(line) for line in tracer_spec("route", str(bundle), str(test)).splitlines()]
    handled = [each["handled"] for each in decisions]
    agree = sum(each["label"] == label for each, label in zip(decisions, teacher, strict=True) if each["handled"])
    final = [each["label"] if each["handled"] else label for each, label in zip(decisions, teacher, strict=True)]
    return {
        "n_test": len(teacher),
        "coverage": sum(handled) / len(teacher),
        "agreement": agree / sum(handled),
        "macro_f1": float(f1_score(teacher, final, average="macro")),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if not (args.data / "banking77_train.jsonl").exists():
        raise SystemExit(f"{args.data}: no banking77_train.jsonl; the benchmark needs the real datasets")
    rows = [run(args.data, *each) for each in RUNS]
    print("| traces | target | outcome | test rows | coverage | agreement | end-to-end macro-F1 | build s | MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        name = f"{row['traces'].removesuffix('.jsonl')} ({row['read']:,})"
        head = f"| {name} | {row['target']:.2f} | {row['status']} |"
        if "coverage" in row:
            print(
                f"{head} {row['n_test']:,} | {row['coverage']:.3f} | {row['agreement']:.3f} | {row['macro_f1']:.3f} "
                f"| {row['build_s']:.1f} | {row['mb']:.1f} |"
            )
        else:
            print(f"{head} | | | | {row['build_s']:.1f} | | <!-- {row['off_list']} answers off the list -->")
    versions = {each: version(each) for each in ("tracer-spec", "scikit-learn", "numpy", "onnxruntime")}
    print(f"\n{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}")
    if args.json:
        args.json.write_text(json.dumps({"versions": versions, "results": rows}, indent=1))


if __name__ == "__main__":
    main()
