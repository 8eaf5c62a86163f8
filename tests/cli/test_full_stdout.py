"""Nowhere to write what is printed: it is said which stream that is, in every form of answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BUNDLE = Path(__file__).parents[1] / "runtime" / "data" / "format-1.tracer"


@pytest.mark.parametrize("command", ["route BUNDLE r.jsonl", "inspect BUNDLE", "inspect BUNDLE --json", "plugins"])
def test_a_full_disk_behind_stdout_is_named(tmp_path, command):
    (tmp_path / "r.jsonl").write_text('{"embedding": [1, 0, 0, 0]}\n')
    words = [sys.executable, "-m", "tracer_spec", *command.replace("BUNDLE", str(BUNDLE)).split()]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(words, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "stdout\n  no space left on device\n  hint: what stands there is cut short; write it to a place with room\n"
    )
