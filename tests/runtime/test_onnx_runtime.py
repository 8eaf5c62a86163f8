"""ONNX Runtime is imported in one place, which keeps it from calling home."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# prints the variable as it is when onnxruntime is looked for, and as it is at the end
WATCHED = """
import os, sys
told = lambda: print(os.environ.get("ORT_DISABLE_TELEMETRY"))

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime":
            told()

sys.meta_path.insert(0, Watch())
{use}
assert "onnxruntime" in sys.modules
told()
"""
LOAD = "import tracer_spec; tracer_spec.load(sys.argv[1]).route([2.0, 0.0, 0.0, 0.0])"
SCORE = """
import zipfile
from tracer_spec.graph.session import Scorer
Scorer(zipfile.ZipFile(sys.argv[1]).read("policy.onnx"))
"""


@pytest.mark.parametrize("use", [LOAD, SCORE], ids=["load", "score"])
@pytest.mark.parametrize(("given", "told"), [(None, "1"), ("1", "1"), ("0", "0")])
def test_it_is_told_to_keep_to_itself_before_it_is_imported(good, save, tmp_path, use, given, told):
    home = tmp_path / "home"
    home.mkdir()
    kept = {key: value for key, value in os.environ.items() if key not in ("CI", "ORT_DISABLE_TELEMETRY")}
    env = {**{key: value for key, value in kept.items() if not key.startswith("XDG_")}, "HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-B", "-c", WATCHED.format(use=use), str(save(good))],
        cwd=ROOT,
        env=env if given is None else {**env, "ORT_DISABLE_TELEMETRY": given},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.split() == [told, told]
    if told == "1":
        assert list(home.rglob("*")) == []


def test_nothing_else_imports_it():
    importers = {
        path.relative_to(ROOT / "tracer_spec").as_posix()
        for path in (ROOT / "tracer_spec").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Import) and any(each.name.startswith("onnxruntime") for each in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("onnxruntime"))
    }
    assert importers == {"runtime/onnx_runtime.py"}


def test_the_graph_that_certifies_and_the_one_that_routes_are_opened_by_one_function():
    """What scores in a build and what answers in an app must be the same computation, options included."""
    users = {
        path.relative_to(ROOT / "tracer_spec").as_posix()
        for path in (ROOT / "tracer_spec").rglob("*.py")
        if re.search(r"\b(SessionOptions|InferenceSession)\(", path.read_text(encoding="utf-8"))
    }
    assert users == {"runtime/onnx_runtime.py"}
