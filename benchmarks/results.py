#!/usr/bin/env python3
"""Build the specs of the real datasets, route their untouched test rows, and print the tables of docs/results.md.

    python benchmarks/results.py ../shared/data [--encoder ../shared/models/all-minilm-l6-v2-int8] [--json out.json]

Everything goes through the command line, as a user's pipeline would: ``tracer-spec build`` on a copy of the spec (so that the
first look at the certify rows is the first), then ``tracer-spec route`` on the test rows. End-to-end macro-F1 is that of the
whole system: the surrogate's label where it handles, the teacher's where it defers.

With ``--encoder``, a folder that holds an ONNX sentence encoder, each build is made four times: with ``lsa``, with the
encoder, with both side by side (``concat``), and so with the acceptor ``neighbours``. That needs the distribution
tracer-spec-encoder.
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
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from sklearn.metrics import f1_score

SPECS = Path(__file__).parents[1] / "specs"
TARGETS = (0.90, 0.92, 0.95, 0.98)
DATASETS = {"banking77": "BANKING77_TRACES", "clinc150": "CLINC150_TRACES"}
ANSWERS = ("claude_4_5_sonnet", "gpt_5_2", "gpt_5_mini")


@dataclass(frozen=True)
class Build:
    """One spec of the repository, on some traces, at a target.

    ``variable`` is what the spec takes the traces from; ``test`` holds rows that no build sees.
    """

    spec: str
    variable: str
    traces: str
    test: str
    target: float


RUNS = (
    *(
        Build(name, variable, f"{name}_train.jsonl", f"{name}_test.jsonl", target)
        for name, variable in DATASETS.items()
        for target in TARGETS
    ),
    *(Build("banking77-llm", "LLM_TRACES", f"banking77_{each}_500.jsonl", "", 0.92) for each in ANSWERS),
)


def ways(encoder: Path | None) -> dict[str, tuple[str, ...]]:
    """Return what ``--set`` takes for each way to measure."""
    lsa = {"lsa": ("embedder=lsa",)}
    if encoder is None:
        return lsa
    one = json.dumps({"use": "encoder", "with": {"path": str(encoder.resolve()), "in_bundle": True}})
    both = f"embedder={{use: concat, with: {{of: [lsa, {one}]}}}}"
    return lsa | {
        encoder.name: (f"embedder={one}",),
        "both": (both,),
        "both, neighbours": (both, "acceptor=neighbours"),
    }


def tracer_spec(*arguments: str, **environ: str) -> str:
    """Run a command; a refusal (exit 3) is a result."""
    command = [sys.executable, "-m", "tracer_spec", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environ)
    if done.returncode not in (0, 3):
        raise SystemExit(done.stderr)
    return done.stdout


def run(data: Path, asked: Build, name: str, settings: tuple[str, ...]) -> dict[str, object]:
    """Build one spec in one way, and measure its bundle."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(
            shutil.copytree(SPECS / asked.spec, Path(folder) / asked.spec, ignore=shutil.ignore_patterns("*.lock"))
        )
        bundle = Path(folder) / "out.tracer"
        started = time.perf_counter()
        build = ["build", str(copy / "router.yaml"), "--out", str(bundle), "--json", "-q", "--no-cache"]
        for setting in (f"target.agreement={asked.target}", *settings):
            build += ["--set", setting]
        result = json.loads(tracer_spec(*build, **{asked.variable: str((data / asked.traces).resolve())}))
        row = {
            "traces": asked.traces, "read": result["traces"]["read"], "embedder": name, "target": asked.target,
            "status": result["status"], "build_s": time.perf_counter() - started,
            "off_list": result["traces"]["n_unknown_labels"],
        }  # fmt: skip
        if result["status"] == "certified" and asked.test:
            row |= measure(bundle, data / asked.test, name) | {"mb": bundle.stat().st_size / 1e6}
    return row


def measure(bundle: Path, test: Path, name: str) -> dict[str, float]:
    """Route the test rows and compare with the teacher."""
    consent = [] if name == "lsa" else ["--embedder", "encoder"]
    teacher = [json.loads(line)["teacher"] for line in test.read_text().splitlines()]
    decisions = [json.loads(line) for line in tracer_spec("route", str(bundle), str(test), *consent).splitlines()]
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
    parser.add_argument("--encoder", type=Path, help="a folder with a model for tracer-spec-encoder")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if not (args.data / "banking77_train.jsonl").exists():
        raise SystemExit(f"{args.data}: no banking77_train.jsonl; the benchmark needs the real datasets")
    rows = [run(args.data, each, name, settings) for each in RUNS for name, settings in ways(args.encoder).items()]
    print(
        "| traces | target | embedder | outcome | test rows | coverage | agreement | end-to-end macro-F1 | build s | MB |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        traces = f"{row['traces'].removesuffix('.jsonl')} ({row['read']:,})"
        head = f"| {traces} | {row['target']:.2f} | {row['embedder']} | {row['status']} |"
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
