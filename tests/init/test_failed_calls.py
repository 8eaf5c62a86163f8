"""``init`` over a log that holds failed calls too: what stands for their answers was a label."""

from __future__ import annotations

import csv
import io
import json

import pytest

ERROR = "Error: rate limit exceeded"


def rows(calls, how, answer=ERROR, every=9):
    """Return a row for each call, with columns of the log's own; one in nine failed."""
    return [
        {
            "text": call.text,
            **how(call.n % every == 0),
            "answer": call.label if call.n % every else answer,
        }
        for call in calls
    ]


def as_csv(records):
    file = io.StringIO()
    writer = csv.DictWriter(file, list(records[0]))
    writer.writeheader()
    writer.writerows(records)
    return file.getvalue()


HOWS = {
    "status": (lambda bad: {"status": "error" if bad else "ok"}, "status != 'error'"),
    "status in capitals": (lambda bad: {"call_status": "FAILED" if bad else "SUCCESS"}, "call_status != 'FAILED'"),
    "code": (lambda bad: {"status_code": 429 if bad else 200}, "status_code != `429`"),
    "flag": (lambda bad: {"success": not bad}, "success != `false`"),
    "flag of errors": (lambda bad: {"is_error": bad}, "is_error != `true`"),
    "text of errors": (lambda bad: {"error": "429 too many requests" if bad else None}, "!error"),
    "inside": (lambda bad: {"meta": {"status": "timeout" if bad else "ok"}}, "meta.status != 'timeout'"),
}


@pytest.mark.usefixtures("no_curve")
@pytest.mark.parametrize(("how", "where"), HOWS.values(), ids=HOWS)
def test_failed_calls_are_left_out_where_an_error_stands_for_the_answer(init, calls, tmp_path, how, where):
    outcome = init({"log.jsonl": rows(calls, how)})
    assert outcome.code == 0, outcome.err
    assert outcome.spec["traces"]["format"] == {"preset": "native", "where": where}
    assert outcome.accounting.dropped == {"excluded by where": 8}
    assert set(outcome.labels) == {"delivery", "invoice", "login", "praise"}
    field = where.strip("!").split()[0]
    told = f"'where' leaves out 8 records of 72 that were looked at, whose '{field}' says that the call failed"
    assert told in outcome.out
    assert told in " ".join((tmp_path / "app" / "router.yaml").read_text().replace("\n  # ", " ").split())


@pytest.mark.usefixtures("no_curve")
@pytest.mark.parametrize("name", ["status", "code", "flag", "text of errors"])
def test_a_csv_says_the_same_in_text(init, calls, name):
    how, _ = HOWS[name]
    outcome = init({"log.csv": as_csv(rows(calls, how))})
    assert outcome.accounting.dropped == {"excluded by where": 8}
    assert set(outcome.labels) == {"delivery", "invoice", "login", "praise"}


def test_empty_answers_of_failed_calls_no_longer_count_as_disagreements(init, calls):
    outcome = init({"log.jsonl": rows(calls, HOWS["status"][0], answer="")})
    assert outcome.accounting.dropped == {"excluded by where": 8}


@pytest.mark.parametrize(
    ("how", "answer"),
    [
        (HOWS["status"][0], "praise"),  # the status is of something else: the teacher answered
        (HOWS["status"][0], None),  # there is no label, and the record is no trace as it is
        (lambda bad: {"status": "open" if bad else "closed"}, ERROR),
        (lambda bad: {"status": "error"}, ERROR),  # of all
        (lambda bad: {"note": "error" if bad else "ok"}, ERROR),
    ],
)
def test_other_columns_leave_no_record_out(init, calls, how, answer):
    outcome = init({"log.jsonl": rows(calls, how, answer)})
    assert "where" not in json.dumps(outcome.spec["traces"]["format"])
