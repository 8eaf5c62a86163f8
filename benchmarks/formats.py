#!/usr/bin/env python3
"""Measure what each preset takes to read a trace, in processor microseconds, on generated records of every sample's shape.

    python benchmarks/formats.py [--traces 20000] [--json formats.json]

Records are made by `tests/builtin/formats_data/write.py`, plain and structured answers by turns, and parsed before the clock
starts; the best of three passes counts. Ratios of two versions are to be taken from runs on the same idle machine.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
from pathlib import Path

from tracer_spec.builtin.formats import PRESETS, compile_format
from tracer_spec.plugin import Record

PASSES = 3


def samples():
    """Return the module that writes the samples."""
    path = Path(__file__).parents[1] / "tests" / "builtin" / "formats_data" / "write.py"
    spec = importlib.util.spec_from_file_location("write", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traces", type=int, default=20_000)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    write = samples()
    calls = [
        write.Call(number, f"where is my card number {number}?", f"label_{number % 77}")
        for number in range(args.traces)
    ]
    taken = {}
    print("| sample | µs a trace | read |\n|---|---:|---:|")
    for name, envelope in write.SAMPLES.items():
        lines = [json.dumps(each) for call in calls for each in envelope(call, bool(call.number % 2))]
        records = [Record(f"f:{number}", json.loads(line)) for number, line in enumerate(lines)]
        reader = compile_format(PRESETS[name.partition(".")[0]])
        best = float("inf")
        for _ in range(PASSES):
            started = time.process_time()
            n = sum(not raw.reason for _, raw in reader.traces(records))
            best = min(best, time.process_time() - started)
        taken[name] = 1e6 * best / args.traces
        print(f"| {name} | {taken[name]:.1f} | {n:,} |", flush=True)
    if args.json:
        args.json.write_text(json.dumps(taken))


if __name__ == "__main__":
    main()
