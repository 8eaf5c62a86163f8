"""The output of the command line over a small build, under a calibrator by whatever name a spec gives it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tracer_spec.plugin import Target
from tracer_spec.testing.distribution import put_distribution

N_TRACES = 400
# what differs from one run to the next: how long it took, and digests and sizes, since a bundle names its plugins
_CHANGES = re.compile(r"\b[0-9.]+ (s|kB)\b|\b[0-9a-f]{12,64}\b")
# all in one process: most of what a small command takes is the start of Python and the imports
_CALLS = """\
import contextlib, io, json, sys
from tracer_spec.cli import main

said = []
for call in json.loads(sys.argv[1]):
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=sys.stdout.encoding) for _ in range(2)]
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        main(call)
    said.append([each.seek(0) or each.read() for each in streams])
with open("said.json", "w", encoding="utf-8") as file:
    json.dump(said, file)
"""
_MODULE = """\
from dataclasses import replace
from importlib.metadata import distribution

from tracer_spec.plugin import hookimpl


@hookimpl
def tracer_spec_calibrators():
    for entry in distribution({distribution!r}).entry_points:
        if entry.group == "tracer_spec":
            for plugin in getattr(entry.load(), "tracer_spec_calibrators", tuple)():
                if plugin.name == {name!r}:
                    yield replace(plugin, name={other!r})
"""


def another_name(name: str) -> str:
    """Return another name of the same length, so that sizes and columns stay as they are."""
    return ("y" if name.startswith("x") else "x") + name[1:]


def command_output(calibrator: str, options: Mapping[str, Any], target: Target, folder: Path) -> list[str]:
    """Return what ``plan``, ``build`` and ``inspect`` print of a router whose spec names this calibrator."""
    rng = np.random.default_rng(5)
    side = rng.integers(0, 2, N_TRACES)
    vectors = rng.normal(side[:, None] * 4.0, 1.0, (N_TRACES, 2)).round(4)
    rows = [
        {"id": str(number), "input": f"text {number}", "teacher": "ab"[label], "embedding": vector}
        for number, (label, vector) in enumerate(zip(side.tolist(), vectors.tolist(), strict=True))
    ]
    (folder / "traces.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    spec = {
        "version": 1,
        "name": "told",
        "traces": {"use": "jsonl", "with": {"path": "traces.jsonl"}},
        "embedder": {"use": "precomputed", "with": {"column": "embedding"}},
        "zoo": ["logreg"],
        "target": {
            target.measure: target.level,
            "confidence": target.confidence,
            "calibrator": {"use": calibrator, "with": dict(options)},
        },
    }
    (folder / "router.yaml").write_text(json.dumps(spec), encoding="utf-8")
    (folder / "router.lock").unlink(missing_ok=True)
    calls = (("plan", "router.yaml"), ("build", "router.yaml", "--out", "told.tracer"), ("inspect", "told.tracer"))
    return _said(calls, folder)


def ship_renamed(name: str, distribution: str, folder: Path) -> str:
    """Put a distribution into ``folder`` that provides an installed calibrator under another name, and return that."""
    other = another_name(name)
    put_distribution(
        folder,
        f"{distribution}-renamed",
        importlib.metadata.version(distribution),
        {"renamed": "renamed_calibrator"},
        renamed_calibrator=_MODULE.format(distribution=distribution, name=name, other=other),
    )
    return other


def _said(calls: Sequence[Sequence[str]], folder: Path) -> list[str]:
    """Run commands in the folder, whose distributions they see, and return the stdout of each without what changes."""
    places = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    run = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", _CALLS, json.dumps(calls)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places), "COLUMNS": "1000"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    said = (
        json.loads((folder / "said.json").read_text("utf-8")) if not run.returncode else [(run.stderr, "")] * len(calls)
    )
    return [_CHANGES.sub("...", out) or err for out, err in said]
