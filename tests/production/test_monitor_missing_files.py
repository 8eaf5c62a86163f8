"""A log that was cut: its first files may have refuted the claim, and the files that are left do not know."""

from __future__ import annotations

import pytest

from tests.production.decisions import line, reference, traffic
from tests.production.test_monitor_log import written
from tracer_spec.production.monitoring.follow import read_on
from tracer_spec.production.monitoring.log import missing_files
from tracer_spec.production.monitoring.reference import Reference
from tracer_spec.production.monitoring.state import ReadFile, write_state
from tracer_spec.report.monitor_facts import monitor_facts, of_which_log

WRITER, OTHER = "0a1b2c3d4e5f", "ffffffffffff"
LINES = [*traffic(900, 0.5), *[line(900 + number, teacher="a", audit=True) for number in range(900)]]


@pytest.fixture
def log(tmp_path, monkeypatch):
    """Return the folder of a log in three files of one writer, the first two of which refute the claim."""
    monkeypatch.setattr(Reference, "of", lambda _: reference())
    folder = tmp_path / "decisions"
    folder.mkdir()
    for number, start in enumerate((0, 450, 900), 1):
        path = folder / f"decisions-2026-03-0{number}-{WRITER}-000{number}.jsonl"
        path.write_bytes(written(LINES[start : start + (450 if number < 3 else 900)]))
    return folder


def looked(folder, state=None):
    """Look as the command does, and remember; return the verdict's fact and what stands behind the verdict."""
    monitor, reading = read_on(None, [str(folder)], state=state)
    if state is not None:
        write_state(state, monitor, reading.files)
    told = next(each for each in monitor_facts(monitor, reading) if each.name == "verdict")
    return monitor.verdict, told, of_which_log(monitor)


def remove(folder, *numbers):
    for number in numbers:
        next(folder.glob(f"*-000{number}.jsonl")).unlink()


def test_a_log_without_its_first_files_holds_only_with_that_said(log):
    assert looked(log)[0::2] == ("refuted", "")
    remove(log, 1, 2)
    verdict, told, ending = looked(log)
    assert (verdict, told.level, ending) == ("holds", "warning", ", of a log that lacks 2 files")
    assert "the log since 2026-03-01 does not refute the claim" in told.text
    assert (
        "WARNING: by the names of its files, the log lacks 2 files with earlier decisions of this bundle, and a claim that "
        "was refuted there stays refuted\ngive all files, or the --state of the runs that read them"
    ) in told.text


def test_the_state_remembers_what_was_read_and_what_was_not(log, tmp_path):
    read, begun_late = tmp_path / "read.json", tmp_path / "late.json"
    assert looked(log, read)[0] == "refuted"
    remove(log, 1, 2)
    for _ in range(2):
        assert looked(log, read)[0::2] == ("refuted", "")
        assert looked(log, begun_late)[0::2] == ("holds", ", of a log that lacks 2 files")


def test_a_whole_log_lacks_nothing(log):
    for number in (1, 2):
        path = next(log.glob(f"*-000{number}.jsonl"))
        path.write_bytes(written([line(number)]))
    verdict, told, ending = looked(log)
    assert (verdict, told.level, ending) == ("holds", "", "")
    assert "WARNING" not in told.text


def named(number, writer=WRITER, ending=""):
    return f"decisions-2026-03-01-{writer}-{number:04d}.jsonl{ending}"


@pytest.mark.parametrize(
    ("there", "before", "is_begun", "n_missing"),
    [
        ([named(1), named(2)], [], False, 0),
        ([named(3)], [], False, 2),
        ([named(1), named(3), named(6)], [], False, 3),
        ([named(2), named(4, OTHER)], [], False, 4),
        ([named(2), named(3)], [named(1)], True, 0),
        ([named(3)], [named(2)], True, 0),  # the first one was read in a night before
        ([named(3)], [named(3)], True, 0),
        ([named(5)], [named(3)], True, 1),  # the fourth came and went between two nights
        ([named(3), named(5)], [named(3), named(5)], True, 0),  # told in the night before
        ([named(7)], [named(2, OTHER)], True, 0),  # nobody knows whether a night before had read it
        (["monday.jsonl", "decisions-0003.jsonl"], [], False, 0),
    ],
)
def test_a_number_that_is_missing_between_files_of_one_writer_is_a_file_that_is_gone(
    tmp_path, there, before, is_begun, n_missing
):
    for name in there:
        (tmp_path / name).write_bytes(written([line(0)]))
    files = [ReadFile(str(tmp_path / name), 1, "") for name in before]
    found = missing_files([tmp_path / name for name in there], files, "0123456789ab", is_begun=is_begun)
    assert found == n_missing


def test_files_before_the_first_decision_of_a_bundle_are_not_missed(tmp_path):
    """A server that took up a new bundle goes on in the file that the one before had begun."""
    path = tmp_path / named(4)
    path.write_bytes(written([line(0, version="ba9876543210"), line(1)]))
    assert missing_files([path], [], "0123456789ab", is_begun=False) == 0


def test_beside_a_canary_a_file_goes_on_with_either_version(tmp_path):
    path = tmp_path / named(4)
    path.write_bytes(
        b"no json\n" + written([line(n, version="0123456789ab" if n % 7 == 3 else "ba9876543210") for n in range(40)])
    )
    for version, n_missing in (("0123456789ab", 3), ("ba9876543210", 3), ("cccccccccccc", 0)):
        assert missing_files([path], [], version, is_begun=False) == n_missing
