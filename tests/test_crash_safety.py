"""A build that is killed, and two that run at once: what lies under the bundle's name is always a whole bundle."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tracer_spec as ts
from tests.zygote import call, zygote

ROOT = Path(__file__).parents[1]
SPEC = """\
version: 1
name: before
traces:
  use: jsonl
  with: {path: traces.jsonl}
embedder: {use: lsa, with: {dim: 64}}
zoo: [logreg]
families: [l2d]
target: {agreement: 0.8}
"""
KILLS = 4
AT_MOST_S = 120
"""How long a build of these may take before it counts as hung."""

# a build after this ends with SIGKILL before its n-th operation on the files that it writes
DYING = """
import os, signal, sys

left = {n}

def count_down(event, arguments):
    global left
    if event in ("open", "os.rename") and any(name in str(arguments[0]) for name in ("out.tracer", "router.lock")):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count_down)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return a folder with a spec whose bundle is built."""
    place = tmp_path_factory.mktemp("built")
    rng = np.random.default_rng(0)
    rows = []
    for i in range(600):
        label = "card" if rng.uniform() < 0.5 else "loan"
        noise = " ".join("".join(rng.choice(list("abcdefghij"), 6)) for _ in range(5))
        rows.append({"id": f"e{i}", "input": f"{label} {noise}", "teacher": label})
    (place / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (place / "router.yaml").write_text(SPEC)
    build(place, "before")
    return place


@pytest.fixture
def folder(built, tmp_path):
    """Return a copy of it."""
    return shutil.copytree(built, tmp_path / "copy")


def arguments(name):
    return ["build", "router.yaml", "--out", "out.tracer", "--set", f"name={name}", "--workers", "1", "-v"]


def build(folder, name):
    """Build, and return what is told on the way."""
    done = call(*arguments(name), cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stderr


def start(folder, name):
    """Start a build in a process of its own."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "tracer_spec", *arguments(name)],
        cwd=folder,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    """Wait for a build that nobody kills."""
    said = process.communicate(timeout=AT_MOST_S)[1]
    assert process.returncode == 0, said


def name_under(path):
    """Return the name of the bundle that lies there, which loads and routes."""
    router = ts.load(path)
    assert router.route("card abcdef").label in ("card", None)
    return router.name


def pinned(folder):
    """Return the sha256 that the lock says, and the bundle's."""
    locked = json.loads((folder / "router.lock").read_text())["build"]["bundle"]["sha256"]
    return locked, hashlib.sha256((folder / "out.tracer").read_bytes()).hexdigest()


def leftovers(folder):
    """Return what lies there beside the bundle, the spec with its lock, and the traces."""
    known = {"out.tracer", "router.yaml", "router.lock", "traces.jsonl"}
    return sorted({each.name for each in folder.iterdir()} - known)


def check_what_is_left(folder, known):
    """Check that a build that was killed left a whole bundle, and at most one file beside it."""
    assert name_under(folder / "out.tracer") in known
    # what a killed build leaves bears a name of its own, and the next one to write clears it away
    assert all(each.startswith(("out.tracer.tmp-", "router.lock.tmp-")) for each in leftovers(folder))
    assert len(leftovers(folder)) <= 1


def check_the_next_build(folder):
    build(folder, "after")
    assert name_under(folder / "out.tracer") == "after"
    locked, written = pinned(folder)
    assert locked == written
    assert leftovers(folder) == []


@pytest.mark.slow
def test_a_build_killed_at_any_moment_leaves_a_whole_bundle(folder):
    moments = random.Random(0)
    n_lines = len(build(folder, "told").splitlines())
    known = {"told"}
    for turn in range(KILLS):
        known.add(f"turn-{turn}")
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        with zygote().start(arguments(f"turn-{turn}"), folder, env) as fork:
            for _ in range(moments.randrange(n_lines)):
                fork.stderr.readline()
            fork.kill()
            assert fork.wait() in (-signal.SIGKILL, 0)  # whatever it was at, or at its end
        check_what_is_left(folder, known)
    check_the_next_build(folder)


@pytest.mark.slow
def test_a_build_killed_before_any_operation_on_its_files_leaves_a_whole_bundle(folder):
    known = {"before"}
    for n in itertools.count(1):
        known.add(f"turn-{n}")
        done = call(*arguments(f"turn-{n}"), cwd=folder, before=DYING.format(n=n))
        check_what_is_left(folder, known)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
    assert n > 4, "the bundle and the lock are each opened and renamed, and then it ends"
    check_the_next_build(folder)


@pytest.mark.slow
def test_two_builds_to_one_output_at_once_leave_one_complete_bundle(folder):
    builds = [start(folder, name) for name in ("left", "right")]
    names = set()
    while any(build.poll() is None for build in builds):
        names.add(name_under(folder / "out.tracer"))
    for build in builds:
        finish(build)
    assert names <= {"before", "left", "right"}
    assert name_under(folder / "out.tracer") in ("left", "right")
    locked, written = pinned(folder)
    assert locked == written
    assert leftovers(folder) == []
