import itertools
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer_spec.builtin.formats import PRESETS, compile_format, find_format
from tracer_spec.builtin.formats.raw import Raw, no_trace
from tracer_spec.builtin.formats.wrappers import WRAPPER, without_wrappers
from tracer_spec.plugin import Record
from tracer_spec.text_steps import ToolCall


def call(own, parent=None, trace="t", **more):
    return Raw(**{"text": "where?", "label": "lost", "id": own, "parent": parent, "trace": trace, **more})


def kept(*raws):
    """The ids of what is left, in order, and how many are wrappers."""
    got = list(without_wrappers((f"f:{line}", raw) for line, raw in enumerate(raws, 1)))
    assert len(got) == len(raws)
    assert {raw.reason for _, raw in got} <= {"", WRAPPER, "error status"}
    return [raw.id for _, raw in got if not raw.reason], sum(raw.reason == WRAPPER for _, raw in got)


def test_of_calls_that_hold_each_other_the_innermost_is_the_trace():
    assert kept(call("a"), call("b", "a"), call("c", "b"), call("d")) == (["c", "d"], 2)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_order_of_spans_does_not_matter(order):
    raws = [call("a"), call("b", "a"), call("c")]
    ids, n_wrappers = kept(*(raws[place] for place in order))
    assert (sorted(ids), n_wrappers) == (["b", "c"], 1)


def test_a_parent_that_is_no_call_wraps_nothing():
    assert kept(call("a", "request"), call("b", "request"), no_trace("error status")) == (["a", "b"], 0)


def test_ids_count_within_their_trace():
    assert kept(call("a", trace="t"), call("b", "a", trace="u")) == (["a", "b"], 0)


@pytest.mark.parametrize("missing", ["text", "label"])
def test_a_child_that_says_nothing_makes_no_wrapper(missing):
    assert kept(call("a"), call("b", "a", **{missing: None})) == (["a", "b"], 0)


def test_a_span_without_an_id_is_a_child_still_and_one_that_is_its_own_parent_is_none():
    assert kept(call("a"), call(None, "a")) == ([None], 1)
    assert kept(call("a", "a"), call("b", "")) == (["a", "b"], 0)


def test_what_waits_comes_back_as_it_was():
    whole = Raw(
        "w", ToolCall("set", {"a": [1, 2.5, None]}), "i", 1.5, True, "g", "m", 3, [0.25], "truncated", "", "", "p", "t"
    )
    odd = call("x", text=b"no JSON")
    deep = []
    for _ in range(100_000):
        deep = [deep]
    got = dict(
        without_wrappers([("f:1", whole), ("f:2", odd), ("f:3", call("y", label=deep)), ("f:4", call("\ud800"))])
    )
    assert got["f:1"] == whole
    assert got["f:1"].label.tool == "set"
    assert got["f:2"] is odd
    assert got["f:3"].label is deep
    assert got["f:4"].id == "\ud800"


def test_memory_is_bounded():
    raws = ((f"f:{n}", call(n, n - 1 if n % 2 else None, text="x" * 10_000)) for n in range(6_000))
    tracemalloc.start()
    try:
        n_wrappers = sum(raw.reason == WRAPPER for _, raw in without_wrappers(raws))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert n_wrappers == 3_000
    assert peak < 2 << 20


IDS = st.sampled_from(["a", "b", "c", "d", None, ""])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(IDS, IDS, st.sampled_from(["t", "u"]), st.sampled_from(["lost", None])), max_size=6))
def test_wrappers_are_those_that_a_plain_reading_finds(spans):
    raws = [call(own, parent, trace, label=label) for own, parent, trace, label in spans]
    held = {(raw.trace, raw.parent) for raw in raws if raw.label and raw.parent and raw.parent != raw.id}
    wanted = [bool(raw.id) and (raw.trace, raw.id) in held for raw in raws]
    got = dict(without_wrappers((str(line), raw) for line, raw in enumerate(raws)))
    assert [got[str(line)].reason == WRAPPER for line in range(len(raws))] == wanted


def test_a_call_that_two_libraries_log_is_one_row():
    """The outer span of the AI SDK, as Langfuse writes it, before or after the inner one."""
    records = []
    for number in range(6):
        whole = {"type": "GENERATION", "traceId": f"t{number}", "output": {"role": "assistant", "content": "refund"}}
        outer = {**whole, "id": f"p{number}", "input": {"prompt": f"order {number}"}}
        asked = [{"role": "user", "content": [{"type": "text", "text": f"order {number}"}]}]
        records += [outer, {**whole, "id": f"c{number}", "parentObservationId": f"p{number}", "input": asked}]
    for data in (records, records[::-1]):
        raws = [raw for _, raw in compile_format(PRESETS["langfuse"]).traces(Record("f", each) for each in data)]
        assert sorted(raw.id for raw in raws if not raw.reason) == [f"c{number}" for number in range(6)]
        assert sum(raw.reason == WRAPPER for raw in raws) == 6
    # whoever wants the outer spans takes the inner ones out, or the rule
    outer = compile_format(find_format({"preset": "langfuse", "where": "!parentObservationId"}))
    both = compile_format(find_format({"preset": "langfuse", "parent": None}))
    assert sum(not raw.reason for _, raw in outer.traces(Record("f", each) for each in records)) == 6
    assert sum(not raw.reason for _, raw in both.traces(Record("f", each) for each in records)) == 12
