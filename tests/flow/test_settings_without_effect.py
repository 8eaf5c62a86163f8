"""Settings that do nothing, or shut out most of the traffic, are told by plan and build."""

from __future__ import annotations

import json

import pytest

import tracer_spec as ts
from tracer_spec.cli import main

SPEC = """\
version: 1
name: small
traces: {use: jsonl, with: {path: traces.jsonl}}
embedder: lsa
zoo: [logreg]
families: [global]
target: {agreement: 0.8}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [{"id": f"t{n}", "input": f"my {['card', 'loan', 'card', 'card'][n % 4]} {n}"} for n in range(400)]
    rows = [row | {"teacher": row["input"].split()[1]} for row in rows]
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "router.yaml").write_text(SPEC)


@pytest.mark.parametrize(
    ("overrides", "is_told"),
    [(["acceptor=neighbours"], True), (["acceptor=neighbours", "families=[global, l2d]"], False), ([], False)],
)
def test_an_acceptor_that_no_policy_has_is_told(overrides, is_told):
    result = ts.build("router.yaml", out="b.tracer", overrides=overrides)
    told = [each for each in result.warnings if each.startswith("'acceptor'")]
    assert told == (["'acceptor' has no effect: no policy of the families (global) has an acceptor"] if is_told else [])


@pytest.mark.parametrize(("label", "is_told"), [("card", True), ("loan", False)])
def test_deferred_labels_of_most_rows_are_told_by_plan_and_build(capsys, label, is_told):
    given = ["--set", f"defer_labels=[{label}]"]
    assert main(["plan", "router.yaml", "--json", "--no-curve", "-q", *given]) == 0
    told = [each for each in json.loads(capsys.readouterr().out)["warnings"] if "'defer_labels'" in each]
    assert len(told) == is_told
    result = ts.build("router.yaml", out="b.tracer", overrides=given[1:])
    assert [each for each in result.warnings if "'defer_labels'" in each] == told
    if is_told:
        n, _, n_fit = told[0].split()[:3]
        assert 0.7 < int(n) / int(n_fit) < 0.8
        assert told[0].endswith(f"handles {1 - int(n) / int(n_fit):.3f} of the traffic at most")
