"""Measure what `plan` and `build` take on ever more generated traces: seconds, processor seconds, peak memory.

    python benchmarks/scale.py --work scale-work --json scale.json

The traces are made here, from a seed: 150 labels, a few of them common and most rare; messages of 3 to 200 words; one in ten
repeats an earlier message; the teacher contradicts itself now and then, makes up a label once in 500 times, and is right about
hard messages less often. Each run is a process of its own, and its memory is the high-water mark that the kernel keeps for it;
processes that it starts are counted beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
MAX_ROWS = 1_000_000
N_LABELS, N_WORDS, N_KEYWORDS = 150, 20_000, 12
CHUNK = 50_000
LIBRARIES = ("numpy", "scikit-learn", "onnxruntime", "jmespath")
SPEC = """\
version: 1
name: scale
traces:
  use: jsonl
  with: {{path: {traces}}}
  max_rows: {max_rows}
embedder: {{use: lsa, with: {{dim: 256}}}}
zoo:
  - {{use: logreg, with: {{max_seconds: 3600}}}}
  - {{use: mlp, with: {{max_seconds: 3600}}}}
families: [global, l2d]
target: {{agreement: 0.95}}
"""


@dataclass(frozen=True)
class Run:
    """What one command took."""

    command: str
    traces: int
    exit_code: int
    seconds: float
    processor_seconds: float
    peak_mb: float
    peak_with_workers_mb: float
    told: str


def words(rng: np.random.Generator) -> np.ndarray:
    """Return made-up words, the likeliest first and shortest."""
    syllables = np.array([a + b for a in "bcdfghjklmnprstvwz" for b in "aeiou"])
    lengths = 1 + np.minimum(3, np.arange(N_WORDS) // 80)
    made = ["".join(rng.choice(syllables, n)) for n in lengths.tolist()]
    return np.array(made)


def traces(n: int, longer: int = 1, seed: int = 0) -> Iterator[dict[str, object]]:
    """Yield generated traces, oldest first; messages have so many times the words."""
    rng = np.random.default_rng(seed)
    vocabulary = words(rng)
    often = 1 / np.arange(1, N_WORDS + 1)
    often /= often.sum()
    labels = np.array([f"{vocabulary[300 + i]}_{vocabulary[800 + i]}" for i in range(N_LABELS)])
    keywords = rng.integers(500, N_WORDS, (N_LABELS, N_KEYWORDS))
    common = 1 / np.arange(1, N_LABELS + 1) ** 0.7
    common /= common.sum()
    texts: list[tuple[str, int]] = []
    for start in range(0, n, CHUNK):
        size = min(CHUNK, n - start)
        topic = rng.choice(N_LABELS, size, p=common)
        length = longer * np.clip(rng.lognormal(2.4, 0.6, size), 3, 200).astype(int)
        edges = np.concatenate([[0], np.cumsum(length)])
        drawn = rng.choice(N_WORDS, edges[-1], p=often)
        # hard messages say little of their topic
        share = np.repeat(rng.beta(4, 8, size), length)
        own = keywords[np.repeat(topic, length), rng.integers(0, N_KEYWORDS, edges[-1])]
        written = vocabulary[np.where(rng.random(edges[-1]) < share, own, drawn)]
        repeats = rng.random(size) < 0.1
        wrong = rng.random(size) < 0.02
        other = rng.integers(0, N_LABELS, size)
        off_list = rng.random(size) < 0.002
        earlier = rng.random(size)
        ids = rng.integers(0, 1 << 63, size)
        for i in range(size):
            if repeats[i] and texts:
                text, label = texts[int(earlier[i] * len(texts))]
            else:
                text, label = " ".join(written[edges[i] : edges[i + 1]].tolist()), int(topic[i])
                texts.append((text, label))
            answer = "I am not sure." if off_list[i] else str(labels[other[i] if wrong[i] else label])
            moment = np.datetime64("2026-01-01T00:00:00") + np.timedelta64((start + i) * 7_776_000 // n, "s")
            yield {"id": f"{ids[i]:016x}", "input": text, "teacher": answer, "timestamp": f"{moment}Z"}


def write(folder: Path, n: int, longer: int) -> Path:
    """Write traces and a spec; return the spec."""
    folder.mkdir(parents=True, exist_ok=True)
    spec, file = folder / "router.yaml", folder / f"{n}x{longer}.jsonl"
    if not file.exists():
        partial = file.with_suffix(".partial")
        with partial.open("w", encoding="utf-8") as out:
            out.writelines(json.dumps(trace) + "\n" for trace in traces(n, longer))
        partial.replace(file)
    spec.write_text(SPEC.format(traces=file.name, max_rows=MAX_ROWS), encoding="utf-8")
    return spec


def run(command: str, spec: Path, n: int) -> Run:
    """Run one command on a spec and watch its memory."""
    arguments = [sys.executable, "-m", "tracer_spec", command, str(spec), "--json", "--quiet"]
    if command == "build":
        (spec.parent / "router.lock").unlink(missing_ok=True)
        arguments += ["--no-cache", "--out", str(spec.parent / "scale.tracer")]
    started, spent = time.perf_counter(), os.times()
    own = everything = 0.0
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            own = max(own, memory_mb(process.pid, "status", "VmHWM"))
            everything = max(everything, sum(memory_mb(pid, "smaps_rollup", "Pss") for pid in family(process.pid)))
            time.sleep(0.05)
        out, err = process.communicate()
    now = os.times()
    processor = now.children_user + now.children_system - spent.children_user - spent.children_system
    return Run(
        command,
        n,
        process.returncode,
        time.perf_counter() - started,
        processor,
        own,
        max(own, everything),
        outcome(out, err),
    )


def memory_mb(pid: int, file: str, field: str) -> float:
    """Return one of the kernel's figures of a process; 0 once it has gone."""
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{field}:")), 0.0)


def family(pid: int) -> list[int]:
    """Return a process and all that it started."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    except OSError:
        return []
    return [pid, *(each for child in children for each in family(int(child)))]


def outcome(out: str, err: str) -> str:
    """Return a command's status, or what it failed of."""
    document = json.loads(out) if out else {}
    return str(document.get("status") or " ".join((out or err).split())[:300])


def table(runs: list[Run]) -> str:
    head = "| traces | command | seconds | processor seconds | peak MB | with its workers, MB | outcome |"
    rows = [
        f"| {r.traces:,} | `{r.command}` | {r.seconds:.1f} | {r.processor_seconds:.1f} | {r.peak_mb:,.0f} "
        f"| {r.peak_with_workers_mb:,.0f} | {r.told} |"
        for r in runs
    ]
    return "\n".join([head, "|---:|---|---:|---:|---:|---:|---|", *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="a folder for traces and bundles; 3 GB")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--commands", nargs="+", default=["plan", "build"], choices=["plan", "build"])
    parser.add_argument("--longer", type=int, default=1, help="so many times the words: 24 makes messages of 2 kB")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    runs = []
    for n in arguments.sizes:
        spec = write(arguments.work / str(n), n, arguments.longer)
        for command in arguments.commands:
            runs.append(run(command, spec, n))
            print(f"{n:,} {command}: {runs[-1].seconds:.1f} s", file=sys.stderr)
    print(table(runs))
    machine = {
        "processor": platform.processor() or platform.machine(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }
    print(", ".join(f"{name} {value}" for name, value in machine.items()))
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine, "runs": [asdict(r) for r in runs]}, indent=1) + "\n")


if __name__ == "__main__":
    main()
