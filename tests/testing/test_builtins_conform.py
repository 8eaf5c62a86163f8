"""Every built-in keeps the contract that third parties are held to, by the same kit."""

# ruff: noqa: RUF012 - what a contract class says is read and never changed

from __future__ import annotations

import json

import numpy as np
import pytest

from tracer_spec.plugin import Target
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.testing import (
    AcceptorContract,
    CalibratorContract,
    Contract,
    EmbedderContract,
    FamilyContract,
    GuardContract,
    SourceContract,
    SurrogateContract,
    VectorReaderContract,
)

ROWS = [
    {"input": "where is my card?", "teacher": "card_arrival"},
    {"input": "Straße, Ω, 💳", "teacher": "other"},
    {"input": "refund", "teacher": "refund"},
]


class TestDt(SurrogateContract):
    plugin = "dt"
    options = {"min_samples_leaf": 3}


class TestEt(SurrogateContract):
    plugin = "et"
    options = {"trees": 8}


class TestRf(SurrogateContract):
    plugin = "rf"
    options = {"trees": 8}


class TestGbt(SurrogateContract):
    plugin = "gbt"
    options = {"rounds": 3, "min_samples_leaf": 3}


class TestXgboost(SurrogateContract):
    plugin = "xgboost"
    options = {"rounds": 5}


class TestLogreg(SurrogateContract):
    plugin = "logreg"


class TestSgd(SurrogateContract):
    plugin = "sgd"
    options = {"max_iter": 10}


class TestMlp(SurrogateContract):
    plugin = "mlp"
    options = {"hidden": [8], "max_iter": 30, "batch_size": 16}


class TestLogistic(AcceptorContract):
    plugin = "logistic"


class TestNeighbours(AcceptorContract):
    plugin = "neighbours"


class TestNeighboursOfOneRow(AcceptorContract):
    plugin = "neighbours"
    options = {"rows": 1}


class TestPrototypes(GuardContract):
    plugin = "prototypes"
    options = {"prototypes": 12}


class TestConcat(EmbedderContract):
    plugin = "concat"
    options = {"of": ["lsa", {"use": "lsa", "with": {"dim": 16, "chars": [3, 5]}}]}
    others = [
        {"of": ["lsa", {"use": "lsa", "with": {"dim": 16, "chars": [3, 5]}, "weight": 0.5}]},
        {"of": ["lsa", {"use": "lsa", "with": {"dim": 8, "chars": [3, 5]}}]},
    ]


class TestLsa(EmbedderContract):
    plugin = "lsa"
    options = {"dim": 16}
    others = [{"dim": 8}, {"dim": 16, "chars": [1, 3]}]


class TestPrecomputedColumn(VectorReaderContract):
    plugin = "precomputed"
    options = {"column": "embedding"}
    held = [[0.0, 1.0], "[1.0, 0.0]", [0.5, 0.5]]


class TestPrecomputedFile(VectorReaderContract):
    plugin = "precomputed"

    def prepare(self, folder):
        np.savez(folder / "vectors.npz", ids=np.array(["c", "a", "b"]), vectors=np.eye(3, dtype=np.float32))
        return {"path": "vectors.npz", "model": "m"}


class TestJsonl(SourceContract):
    plugin = "jsonl"
    expected = ROWS
    missing = {"path": "nothing-here.jsonl"}

    def prepare(self, folder):
        (folder / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
        return {"path": "*.jsonl"}


class TestJson(SourceContract):
    plugin = "json"
    expected = ROWS
    missing = {"path": "nothing-here.json"}

    def prepare(self, folder):
        (folder / "traces.json").write_text(json.dumps(ROWS, indent=2))
        return {"path": "traces.json"}


class TestCsv(SourceContract):
    plugin = "csv"
    expected = ROWS
    missing = {"path": "nothing-here.csv"}

    def prepare(self, folder):
        lines = ["input,teacher", *(f'"{row["input"]}",{row["teacher"]}' for row in ROWS)]
        (folder / "traces.csv").write_text("\n".join(lines) + "\n")
        return {"path": "traces.csv"}


class TestParquet(SourceContract):
    plugin = "parquet"
    expected = ROWS
    missing = {"path": "nothing-here.parquet"}

    def prepare(self, folder):
        pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        parquet.write_table(pyarrow.Table.from_pylist(ROWS), folder / "traces.parquet")
        return {"path": "traces.parquet"}


class TestGlobal(FamilyContract):
    plugin = "global"


class TestL2d(FamilyContract):
    plugin = "l2d"


class TestRsb(FamilyContract):
    plugin = "rsb"


class TestParetoTesting(CalibratorContract):
    plugin = "pareto-testing"


class TestRiskControl(CalibratorContract):
    plugin = "risk-control"
    target = Target(None, 0.9, end_to_end=0.95)


class TestEmpirical(CalibratorContract):
    plugin = "empirical"


def test_every_built_in_is_among_them():
    here = {
        (each.kind, each.plugin)
        for each in globals().values()
        if isinstance(each, type) and issubclass(each, Contract) and each.plugin
    }
    ours = {(each.kind, each.name) for each in find_plugins().provided if each.distribution == "tracer-spec"}
    assert here == ours
