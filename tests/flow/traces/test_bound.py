"""A bound on the number of traces: chosen by id, the same in every build, whatever else is in the log."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import binomtest, chisquare

from tracer_spec.errors import DataError, SpecError
from tracer_spec.flow.prepare import part, read_traces
from tracer_spec.flow.traces.bound import bound_of
from tracer_spec.plan import load_plan
from tracer_spec.plugin.registry import find_plugins

IDS = [f"request {n}" for n in range(5000)]


def taken(events, most):
    bound = bound_of(events, most)
    return set(events) if bound is None else {event for event in events if bound.takes(event)}


def test_no_more_than_the_bound_are_taken_and_all_where_there_are_no_more():
    for most in (1, 7, 1000, 4999):
        assert len(taken(IDS, most)) == most
    assert bound_of(IDS, 5000) is None
    assert bound_of(IDS * 2, 5000) is None  # an event counts once
    assert len(taken(IDS * 3, 300)) == 300


def test_the_order_does_not_matter_and_later_builds_choose_among_the_same():
    assert taken(IDS, 500) == taken(IDS[::-1], 500)
    older, now = taken(IDS[:2000], 500), taken(IDS, 500)
    assert {event for event in now if event in set(IDS[:2000])} <= older


def test_a_smaller_bound_takes_a_part_of_what_a_larger_one_takes():
    assert taken(IDS, 100) < taken(IDS, 101) < taken(IDS, 2000)


def test_which_are_taken_says_nothing_of_their_place():
    counts = np.bincount([int(event.split()[1]) // 500 for event in taken(IDS, 2000)], minlength=10)
    assert chisquare(counts).pvalue > 1e-4


def test_without_an_id_nothing_is_chosen():
    with pytest.raises(DataError, match="2 of 4 have none"):
        bound_of(["a", None, "b", None], 1)


def test_records_that_could_be_no_trace_keep_their_own_reason_beyond_the_bound(tmp_path):
    bad = [
        {"input": None, "detail": 1}, {"input": ""}, {"input": " "}, {"input": 3}, {"input": "\ud800"}, {"teacher": None},
        {"teacher": float("nan")}, {"teacher": {"a": "b"}}, {"teacher": {"a": float("nan")}},
    ]  # fmt: skip
    rows = [{**row(n), **bad[n % 300]} if n % 300 < len(bad) else row(n) for n in range(3000)]
    expected = {
        "no text": 10,
        "empty text": 20,
        "text is not a string": 10,
        "text is not valid Unicode": 10,
        "no label": 20,
    }
    for most in (600, 3000, None):
        _, traces = read(tmp_path, rows, max_rows=most, on_error="drop")
        dropped = dict(traces.accounting.dropped)
        dropped.pop("beyond max_rows", 0)
        assert dropped == expected
        assert traces.accounting.read == len(traces) + sum(traces.accounting.dropped.values())
    with pytest.raises(DataError, match="70 of 3,000 records cannot be used"):
        read(tmp_path, rows, max_rows=1)


SPEC = {
    "version": 1,
    "name": "x",
    "traces": {"use": "jsonl", "with": {"path": "a.jsonl"}, "max_rows": 600},
    "embedder": "lsa",
    "zoo": ["logreg"],
    "families": ["global"],
    "target": {"agreement": 0.9, "confidence": 0.95},
}


def row(n):
    return {"id": f"r{n}", "input": f"text number {n}", "teacher": "even" if n % 2 == 0 else "odd"}


def read(folder, rows, **traces):
    (folder / "a.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))
    (folder / "router.yaml").write_text(json.dumps({**SPEC, "traces": {**SPEC["traces"], **traces}}))
    plan = load_plan(folder / "router.yaml", find_plugins())
    return plan, read_traces(plan)


def test_what_is_left_out_is_counted_and_the_sides_keep_their_shares(tmp_path):
    plan, traces = read(tmp_path, [row(n) for n in range(3000)])
    assert len(traces) == 600
    assert dict(traces.accounting.dropped) == {"beyond max_rows": 2400}
    assert traces.accounting.read == 3000
    sides = part(traces, plan.spec.split)
    n, share = len(sides.certify), plan.spec.split.certify
    assert binomtest(n, 600, share).pvalue > 1e-3
    _, whole = read(tmp_path, [row(n) for n in range(3000)], max_rows=None)
    certify = {whole.ids[at] for at in part(whole, plan.spec.split).certify}
    assert {traces.ids[at] for at in sides.certify} == certify & set(traces.ids), "a row never changes its side"


def test_bad_records_that_are_not_chosen_stop_nothing_and_all_records_of_an_event_share_its_fate(tmp_path):
    rows = [row(n) for n in range(2000)] + [row(n) for n in range(2000)]
    _, traces = read(tmp_path, rows, max_rows=500)
    assert len(traces) == len(set(traces.ids)) == 500
    assert dict(traces.accounting.dropped) == {"beyond max_rows": 3000, "duplicate id": 500}


def test_one_bound_holds_for_all_sources(tmp_path):
    for name, numbers in (("a", range(1000)), ("b", range(500, 1500))):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row(n)) + "\n" for n in numbers))
    sources = [{"use": "jsonl", "with": {"path": f"{name}.jsonl"}} for name in "ab"]
    sources[1]["max_rows"] = 300
    (tmp_path / "router.yaml").write_text(json.dumps({**SPEC, "traces": sources}))
    traces = read_traces(load_plan(tmp_path / "router.yaml", find_plugins()))
    assert len(traces) == len(set(traces.ids)) == 300
    assert traces.accounting.dropped["event of an earlier source"] > 50


def test_traces_of_stdin_cannot_be_read_twice(tmp_path):
    traces = {"use": "jsonl", "with": {"path": "-"}, "max_rows": 5}
    (tmp_path / "router.yaml").write_text(json.dumps({**SPEC, "traces": traces}))
    with pytest.raises(SpecError, match="stdin can be read once"):
        load_plan(tmp_path / "router.yaml", find_plugins())


def test_traces_without_ids_are_refused_with_what_to_do(tmp_path):
    with pytest.raises(DataError) as refusal:
        read(tmp_path, [{"input": f"t {n}", "teacher": "a"} for n in range(20)], max_rows=10)
    (problem,) = refusal.value.problems
    assert (problem.address, "traces.format.id" in problem.hint) == ("traces.max_rows", True)


def logged(n):
    """Return a line of a log of decisions: three of four were answered by the router, of which one in ten was audited."""
    audited, handled = n % 10 == 0, n % 4 != 0
    router = {
        "handled": handled,
        "audit": audited,
        "audit_rate": 0.1,
        "served": "teacher" if audited or not handled else "router",
    }
    answer = None if handled and not audited else ("even" if n % 2 == 0 else "odd")
    head = {"id": f"d{n}", "time": 1.8e9 + n, "input": f"asked {n}", "teacher_raw": answer, "model": "m"}
    return {**head, "router": router}


def test_requests_that_the_router_answered_itself_take_no_place_of_a_trace(tmp_path):
    lines = [logged(n) for n in range(3000)]
    _, whole = read(tmp_path, lines, format="decisions", max_rows=None)
    n_answered = whole.accounting.dropped["not asked"]
    assert n_answered == 2100
    _, traces = read(tmp_path, lines, format="decisions", max_rows=600)
    assert len(traces) == 600
    assert dict(traces.accounting.dropped) == {"beyond max_rows": 3000 - n_answered - 600, "not asked": n_answered}
    assert set(traces.ids) < set(whole.ids)
    _, traces = read(tmp_path, lines, format="decisions", max_rows=900)
    assert traces.ids == whole.ids, "there are no more traces than these"


def test_records_that_rules_leave_out_take_no_place_of_a_trace(tmp_path):
    rows = [{**row(n), "metadata": {"model": "old" if n % 3 else "new"}, "input": f"Q: {n}"} for n in range(3000)]
    rows = [{**each, "input": "other"} if n % 2 else each for n, each in enumerate(rows)]
    _, traces = read(tmp_path, rows, max_rows=400, teacher="new", extract=["after:Q:"])
    assert len(traces) == 400
    assert dict(traces.accounting.dropped) == {"beyond max_rows": 100, "no match": 500, "other teacher model": 2000}


def test_audited_rows_that_are_left_out_are_told_with_what_takes_them(tmp_path):
    lines = [logged(n) for n in range(3000)]
    _, traces = read(tmp_path, lines, format="decisions", max_rows=600)
    n_audited = sum(n % 10 == 0 and f"d{n}" not in traces.ids for n in range(3000))
    (note,) = [each for each in traces.accounting.notes if "max_rows" in each]
    assert f"'traces.max_rows' leaves out {n_audited} audited rows of a log of decisions" in note
    assert "(900 takes all traces)" in note
    _, traces = read(tmp_path, [row(n) for n in range(3000)])
    assert traces.accounting.notes == (), "a log without a router has no audited rows"


def test_an_unlabelled_record_of_an_event_that_is_read_still_keeps_it_from_certifying(tmp_path):
    lines = [logged(n) for n in range(3000)]
    again = [{**logged(n + 1), "id": f"d{n}"} for n in range(0, 3000, 10)]
    _, traces = read(tmp_path, [*lines, *again], format="decisions", max_rows=600)
    assert len(traces) == 600
    assert sum(int(event[1:]) % 10 == 0 for event in traces.ids) > 100
    assert not traces.sampling.may_certify.any()
