"""The log of a deployment as traces: a sample of all traffic, and nothing else."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress

import pytest

import tracer_spec as ts
from tracer_spec.builtin.formats import PRESETS, compile_format, custom_format
from tracer_spec.cli import main
from tracer_spec.plugin import Record


def read(wanted, lines):
    records = [Record(f"log:{number}", line) for number, line in enumerate(lines)]
    return [raw for _, raw in compile_format(wanted).traces(records)]


def log_of(folder) -> list[dict]:
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def world():
    """Return what the teacher answers, by text."""
    from tests.production.conftest import rows

    return {row["input"]: json.dumps({"intent": row["teacher"].strip()}) for row in rows()}


@pytest.fixture(scope="module")
def lines(bundle, world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    with ts.deploy(bundle, teacher=world.get, log=folder, audit=0.3, secret=b"s", model="m-1") as deployed:
        for number, text in enumerate(world):
            deployed.classify(text, id=f"r{number}")
    return log_of(folder)


def test_audited_rows_are_traces_and_no_others(lines):
    found = read(PRESETS["decisions"], lines)
    reasons = Counter(raw.reason for raw in found)
    audited = [line for line in lines if line["router"]["audit"]]
    assert reasons[""] == len(audited) > 100
    assert reasons["not asked"] == sum(line["router"]["served"] == "router" for line in lines) > 100
    assert reasons["deferred, not audited"] == len(lines) - reasons[""] - reasons["not asked"] > 0
    kept = [raw for raw in found if not raw.reason]
    assert [(raw.id, raw.text, raw.label) for raw in kept] == [(e["id"], e["input"], e["teacher_raw"]) for e in audited]
    assert {raw.model for raw in kept} == {"m-1"}
    assert all(raw.time for raw in kept)


def test_what_was_logged_without_a_bundle_is_a_trace(world, tmp_path):
    with ts.deploy(None, teacher=world.get, log=tmp_path) as recorded:
        for text in list(world)[:5]:
            recorded.classify(text)
    assert [raw.reason for raw in read(PRESETS["decisions"], log_of(tmp_path))] == [""] * 5


@pytest.mark.parametrize("with_bundle", [True, False])
def test_a_request_that_the_teacher_failed_stops_no_build(bundle, world, tmp_path, with_bundle):
    failing = set(list(world)[::7])

    def teacher(text):
        if text in failing:
            raise TimeoutError("too slow")
        return world[text]

    with ts.deploy(bundle if with_bundle else None, teacher=teacher, log=tmp_path, audit=1.0) as deployed:
        for text in list(world)[:70]:
            with suppress(TimeoutError):
                deployed.classify(text)
    reasons = Counter(raw.reason for raw in read(PRESETS["decisions"], log_of(tmp_path)))
    assert reasons == {"": 60, "nobody answered": 10}
    (stray,) = read(PRESETS["decisions"], [{"input": "where is it?", "teacher": "order_status"}])
    assert stray.reason == "not a line of the log"


@pytest.mark.parametrize(
    "change",
    [{"label": "router.label"}, {"skip": {"deferred, not audited": None}}, {"view": "router"}, {"label": "teacher"}],
)
def test_a_spec_that_reads_the_label_elsewhere_reads_no_decision(lines, change):
    changed = custom_format(change, PRESETS["decisions"])
    assert {raw.reason for raw in read(changed, lines)} <= {"a router's decision", "not asked", "deferred, not audited"}


def test_a_log_whose_rows_do_not_say_that_they_were_audited_gives_no_trace(lines):
    stripped = [{**line, "router": {k: v for k, v in line["router"].items() if k != "audit"}} for line in lines]
    assert "" not in {raw.reason for raw in read(PRESETS["decisions"], stripped)}


def test_verify_measures_a_log_as_the_traffic_is(bundle, world, lines, tmp_path, capsys):
    """Rows of the build are known again by their texts; fresh ones are measured."""
    fresh = [{**line, "input": line["input"] + " please, thank you"} for line in lines]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in fresh))
    code = main(["verify", str(bundle), str(tmp_path / "log.jsonl"), "--format", "decisions", "--json", "-q"])
    measured = json.loads(capsys.readouterr().out)["measured"]
    assert code in (0, 4)
    assert measured["coverage"]["n"] == sum(line["router"]["audit"] for line in lines)
    assert set(measured["traces"]["dropped"]) == {"not asked", "deferred, not audited"}


def test_verify_refuses_a_log_of_deferred_rows_alone(bundle, lines, tmp_path, capsys):
    deferred = [line for line in lines if line["router"]["served"] == "teacher" and not line["router"]["audit"]]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in deferred))
    code = main(["verify", str(bundle), str(tmp_path / "log.jsonl"), "--format", "decisions", "-q"])
    assert code == 1
    assert "deferred, not audited" in capsys.readouterr().err
