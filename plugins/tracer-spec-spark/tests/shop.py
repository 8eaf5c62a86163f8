"""A shop's requests, what a teacher answered, and bundles that were built on them."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys

import tracer_spec as ts

HAS_JAVA = bool(os.environ.get("JAVA_HOME") or shutil.which("java"))
NO_JAVA = "there is no Java, which Spark runs on: apt-get install default-jre-headless"

SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Options for a Java of a few minutes: the quick compiler alone, and no threads for the garbage."""

LABELS = ("refund", "delivery", "account")
_WORDS = {
    "refund": ("money back", "return the jacket", "refund my order", "pay me back"),
    "delivery": ("where is the parcel", "late delivery", "track my parcel", "courier lost it"),
    "account": ("reset my password", "cannot log in", "change my email", "close my account"),
}
_STARTS = ("hello", "hi there", "please", "good morning", "quick question", "hey")


def calls(n, seed=0, first=0):
    """Return requests with the teacher's answers, which are wrong now and then, and for some made up."""
    rng = random.Random(seed)
    rows = []
    for number in range(first, first + n):
        label = rng.choice(LABELS)
        text = f"{rng.choice(_STARTS)} {rng.choice(_WORDS[label])} {rng.choice(_STARTS)} {rng.randrange(90)}"
        if rng.random() < 0.1:
            text = f"{rng.choice(_STARTS)} {rng.randrange(90)}"
        answer = rng.choice(("refund ", "other", "")) if rng.random() < 0.04 else label
        rows.append({"id": f"c{number}", "input": text, "teacher": answer, "shop": f"s{rng.randrange(400)}"})
    return rows


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def build(folder, rows, name="shop", **spec):
    """Build a bundle."""
    folder.mkdir(parents=True, exist_ok=True)
    write_lines(folder / "traces.jsonl", rows)
    traces = {"use": "jsonl", "with": {"path": str(folder / "traces.jsonl")}, "repeats": "traffic"}
    traces |= spec.pop("traces", {})
    said = {
        "version": 1,
        "name": name,
        "traces": traces,
        "embedder": {"use": "lsa", "with": {"dim": 32}},
        "zoo": ["logreg"],
        "target": {"agreement": 0.8},
        "split": {"certify": 0.4},
    }
    path = folder / f"{name}.tracer"
    assert ts.build(said | spec, out=path, workers=1).status == "certified"
    return path


def by_command(bundle, path):
    """Return what ``tracer-spec verify`` measures."""
    command = [sys.executable, "-m", "tracer_spec", "verify", str(bundle), str(path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 4), done.stderr
    return json.loads(done.stdout)["measured"]
