import itertools
import os
import subprocess
import sys
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer_spec.builtin.formats.format import Join
from tracer_spec.builtin.formats.join import compile_join
from tracer_spec.builtin.formats.raw import Raw, no_trace

JOINER = compile_join(Join(key="k", input="q", output="a"))


def pair(*items):
    """What comes out: reasons as strings."""
    placed = [(f"f:{line}", item) for line, item in enumerate(items, 1)]
    return [(where, got.reason if isinstance(got, Raw) else got) for where, got in JOINER.pair(placed)]


def test_two_records_of_one_key_become_one_in_the_order_in_which_keys_were_met():
    a, b = {"k": 1, "q": "x"}, {"k": 2, "q": "y"}
    x, y = {"k": 1, "a": "r"}, {"k": 2, "a": "s"}
    one, two = {"inputs": [a], "outputs": [x]}, {"inputs": [b], "outputs": [y]}
    assert pair(a, b, y, x) == [("f:1", one), ("f:2", two)]
    assert pair(y, x, b, a) == [("f:3", two), ("f:4", one)]


def test_what_is_neither_goes_through_at_once_and_so_does_what_is_no_trace():
    gone = no_trace("unreadable record")
    assert pair({"k": 1, "q": "x"}, {"k": 1}, gone) == [
        ("f:2", {"k": 1}),
        ("f:3", "unreadable record"),
        ("f:1", "no matching output"),
    ]


def test_several_records_on_a_side_are_all_there_in_order():
    ((where, got),) = pair({"k": 1, "q": "x"}, {"k": 1, "a": "r"}, {"k": 1, "q": "y"})
    assert (where, got) == (
        "f:1",
        {"inputs": [{"k": 1, "q": "x"}, {"k": 1, "q": "y"}], "outputs": [{"k": 1, "a": "r"}]},
    )


def test_a_copy_counts_as_one():
    a, x = {"k": 1, "q": "x"}, {"k": 1, "a": "r"}
    assert pair(a, x, a) == [("f:3", "duplicate id"), ("f:1", {"inputs": [a], "outputs": [x]})]


def test_a_key_of_ever_so_many_records_is_not_held_in_memory():
    records = [{"k": 1, "q": n} for n in range(1_500)] + [{"k": 1, "a": 1}]
    got = pair(*records)
    assert [reason for _, reason in got] == ["one key on too many records"] * 501 + ["no matching output"]


@pytest.mark.parametrize("key", [None, "", " ", True, [1], {"a": 1}, float("nan"), float("inf")])
def test_a_key_that_tells_nothing_apart_is_none(key):
    assert pair({"k": key, "q": "x"}) == [("f:1", "no key to join by")]


def test_a_key_is_what_it_is_in_json_and_need_not_be_writable_as_utf8():
    same = pair({"k": 1, "q": "x"}, {"k": "1", "a": "r"})
    assert same == [("f:1", {"inputs": [{"k": 1, "q": "x"}], "outputs": [{"k": "1", "a": "r"}]})]
    ((_, got),) = pair({"k": "\ud800", "q": "\ud800"}, {"k": "\ud800", "a": "r"})
    assert got["inputs"][0]["q"] == "\ud800"


def test_a_record_nested_too_deeply_to_be_kept_is_counted():
    deep = "x"
    for _ in range(100_000):
        deep = [deep]
    assert pair({"k": 1, "q": "x", "more": deep}) == [("f:1", "expression failed")]


halves = st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["q", "a"]), st.integers(0, 2)), max_size=12)


@settings(max_examples=150, deadline=None)
@given(halves)
def test_every_half_is_in_one_trace_or_counted(drawn):
    items = [{"k": key, side: value, "n": n} for n, (key, side, value) in enumerate(drawn)]
    got = pair(*[{**item, side: item[side] or "0"} for item, (_, side, _) in zip(items, drawn, strict=True)])
    joined = [each for _, each in got if isinstance(each, dict)]
    # the oracle: group by hand
    for key, group in itertools.groupby(sorted(items, key=lambda item: item["k"]), key=lambda item: item["k"]):
        members = list(group)
        asked, answered = [m for m in members if "q" in m], [m for m in members if "a" in m]
        mine = [each for each in joined if each["inputs"][0]["k"] == key]
        assert len(mine) == bool(asked and answered)
        if mine:
            assert [each["n"] for each in mine[0]["inputs"]] == [each["n"] for each in asked]
            assert [each["n"] for each in mine[0]["outputs"]] == [each["n"] for each in answered]
    assert sum(reason == "no matching output" for _, reason in got if isinstance(reason, str)) == len(
        {i["k"] for i in items if "q" in i} - {i["k"] for i in items if "a" in i}
    )


def test_memory_does_not_grow_with_what_waits_for_its_other_half():
    body = "x" * 2_000

    def halves(n):
        for side in ("q", "a"):
            for k in range(n):
                yield f"f:{k}", {"k": k, side: body}

    tracemalloc.start()
    try:
        n_joined = sum(1 for _ in JOINER.pair(halves(6_000)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert n_joined == 6_000
    assert peak < 2 << 20  # of Python's; SQLite's cache is bounded by its own setting


@pytest.mark.skipif(os.name == "nt", reason="limits of a process are of POSIX")
def test_no_room_on_disk_is_one_clear_error():
    script = """
import resource, sys
from tracer_spec.builtin.formats.format import Join
from tracer_spec.builtin.formats.join import compile_join
from tracer_spec.errors import DataError
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
joiner = compile_join(Join(key="k", input="q", output="a"))
try:
    for _ in joiner.pair((f"f:{k}", {"k": k, "q": "x" * 100_000}) for k in range(2_000)): pass
except DataError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    first, what, hint = done.stdout.splitlines()
    assert first == "traces.format.join"
    assert what.startswith("  the two halves of traces cannot be kept until they are joined: ")
    assert hint == "  hint: make room in the folder for temporary files (TMPDIR)"
