"""The order in which the lines of several files are counted: that of their times, whatever the files are called."""

from __future__ import annotations

import gzip
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.production.decisions import Nightly, line, reference, traffic, watched, written
from tracer_spec.production.monitoring.log import find_files, lines_by_pieces, read_log
from tracer_spec.production.monitoring.monitor import Monitor
from tracer_spec.production.monitoring.state import state_document

ROOT = Path(__file__).parents[2]


class Listening(Monitor):
    """A monitor that remembers the ids of what it was given."""

    def __init__(self) -> None:
        super().__init__(reference())
        self.ids: list[str] = []

    def add(self, record):
        self.ids.append(record.get("id"))
        super().add(record)


def read(folder) -> Listening:
    monitor = Listening()
    read_log(find_files([str(folder)]), [], monitor)
    return monitor


def test_a_morning_that_went_well_before_a_bad_noon_is_told_alike_whatever_the_files_are_called(tmp_path):
    """Two processes of one day: a name is random, and the order of names told a good log from a bad one."""
    lines = traffic(1500, [0.97] * 1000 + [0.88] * 500)
    told = []
    for names in (("1", "2"), ("2", "1")):
        folder = tmp_path / "".join(names)
        folder.mkdir()
        for name, part in zip(names, (lines[:1000], lines[1000:]), strict=True):
            (folder / f"decisions-2026-03-01-{name}-0001.jsonl").write_bytes(written(part))
        told.append(state_document(read(folder), []))
    once = watched(lines)
    assert told == [state_document(once, [])] * 2
    assert once.verdict == "warns"


@given(st.lists(st.integers(0, 3), min_size=40, max_size=40), st.permutations(range(4)), st.integers(1, 4))
def test_the_lines_of_any_files_are_counted_by_time_and_those_of_one_time_by_id(tmp_path_factory, owners, names, width):
    folder = tmp_path_factory.mktemp("files")
    lines = [line(number, minutes=0) | {"time": line(number // width)["time"]} for number in range(len(owners))]
    lines.sort(key=lambda each: (each["time"], each["id"]))
    for process, name in enumerate(names):
        own = [each for owner, each in zip(owners, lines, strict=True) if owner == process]
        (folder / f"{name}.jsonl").write_bytes(written(own))
    assert read(folder).ids == [each["id"] for each in lines]


def test_a_time_counts_as_the_moment_that_it_names_in_any_zone(tmp_path):
    for name, hour in (("a", "12:30:00+02:00"), ("b", "11:00:00Z"), ("c", "10:45:00")):
        (tmp_path / f"{name}.jsonl").write_bytes(written([line() | {"id": name, "time": f"2026-03-01T{hour}"}]))
    assert read(tmp_path).ids == ["a", "c", "b"]


def test_a_line_without_a_time_keeps_its_place_after_the_line_before_it(tmp_path):
    one = [line(0), line(9) | {"id": "odd", "time": None}, {"id": "odder"}, line(4)]
    other = [line(1), line(2), line(5)]
    (tmp_path / "b.jsonl").write_bytes(written(one[:2]) + b"no json\n" + written(one[2:]))
    (tmp_path / "a.jsonl").write_bytes(written(other))
    monitor = read(tmp_path)
    assert monitor.ids == ["r0", "odd", "odder", "r1", "r2", "r4", "r5"]
    assert monitor.tally.passed_over == {"not a JSON object": 1, "not a decision": 1, "without a time": 1}


def test_files_without_any_time_are_read_one_after_another(tmp_path):
    for name in ("2026-03-02", "2026-03-01"):
        (tmp_path / f"{name}.jsonl").write_bytes(written([{"id": f"{name} {n}"} for n in range(3)]))
    assert read(tmp_path).ids == [f"2026-03-0{day} {n}" for day in (1, 2) for n in range(3)]


def test_a_line_that_is_out_of_order_in_its_file_loses_nobody(tmp_path):
    lines = traffic(200, 0.9)
    shuffled = random.Random(0).sample(lines, len(lines))
    for name, part in (("a", shuffled[:90]), ("b", shuffled[90:])):
        (tmp_path / f"{name}.jsonl").write_bytes(written(part))
    assert sorted(read(tmp_path).ids) == sorted(each["id"] for each in lines)


MERGE_MANY = """
import pathlib, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
from tests.production.test_monitor_order import read
print(*read(pathlib.Path(sys.argv[1])).ids)
"""


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz"])
def test_more_files_of_one_time_than_may_be_open_are_merged(tmp_path, ending):
    """Many processes write at once, and a shell of macOS lets a process open 256 files."""
    lines, n_files = [line(number) for number in range(900)], 300
    for number in range(n_files):
        data = written(lines[number::n_files])
        (tmp_path / f"{number}{ending}").write_bytes(gzip.compress(data) if ending.endswith("gz") else data)
    call = [sys.executable, "-c", MERGE_MANY, str(tmp_path)]
    told = subprocess.run(call, capture_output=True, text=True, check=False, cwd=ROOT)
    assert told.stdout.split() == [each["id"] for each in lines], told.stderr


def test_a_file_that_is_read_in_pieces_gives_each_line_once(tmp_path):
    lines = [line(number) for number in range(2_000)]
    (tmp_path / "a.jsonl").write_bytes(written(lines))
    pieces = list(lines_by_pieces(tmp_path / "a.jsonl", len(written(lines[:3])), 10_000))
    assert b"".join(each for _, each in pieces) == written(lines[3:])
    assert sum(n for n, _ in pieces) == len(written(lines[3:]))


def test_copies_are_counted_once_in_the_place_of_their_lines(nightly):
    lines = traffic(300, 0.9)
    (nightly.log / "c.jsonl").write_bytes(written(lines[0::2][:50]))
    (nightly.log / "d.jsonl").write_bytes(written(lines[0::2]))
    (nightly.log / "a.jsonl").write_bytes(written(lines[1::2]))
    assert read(nightly.log).ids == [each["id"] for each in lines]
    nightly.run()
    assert (nightly.rows, nightly.notes) == (300, ("d.jsonl is a copy of c.jsonl, and is read from where that ended",))
    nightly.run()
    assert (nightly.rows, nightly.n_lines, nightly.notes) == (300, 0, ())


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=4))
def test_a_nightly_run_merges_what_is_new_and_reads_each_line_once(tmp_path_factory, nights):
    """Where the nights end at one time in all files, night by night is all at once."""
    lines, nightly = traffic(120, 0.9, audit=0.5), Nightly(tmp_path_factory.mktemp("nights"))
    for end in sorted(sum(each) for each in [*nights, (60, 60)]):
        for name, part in (("b", lines[:end][0::2]), ("a", lines[:end][1::2])):
            (nightly.log / f"{name}.jsonl").write_bytes(written(part))
        monitor = nightly.run()
    assert state_document(monitor, []) == state_document(watched(lines), [])


def test_many_files_of_days_that_are_over_are_not_open_at_once(tmp_path):
    """Of a year of a process that was started each hour, no more files are open than there are at one time."""
    n_files = 300
    for number in range(n_files):
        own = [line(2 * number), line(2 * number + 1)]
        (tmp_path / f"{(number * 7) % n_files:04d}.jsonl").write_bytes(written(own))
    resource = pytest.importorskip("resource")
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(each.name) for each in Path("/dev/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 20, most))
    try:
        monitor = read(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))
    assert monitor.ids == [f"r{number}" for number in range(2 * n_files)]


def test_notes_come_in_the_order_of_the_files(nightly):
    for name, start in (("a", 50), ("b", 0)):
        (nightly.log / f"{name}.jsonl").write_bytes(written([line(start + number) for number in range(3)]))
        shutil.copy(nightly.log / f"{name}.jsonl", nightly.log / f"{name}2.jsonl")
    nightly.run()
    assert nightly.notes == (
        "a2.jsonl is a copy of a.jsonl, and is not read",
        "b2.jsonl is a copy of b.jsonl, and is not read",
    )
    assert [each["path"][-7:] for each in json.loads(nightly.state.read_text())["files"]] == ["a.jsonl", "b.jsonl"]
