"""Builds of one spec are one file: other processes, folders, threads, hash seeds, one worker or two, a cache or none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
SPEC = """\
version: 1
name: twice
traces:
  use: jsonl
  with: {path: traces.jsonl}
embedder: {use: lsa, with: {dim: 24}}
zoo:
  - logreg
  - sgd
  - {use: dt, with: {max_depth: 6}}
  - {use: mlp, with: {hidden: [8], max_iter: 5}}
guards: [{use: prototypes, with: {quantile: 0.99}}]
defer_labels: [fee]
target: {agreement: 0.85}
"""
BUILD = """
import json, sys
import tracer_spec as ts
import tracer_spec.flow.training.parallel
tracer_spec.flow.training.parallel._WORTH_PROCESSES = 0  # or so few rows would be learned in one process
result = ts.build("router.yaml", out="out.tracer", workers=int(sys.argv[1]))
from joblib.externals.loky import reusable_executor
print(json.dumps({
    "sha256": result.sha256,
    "family": result.policy and len(result.policy),
    "zoo": [row.status for row in result.zoo],
    "processes": 0 if reusable_executor._executor is None else reusable_executor._executor._max_workers,
}))
"""
WORDS = {
    "card": ["card", "plastic", "debit", "visa", "chip"],
    "loan": ["loan", "borrow", "credit", "mortgage", "interest"],
    "app": ["app", "login", "phone", "screen", "update"],
    "fee": ["fee", "charge", "cost", "price", "statement"],
}
ANY = [word for words in WORDS.values() for word in words]
FILLER = ["please", "can", "you", "tell", "me", "about", "my", "the", "for", "with", "today", "now", "again", "why"]


def write_traces(path, n, seed=0):
    """Write traces of four labels: a few telling words among filler, and a teacher that slips now and then."""
    rng = np.random.default_rng(seed)
    labels = sorted(WORDS)
    with path.open("w", encoding="utf-8") as file:
        for i in range(n):
            label = labels[rng.integers(4)]
            words = [*rng.choice(FILLER, 4), *rng.choice(WORDS[label], 2), rng.choice(ANY)]
            said = label if rng.uniform() > 0.03 else labels[rng.integers(4)]
            file.write(json.dumps({"id": f"e{i}", "input": " ".join(words), "teacher": said}) + "\n")


def build_in(folder, workers, **env):
    """Build in a folder of its own, by a process of its own."""
    folder.mkdir(parents=True)
    (folder / "router.yaml").write_text(SPEC)
    write_traces(folder / "traces.jsonl", 900)
    kept = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(workers)],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_any_process_folder_threads_hash_seed_workers_and_cache_make_one_file(tmp_path):
    cache = {"TRACER_SPEC_CACHE": str(tmp_path / "cache"), "TRACER_SPEC_CACHE_MB": "100"}
    env = {"PYTHONHASHSEED": "2", "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "LC_ALL": "C"}
    one = build_in(tmp_path / "one", 1, PYTHONHASHSEED="1", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", TZ="UTC")
    two = build_in(tmp_path / "another" / "place", 2, **env, **cache, TZ="Asia/Kolkata")
    # what is compared went the way it says: one process alone, two side by side, and what the second one left in the cache
    assert (one.pop("processes"), two.pop("processes")) == (0, 2)
    assert one["zoo"].count("trained") >= 4
    assert one == two
    for workers in (1, 2):
        again = build_in(tmp_path / f"warm {workers}", workers, **cache)
        assert again == one | {"processes": 0}
    files = [place.read_bytes() for place in tmp_path.rglob("out.tracer")]
    assert len(files) == 4
    assert len(set(files)) == 1
