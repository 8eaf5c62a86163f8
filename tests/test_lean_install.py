"""What an app installs: routing without the packages of a build, and what is said where they are needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tracer_spec as ts
from tracer_spec.build_packages import PACKAGES, check_build_packages
from tracer_spec.cli.verbs import VERBS
from tracer_spec.errors import MissingDependencyError
from tracer_spec.production.releases import promote
from tracer_spec.runtime.release import Release
from tracer_spec.testing.distribution import put_distribution

ROOT = Path(__file__).parents[1]
TRACES = ROOT / "specs" / "quickstart" / "traces.jsonl"
SPEC = """\
version: 1
name: small
traces: {use: jsonl, with: {path: traces.jsonl}}
embedder: {use: lsa, with: {dim: 32}}
zoo: [logreg]
target: {agreement: 0.8}
"""
# every package that the extra "build" brings is gone: None in sys.modules is how Python spells that
LEAN = f"""
import sys
sys.modules.update(dict.fromkeys({[*PACKAGES, "rich"]}))
from tracer_spec.cli import main
sys.exit(main())
"""
BUILD = "onnx, scipy, skl2onnx, scikit-learn, which are not installed"
SCIPY = "scipy, which is not installed"
# call: what it answers without those packages, a part of stdout
WORKS = {
    "init sample": "tracer-spec build router.yaml",
    "validate router.yaml": "router.yaml: ok (small",
    "verify small.tracer": "gives the 5 probe vectors",
    "route small.tracer --text hello": '"handled": ',
    "promote small.tracer releases": "promoted  releases",
    "rollback released": "rolled back  released",
    "monitor small.tracer log": "not measured  small",
    "inspect small.tracer": "all verified",
    "report small.tracer -o page.html": "page.html",
    "plugins": "pareto-testing",
    "plugins mlp": "learning_rate",
    "cache": "the cache is off",
    "schema": '"logreg"',
}
# call: what it needs
NEEDS = {
    "init --traces traces.jsonl --yes new": f"writing a spec for traces needs {BUILD}",
    "plan router.yaml": f"planning a build needs {BUILD}",
    "build router.yaml": f"building needs {BUILD}",
    "build --draft router.yaml": f"building needs {BUILD}",
    "verify small.tracer traces.jsonl": f"measuring a bundle on traces needs {SCIPY}",
    "diff small.tracer small.tracer": f"comparing bundles needs {SCIPY}",
    "report small.tracer --previous small.tracer": f"comparing bundles needs {SCIPY}",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a spec, its traces and its bundle."""
    made = tmp_path_factory.mktemp("lean")
    (made / "traces.jsonl").write_bytes(TRACES.read_bytes())
    (made / "router.yaml").write_text(SPEC)
    assert ts.build(made / "router.yaml", out=made / "small.tracer").status == "certified"
    digest = promote(made / "small.tracer", made / "released").release.current
    (made / "released" / "release.json").write_bytes(Release(current=digest, history=(digest,)).to_json())
    with ts.deploy(made / "small.tracer", teacher=str, log=made / "log", audit=0.0) as deployed:
        deployed.classify("where is my card?")
    return made


def lean(folder: Path, call: str, path: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the command line where the packages of a build are not installed."""
    command = [sys.executable, "-W", "error", "-c", LEAN, *call.split()]
    env = {**os.environ, "PYTHONPATH": f"{path}{os.pathsep}{ROOT}", "TRACER_SPEC_CACHE": str(folder / "cache")}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("call", "part"), WORKS.items(), ids=list(WORKS))
def test_a_verb_that_needs_no_package_of_a_build_works_without_them(folder, call, part):
    done = lean(folder, call)
    assert (done.returncode, done.stderr.count("hint")) == (0, 0), done.stderr
    assert part in done.stdout + done.stderr


@pytest.mark.parametrize(("call", "what"), NEEDS.items(), ids=list(NEEDS))
def test_a_verb_that_needs_them_says_what_to_install_and_does_nothing(folder, call, what):
    before = sorted(path.name for path in folder.iterdir())
    done = lean(folder, call)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{what}\n  hint: pip install 'tracer-spec[build]'\n")
    assert sorted(path.name for path in folder.iterdir()) == before


def test_every_verb_is_told_about_here():
    elsewhere = {"serve"}  # of a distribution of its own, whose tests/test_lean.py tells
    assert {call.split()[0] for call in (*WORKS, *NEEDS)} | elsewhere == set(VERBS)


def test_it_is_a_document_where_one_is_asked_for(folder):
    (problem,) = json.loads(lean(folder, "build router.yaml --json").stdout)["error"]["problems"]
    assert problem["hint"] == "pip install 'tracer-spec[build]'"


def test_a_package_that_is_missed_only_on_the_way_is_told_in_the_same_words(monkeypatch):
    from tracer_spec.cli.failure import failure_of

    monkeypatch.setitem(sys.modules, "sklearn", None)
    (problem,) = failure_of(ModuleNotFoundError("no", name="sklearn.linear_model")).problems
    assert (problem.what, problem.hint) == (
        "this needs scikit-learn, which is not installed",
        "pip install 'tracer-spec[build]'",
    )


def test_python_gets_an_error_that_says_so(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    check_build_packages("a measurement", "scipy")
    with pytest.raises(MissingDependencyError, match=r"^building needs skl2onnx, which is not"):
        ts.build(folder / "router.yaml", out=folder / "other.tracer")


def test_the_extra_brings_what_is_asked_for():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {each.split(">")[0] for each in project["optional-dependencies"]["build"]}
    assert names == {*PACKAGES.values(), "rich"}
    assert not names & {each.split(">")[0] for each in project["dependencies"]}


WORDS = """
import numpy as np
from tracer_spec.plugin import Options, Plugin, hookimpl

class Words:
    def embed(self, texts):
        return np.array([[text.count("card"), text.count("loan"), len(text) / 50] for text in texts], np.float32)

    def fingerprint(self):
        return "words-1"

    def state(self):
        return {}

@hookimpl
def tracer_spec_embedders():
    yield Plugin("words", "counts two words", lambda options: Words(), Options)
"""


def test_the_embedder_of_a_plugin_is_restored_without_them(tmp_path, monkeypatch):
    put_distribution(tmp_path, "tracer-words", "1.0", {"words": "lean_words"}, lean_words=WORDS)
    monkeypatch.syspath_prepend(tmp_path)
    rows = [{"input": f"my {'card' if n % 2 else 'loan'} {n}", "teacher": f"t{n % 2}"} for n in range(400)]
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "router.yaml").write_text(SPEC.replace("{use: lsa, with: {dim: 32}}", "words"))
    ts.build(tmp_path / "router.yaml", out=tmp_path / "words.tracer")
    done = lean(tmp_path, "route words.tracer --embedder words --text card", path=tmp_path)
    assert (done.returncode, json.loads(done.stdout)["label"]) == (0, "t1"), done.stderr


APP = """
import json, sys
import tracer_spec as ts

router = ts.load("small.tracer")
with ts.deploy(router, teacher=lambda text: "refund", log="decisions/", audit=0.0) as deployed:
    label = deployed.classify("where is my parcel?")
lines = [json.loads(line) for path in __import__("pathlib").Path("decisions").iterdir() for line in path.open()]
print(json.dumps({"label": str(label), "logged": len(lines), "heavy": sorted(set(sys.modules) & {"scipy", "onnx", "sklearn"})}))
"""


@pytest.mark.slow
def test_an_environment_of_its_own_holds_what_an_app_needs(folder, tmp_path):
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)

    python = str(tmp_path / "venv" / "bin" / "python")
    pip = (sys.executable, "-m", "pip")
    run(*pip, "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT)).check_returncode()
    run(sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")).check_returncode()
    (wheel,) = tmp_path.glob("*.whl")
    run(*pip, "--python", python, "install", "-q", str(wheel)).check_returncode()
    site = next((tmp_path / "venv" / "lib").glob("python*/site-packages"))
    assert not [name for name in PACKAGES if (site / name).exists()]
    n_bytes = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    assert n_bytes < 220e6
    told = json.loads(run(python, "-W", "error", "-c", APP).stdout)
    assert told == {"label": told["label"], "logged": 1, "heavy": []}
    assert told["label"] in ts.load(folder / "small.tracer").labels
    refused = run(python, "-m", "tracer_spec", "build", "router.yaml")
    assert (refused.returncode, refused.stderr.splitlines()[0]) == (1, f"building needs {BUILD}")
