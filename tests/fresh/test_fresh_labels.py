"""``verify`` and ``diff`` on rows whose labels are not written as the build's were."""

from __future__ import annotations

import json

import pytest

import tracer_spec as ts
from tests.production.conftest import build, rows
from tracer_spec.cli import main


@pytest.fixture(scope="module")
def in_json(tmp_path_factory):
    """Return a bundle whose teacher answers in JSON."""
    answered = [{**row, "teacher": json.dumps({"intent": row["teacher"].strip()})} for row in rows()]
    return build(answered, tmp_path_factory.mktemp("json"))


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Return a bundle whose spec reads answers at another place."""
    folder = tmp_path_factory.mktemp("elsewhere")
    answered = [{"q": row["input"], "said": json.dumps({"intent": row["teacher"].strip()})} for row in rows()]
    traces = {
        "use": "jsonl",
        "with": {"path": str(folder / "traces.jsonl")},
        "format": {"text": "not_null(q, input)", "label": "said"},
        "labels": {"normalize": ["json:intent", "strip", "first-line"]},
    }
    return build(answered, folder, traces=traces)


def fresh(path, write):
    """Write rows that no build has seen, each with what ``write`` makes of its label."""
    told = [
        {"id": f"new-{number}", "input": f"{row['input']} please, thank you", "teacher": write(row["teacher"].strip())}
        for number, row in enumerate(rows()[:300])
    ]
    path.write_text("".join(json.dumps(each) + "\n" for each in told))
    return str(path)


def answered(capsys, *args):
    code = main([*map(str, args), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_labels_that_are_clean_already_are_measured_like_the_answers_that_they_were(in_json, tmp_path, capsys):
    whole = fresh(tmp_path / "whole.jsonl", lambda label: json.dumps({"intent": label}))
    plain = fresh(tmp_path / "plain.jsonl", str)
    code, expected = answered(capsys, "verify", in_json, whole)
    told, found = answered(capsys, "verify", in_json, plain)
    assert code == told
    for key in ("agreement", "coverage", "end_to_end", "labels"):
        assert found["measured"][key] == expected["measured"][key]
    assert expected["measured"]["agreement"]["n"] > 100
    main(["verify", str(in_json), plain, "-q"])
    assert "the labels are clean already: of the bundle's steps, json:intent is left out" in capsys.readouterr().out


def test_one_answer_that_the_steps_read_makes_bare_labels_disagreements(in_json, tmp_path, capsys):
    """Beside answers in JSON a bare label is one that the teacher wrote so, and no router's app could read it."""
    mixed = tmp_path / "mixed.jsonl"
    fresh(mixed, str)
    last = {"id": "last", "input": "where is it?", "teacher": '{"intent": "refund_status"}'}
    mixed.write_text(mixed.read_text() + json.dumps(last) + "\n")
    _, found = answered(capsys, "verify", in_json, mixed)
    assert found["measured"]["end_to_end"]["n"] == 301
    assert found["measured"]["agreement"]["n"] > 100
    assert found["measured"]["agreement"]["k"] <= 1


def test_answers_that_no_step_reads_are_told_with_the_bundles_steps(in_json, tmp_path, capsys):
    odd = fresh(tmp_path / "odd.jsonl", lambda label: f"it is {label} or so")
    assert main(["verify", str(in_json), odd, "-q"]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "none of 300 traces has a usable label: label not parsable (300)" in said
    assert (
        "the bundle's steps read what the teacher wrote (json:intent, strip, first-line): give its answers as they"
        in said
    )
    assert "traces.labels" not in said


@pytest.mark.parametrize("verb", ["verify", "diff"])
def test_labels_that_the_bundles_format_does_not_find_are_not_passed_over(elsewhere, tmp_path, capsys, verb):
    plain = fresh(tmp_path / "plain.jsonl", str)
    args = ("verify", elsewhere, plain) if verb == "verify" else ("diff", elsewhere, elsewhere, "--traces", plain)
    assert main([*map(str, args)]) == 1
    said = capsys.readouterr().err
    assert f"{plain}:1" in said
    assert (
        "the format 'custom' finds no answer of the teacher's in these records, and each has one under 'teacher'"
        in said
    )
    assert "read them by --format native" in said
    assert main([*map(str, args), "--format", "native", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["measured"]["agreement"]["n"] > 100 if verb == "verify" else found["flips"]["n"] == 300


def test_a_log_of_decisions_is_read_as_the_monitor_reads_it(in_json, tmp_path, capsys):
    """It holds what the teacher wrote: bare labels there are answers of another form."""
    with ts.deploy(in_json, teacher=lambda text: "refund_status", log=tmp_path / "log", audit=1.0) as app:
        for number in range(30):
            app.classify(f"where is parcel {number}?")
    assert main(["verify", str(in_json), str(tmp_path / "log"), "--format", "decisions", "-q"]) == 1
    assert "none of 30 traces has a usable label" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["verify", "diff"])
def test_traces_of_another_layout_than_the_bundles_are_told_with_the_option_that_names_it(
    elsewhere, tmp_path, capsys, verb
):
    other = tmp_path / "other.jsonl"
    other.write_text('{"question": "where is it?", "said": "order_status"}\n' * 30)
    args = ("verify", elsewhere, other) if verb == "verify" else ("diff", elsewhere, elsewhere, "--traces", other)
    assert main([*map(str, args)]) == 1
    said = capsys.readouterr().err
    assert "none of 30 records is a usable trace" in said
    assert "'--format native' reads lines of input and teacher" in said
    assert "traces.format" not in said
