"""Too few traces to fit on: what is said helps."""

from __future__ import annotations

import json

import pytest

from tracer_spec.errors import DataError
from tracer_spec.flow.prepare import part, read_traces
from tracer_spec.plan import load_plan
from tracer_spec.plugin.registry import find_plugins


def parted(tmp_path, n, folds, certify):
    rows = [{"id": f"i{at}", "input": f"words number {at}", "teacher": "ab"[at % 2]} for at in range(n)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec = {
        "version": 1,
        "name": "few",
        "traces": {"use": "jsonl", "with": {"path": str(tmp_path / "t.jsonl")}, "format": "native"},
        "embedder": "lsa",
        "target": {"agreement": 0.9},
        "split": {"folds": folds, "certify": certify},
    }
    plan = load_plan(spec, find_plugins())
    return part(read_traces(plan), plan.spec.split)


@pytest.mark.parametrize(
    ("n", "folds", "certify", "hint"),
    [
        (2, 5, 0.4, "collect more traces"),
        (2, 2, 0.4, "collect more traces"),
        (4, 5, 0.4, "collect more traces"),
        (6, 5, 0.5, "collect more traces, or lower split.certify and split.folds"),
        (8, 5, 0.25, "collect more traces, or lower split.folds"),
        (8, 2, 0.7, "collect more traces, or lower split.certify"),
        (20, 5, 0.95, "collect more traces, or lower split.certify"),
        (20, 5, 0.7, "collect more traces, or lower split.certify or split.folds"),
    ],
)
def test_a_hint_names_what_helps_and_nothing_else(tmp_path, n, folds, certify, hint):
    with pytest.raises(DataError, match="too few rows to fit on") as refusal:
        parted(tmp_path, n, folds, certify)
    assert refusal.value.problems[0].hint == hint


@pytest.mark.parametrize(
    ("n", "folds", "certify"), [(6, 2, 1 / 6), (8, 2, 0.25), (8, 2, 1 / 8), (20, 5, 1 / 20), (20, 2, 0.7)]
)
def test_what_a_hint_names_helps(tmp_path, n, folds, certify):
    assert len(parted(tmp_path, n, folds, certify).fit) >= 2 * folds
