"""Lines of errors that are raised after a spec was read."""

from __future__ import annotations

import pytest

from tracer_spec.errors import BundleError, DataError, PluginError, Problem, TracerError
from tracer_spec.spec import load_spec
from tracer_spec.spec.placed import placed

SPEC = """\
version: 1
name: small
traces:
  - {use: jsonl, with: {path: a.jsonl}}
  - use: jsonl
    with:
      path: b.jsonl
    labels:
      aliases:
        "a b": c
embedder: lsa
zoo: [logreg, {use: mlp, as: big}]
target: {agreement: 0.9, confidence: 0.95}
"""


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "router.yaml").write_text(SPEC)
    return load_spec("router.yaml", overrides=["target.agreement=0.8"])


def raised(loaded, error: TracerError) -> tuple[Problem, ...]:
    with pytest.raises(type(error)) as caught, placed(loaded):
        raise error
    assert caught.value is error
    return caught.value.problems


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ("traces[0].with.path", "router.yaml:4:31"),
        ("traces[1].with.path", "router.yaml:7:13"),
        ("traces[1].with.columns.text", "router.yaml:7:7"),
        ('traces[1].labels.aliases."a b"', "router.yaml:10:16"),
        ("embedder.with.path", "router.yaml:11:11"),
        ("zoo[1]", "router.yaml:12:15"),
        ("zoo.big", "router.yaml:12:6"),
        ("target.agreement", "--set target.agreement"),
        ("split.folds", ""),
        ("names", ""),
        ("", ""),
    ],
)
def test_a_problem_gets_the_line_of_its_value_or_of_the_nearest_parent_that_is_written(loaded, address, where):
    (problem,) = raised(loaded, DataError("does not exist", hint="look", address=address))
    assert problem == Problem(where, "does not exist", "look", address)


def test_every_problem_of_an_error_is_placed_and_one_that_has_a_place_keeps_it(loaded):
    given = (Problem("a.jsonl:3", "is no JSON", "", "traces[0]"), Problem("", "is wrong", "", "zoo"))
    assert [each.where for each in raised(loaded, PluginError.of(given))] == ["a.jsonl:3", "router.yaml:12:6"]


def test_an_address_in_a_bundle_is_none_in_the_spec(loaded):
    (problem,) = raised(loaded, BundleError("is missing", address="embedder"))
    assert problem.where == ""


def test_a_spec_that_is_a_mapping_has_no_lines():
    given = {
        "version": 1,
        "name": "small",
        "traces": {"use": "jsonl", "with": {"path": "a.jsonl"}},
        "embedder": "lsa",
        "zoo": ["logreg"],
        "target": {"agreement": 0.9, "confidence": 0.95},
    }
    (problem,) = raised(load_spec(given), DataError("does not exist", address="traces.with.path"))
    assert problem.where == ""
