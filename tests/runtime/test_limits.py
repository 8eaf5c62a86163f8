"""Files that are none: refused, and neither waited for nor read without end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.production.decisions import reference
from tracer_spec.errors import BundleError, DataError
from tracer_spec.flow.lock.file import read_lock
from tracer_spec.production.monitoring.state import read_state
from tracer_spec.runtime.limits import read_regular
from tracer_spec.runtime.release import POINTER, read_release

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: Path(path).symlink_to("/dev/zero"), os.mkdir])
def test_a_pipe_a_device_and_a_folder_are_refused_in_the_place_of_a_file(tmp_path, make):
    make(tmp_path / POINTER)
    make(tmp_path / "router.lock")
    make(tmp_path / "state.json")
    with pytest.raises(BundleError, match="cannot be read: ") as caught:
        read_release(tmp_path)
    assert (caught.value.problems[0].where, caught.value.problems[0].address) == (str(tmp_path), POINTER)
    with pytest.raises(DataError, match="the lock cannot be read"):
        read_lock(tmp_path / "router.lock")
    with pytest.raises(DataError, match="the monitor's state cannot be read: "):
        read_state(tmp_path / "state.json", reference(), None)


def test_a_file_is_read_whole_or_refused(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_regular(path, 5) == b"12345"
    with pytest.raises(OSError, match="it is larger than 4 bytes"):
        read_regular(path, 4)
