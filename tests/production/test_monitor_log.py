"""The files of a log: each line once, whatever becomes of its file, and the state that remembers them."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracer_spec as ts
from tests.production.decisions import Nightly, line, reference, traffic, written
from tracer_spec.errors import DataError, UsageError
from tracer_spec.flow.documents.monitor import MonitorState, monitor_schema
from tracer_spec.production.monitoring.follow import keep, read_on
from tracer_spec.production.monitoring.log import find_files, read_log
from tracer_spec.production.monitoring.monitor import Monitor
from tracer_spec.production.monitoring.state import ReadFile, read_state, state_document
from tracer_spec.runtime import read_bundle

# --- each line once ----------------------------------------------------------------------------------------------------

DATA = written(traffic(120, 0.9, audit=0.5))


@given(st.lists(st.integers(0, len(DATA)), max_size=5))
def test_reading_night_by_night_gives_the_numbers_of_reading_at_once(tmp_path_factory, cuts):
    folder = tmp_path_factory.mktemp("nights")
    nights, once = Nightly(folder), Monitor(reference())
    path = nights.log / "decisions-2026-03-01-a-0001.jsonl"
    for end in [*sorted(cuts), len(DATA)]:
        path.write_bytes(DATA[:end])
        monitor = nights.run()
    read_log([path], [], once)
    found, expected = state_document(monitor, []), state_document(once, [])
    assert found == expected
    assert found["counts"]["rows"] == 120


def test_a_last_line_that_is_being_written_waits(nightly):
    path = nightly.log / "a.jsonl"
    data = written([line(0), line(1)])
    path.write_bytes(data[:-20])
    nightly.run()
    assert (nightly.rows, nightly.n_lines, nightly.notes) == (1, 1, ())
    path.write_bytes(data)
    nightly.run()
    assert (nightly.rows, nightly.n_lines) == (2, 1)
    nightly.run()
    assert (nightly.rows, nightly.n_lines) == (2, 0)


def test_a_file_that_is_renamed_or_compressed_goes_on_where_it_was(nightly):
    path = nightly.log / "a.jsonl"
    lines = traffic(70, 0.9)
    path.write_bytes(written(lines[:50]))
    nightly.run()
    path = path.rename(nightly.log / "b.jsonl")
    path.write_bytes(written(lines[:60]))
    nightly.run()
    assert (nightly.rows, nightly.n_lines, nightly.notes) == (60, 10, ())
    (nightly.log / "b.jsonl.gz").write_bytes(gzip.compress(written(lines)))
    path.unlink()
    nightly.run()
    assert (nightly.rows, nightly.n_lines, nightly.notes) == (70, 10, ())


def test_a_copy_is_not_counted_again(nightly):
    data = written(traffic(50, 0.9))
    (nightly.log / "a.jsonl").write_bytes(data)
    (nightly.log / "b.jsonl.gz").write_bytes(gzip.compress(data))
    nightly.run()
    assert (nightly.rows, nightly.notes) == (50, ("b.jsonl.gz is a copy of a.jsonl, and is not read",))
    shutil.copy(nightly.log / "a.jsonl", nightly.log / "0.jsonl")
    nightly.run()
    assert nightly.rows == 50
    assert "0.jsonl is a copy of a.jsonl, and is not read" in nightly.notes


def test_of_copies_that_end_earlier_or_later_each_line_counts_once(nightly):
    """A backup of noon is read before the file that went on: what came since noon was taken for part of the copy."""
    lines = traffic(200, 0.9)
    (nightly.log / "a.jsonl").write_bytes(written(lines[:50]))
    (nightly.log / "b.jsonl").write_bytes(written(lines[:120]))
    nightly.run()
    assert (nightly.rows, nightly.notes) == (120, ("b.jsonl is a copy of a.jsonl, and is read from where that ended",))
    nightly.run()
    assert (nightly.rows, nightly.notes) == (120, ())
    (nightly.log / "a.jsonl").write_bytes(written(lines[:150]))  # the backup of midnight
    (nightly.log / "b.jsonl").write_bytes(written(lines))
    nightly.run()
    assert (nightly.rows, nightly.n_lines, nightly.notes) == (200, 80, ())
    (nightly.log / "c.jsonl.gz").write_bytes(gzip.compress(written(lines[:10])))
    nightly.run()
    assert nightly.rows == 200


def test_a_file_that_is_gone_stays_counted_and_is_said_once(nightly):
    for name, start in (("a", 0), ("b", 100), ("c", 200)):
        (nightly.log / f"{name}.jsonl").write_bytes(written([line(start + number) for number in range(10)]))
    nightly.run()
    (nightly.log / "a.jsonl").unlink()
    (nightly.log / "b.jsonl").unlink()
    nightly.run()
    assert (nightly.rows, nightly.notes) == (30, ("gone since they were read, and still counted: a.jsonl, b.jsonl",))
    nightly.run()
    assert (nightly.rows, nightly.notes) == (30, ())


@pytest.mark.parametrize("name", ["a.jsonl", "b.jsonl", "a.jsonl.gz"])
def test_a_file_that_was_gone_and_comes_back_is_not_counted_again(nightly, name):
    """A mount that is away for a night, a file that is taken out of an archive: its evidence would count twice."""
    lines = [line(number) for number in range(20)]
    (nightly.log / "a.jsonl").write_bytes(written(lines[:10]))
    (nightly.log / "z.jsonl").write_bytes(written([line(100)]))
    nightly.run()
    (nightly.log / "a.jsonl").unlink()
    nightly.run()
    nightly.run()
    jsonschema.validate(json.loads(nightly.state.read_text()), monitor_schema())
    (nightly.log / name).write_bytes(gzip.compress(written(lines)) if name.endswith(".gz") else written(lines))
    monitor = nightly.run()
    assert (nightly.rows, nightly.n_lines, nightly.notes) == (21, 10, ())
    assert "duplicate id" not in monitor.tally.passed_over
    assert not any(each.is_gone for each in read_state(nightly.state, reference(), None)[1])


def test_no_more_than_a_thousand_files_that_are_gone_are_remembered_the_latest_of_them(nightly):
    path = nightly.log / "a.jsonl"
    path.write_bytes(written([line(0)]))
    nightly.run()
    monitor, before = read_state(nightly.state, reference(), None)
    long_gone = [ReadFile(f"/gone/{number}.jsonl", 9, f"{number:016x}", is_gone=True) for number in range(1000)]
    path.unlink()
    kept = [each.path for each in read_log([], [*before, *long_gone], monitor).files]
    assert kept == [*(f"/gone/{number}.jsonl" for number in range(1, 1000)), str(path)]


def test_a_file_that_is_replaced_is_read_from_its_start_and_one_that_is_cut_is_said(nightly):
    path = nightly.log / "a.jsonl"
    path.write_bytes(written(traffic(50, 0.9)))
    nightly.run()
    path.write_bytes(written([line(1000 + number) for number in range(5)]))
    nightly.run()
    assert (nightly.rows, nightly.notes) == (55, ("a.jsonl is another file than it was, and is read from its start",))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 5 * 4])
    nightly.run()
    assert nightly.rows == 55
    assert "lines are lost, or counted twice" in nightly.notes[0]
    path.write_bytes(b"")
    nightly.run()
    assert nightly.rows == 55


def test_files_of_another_run_are_remembered_though_they_are_not_asked_for(nightly, tmp_path):
    (nightly.log / "a.jsonl").write_bytes(written([line(0)]))
    nightly.run()
    monitor, before = read_state(nightly.state, reference(), None)
    other = tmp_path / "other.jsonl"
    other.write_bytes(written([line(1)]))
    reading = read_log(find_files([str(other)]), before, monitor)
    assert {Path(each.path).name for each in reading.files} == {"a.jsonl", "other.jsonl"}
    assert reading.notes == ()


def test_lines_that_are_no_json_are_counted_and_blank_ones_are_nothing(nightly):
    (nightly.log / "a.jsonl").write_bytes(b'{"half\n\n[1]\n' + b"[" * 100_000 + b"\n\xff\n" + written([line(0)]))
    monitor = nightly.run()
    assert monitor.tally.passed_over == {"not a JSON object": 4}
    assert nightly.rows == 1


def test_a_file_that_grows_while_it_is_read_is_known_again(nightly):
    other, path = nightly.log / "0.jsonl", nightly.log / "a.jsonl"
    lines = [line(number) for number in range(1, 7)]
    other.write_bytes(written([line(0)]))
    path.write_bytes(written(lines[:1]))

    class Meanwhile(Monitor):
        def add(self, record):
            if self.tally.rows == 1:
                path.write_bytes(written(lines[:4]))
            super().add(record)

    monitor = Meanwhile(reference())
    reading = read_log([other, path], [], monitor)
    n_first = monitor.tally.rows
    path.write_bytes(written(lines))
    again = read_log([other, path], reading.files, monitor)
    assert (monitor.tally.rows, again.n_lines, again.notes) == (7, 7 - n_first, ())
    assert n_first == 5


def test_a_folder_or_a_file_that_may_not_be_read_is_said(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.jsonl").write_bytes(DATA)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match="the log cannot be read: permission denied"):
        read_log([tmp_path / "a.jsonl"], [], Monitor(reference()))
    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DataError, match="the log cannot be read: permission denied"):
        find_files([str(tmp_path)])


# --- which files -------------------------------------------------------------------------------------------------------


def test_folders_files_and_patterns_are_found_by_name_and_each_file_once(tmp_path):
    for name in ("b/2.jsonl", "a/3.jsonl", "a/1.jsonl.gz", "a/x.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    names = [str(tmp_path / "a"), str(tmp_path / "b/2.jsonl"), str(tmp_path / "?/*.jsonl"), str(tmp_path / "a/x.txt")]
    assert [path.name for path in find_files(names)] == ["1.jsonl.gz", "2.jsonl", "3.jsonl", "x.txt"]


@pytest.mark.parametrize(
    ("name", "what"),
    [("none.jsonl", "there is no such file"), ("*.jsonl", "there is no such file"), (".", "no file in this folder")],
)
def test_what_is_not_there_is_said(tmp_path, monkeypatch, name, what):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=what):
        find_files([name])


def test_a_file_that_cannot_be_unpacked_is_said_with_its_name_and_what_to_do(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    whole = gzip.compress(DATA)
    for data in (b"no gzip", whole[:500] + b"\xff" * 500 + whole[1000:], whole[:-8] + bytes(8)):
        path.write_bytes(data)
        with pytest.raises(DataError, match=r"a\.jsonl\.gz") as raised:
            read_log([path], [], Monitor(reference()))
        assert "put a whole copy in its place, or move it away" in raised.value.problems[0].hint


@pytest.mark.parametrize("most_open", [200, 0])
@pytest.mark.parametrize("n_bytes", [0, 5, 40, 700, -30, -1])
def test_a_file_that_is_being_compressed_holds_up_nothing_and_is_said(nightly, monkeypatch, n_bytes, most_open):
    """The nightly run and the rotation of the logs often meet at midnight."""
    monkeypatch.setattr("tracer_spec.production.monitoring.log._MOST_OPEN", most_open)
    path, whole = nightly.log / "b.jsonl.gz", gzip.compress(DATA)
    (nightly.log / "a.jsonl").write_bytes(written([line(1000)]))
    path.write_bytes(whole[:n_bytes])
    nightly.run()
    assert 1 <= nightly.rows <= 121
    said = "b.jsonl.gz ends before its compressed data do: it is still being written, or damaged; the rest waits"
    assert nightly.notes == ((said,) if n_bytes else ())
    path.write_bytes(whole)
    nightly.run()
    assert (nightly.rows, nightly.notes) == (121, ())


def test_a_file_that_is_being_compressed_beside_itself_counts_once(nightly):
    path, whole = nightly.log / "a.jsonl", gzip.compress(DATA)
    path.write_bytes(DATA)
    nightly.run()
    for n_bytes in (0, 5, 700, len(whole)):
        (nightly.log / "a.jsonl.gz").write_bytes(whole[:n_bytes])
        nightly.run()
        assert nightly.rows == 120
    path.unlink()
    nightly.run()
    assert (nightly.rows, nightly.notes) == (120, ())


# --- the state ---------------------------------------------------------------------------------------------------------


def test_a_state_is_small_and_what_its_schema_says(nightly):
    (nightly.log / "a.jsonl").write_bytes(written(traffic(3000, 0.8, minutes=100)))
    monitor = nightly.run()
    document = json.loads(nightly.state.read_text())
    jsonschema.validate(document, monitor_schema())
    MonitorState.model_validate(document)
    assert document == state_document(*read_state(nightly.state, reference(), None))
    assert nightly.state.stat().st_size < 8000
    assert monitor.verdict == "refuted"
    assert read_state(nightly.state, reference(), None)[0].verdict == "refuted"


def test_a_state_of_another_bundle_is_refused(nightly):
    (nightly.log / "a.jsonl").write_bytes(written([line(0)]))
    nightly.run()
    with pytest.raises(DataError, match="state of a monitor of small 0123456789ab, not of other") as raised:
        read_state(nightly.state, reference(name="other", sha256="6" * 64), None)
    assert "--state" in raised.value.problems[0].hint


def test_a_state_keeps_its_alpha(nightly):
    (nightly.log / "a.jsonl").write_bytes(written([line(0)]))
    nightly.run()
    assert read_state(nightly.state, reference(), 0.05)[0].alpha == 0.05
    with pytest.raises(UsageError, match=r"begun with alpha 0\.05, and 0\.01 is given"):
        read_state(nightly.state, reference(), 0.01)


BROKEN = {
    "counts": {"rows": -1},
    "detectors": [0.0],
    "evidence": ["x"] * 20,
    "scores": [1, 2],
    "periods": {"yesterday": [1, 1, 1, 1]},
    "period_days": 0.5,
    "alpha": 1.5,
    "first": 2026,
    "labels": {"a": [1, 2, 3]},
    "files": [{"path": "a"}],
    "log_peak": "1",
    "schema_version": 2,
    "refuted": {"n": 1},
    "warned": {"n": 1, "time": "\x1b[2J"},
    "bundle": "b",
}


@pytest.mark.parametrize("key", BROKEN)
@pytest.mark.parametrize("is_there", [True, False])
def test_a_state_that_is_broken_is_refused_with_what_to_do(nightly, key, is_there):
    (nightly.log / "a.jsonl").write_bytes(written([line(0)]))
    nightly.run()
    document = json.loads(nightly.state.read_text())
    document = (
        {**document, key: BROKEN[key]} if is_there else {name: each for name, each in document.items() if name != key}
    )
    nightly.state.write_text(json.dumps(document))
    with pytest.raises(DataError, match="this is no state of a monitor") as raised:
        read_state(nightly.state, reference(), None)
    assert (
        raised.value.problems[0].hint
        == "name another file; or, where it was a state, remove it, and the whole log is read again"
    )


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b'{"schema_version": 1}', b'{"a": 1, "a": 2}'])
def test_a_file_that_is_no_state_is_refused(tmp_path, data):
    (tmp_path / "state.json").write_bytes(data)
    with pytest.raises(DataError, match="this is no state of a monitor"):
        read_state(tmp_path / "state.json", reference(), None)
    with pytest.raises(DataError, match="cannot be read"):
        read_state(tmp_path, reference(), None)


# --- a whole run -------------------------------------------------------------------------------------------------------


def follow(opened, log, state):
    """Read what is new in a log, and remember it."""
    monitor, reading = read_on(opened, [str(log)], state=state)
    keep(state, monitor, reading)
    return monitor, reading


def test_a_run_over_a_deployments_log_while_it_is_written(bundle, texts, tmp_path):
    opened = read_bundle(bundle)
    with ts.deploy(bundle, teacher=lambda text: '{"intent": "other"}', log=tmp_path / "log", audit=0.5) as deployed:
        for number, text in enumerate(texts):
            deployed.classify(text)
            if number in (100, 250):
                deployed.log.flush()
                monitor, _ = follow(opened, tmp_path / "log", tmp_path / "s.json")
                assert monitor.tally.rows == number + 1
    monitor, reading = follow(opened, tmp_path / "log", tmp_path / "s.json")
    assert (monitor.tally.rows, reading.n_lines) == (len(texts), len(texts) - 251)
    assert monitor.verdict == "refuted"


def test_a_log_that_is_gone_leaves_the_verdict_of_its_state(bundle, texts, tmp_path):
    opened, log, state = read_bundle(bundle), tmp_path / "log", tmp_path / "s.json"
    with ts.deploy(bundle, teacher=lambda text: '{"intent": "other"}', log=log, audit=1.0) as deployed:
        for text in texts:
            deployed.classify(text)
    assert follow(opened, log, state)[0].verdict == "refuted"
    shutil.rmtree(log)
    monitor, reading = follow(opened, log, state)
    assert (monitor.verdict, reading.n_lines) == ("refuted", 0)
    assert all(each.is_gone for each in reading.files)
    assert "gone since they were read" in reading.notes[0]


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ([line(0)], r"no line is a decision of deployed \w+; versions in the log: '0123456789ab' 1"),
        ([{**line(0), "router": None}], "none of 1 line is a decision of .*: 1 recorded without a bundle"),
        ([{"input": "x", "teacher": "a"}] * 2, "none of 2 lines is a decision of .*: 2 not a decision"),
        ([], "the log is empty so far"),
    ],
)
def test_a_log_without_a_decision_of_this_bundle_is_refused_and_nothing_is_remembered(bundle, tmp_path, lines, what):
    (tmp_path / "a.jsonl").write_bytes(written(lines))
    with pytest.raises(DataError, match=what) as raised:
        follow(read_bundle(bundle), tmp_path / "a.jsonl", tmp_path / "s.json")
    hint = raised.value.problems[0].hint
    assert hint
    assert ("may not have restarted since, or has had no traffic" in hint) == ("versions" in what)
    assert not (tmp_path / "s.json").exists()
