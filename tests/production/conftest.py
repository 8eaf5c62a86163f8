"""A bundle of the quickstart's world, whose teacher answers in JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tracer_spec as ts
from tests.production.decisions import Nightly

QUICKSTART = Path(__file__).parents[2] / "specs" / "quickstart"


def rows() -> list[dict]:
    return [json.loads(line) for line in (QUICKSTART / "traces.jsonl").read_text().splitlines()]


def build(answered: list[dict], folder: Path, **more: object) -> Path:
    """Build a bundle of rows whose teacher answers in JSON, with more keys in its spec, and return its path."""
    (folder / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answered))
    spec = {
        "version": 1,
        "name": "deployed",
        "traces": {
            "use": "jsonl",
            "with": {"path": str(folder / "traces.jsonl")},
            "labels": {"normalize": ["json:intent", "strip", "first-line"], "aliases": {"refund": "refund_status"}},
        },
        "embedder": {"use": "lsa", "with": {"dim": 48}},
        "zoo": ["logreg"],
        "families": ["global", "l2d"],
        "target": {"agreement": 0.9},
        **more,
    }
    result = ts.build(spec, out=folder / "deployed.tracer", cache=False)
    assert result.status == "certified"
    return folder / "deployed.tracer"


@pytest.fixture(scope="session")
def bundle(tmp_path_factory) -> Path:
    answered = [{**row, "teacher": json.dumps({"intent": row["teacher"].strip()})} for row in rows()]
    return build(answered, tmp_path_factory.mktemp("deployed"))


@pytest.fixture(scope="session")
def texts() -> list[str]:
    return [row["input"] for row in rows()][:400]


@pytest.fixture
def nightly(tmp_path) -> Nightly:
    return Nightly(tmp_path)
