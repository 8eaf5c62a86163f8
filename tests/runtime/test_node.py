"""The same bundle, the same decisions, in another language: Node with ONNX Runtime's WebAssembly build."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tracer_spec.flow.compile import compile_policy
from tracer_spec.graph import Tree, tree_ensemble
from tracer_spec.plugin import Model, Stage
from tracer_spec.runtime import load

HERE = Path(__file__).parent / "node"
CACHE = Path(__file__).parents[2] / ".cache/node"


def install(npm):
    """Install what the script needs, where it is not installed."""
    wanted = (HERE / "package.json").read_text(encoding="utf-8")
    installed = CACHE / "installed.json"
    if installed.exists() and installed.read_text(encoding="utf-8") == wanted:
        return
    shutil.copy(HERE / "package.json", CACHE / "package.json")
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--loglevel=error"]
    done = subprocess.run(
        [npm, "install", *options], cwd=CACHE, capture_output=True, text=True, timeout=180, check=False
    )
    if done.returncode:
        pytest.skip(f"npm cannot install onnxruntime-web here: {done.stderr.strip()[-200:]}")
    installed.write_text(wanted, encoding="utf-8")


@pytest.fixture(scope="session")
def node():
    """Run the script with Node; what it needs is installed once, without scripts of its own."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is None or npm is None:
        pytest.skip("node and npm are not installed")
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a test of this file may run in another process
        install(npm)

    def run(*arguments):
        environment = {**os.environ, "TRACER_NODE_MODULES": str(CACHE / "package.json")}
        command = [program, str(HERE / "route.mjs"), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)

    return run


def as_numbers(X):
    """Return rows as texts that JavaScript's Number reads, NaN and infinities included."""
    names = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    return json.dumps([[names.get(str(value), str(value)) for value in row] for row in X.tolist()])


def compare(node, path, X, tmp_path):
    """Check that Node decides as Python does, and return the decisions."""
    vectors = tmp_path / "vectors.json"
    vectors.write_text(as_numbers(X))
    done = node(path, vectors)
    assert done.returncode == 0, done.stderr
    theirs = json.loads(done.stdout)
    ours = [each._asdict() for each in load(path).route_batch(X)]
    for name in ("label", "handled", "stage", "reason"):
        assert [each[name] for each in theirs] == [each[name] for each in ours], name
    decided = [row for row, each in enumerate(ours) if each["reason"] != "unavailable"]
    scores = [[each[row]["score"] for row in decided] for each in (theirs, ours)]
    np.testing.assert_allclose(*scores, atol=1e-5)
    return ours


def rows(n, d):
    X = np.random.default_rng(1).normal(size=(n, d)) * 2
    odd = np.zeros((6, d))
    odd[1:, 0] = (np.nan, np.inf, -np.inf, 3e38, -1e-45)
    return np.concatenate([X, odd]).astype(np.float32)


def test_node_makes_the_same_decisions(node, bundles, good, save, tmp_path):
    decisions = compare(node, save(good), rows(1000, bundles.DIMENSION), tmp_path)
    assert {each["reason"] for each in decisions} == set(bundles.REASONS)


def surrogate(bundles, weights):
    """Return a softmax regression as it is exported."""
    numbers = ", ".join(map(str, weights.ravel().tolist()))
    text = f"""<ir_version: 8, opset_import: ["" : 18]> g (float[n, 4] embedding) => (float[n, 3] scores)
      <float[4, 3] W = {{{numbers}}}> {{ z = MatMul(embedding, W)  scores = Softmax<axis = 1>(z) }}"""
    return bundles.policy_onnx(text)


def forest():
    """Return three stumps as they are exported: the sign of coordinate j votes for class j or the next."""
    stumps = [
        Tree(
            feature=np.array([j, 0, 0]),
            threshold=np.array([0.1, 0, 0]),
            left=np.array([1, -1, -1]),
            right=np.array([2, -1, -1]),
            leaf=np.array([1, 2]),
            target=np.array([j, (j + 1) % 3]),
            weight=np.array([0.25, 1.0]),
        )
        for j in range(3)
    ]
    return tree_ensemble(stumps, 3, dimension=4, post="normalise").SerializeToString()


def test_node_makes_the_same_decisions_with_a_compiled_cascade_of_trees(node, bundles, save, tmp_path):
    accept = bundles.policy_onnx(
        """<ir_version: 8, opset_import: ["" : 18]>
        g (float[n, 4] embedding, float[n, 3] scores) => (float[n] accept)
        <int64[1] axis = {1}> { accept = ReduceMax<keepdims = 0>(scores, axis) }"""
    )
    acceptor = Model("top", accept)
    policy = (
        Stage(Model("logreg", surrogate(bundles, bundles.W0)), acceptor, bundles.THRESHOLDS[0]),
        Stage(Model("rf", forest()), acceptor, bundles.THRESHOLDS[1]),
    )
    graph = compile_policy(policy, dimension=4, denied=bundles.DENIED).SerializeToString(deterministic=True)
    path = save(bundles.forge(contents=bundles.members(**{"policy.onnx": graph})))
    decisions = compare(node, path, rows(1000, 4), tmp_path)
    assert {each["stage"] for each in decisions} == {0, 1, None}
    reasons = {"handled", "low_score", "out_of_distribution", "denied_label", "unavailable"}
    assert {each["reason"] for each in decisions} == reasons


def test_node_sees_a_changed_member(node, good, save, tmp_path):
    vectors = tmp_path / "vectors.json"
    vectors.write_text("[[0, 0, 0, 0]]")
    done = node(save(good.replace(b"name: support-intents", b"name: support-intentz")), vectors)
    assert done.returncode != 0
    assert "router.yaml was changed" in done.stderr


def test_the_javascript_of_the_page_routes(node, bundles, good, save, tmp_path):
    page = (HERE.parents[2] / "docs/bundle.md").read_text(encoding="utf-8")
    (sample,) = re.findall(r"```js\n(.*?)```", page, re.DOTALL)
    script = CACHE / "sample.mjs"  # where Node finds the package
    script.write_text(sample + "console.log(JSON.stringify([await route([2, 0, 0, 0]), await route([0, 0, 0, 0])]));\n")
    for name in ("bundle.json", "policy.onnx"):
        with zipfile.ZipFile(save(good)) as bundle:
            bundle.extract(name, tmp_path)
    done = subprocess.run(["node", script], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
    handled, deferred = json.loads(done.stdout)
    assert handled["label"] == "card_arrival"
    assert handled["score"] > bundles.THRESHOLDS[0]
    assert deferred is None
