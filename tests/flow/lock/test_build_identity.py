"""What makes a build another build, and so its look at the certify rows another look."""

import json
from functools import partial

import numpy as np
import pytest

from tracer_spec.flow.lock.ledger import build_identity, count_look
from tracer_spec.flow.prepare import part, prepare, read_traces
from tracer_spec.plan import make_plan
from tracer_spec.plugin import Plugin
from tracer_spec.plugin.contracts import Provided
from tracer_spec.plugin.registry import Registry, find_plugins
from tracer_spec.spec import load_spec


class Lengths:
    """An embedder whose maker can change it under its name: the model of a service, the file of a path."""

    def __init__(self, options, model="one"):
        self.model = model

    def embed(self, texts):
        return np.array([[len(text), 1.0] for text in texts], np.float32).reshape(-1, 2)

    def fingerprint(self):
        return self.model

    def state(self):
        return {}


@pytest.fixture
def prepared(tmp_path):
    """Return how to plan and prepare a spec of 40 traces, by the embedder's model, its version, and changes of the spec."""
    file = tmp_path / "router.yaml"
    found = find_plugins().provided

    def run(model="one", version="1", teacher="card", **changes):
        labels = [teacher, *(("card", "loan")[number % 2] for number in range(1, 40))]
        rows = [{"id": str(n), "input": f"request {n}", "teacher": label} for n, label in enumerate(labels)]
        (tmp_path / "traces.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
        spec = {
            "version": 1,
            "name": "looks",
            "traces": {"use": "jsonl", "with": {"path": "traces.jsonl"}},
            "embedder": {"use": "lengths"},
            "zoo": ["logreg"],
            "target": {"agreement": 0.9},
        }
        file.write_text(json.dumps(spec | changes))
        embedder = Provided("embedder", Plugin("lengths", "", partial(Lengths, model=model)), "tests", version)
        plan = make_plan(load_spec(file), Registry((*found, embedder), ()))
        traces = read_traces(plan)
        return plan, prepare(plan, traces, part(traces, plan.spec.split))

    return run


def looks(*builds):
    """Return the number of each build's look, each written down before the next is counted."""
    numbers = []
    for plan, ready in builds:
        look = count_look(plan, ready)
        look.write_down()
        numbers.append(look.number)
    return numbers


def test_another_fingerprint_of_the_embedder_is_another_look(prepared):
    assert looks(prepared("one"), prepared("two"), prepared("three"), prepared("two")) == [1, 2, 3, 2]


@pytest.mark.parametrize(
    "change",
    [
        {"version": "2"},
        {"teacher": "loan"},
        {"seed": 1},
        {"zoo": ["dt"]},
        {"target": {"agreement": 0.91}},
        {"split": {"folds": 3}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_a_test_could_depend_on_makes_another_look(prepared, change):
    assert looks(prepared(), prepared(**change)) == [1, 2]


@pytest.mark.parametrize(
    "change",
    [{"name": "renamed"}, {"report": {"text": True}}, {"cost": {"teacher_usd_per_1k": 2.0, "requests_per_day": 10}}],
    ids=lambda change: next(iter(change)),
)
def test_what_no_test_depends_on_leaves_it_the_same_build(prepared, change):
    assert looks(prepared(), prepared(**change)) == [1, 1]


def test_the_same_traces_at_another_path_are_the_same_build(prepared, tmp_path):
    here = build_identity(*prepared())
    (tmp_path / "moved.jsonl").write_bytes((tmp_path / "traces.jsonl").read_bytes())
    assert build_identity(*prepared(traces={"use": "jsonl", "with": {"path": "moved.jsonl"}})) == here


def test_another_version_of_a_library_below_makes_another_look(prepared, tmp_path, monkeypatch):
    before = prepared()
    first = looks(before)
    installed = tmp_path / "site" / "skl2onnx-99.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: skl2onnx\nVersion: 99.0\n")
    monkeypatch.syspath_prepend(installed.parent)
    assert first + looks(before) == [1, 2]
