"""Lines of a log that are no decision, or odd ones: each is counted, and none ends the monitor."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest

from tests.production.decisions import line, written


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_line_that_is_too_long_is_counted_and_not_held(nightly, ending):
    """A line of 200 MB takes no more memory than what is kept of one."""
    path = nightly.log / f"a.jsonl{ending}"
    with gzip.open(path, "wb", 1) if ending else path.open("wb") as file:
        file.write(written([line(0)]))
        for _ in range(200):
            file.write(b"x" * 1_000_000)
        file.write(b"\n" + written([line(1)]))
    tracemalloc.start()
    monitor = nightly.run()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (monitor.tally.rows, monitor.tally.passed_over) == (2, {"a line longer than 16 MiB": 1})
    assert most < 60_000_000
    assert nightly.run().tally.rows == 2


def test_a_long_line_that_is_still_being_written_waits(nightly):
    path = nightly.log / "a.jsonl"
    path.write_bytes(written([line(0)]) + b"x" * (17 << 20))
    assert nightly.run().tally.passed_over == {}
    with path.open("ab") as file:
        file.write(b"x\n" + written([line(1)]))
    monitor = nightly.run()
    assert (monitor.tally.rows, monitor.tally.passed_over) == (2, {"a line longer than 16 MiB": 1})


@pytest.mark.parametrize(
    "story",
    [
        {"label": ["a"]},
        {"label": {}},
        {"label": "\ud800"},
        {"score": 10**400},
        {"score": None},
        {"audit_rate": 10**400},
        {"version": "\ud800"},
        {"version": "\x1b[31m\ud800"},
        {"version": ["0123456789ab"]},
        {"reason": "\ud800", "handled": False},
        {"reason": [1], "handled": False},
        {"served": [1]},
    ],
)
def test_a_line_whose_decision_is_none_is_counted_as_such_and_the_next_one_is_read(nightly, story):
    told = [line(0), line(1, **{"audit": True, "teacher": "a", **story}), line(2)]
    (nightly.log / "a.jsonl").write_bytes(written(told))
    for _ in range(2):
        monitor = nightly.run()
        assert (monitor.tally.rows, monitor.tally.passed_over) == (2, {"not a decision": 1})


@pytest.mark.parametrize("teacher", [["a"], {"label": "a"}, 5, "\ud800", ""])
def test_an_odd_answer_of_the_teacher_is_no_label(nightly, teacher):
    (nightly.log / "a.jsonl").write_bytes(written([line(0, audit=True, teacher=teacher), line(1)]))
    monitor = nightly.run()
    assert (monitor.tally.rows, monitor.tally.unknown, monitor.agreement.k) == (2, 1, 0)
