"""Installing a plugin makes its name usable in a spec, and nothing else has to change: pip, and processes of their own."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tracer_spec.testing.distribution import put_distribution
from tracer_spec.testing.scaffold import plugin_code

ROOT = Path(__file__).parents[2]
SPEC = """\
version: 1
name: small
traces: {use: jsonl, with: {path: traces.jsonl}}
embedder: {use: lsa, with: {dim: 128}}
zoo: [ZOO]
scale: false
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
HALF = """\
from tracer_spec.plugin import Plugin, hookimpl

@hookimpl
def tracer_spec_guards():
    yield Plugin("half", "options that nobody can check", print, dict)
"""
LEAVES = "raise SystemExit('this machine is too old')\n"


def wheel(folder: Path, distribution: str, code: str) -> Path:
    """Write the wheel of a distribution of one module, as a build backend would."""
    module = distribution.replace("-", "_")
    info = f"{module}-1.0.dist-info"
    members = {
        f"{module}.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[tracer_spec]\n{distribution.removeprefix('acme-')} = {module}\n",
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
    """Install plugins with pip: one that works, and those that do not import, break their contract or share a name."""
    folder = tmp_path_factory.mktemp("wheels")
    wheels = [
        wheel(folder, "acme-centroid", plugin_code("surrogate", "centroid")),
        wheel(folder, "acme-broken", BROKEN),
        wheel(folder, "acme-wrong", WRONG),
        wheel(folder, "acme-leaves", LEAVES),
        wheel(folder, "acme-half-made", HALF),
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
        path = os.pathsep.join(filter(None, [str(site) if installed else "", os.environ.get("PYTHONPATH", "")]))
        env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
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


CHATTY = """\
import atexit, ctypes, os, sys

def say(what):
    # by every way there is: Python's own, its first stream, the number itself, a child process, C with its buffer
    print(what)
    sys.__stdout__.write(f"{what} first\\n")
    os.write(1, f"{what} number\\n".encode())
    os.system(f"echo {what} child")
    if os.name == "posix":
        ctypes.CDLL(None).puts(f"{what} C".encode())

say("imported")
atexit.register(say, "left")
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=lambda: say("forking"), after_in_child=lambda: os.write(1, b"forked\\n"))
from tracer_spec.plugin import Plugin, hookimpl

def make(options):
    from tracer_spec.builtin import tracer_spec_surrogates

    say("made")
    learner = next(each for each in tracer_spec_surrogates() if each.name == "logreg").make(None)

    class Chatty:
        def fit(self, X, y, *, n_classes, seed):
            say("fitted")
            return learner.fit(X, y, n_classes=n_classes, seed=seed)

    return Chatty()

@hookimpl
def tracer_spec_surrogates():
    say("asked")
    yield Plugin("chatty", "prints whatever it does", make)
"""


def test_what_a_plugin_prints_leaves_a_document_whole(run, tmp_path, site):
    put_distribution(tmp_path, "acme-chatty", "1.0", {"chatty": "acme_chatty"}, acme_chatty=CHATTY)
    for args in (("plugins", "--json"), ("validate", "router.yaml", "--json"), ("plan", "router.yaml", "--json")):
        code, stdout, stderr = run(*args, zoo="chatty")
        assert code == 0, stderr
        assert {"imported", "imported first", "imported number", "imported child", "asked", "left"} <= {
            *stderr.split("\n")
        }
        json.loads(stdout)
    for workers in ("1", "2"):
        args = ("build", "router.yaml", "--draft", "--json", "--no-cache", "--workers", workers)
        code, stdout, stderr = run(*args, zoo="chatty, logreg")
        assert code == 0, stderr
        assert "fitted\n" in stderr
        assert json.loads(stdout)["status"] == "draft"


def test_its_options_are_checked_at_their_place_in_the_spec(run):
    code, _, err = run("validate", "router.yaml", zoo="{use: centroid, with: {sharpness: -1, speed: 3}}")
    assert code == 2
    assert "router.yaml:5:" in err
    assert "zoo[0].with.sharpness" in err
    assert "zoo[0].with.speed" in err


def test_what_is_broken_wrong_or_double_is_listed_with_the_reason(run):
    code, out, err = run("plugins", "--json")
    assert (code, err) == (0, "")
    rows = {each["distribution"]: each for each in json.loads(out)["plugins"] if each["distribution"] != "tracer-spec"}
    told = {each: (row["kind"], row["name"], row["state"], row["summary"]) for each, row in rows.items()}
    assert told == {
        "acme-centroid": ("surrogate", "centroid", "ok", "nearest class mean"),
        "acme-broken": (
            "entry point",
            "broken",
            "broken",
            "ModuleNotFoundError: No module named 'a_library_that_nobody_has'",
        ),
        "acme-leaves": ("entry point", "leaves", "broken", "SystemExit: this machine is too old"),
        "acme-wrong": (
            "surrogate",
            "wrong",
            "broken",
            "PluginError: the hook yielded dict, not a tracer_spec.plugin.Plugin",
        ),
        "acme-half-made": (
            "guard",
            "half",
            "broken",
            "PluginError: the options of 'half' are not a subclass of tracer_spec.plugin.Options",
        ),
        "acme-one": ("guard", "twice", "duplicate", "provided twice, by acme-one 1.0 and acme-two 1.0"),
        "acme-two": ("guard", "twice", "duplicate", "provided twice, by acme-one 1.0 and acme-two 1.0"),
    }
    _, table, _ = run("plugins")
    assert re.search(r"^entry point +broken +acme-broken +1\.0 +broken +ModuleNotFoundError: ", table, re.MULTILINE)
    assert re.search(r"^guard +twice +acme-two +1\.0 +duplicate +provided twice, by ", table, re.MULTILINE)
    assert "not usable: broken, leaves, half, twice, wrong; " in table


@pytest.mark.parametrize(
    ("zoo", "where", "told"),
    [
        (
            "logreg, broken",
            "router.yaml:5:15  zoo[1]",
            "the surrogate 'broken' of acme-broken 1.0 cannot be used: ModuleNotFoundError: No module named "
            "'a_library_that_nobody_has'",
        ),
        (
            "wrong",
            "router.yaml:5:7  zoo[0]",
            "the surrogate 'wrong' of acme-wrong 1.0 cannot be used: PluginError: the hook yielded dict, not a "
            "tracer_spec.plugin.Plugin",
        ),
        (
            "logreg]\nguards: [{use: half}",
            "router.yaml:6:16  guards[0].use",
            "the guard 'half' of acme-half-made 1.0 cannot be used: PluginError: the options of 'half' are not a "
            "subclass of tracer_spec.plugin.Options",
        ),
        (
            "logreg]\nguards: [twice",
            "router.yaml:6:10  guards[0]",
            "the guard 'twice' of acme-one 1.0 cannot be used: provided twice, by acme-one 1.0 and acme-two 1.0",
        ),
    ],
    ids=["does not import", "no descriptor", "half a descriptor", "duplicate"],
)
def test_what_is_broken_is_fatal_to_the_spec_that_names_it(run, zoo, where, told):
    code, out, err = run("validate", "router.yaml", zoo=zoo)
    assert (code, out) == (2, "")
    assert where in err
    assert told in " ".join(err.split())
    assert "Traceback" not in err


def test_what_is_broken_is_fatal_to_no_other_spec(run):
    code, out, err = run("validate", "router.yaml")
    assert (code, err) == (0, "")
    assert out.startswith("router.yaml: ok (small: ")


def test_a_name_that_nobody_has_leads_to_what_is_broken_since_that_may_be_where_it_is(run):
    code, _, err = run("validate", "router.yaml", zoo="quantum")
    assert code == 2
    assert (
        "what is installed and broken may provide it: acme-broken 1.0 (ModuleNotFoundError: No module named "
        "'a_library_that_nobody_has'), acme-leaves 1.0 (SystemExit: this machine is too old), acme-wrong 1.0 "
    ) in " ".join(err.split())


def test_a_broken_plugin_that_is_asked_about_says_why(run):
    code, out, err = run("plugins", "half")
    assert (code, out) == (2, "")
    assert "the guard 'half' of acme-half-made 1.0 is not usable: PluginError: the options of 'half' are not" in err
