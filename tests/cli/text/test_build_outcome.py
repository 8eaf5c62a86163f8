"""What ``build`` says of a bundle that another build has replaced since."""

from __future__ import annotations

from pathlib import Path

import tracer_spec as ts
from tracer_spec.cli.text.build import build_outcome


def test_a_bundle_that_another_build_replaced_is_no_error(built, tmp_path):
    folder = Path(built.args[-1])
    for name in ("router.yaml", "traces.jsonl"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    result = ts.build(tmp_path / "router.yaml", out=tmp_path / "small.tracer", overrides=["name=mine"])
    (tmp_path / "small.tracer").write_bytes((folder / "small.tracer").read_bytes())
    told = build_outcome(result, "tracer-spec build router.yaml", out=tmp_path / "small.tracer").text()
    assert told.startswith("certified  mine ")
    assert "a build that ended later replaced it" in " ".join(told.split())
    assert result.sha256 in told


def test_a_draft_whose_calibrator_makes_no_test_does_not_promise_that_a_build_certifies(built, tmp_path):
    folder = Path(built.args[-1])
    for name in ("router.yaml", "traces.jsonl"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    result = ts.build(
        tmp_path / "router.yaml", draft=True, overrides=["target={agreement: 0.9, calibrator: empirical}"]
    )
    told = build_outcome(result, "tracer-spec build router.yaml", out=tmp_path / "small.tracer").text()
    assert "tracer-spec build router.yaml  (uncertified: one look at the certify rows)" in told
    assert "certify it" not in told
