from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.runtime import bundles
from tracer_spec.errors import BundleError, TracerError
from tracer_spec.flow.bundle_file import bundle_bytes, write_bundle
from tracer_spec.runtime import load, read_bundle

ROOT = Path(__file__).parents[2]

WRITER = """
import sys
from tests.runtime import bundles
from tracer_spec.flow.bundle_file import write_bundle
print("ready", flush=True)
for turn in range(int(sys.argv[2])):
    audit = f'{{"turn":{turn}}}'.encode() + b" " * (turn % 7 * 100_000)
    write_bundle(sys.argv[1], bundles.manifest(name=sys.argv[3]), bundles.members(**{"audit.json": audit}))
    print(turn, flush=True)
"""


def start_writer(path, *, turns, name="support-intents"):
    command = [sys.executable, "-c", WRITER, str(path), str(turns), name]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def leftovers(path):
    return [each.name for each in path.parent.iterdir() if each != path]


def test_what_is_written_loads_and_routes(tmp_path):
    path = tmp_path / "new" / "folder" / "support-intents.tracer"
    written = write_bundle(path, bundles.manifest(), bundles.members())
    assert written.path == path
    assert written.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    router = load(path, sha256=written.sha256)
    assert router.version == written.version
    assert router.route([2, 0, 0, 0]).label == "card_arrival"
    assert leftovers(path) == []


def test_the_same_members_give_the_same_bytes_whatever_their_order_and_the_time(tmp_path, monkeypatch):
    one = write_bundle(tmp_path / "one.tracer", bundles.manifest(), bundles.members())
    a_year_on = time.time() + 365 * 86_400
    monkeypatch.setattr(time, "time", lambda: a_year_on)
    reversed_members = dict(reversed(bundles.members().items()))
    two = write_bundle(tmp_path / "two.tracer", bundles.manifest(), reversed_members)
    assert one.path.read_bytes() == two.path.read_bytes()
    assert (one.sha256, one.version) == (two.sha256, two.version)


def test_what_a_reader_would_refuse_is_not_written(tmp_path):
    path = tmp_path / "b.tracer"
    write_bundle(path, bundles.manifest(), bundles.members())
    before = path.read_bytes()
    for manifest, members in (
        (bundles.manifest(labels=("a", "a")), bundles.members()),
        (bundles.manifest(labels=("\ud800",)), bundles.members()),
        (bundles.manifest(dimension=0), bundles.members()),
        (bundles.manifest(), bundles.members(**{"policy.onnx": b"nonsense"})),
        (bundles.manifest(), {"policy.onnx": bundles.policy_onnx()}),
        (bundles.manifest(), bundles.members(**{"notes.txt": b""})),
        (bundles.manifest(provenance={"seed": float("nan")}), bundles.members()),
    ):
        with pytest.raises(BundleError) as caught:
            write_bundle(path, manifest, members)
        assert caught.value.problems[0].where == str(path)
    assert path.read_bytes() == before
    assert leftovers(path) == []


def test_a_file_that_was_there_is_replaced_whole(tmp_path):
    path = tmp_path / "b.tracer"
    path.write_bytes(b"not a bundle" * 100_000)
    written = write_bundle(path, bundles.manifest(), bundles.members())
    assert read_bundle(path).sha256 == written.sha256


def test_the_file_has_the_permissions_that_any_new_file_has(tmp_path):
    path = write_bundle(tmp_path / "b.tracer", bundles.manifest(), bundles.members()).path
    (tmp_path / "plain").touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_a_full_disk_is_a_clean_error_and_leaves_the_old_bundle(tmp_path):
    path = tmp_path / "b.tracer"
    before = write_bundle(path, bundles.manifest(), bundles.members()).sha256
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, old[1]))  # a write beyond this fails as on a full disk
    try:
        with pytest.raises(TracerError, match="the bundle cannot be written: File too large") as caught:
            write_bundle(path, bundles.manifest(name="another"), bundles.members())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, ignored)
    assert caught.value.problems[0].where == str(path)
    assert "what was there is as it was" in caught.value.problems[0].hint
    assert read_bundle(path).sha256 == before
    assert leftovers(path) == []


def test_a_folder_that_may_not_be_written_is_a_clean_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(TracerError, match=r"cannot be written: (File exists|Not a directory)"):
        write_bundle(tmp_path / "file" / "b.tracer", bundles.manifest(), bundles.members())
    if os.geteuid() == 0:
        return  # root may write anywhere
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(TracerError, match="cannot be written: Permission denied"):
        write_bundle(locked / "b.tracer", bundles.manifest(), bundles.members())


def test_a_path_that_is_a_folder_is_a_clean_error(tmp_path):
    (tmp_path / "b.tracer").mkdir()
    with pytest.raises(TracerError, match="cannot be written: Is a directory"):
        write_bundle(tmp_path / "b.tracer", bundles.manifest(), bundles.members())
    assert leftovers(tmp_path / "b.tracer") == []


def test_leftovers_of_dead_writers_go_and_those_of_living_ones_stay(tmp_path):
    path = tmp_path / "b.tracer"
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    (tmp_path / f"b.tracer.tmp-{gone.stdout.strip()}-7f00").write_bytes(b"half a bundle")
    kept = {
        f"b.tracer.tmp-{os.getppid()}-7f00",  # alive
        f"c.tracer.tmp-{gone.stdout.strip()}-7f00",  # of another bundle
        f"b.tracer.tmp-{gone.stdout.strip()}-notes",  # not ours
    }
    for name in kept:
        (tmp_path / name).touch()
    write_bundle(path, bundles.manifest(), bundles.members())
    assert set(leftovers(path)) == kept


def test_a_writer_killed_at_any_moment_leaves_a_whole_bundle(tmp_path):
    path = tmp_path / "b.tracer"
    write_bundle(path, bundles.manifest(), bundles.members())
    moments = random.Random(0)
    for n_written in range(1, 13):
        process = start_writer(path, turns=100_000)
        told = [int(process.stdout.readline()) for _ in range(n_written)]
        time.sleep(moments.uniform(0, 0.01))  # somewhere in the middle of the next
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert json.loads(read_bundle(path).members["audit.json"])["turn"] >= told[-1]
        assert load(path).route([2, 0, 0, 0]).label == "card_arrival"
        assert len(leftovers(path)) <= 1
    write_bundle(path, bundles.manifest(), bundles.members())
    assert leftovers(path) == []


def test_two_processes_that_write_at_once_leave_one_of_their_bundles(tmp_path):
    path = tmp_path / "b.tracer"
    writers = [start_writer(path, turns=25, name=name) for name in ("left", "right")]
    names = set()
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            names.add(read_bundle(path).manifest.name)
    assert [writer.wait() for writer in writers] == [0, 0]
    for writer in writers:
        writer.stdout.close()
    assert names <= {"left", "right"}
    assert read_bundle(path).manifest.name in ("left", "right")
    assert leftovers(path) == []


def test_threads_that_write_at_once_leave_one_of_their_bundles(tmp_path):
    path = tmp_path / "b.tracer"
    names = [f"thread-{each}" for each in range(6)]
    threads = [
        threading.Thread(target=write_bundle, args=(path, bundles.manifest(name=name), bundles.members()))
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_bundle(path).manifest.name in names
    assert leftovers(path) == []


def test_the_bytes_can_be_had_without_a_file():
    data, sealed = bundle_bytes(bundles.manifest(), bundles.members())
    assert data == bundles.forge()
    assert sealed.members["policy.onnx"].n_bytes == len(bundles.policy_onnx())
