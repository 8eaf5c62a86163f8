"""One label for nearly all rows: what a router that gives nothing else would reach is told, in plan, build and bundle."""

from __future__ import annotations

import json
import zipfile

import pytest

import tracer_spec as ts
from tracer_spec.cli import main
from tracer_spec.flow.traces.label_space import usual_label_notes

SPEC = """\
version: 1
name: small
traces: {use: jsonl, with: {path: traces.jsonl}}
embedder: lsa
zoo: [logreg]
families: [global]
target: {agreement: 0.9}
"""


@pytest.mark.parametrize(("n_other", "level", "is_told"), [(0, 0.99, True), (5, 0.95, True), (6, 0.95, False)])
def test_a_label_is_usual_where_nothing_else_reaches_the_target(n_other, level, is_told):
    assert bool(usual_label_notes(["ham"] * (100 - n_other) + ["spam"] * n_other, level)) is is_told


def test_answers_that_are_no_label_and_no_rows_have_no_usual_label():
    assert usual_label_notes([""] * 10, 0.5) == ()
    assert usual_label_notes([], 0.5) == ()


def test_plan_build_and_bundle_say_that_a_router_of_one_label_proves_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = [{"id": f"t{n}", "input": f"request {n} about {n % 7}", "teacher": "only"} for n in range(300)]
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "router.yaml").write_text(SPEC)
    assert main(["plan", "router.yaml", "--json", "--no-curve", "-q"]) == 0
    (warned,) = [each for each in json.loads(capsys.readouterr().out)["warnings"] if "have the label only" in each]
    result = ts.build("router.yaml", out="b.tracer")
    assert result.status == "certified"
    assert warned in result.warnings
    n = result.n_fit
    assert warned.startswith(
        f"{n} of {n} fit rows have the label only: a router that answers nothing else reaches the target of 0.9"
    )
    with zipfile.ZipFile("b.tracer") as bundle:
        assert warned in json.loads(bundle.read("certificate.json"))["assumptions"]
