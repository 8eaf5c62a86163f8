"""The log of decisions: whole lines, nothing lost in silence, and nothing waits for it."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest

from tests.production.decisions import lines_in
from tracer_spec.errors import DataError
from tracer_spec.production import decision_log
from tracer_spec.production.decision_log import DecisionLog, json_line


@pytest.fixture
def slow_disk(monkeypatch):
    """Return an event that comes as a write begins, and one that it waits for."""
    writing, go_on = threading.Event(), threading.Event()
    append = decision_log._LogFile.append

    def slow(self, lines):
        writing.set()
        assert go_on.wait(60)
        return append(self, lines)

    monkeypatch.setattr(decision_log._LogFile, "append", slow)
    return writing, go_on


def test_what_is_put_is_written_in_order_and_counted(tmp_path):
    with DecisionLog(tmp_path / "log") as log:
        assert all(log.put({"id": str(number)}) for number in range(1000))
    assert [each["id"] for each in lines_in(tmp_path / "log")] == [str(number) for number in range(1000)]
    assert log.counts == (1000, 0, 0)


def test_the_log_can_be_read_while_it_is_written(tmp_path):
    log = DecisionLog(tmp_path)
    log.put({"id": "a"})
    assert log.flush(60)
    assert lines_in(tmp_path) == [{"id": "a"}]
    log.put({"id": "b"})
    assert log.flush(60)
    assert len(lines_in(tmp_path)) == 2
    assert log.close()


def test_many_threads_lose_nothing_and_tear_no_line(tmp_path):
    log = DecisionLog(tmp_path, max_bytes=5000, max_waiting=100_000)

    def put(thread: int) -> None:
        for number in range(500):
            log.put({"id": f"{thread}-{number}", "input": "x" * (number % 90)})

    threads = [threading.Thread(target=put, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.close()
    assert {each["id"] for each in lines_in(tmp_path)} == {f"{t}-{n}" for t in range(8) for n in range(500)}
    assert all(path.stat().st_size <= 5000 for path in tmp_path.glob("*.jsonl"))


def test_a_line_larger_than_a_file_may_be_has_one_of_its_own(tmp_path):
    with DecisionLog(tmp_path, max_bytes=100) as log:
        for number in range(3):
            log.put({"id": str(number), "input": "x" * (300 if number == 1 else 10)})
    assert [each["id"] for each in lines_in(tmp_path)] == ["0", "1", "2"]
    assert len(list(tmp_path.glob("*.jsonl"))) == 3


def test_a_day_that_is_over_has_its_own_file(tmp_path, monkeypatch):
    class Clock(datetime):
        day = 25

        @classmethod
        def now(cls, tz=None):
            return datetime(2026, 11, cls.day, 23, 59, tzinfo=tz)

    monkeypatch.setattr(decision_log, "datetime", Clock)
    with DecisionLog(tmp_path) as log:
        log.put({"id": "a"})
        assert log.flush(60)
        Clock.day = 26
        log.put({"id": "b"})
    first, second = sorted(tmp_path.glob("*.jsonl"))
    assert (first.name[:20], second.name[:20]) == ("decisions-2026-11-25", "decisions-2026-11-26")
    assert Clock.now(UTC).tzinfo is UTC


def test_where_the_disk_is_too_slow_decisions_are_dropped_counted_and_nobody_waits(tmp_path, slow_disk):
    writing, go_on = slow_disk
    log = DecisionLog(tmp_path, max_waiting=5)
    log.put({"id": "first"})
    assert writing.wait(60)
    taken = [log.put({"id": str(number)}) for number in range(9)]
    assert taken == [True] * 5 + [False] * 4
    assert log.counts == (0, 4, 6)
    assert not log.flush(0)
    go_on.set()
    assert log.close()
    assert log.counts == (6, 4, 0)
    assert len(lines_in(tmp_path)) == 6
    assert not log.put({"id": "late"})
    assert log.counts.dropped == 5


def test_a_disk_that_is_full_loses_what_did_not_fit_and_no_half_line_stays(tmp_path, monkeypatch, caplog):
    write, full = os.write, [True]

    def write_some(descriptor, data):
        if full[0] and len(data) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:10] if full[0] else data)

    monkeypatch.setattr(decision_log.os, "write", write_some)
    log = DecisionLog(tmp_path)
    log.put({"id": "lost", "input": "some words"})
    assert log.flush(60)
    assert log.counts == (0, 1, 0)
    full[0] = False
    log.put({"id": "kept"})
    assert log.close()
    assert lines_in(tmp_path) == [{"id": "kept"}]
    assert "No space left on device" in caplog.text


def test_what_the_first_file_took_is_written_where_the_second_fails(tmp_path, monkeypatch):
    log, begin = DecisionLog(tmp_path, max_bytes=1_000), decision_log._LogFile._begin

    def begin_one(self, day):
        if self._number == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        begin(self, day)

    monkeypatch.setattr(decision_log._LogFile, "_begin", begin_one)
    monkeypatch.setattr(decision_log, "_GATHER_SECONDS", 1.0)  # one batch
    for number in range(50):
        log.put({"id": str(number), "input": "x" * 50})
    assert log.close()
    written = len(lines_in(tmp_path))
    assert 0 < written < 50
    assert log.counts == (written, 50 - written, 0)


def test_where_the_folder_is_deleted_the_next_decision_makes_it_again(tmp_path):
    folder = tmp_path / "log"
    with DecisionLog(folder) as log:
        log.put({"id": "gone"})
        assert log.flush(60)
        shutil.rmtree(folder)
        log.put({"id": "kept"})
        assert log.flush(60)
        (file,) = folder.glob("*.jsonl")
        file.unlink()
        log.put({"id": "last"})
    assert lines_in(folder) == [{"id": "last"}]
    assert log.counts == (3, 0, 0)


def test_what_is_no_json_is_dropped_alone(tmp_path, caplog):
    with DecisionLog(tmp_path) as log:
        for value in ("a", object(), float("nan"), "b"):
            log.put({"id": value})
    assert lines_in(tmp_path) == [{"id": "a"}, {"id": "b"}]
    assert log.counts == (2, 2, 0)
    assert "a decision is dropped" in caplog.text


def test_half_a_surrogate_pair_is_escaped():
    assert json.loads(json_line({"input": "a\udfff"})) == {"input": "a\udfff"}
    assert json_line({"input": "é"}) == '{"input":"é"}\n'.encode()


def test_a_child_writes_a_file_of_its_own_and_what_waits_stays_the_parents(tmp_path, slow_disk):
    writing, go_on = slow_disk
    log = DecisionLog(tmp_path)
    log.put({"id": "parent"})
    assert writing.wait(60)
    log.put({"id": "waits"})
    child = os.fork()
    if child == 0:
        go_on.set()
        done = log.put({"id": "child"}) and log.close()
        os._exit(0 if done and log.counts == (1, 0, 0) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    go_on.set()
    assert log.close()
    assert sorted(each["id"] for each in lines_in(tmp_path)) == ["child", "parent", "waits"]
    assert len(list(tmp_path.glob("*.jsonl"))) == 2


PROCESS = """
import sys
from tracer_spec.production.decision_log import DecisionLog
log = DecisionLog(sys.argv[1])
for number in range(2000):
    log.put({"id": f"{sys.argv[2]}-{number}"})
print("put", flush=True)
"""


def test_several_processes_share_a_folder_and_their_end_writes_what_waits(tmp_path):
    processes = [subprocess.Popen([sys.executable, "-c", PROCESS, tmp_path, str(number)]) for number in range(3)]
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    assert len(lines_in(tmp_path)) == 6000
    assert len(list(tmp_path.glob("*.jsonl"))) == 3


def test_a_process_that_is_killed_leaves_whole_lines(tmp_path):
    code = PROCESS + "\nassert log.flush(60)\nprint('flushed', flush=True)\nwhile True: log.put({'id': 'more'})\n"
    process = subprocess.Popen([sys.executable, "-c", code, tmp_path, "x"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["put\n", "flushed\n"]
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    process.stdout.close()
    ids = [each["id"] for each in lines_in(tmp_path)]
    assert ids[:2000] == [f"x-{number}" for number in range(2000)]


def test_a_folder_that_cannot_be_written_is_told_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="decisions cannot be logged there") as raised:
        DecisionLog(tmp_path / "file" / "log")
    assert (
        raised.value.problems[0].hint == "name a folder that this user may write to; it is made where it is not there"
    )


def test_a_file_in_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="decisions cannot be logged there: this is a file, not a folder"):
        DecisionLog(tmp_path / "file")


def test_each_write_is_on_the_disk_where_asked_for(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(decision_log.os, "fsync", synced.append)
    with DecisionLog(tmp_path, fsync=True) as log:
        log.put({"id": "a"})
    assert len(synced) == 1
    with DecisionLog(tmp_path) as log:
        log.put({"id": "b"})
    assert len(synced) == 1


def test_the_log_imports_nothing_heavy():
    code = "import sys, tracer_spec.production.decision_log; print(*sorted(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "pydantic", "onnxruntime", "yaml", "scipy"} & set(told)


def test_what_a_line_costs_does_not_grow_with_the_lines_before_it(tmp_path):
    asked = []

    class Line(bytes):
        def __len__(self):
            asked.append(self)
            return super().__len__()

    file = decision_log._LogFile(tmp_path, 1 << 20, fsync=False)
    lines = [Line(f"{number}\n".encode()) for number in range(512)]
    assert sum(file.append(lines)) == 512
    file.close()
    assert len(asked) <= 4 * 512
