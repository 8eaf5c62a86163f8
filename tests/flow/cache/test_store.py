"""The cache on disk: whatever is wrong with it costs time, and nothing else."""

import resource
import sqlite3
import subprocess
import sys

import pytest

from tracer_spec.errors import UsageError
from tracer_spec.flow.cache.store import Entry, Store, key_of, open_store

WRITER = """
import sys
from pathlib import Path
from tracer_spec.flow.cache.store import Entry, Store, key_of
store = Store(Path(sys.argv[1]))
keys = [key_of("vector", b"%d" % n) for n in range(400)]
for at in range(0, 400, 10):
    store.put_many("vector", [(key, Entry(key * 30, {"n": 30})) for key in keys[at : at + 10]])
    assert all(entry.value == key * 30 for key, entry in store.get_many(keys).items())
assert (len(store.get_many(keys)), store.notes) == (400, ())
"""
FILLER = """
import resource, sys
from pathlib import Path
from tracer_spec.flow.cache.store import Entry, Store, key_of
store = Store(Path(sys.argv[1]))
store.put(b"small", "vector", Entry(b"x"))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
for n in range(3):
    store.put(key_of("vector", b"%d" % n), "vector", Entry(b"x" * 300_000))
assert store.get(b"small") is None
assert len(store.notes) == 1, store.notes
print(store.notes[0])
"""


@pytest.fixture
def store(tmp_path):
    with_room = Store(tmp_path / "cache")
    yield with_room
    with_room.close()


def again(store, **limits):
    """Open the same file as the next process would."""
    store.close()
    return Store(store.path.parent, **limits)


def test_a_value_comes_back_with_its_header_in_the_next_process(store):
    store.put(b"key", "graph", Entry(b"\0onnx", {"limit": 0.1, "notes": ["é"]}))
    later = again(store)
    assert later.get(b"key") == Entry(b"\0onnx", {"limit": 0.1, "notes": ["é"]})
    assert later.get(b"other") is None
    later.close()


def test_file_and_folder_are_the_users_alone(store):
    store.put(b"key", "graph", Entry(b"value"))
    assert store.path.parent.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in store.path.parent.iterdir()} == {0o600}


def test_a_damaged_value_is_a_miss_and_gone(store):
    store.put_many("vector", [(b"a", Entry(b"aaaa")), (b"b", Entry(b"bbbb"))])
    store.close()
    with sqlite3.connect(store.path) as db:
        db.execute("UPDATE entries SET value = ? WHERE key = ?", (b"aaab", b"a"))
    db.close()
    assert set(store.get_many([b"a", b"b"])) == {b"b"}
    assert store.get(b"a") is None
    assert store.notes == ()
    store.close()
    with sqlite3.connect(store.path) as db:
        assert db.execute("SELECT key FROM entries").fetchall() == [(b"b",)]
    db.close()


@pytest.mark.parametrize("column", ["kind", "header", "value", "digest", "size", "used"])
@pytest.mark.parametrize("odd", [7, 1.5, "text", b"\xff", 10**18], ids=repr)
def test_a_row_of_odd_types_costs_its_value_and_nothing_else(store, column, odd):
    store.put_many("vector", [(b"a", Entry(b"aaaa")), (b"b", Entry(b"bbbb"))])
    store.close()
    with sqlite3.connect(store.path) as db:
        db.execute(f"UPDATE entries SET {column} = ? WHERE key = ?", (odd, b"a"))
    db.close()
    assert store.get_many([b"a", b"b"])[b"b"] == Entry(b"bbbb")
    counted = store.info()
    assert all(isinstance(each, str) for each in counted.entries)
    assert counted.entries["vector"][0] in (1, 2)
    assert counted.oldest_use is None or counted.oldest_use < 10**11
    store.put(b"a", "vector", Entry(b"aaaa"))
    assert store.get(b"a") == Entry(b"aaaa")
    assert store.notes == ()


def test_a_row_whose_header_is_no_object_is_a_miss(store):
    for header in ("[1]", "nothing", "[" * 100_000):
        store.put(b"a", "vector", Entry(b"aaaa"))
        store.close()
        with sqlite3.connect(store.path) as db:
            digest = key_of("entry", b"a", header.encode(), b"aaaa")
            db.execute("UPDATE entries SET header = ?, digest = ?", (header, digest))
        db.close()
        assert store.get(b"a") is None
    assert store.notes == ()


def test_values_that_changed_places_are_misses(store):
    store.put_many("vector", [(b"a", Entry(b"aaaa")), (b"b", Entry(b"bbbb"))])
    store.close()
    with sqlite3.connect(store.path) as db:
        db.execute("UPDATE entries SET key = CASE key WHEN ? THEN ? ELSE ? END", (b"a", b"c", b"a"))
    db.close()
    assert store.get_many([b"a", b"b", b"c"]) == {}


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\7" * 5000])
def test_a_file_that_is_no_database_is_set_aside_and_the_cache_begins_anew(store, content):
    store.path.parent.mkdir()
    store.path.write_bytes(content)
    store.put(b"key", "graph", Entry(b"value"))
    assert store.get(b"key") == Entry(b"value")
    assert store.path.with_name("cache-v1.sqlite.damaged").read_bytes() == content
    assert len(store.notes) == 1
    assert "begins anew" in store.notes[0]


def test_a_file_of_a_later_format_is_set_aside(store):
    store.put(b"key", "graph", Entry(b"value"))
    store.close()
    with sqlite3.connect(store.path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    assert store.get(b"key") is None
    assert "its format is 99, not 1" in store.notes[0]
    assert store.path.with_name("cache-v1.sqlite.damaged").exists()


def test_a_folder_that_cannot_be_made_turns_the_cache_off_with_one_note(tmp_path):
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "cache")
    for _ in range(3):
        store.put(b"key", "graph", Entry(b"value"))
        assert store.get(b"key") is None
    assert not store.is_on
    assert len(store.notes) == 1
    assert store.notes[0].startswith(f"the cache {tmp_path / 'file' / 'cache'} is off")


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit on the size of files here")
def test_a_full_disk_turns_the_cache_off_with_one_note(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FILLER, str(tmp_path / "cache")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "is off, since it cannot be used" in done.stdout


def test_two_processes_write_and_read_at_once(tmp_path):
    command = [sys.executable, "-W", "error", "-c", WRITER, str(tmp_path / "cache")]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    assert [(each.communicate(timeout=120)[1], each.returncode) for each in both] == [("", 0), ("", 0)]


def test_beyond_the_limit_what_was_not_used_for_longest_goes(store):
    keys = [key_of("vector", b"%d" % n) for n in range(300)]
    small = again(store, limit_bytes=1_000_000)
    small.put(b"probes", "probes", Entry(b"kept"))
    for at in range(0, 300, 10):
        small.put_many("vector", [(key, Entry(key * 200)) for key in keys[at : at + 10]])
    kept = [key for key in keys if small.get(key)]
    assert 100 < len(kept) < 160
    assert kept == keys[-len(kept) :]
    assert small.get(b"probes") is not None
    assert small.info().n_bytes <= 1_000_000
    small.close()
    assert store.path.stat().st_size < 1_100_000


def test_what_is_larger_than_the_limit_is_not_kept_and_nothing_goes_for_it(store):
    small = again(store, limit_bytes=100_000)
    small.put(b"a", "graph", Entry(b"a"))
    small.put(b"b", "graph", Entry(b"b" * 200_000))
    assert (small.get(b"a"), small.get(b"b")) == (Entry(b"a"), None)
    small.close()


def test_use_is_written_down_so_that_what_is_used_stays(store):
    store.put_many("vector", [(b"a", Entry(b"a")), (b"b", Entry(b"b"))])
    store.close()
    with sqlite3.connect(store.path) as db:
        db.execute("UPDATE entries SET used = 1000")
    db.close()
    store.get(b"a")
    used = dict(store._db.execute("SELECT key, used FROM entries"))
    assert used[b"b"] == 1000 < used[b"a"]
    assert store.info().oldest_use == 1000


def test_info_counts_by_kind_and_clear_removes_all(store):
    assert store.info().entries == {}
    assert not store.path.exists()  # asking makes nothing
    store.put_many("vector", [(b"a", Entry(b"aa")), (b"b", Entry(b"bb"))])
    store.put(b"c", "graph", Entry(b"c" * 100_000))
    assert store.info().entries == {"graph": (1, 100_000), "vector": (2, 4)}
    assert store.clear().entries == {"graph": (1, 100_000), "vector": (2, 4)}
    assert store.info().entries == {}
    assert store.path.stat().st_size < 50_000


def test_the_environment_says_where_how_much_and_whether(tmp_path):
    there = open_store(environ={"TRACER_SPEC_CACHE": str(tmp_path), "TRACER_SPEC_CACHE_MB": "7"})
    assert (there.path.parent, there.limit_bytes) == (tmp_path, 7_000_000)
    assert not open_store(environ={"TRACER_SPEC_CACHE_MB": "0"}).is_on
    assert not open_store(enabled=False).is_on
    assert open_store(environ={}).path.parts[-2] == "tracer-spec"
    with pytest.raises(UsageError, match="TRACER_SPEC_CACHE_MB is '5GB'"):
        open_store(environ={"TRACER_SPEC_CACHE_MB": "5GB"})
