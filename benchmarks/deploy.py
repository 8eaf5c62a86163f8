#!/usr/bin/env python3
"""Measure what a deployment adds to a decision: medians in microseconds, side by side in one run.

    tracer-spec build specs/quickstart/router.yaml && python benchmarks/deploy.py dist/support-intents.tracer TRACES.jsonl

The texts are the `input` of each line; the teacher answers at once, so that what is left is the router, the coin and the log.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import tracer_spec as ts

WARM_UP, ROUNDS = 100, 3


def median(call: Callable[[str], object], texts: list[str]) -> float:
    """Return the median time of a call, in microseconds."""
    for text in texts[:WARM_UP]:
        call(text)
    taken = []
    for text in texts:
        started = time.perf_counter_ns()
        call(text)
        taken.append(time.perf_counter_ns() - started)
    return statistics.median(taken) / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle")
    parser.add_argument("texts", type=Path)
    args = parser.parse_args()
    texts = [json.loads(line)["input"] for line in args.texts.read_text().splitlines()]
    router = ts.load(args.bundle)
    with tempfile.TemporaryDirectory() as folder:
        alone = ts.deploy(args.bundle, teacher=lambda _: "answer")
        with ts.deploy(args.bundle, teacher=lambda _: "answer", log=folder) as logged:
            calls = {"route": router.route, "deploy, no log": alone.classify, "deploy, log": logged.classify}
            best = {name: min(median(call, texts) for _ in range(ROUNDS)) for name, call in calls.items()}
    print("| | µs | over route |\n|---|---:|---:|")
    for name, taken in best.items():
        print(f"| {name} | {taken:.1f} | {taken - best['route']:.1f} |")


if __name__ == "__main__":
    main()
