"""Installing a plugin makes its name usable in a spec, and nothing else has to change: pip, and processes of their own."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tracer_spec.testing.scaffold import plugin_code

ROOT = Path(__file__).parents[2]
SPEC = """\
version: 1
name: small
traces: {use: jsonl, with: {path: traces.jsonl}}
embedder: {use: lsa, with: {dim: 128}}
zoo: [ZOO]
families: [global, l2d]
target: {agreement: 0.8}
"""
BROKEN = "import a_library_that_nobody_has\n"
WRONG = """\
from tracer_spec.plugin import Plugin, hookimpl

@hookimpl
def tracer_spec_surrogates():
    yield {"name": "no-descriptor"}
"""


def wheel(folder: Path, distribution: str, code: str) -> Path:
    """Write the wheel of a distribution of one module, as a build backend would."""
    module = distribution.replace("-", "_")
    info = f"{module}-1.0.dist-info"
    members = {
        f"{module}.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[tracer_spec]\nplugin = {module}\n",
    }
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},{len(text.encode())}\n"
        for name, text in members.items()
    )
    path = folder / f"{module}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**members, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(name, text)
    return path


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Install three plugins with pip: one that works, one that does not import, one that breaks its contract."""
    folder = tmp_path_factory.mktemp("wheels")
    wheels = [
        wheel(folder, "acme-centroid", plugin_code("surrogate", "centroid")),
        wheel(folder, "acme-broken", BROKEN),
        wheel(folder, "acme-wrong", WRONG),
        wheel(folder, "acme-one", plugin_code("guard", "twice")),
        wheel(folder, "acme-two", plugin_code("guard", "twice")),
    ]
    target = folder / "site"
    pip = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "install", "-q"]
    subprocess.run([*pip, "--no-index", "--no-deps", "--target", str(target), *map(str, wheels)], check=True)
    return target


@pytest.fixture
def run(site, tmp_path):
    """Run the command line in a process of its own, over a spec in an empty folder."""
    rows = (ROOT / "specs" / "quickstart" / "traces.jsonl").read_bytes()
    (tmp_path / "traces.jsonl").write_bytes(rows)

    def call(*args, zoo="logreg", installed=True):
        (tmp_path / "router.yaml").write_text(SPEC.replace("ZOO", zoo))
        env = {**os.environ, "OMP_NUM_THREADS": "1"} | ({"PYTHONPATH": str(site)} if installed else {})
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "tracer_spec", *args],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return call


def test_its_name_builds_a_bundle_and_without_it_the_same_spec_names_who_is_known(run, tmp_path):
    code, out, err = run("build", "router.yaml", "--json", zoo="{use: centroid, with: {sharpness: 30}}")
    assert code == 0, err
    assert json.loads(out)["status"] == "certified"
    with zipfile.ZipFile(next((tmp_path / "dist").glob("*.tracer"))) as bundle:
        used = json.loads(bundle.read("bundle.json"))["provenance"]["plugins"]
    assert {"kind": "surrogate", "name": "centroid", "distribution": "acme-centroid", "version": "1.0"} in used
    code, _, err = run("validate", "router.yaml", zoo="centroid", installed=False)
    assert code == 2
    assert "no surrogate is called 'centroid'; known: dt, et, gbt, logreg, mlp, rf, sgd, xgboost (built in)" in err


def test_its_options_are_checked_at_their_place_in_the_spec(run):
    code, _, err = run("validate", "router.yaml", zoo="{use: centroid, with: {sharpness: -1, speed: 3}}")
    assert code == 2
    assert "router.yaml:5:" in err
    assert "zoo[0].with.sharpness" in err
    assert "zoo[0].with.speed" in err


def test_what_is_broken_wrong_or_double_is_listed_with_the_reason(run):
    code, out, _ = run("plugins", "--json")
    assert code == 0
    rows = {each["distribution"]: each for each in json.loads(out)["plugins"] if each["distribution"] != "tracer-spec"}
    told = {name: (each["kind"], each["state"], each["summary"]) for name, each in rows.items()}
    assert told == {
        "acme-centroid": ("surrogate", "ok", "nearest class mean"),
        "acme-broken": (
            "entry point",
            "broken",
            "ModuleNotFoundError: No module named 'a_library_that_nobody_has'",
        ),
        "acme-wrong": (
            "surrogate",
            "broken",
            "PluginError: the hook yielded dict, not a tracer_spec.plugin.Plugin",
        ),
        "acme-one": ("guard", "duplicate", "provided twice, by acme-one 1.0 and acme-two 1.0"),
        "acme-two": ("guard", "duplicate", "provided twice, by acme-one 1.0 and acme-two 1.0"),
    }


def test_what_is_broken_is_fatal_only_to_the_spec_that_names_it(run):
    assert run("validate", "router.yaml")[0] == 0
    code, _, err = run("validate", "router.yaml", zoo="logreg]\nguards: [twice")
    assert code == 2
    assert "the guard 'twice' of acme-one 1.0 cannot be used: provided twice, by acme-one 1.0 and acme-two 1.0" in err
