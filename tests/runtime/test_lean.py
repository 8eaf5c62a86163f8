"""Serving needs numpy, onnxruntime and the standard library: proven in fresh interpreters."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SCRIPT = """
import json, sys
import tracer_spec as ts
router = ts.load(sys.argv[1])
decision = router.route([2.0, 0.0, 0.0, 0.0])
batch = router.route_batch([[2.0, 0.0, 0.0, 0.0]])
print(json.dumps({"label": decision.label, "modules": sorted(sys.modules)}))
"""
HEAVY = {
    "click", "jmespath", "onnx", "pandas", "pluggy", "pydantic", "rich", "scipy", "skl2onnx", "sklearn",
    "xgboost", "yaml",
}  # fmt: skip


def run(path, *flags):
    done = subprocess.run(
        [sys.executable, *flags, "-c", SCRIPT, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout)


def test_loading_and_routing_import_numpy_and_onnxruntime_and_nothing_heavier(good, save):
    answer = run(save(good), "-W", "error")
    assert answer["label"] == "card_arrival"
    packages = {name.partition(".")[0] for name in answer["modules"]}
    assert not packages & HEAVY
    ours = {name for name in answer["modules"] if name.startswith("tracer_spec")}
    alone = {"tracer_spec", "tracer_spec.errors", "tracer_spec.text_steps", "tracer_spec.text_steps.blank"}
    assert all(name in alone or name.startswith("tracer_spec.runtime") for name in ours)
    third_party = {name for name in packages if not name.startswith("_")} - set(sys.stdlib_module_names)
    assert third_party <= {"numpy", "onnxruntime", "tracer_spec", "site", "sitecustomize", "sphinxcontrib"}, third_party


def test_reading_a_bundle_does_not_import_onnxruntime(good, save):
    script = (
        "import sys\n"
        "from tracer_spec.runtime import read_bundle\n"
        "read_bundle(sys.argv[1])\n"
        "assert 'onnxruntime' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script, str(save(good))], cwd=ROOT, check=True, timeout=60)


def test_a_first_decision_imports_little_beside_numpy_and_onnxruntime(good, save):
    script = "import json, sys, numpy, onnxruntime; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    more = set(run(save(good))["modules"]) - set(json.loads(done.stdout))
    assert len(more) < 60, sorted(more)  # imports are what a start spends its time on


@pytest.mark.parametrize("module", sorted((ROOT / "tracer_spec/runtime").glob("*.py")), ids=lambda path: path.stem)
def test_the_runtime_imports_its_own_layer_alone(module):
    allowed = {"numpy", "onnxruntime", *sys.stdlib_module_names}
    if module.stem == "arrow":
        allowed.add("pyarrow")  # inside functions that are given Arrow batches, or asked for them
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [node.module]
        for name in names:
            ours = name == "tracer_spec.errors" or name.startswith(("tracer_spec.runtime", "tracer_spec.text_steps"))
            assert ours or name.partition(".")[0] in allowed, name
