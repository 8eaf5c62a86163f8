"""What is wrong with a spec, and with what it asks of plugins, is told in one round."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.json_values import paths
from tracer_spec.errors import SpecError
from tracer_spec.plan import load_plan
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.spec import load_spec

BAD = """\
version: 1
name: Bad Name
traces:
  use: jsonl
  with: {path: x.jsonl, pathh: y}
  format: langfus
embedder: {use: lsa, with: {dims: 3}}
zoo:
  - {us: logreg}
  - lightgmb
  - {use: mlp, with: {hidden: [x]}}
families: [globl]
guards: [{use: prototypes, wiht: {}}]
target: {agreement: 1.2, calibrator: pareto-testin}
split: {folds: 1}
defer_labels: [a, ""]
extra: 1
"""
GOOD = {
    "version": 1,
    "name": "good",
    "traces": {"use": "jsonl", "with": {"path": "x.jsonl"}, "format": {"text": "q", "label": "a", "time": "t"}},
    "embedder": {"use": "lsa", "with": {"dim": 8}},
    "zoo": ["logreg", {"use": "logreg", "as": "c1", "with": {"C": 1.0}}],
    "families": ["global", "l2d"],
    "acceptor": {"use": "logistic"},
    "guards": [{"use": "prototypes"}],
    "target": {"agreement": 0.9, "calibrator": {"use": "pareto-testing"}},
    "split": {"strategy": "temporal", "folds": 3},
    "cost": {"teacher_usd_per_1k": 1.0, "requests_per_day": 10},
}


def problems_of(source) -> list[str]:
    with pytest.raises(SpecError) as caught:
        load_plan(source, find_plugins())
    return [each.address for each in caught.value.problems]


def test_faults_of_the_spec_and_of_its_plugins_come_together_in_the_order_of_the_file(tmp_path: Path):
    (tmp_path / "router.yaml").write_text(BAD)
    assert problems_of(tmp_path / "router.yaml") == [
        "name",
        "traces.with.pathh",
        "traces.format",
        "embedder.with.dims",
        "zoo[0].use",
        "zoo[0].us",
        "zoo[1]",
        "zoo[2].with.hidden[0]",
        "families[0]",
        "guards[0].wiht",
        "target.agreement",
        "target.calibrator",
        "split.folds",
        "defer_labels[1]",
        "extra",
    ]


def test_what_is_missing_hides_nothing_and_no_stand_in_is_spoken_of():
    spec = copy.deepcopy(GOOD)
    del spec["traces"], spec["target"]
    spec["zoo"] = [{"use": "logreg"}, {"use": "logreg"}, "nobody"]
    found = problems_of(spec)
    assert {"traces", "target", "zoo[2]"} <= set(found)
    assert not any(each.startswith(("traces.", "target.")) for each in found)


def test_a_format_without_a_text_is_told_with_the_rest():
    spec = copy.deepcopy(GOOD)
    del spec["traces"]["format"]["text"]
    spec["families"] = ["nobody"]
    assert sorted(problems_of(spec)) == ["families[0]", "traces.format.text"]


def test_a_variable_that_is_not_set_is_told_once(monkeypatch):
    monkeypatch.delenv("NOWHERE", raising=False)
    spec = copy.deepcopy(GOOD)
    spec["traces"]["with"]["path"] = "${NOWHERE}"
    spec["acceptor"] = "nobody"
    assert problems_of(spec) == ["traces.with.path", "acceptor"]


JUNK = st.sampled_from(
    [None, -1, "", "nobody", [], {}, [{}], {"use": 3}, {"x": 1}, True, 1e400, "${NOWHERE}", ["a", "a"]]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([p for p in paths(GOOD) if p]), JUNK), min_size=1, max_size=3))
def test_whatever_is_wrong_nothing_that_the_spec_alone_tells_is_lost(changes):
    spec = copy.deepcopy(GOOD)
    for path, junk in changes:
        holder = spec
        try:
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = copy.deepcopy(junk)
        except (KeyError, IndexError, TypeError):
            continue
    try:
        load_spec(spec)
        alone = []
    except SpecError as error:
        alone = [(each.address, each.what) for each in error.problems]
    try:
        load_plan(spec, find_plugins())
        together = []
    except SpecError as error:
        together = [(each.address, each.what) for each in error.problems]
    assert [each for each in together if each in alone] == alone
    assert not any("remainder" in what for _, what in together)


def test_the_spec_that_is_changed_is_good():
    assert load_plan(GOOD, find_plugins()).spec.name == "good"
