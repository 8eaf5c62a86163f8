"""The monitor beside a router in production: numpy and the standard library, and a command line with click."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.production.decisions import traffic
from tracer_spec.runtime import read_bundle

ROOT = Path(__file__).parents[2]
ABSENT = "for name in {absent}: sys.modules[name] = None\n"
BUILD = ["jinja2", "jmespath", "onnx", "pluggy", "pydantic", "rich", "scipy", "skl2onnx", "sklearn", "yaml"]
INSIDE = """
from tracer_spec.production.monitor import Monitor
from tracer_spec.runtime import read_bundle
monitor = Monitor(read_bundle(sys.argv[1]))
for line in open(sys.argv[2], encoding="utf-8"):
    monitor.add(json.loads(line))
print(json.dumps([monitor.verdict, monitor.drift.n]))
"""
VERB = "from tracer_spec.cli import main\nsys.exit(main(['monitor', *sys.argv[1:]]))"


@pytest.fixture
def log(bundle, tmp_path):
    manifest = read_bundle(bundle).manifest
    names = dict(zip("abc", manifest.labels, strict=False))
    lines = traffic(600, 0.5, minutes=60)
    for each in lines:
        each["router"] |= {"version": manifest.version, "label": names.get(each["router"]["label"])}
        each["teacher"] = names[each["teacher"]]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    return tmp_path / "a.jsonl"


def run(script, absent, *args):
    whole = f"import json, sys\n{ABSENT.format(absent=absent)}{script}"
    call = [sys.executable, "-W", "error", "-c", whole, *map(str, args)]
    return subprocess.run(call, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=60, check=False)


def test_inside_an_app_it_needs_numpy_alone(bundle, log):
    done = run(INSIDE, [*BUILD, "click", "onnxruntime", "plotille"], bundle, log)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["refuted", 600]


@pytest.mark.parametrize("absent", [BUILD, [*BUILD, "plotille"]])
def test_the_verb_needs_no_package_of_the_build_and_draws_where_it_can(bundle, log, absent):
    done = run(VERB, absent, bundle, log)
    assert done.returncode == 4, done.stderr
    assert done.stdout.startswith("refuted  deployed ")
    assert ("agreement over time" in done.stdout) == ("plotille" not in absent)
