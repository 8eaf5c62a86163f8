"""``init`` over tables with more records than it counts, and with columns of types that JSON does not have."""

from __future__ import annotations

import datetime
import io
from decimal import Decimal

import pytest

from tracer_spec.init import inspect_traces, sampling
from tracer_spec.init.fields import fields_of
from tracer_spec.plugin import Record


def table(columns):
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


@pytest.fixture
def tickets(calls):
    return table(
        {
            "ticket_id": [f"t{call.n}" for call in calls],
            "ts": [datetime.datetime.fromisoformat(call.time) for call in calls],
            "day": [datetime.date(2026, 3, 1 + call.n // 24) for call in calls],
            "amount": [Decimal(call.n) / 4 for call in calls],
            "hash": [bytes([call.n]) for call in calls],
            "vector": [[0.5, float(call.n)] for call in calls],
            "question": [call.text for call in calls],
            "category": [call.label for call in calls],
        }
    )


def test_each_column_is_told_by_its_kind(init, tickets):
    outcome = init({"t.parquet": tickets})
    assert outcome.code == 0, outcome.err
    for kind in (
        "ts: times in 72", "day: times in 72", "amount: numbers or flags in 72", "hash: bytes in 72",
        "vector: objects or lists in 72", "question: text in 72",
    ):  # fmt: skip
        assert kind in outcome.out


def test_values_of_several_kinds_are_no_objects():
    records = [Record("", {"x": each}, "") for each in (1, Decimal(2), True, "three")]
    assert fields_of(records).all[0].line().startswith("numbers or flags in 4 records")


def test_a_file_with_more_records_than_are_counted_is_told_as_such_and_how_a_build_is_bounded(
    init, tickets, monkeypatch, tmp_path
):
    monkeypatch.setattr(sampling, "COUNTED", 60)
    monkeypatch.setattr(inspect_traces, "COUNTED", 60)
    outcome = init({"t.parquet": tickets})
    said = "t.parquet: parquet, the first 60 records, 60 usable; there are more"
    assert f"{said}: 'traces.max_rows' bounds how many a build reads" in outcome.out
    text = (tmp_path / "app" / "router.yaml").read_text()
    assert "the first 60 records, 60 of them usable" in text
    assert "\n  # max_rows: 100000\n" in text
    whole = text.replace("# max_rows: 100000", "max_rows: 30")
    (tmp_path / "app" / "router.yaml").write_text(whole)
    from tracer_spec.cli import main

    assert main(["plan", str(tmp_path / "app" / "router.yaml"), "-q"]) == 0


@pytest.mark.parametrize("counted", [72, 73])
def test_a_file_that_is_counted_whole_says_nothing_of_more(init, tickets, tmp_path, monkeypatch, counted):
    monkeypatch.setattr(sampling, "COUNTED", counted)
    monkeypatch.setattr(inspect_traces, "COUNTED", counted)
    outcome = init({"t.parquet": tickets})
    assert "parquet, 72 records, 72 usable\n" in outcome.out
    assert "max_rows" not in outcome.out + (tmp_path / "app" / "router.yaml").read_text()
