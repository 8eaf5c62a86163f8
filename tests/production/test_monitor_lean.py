"""The monitor beside a router in production: numpy and the standard library, and a verb without the build's packages."""

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
BUILD = ["jinja2", "onnx", "rich", "scipy", "skl2onnx", "sklearn"]
INSIDE = """
from tracer_spec.production.monitoring.monitor import Monitor
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
    done = run(
        INSIDE, [*BUILD, "click", "jmespath", "onnxruntime", "plotille", "pluggy", "pydantic", "yaml"], bundle, log
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["refuted", 600]


def test_the_verb_needs_no_package_of_the_build(bundle, log):
    done = run(VERB, BUILD, bundle, log)
    assert done.returncode == 4, done.stderr
    assert done.stdout.startswith("refuted  deployed ")
    assert "agreement over time" in done.stdout
