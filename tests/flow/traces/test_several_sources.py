"""Several sources of traces: events of their own, events that two of them have, and counts by source."""

import math

import numpy as np
import pytest

from tests.flow.trace_sets import known_rows
from tracer_spec.builtin.formats import PRESETS, compile_format
from tracer_spec.errors import DataError
from tracer_spec.flow.traces.repeats import without_copies
from tracer_spec.flow.traces.row_keys import row_keys
from tracer_spec.flow.traces.several_sources import SourceOfTraces, collect_several
from tracer_spec.plugin.contracts import Record
from tracer_spec.text_steps.labels import LabelCleaner


class Rows:
    def __init__(self, rows):
        self.rows = rows

    def records(self):
        for number, row in enumerate(self.rows, 1):
            yield Record(f"t:{number}", row or {}, "" if row else "broken")


def source(*rows, **settings):
    cleaner = LabelCleaner(settings.pop("normalize", ["strip"]), settings.pop("aliases", {}), None)
    return SourceOfTraces(lambda: Rows(rows), compile_format(PRESETS["native"]).traces, cleaner, **settings)


def row(event, text, label="a", time=None, **more):
    return {"id": event, "input": text, "teacher": label, "timestamp": time, **more}


def counts(traces):
    return [(each.name, each.read, each.kept, dict(each.dropped)) for each in traces.accounting.sources]


def test_rows_of_all_sources_follow_one_another_with_counts_for_each():
    traces = collect_several(
        [source(row(1, "x"), row(1, "again"), row(2, "y")), source(row(3, "z"), None, row(4, ""), on_error="drop")]
    )
    assert (traces.texts, traces.ids, traces.rows.tolist()) == (("x", "y", "z"), ("1", "2", "3"), [0, 2, 3])
    assert counts(traces) == [
        ("traces[0]", 3, 2, {"duplicate id": 1}),
        ("traces[1]", 3, 1, {"unreadable record": 1, "empty text": 1}),
    ]
    whole = traces.accounting
    assert (whole.read, whole.kept) == (6, 3)
    assert dict(whole.dropped) == {"unreadable record": 1, "empty text": 1, "duplicate id": 1}
    assert whole.examples["unreadable record"] == ("t:2",)


def test_an_event_that_two_exports_have_counts_once():
    first, second = (
        source(row(1, "x"), row(2, "y", time=5)),
        source(row(1, "x", "b"), row(2, "y'", time=50), row(3, "z")),
    )
    traces = collect_several([first, second])
    assert (traces.texts, traces.labels) == (("x", "y", "z"), ("a", "a", "a"))
    assert counts(traces)[1] == ("traces[1]", 3, 1, {"event of an earlier source": 2})


def test_two_systems_that_number_from_one_have_events_of_their_own_with_ids_of_their_own():
    first = source(*(row(n, f"first {n}", time=n) for n in range(5)))
    second = source(*(row(n, f"second {n}", time=1000 + n) for n in range(5)))
    traces = collect_several([first, second])
    assert len(traces) == len(set(traces.ids)) == len(set(row_keys(traces))) == 10
    assert traces.ids[:5] == ("0", "1", "2", "3", "4")
    assert all(event.startswith(f"{n}@") for n, event in enumerate(traces.ids[5:]))
    (note,) = traces.accounting.notes
    assert note.startswith(
        "5 ids stand in two sources with other texts and at other times: each is an event of its own"
    )


def test_an_id_of_its_own_does_not_depend_on_the_sources_before_it_and_is_met_again_in_a_third():
    other, own = source(row(1, "other")), source(row(1, "own"))
    two = collect_several([other, own])
    three = collect_several([other, source(row(1, "a third")), own, own])
    assert two.ids[1] == three.ids[2] != three.ids[1]
    assert len(three) == 3
    assert counts(three)[3] == ("traces[3]", 1, 0, {"event of an earlier source": 1})


def test_a_source_at_the_end_moves_no_row_of_those_before_it():
    rows = [row(None, "x"), row(1, "y"), row(None, "x"), row(None, "z")]
    more = [row(None, "x"), row(1, "other"), row(2, "w")]
    before, after = collect_several([source(*rows)]), collect_several([source(*rows), source(*more)])
    assert list(row_keys(after))[: len(rows)] == list(row_keys(before))


def test_each_source_has_its_own_labels_teacher_and_cut():
    cut = {"Text: x": "x"}.get
    traces = collect_several(
        [
            source(row(1, "Text: x", '{"k": "a"}'), row(2, "y"), normalize=["json:k"], cut=cut),
            source(row(3, "z", "A", metadata={"model": "m"}), row(4, "w", "A"), aliases={"A": "a"}, teachers=["m"]),
        ]
    )
    assert (traces.texts, traces.labels) == (("x", "z"), ("a", "a"))
    assert dict(traces.accounting.dropped) == {"other teacher model": 1, "no match": 1}


def test_what_is_odd_is_told_of_all_sources_together():
    traces = collect_several(
        [
            source(row(1, "x", "Refund", 86400, metadata={"model": "m-1"})),
            source(row(2, "y", "refund", 0, metadata={"model": "m-2"}), row(3, "z", "b", 0, metadata={"model": "m-1"})),
        ]
    )
    models, alike = traces.accounting.notes
    assert models.startswith("2 teacher models: m-1 (2, 1970-01-01 to 1970-01-02), m-2 (1, 1970-01-01)")
    assert alike.startswith(
        "labels that differ in case, blanks, hyphens, a prefix, invisible characters or letters that look alike: "
        "'Refund' (1) and 'refund' (1)"
    )


def test_what_is_wrong_with_a_source_is_told_under_its_address():
    with pytest.raises(DataError) as caught:
        collect_several([source(row(1, "x")), source(row(2, "y"), None)])
    head, bad = caught.value.problems
    assert head.address == "traces[1].on_error"
    assert head.hint == "fix them, leave them out with 'traces[1].format.where', or drop and count: 'on_error: drop'"
    assert bad.where == "t:2"
    with pytest.raises(DataError) as caught:
        collect_several([source(row(1, "x")), source(row(2, None), on_error="drop")])
    assert caught.value.problems[0].address == "traces[1]"


def test_copies_that_are_dropped_later_are_counted_under_their_sources():
    sources = [source(row(None, "x"), row(None, "y")), source(row(None, "x"), row(None, "z"), row(None, "z"))]
    traces = without_copies(collect_several(sources))
    assert traces.texts == ("x", "y", "z")
    assert counts(traces) == [("traces[0]", 2, 2, {}), ("traces[1]", 3, 1, {"copy of another row": 2})]
    assert (traces.accounting.kept, traces.accounting.dropped["copy of another row"]) == (3, 2)


def test_vectors_tell_events_apart_where_there_are_no_texts():
    first = source(
        {"id": 1, "embedding": [1.0, 2.0], "teacher": "a"}, {"id": 2, "embedding": [1.0, 2.0], "teacher": "a"}
    )
    second = source(
        {"id": 1, "embedding": [1.0, 2.0], "teacher": "a"}, {"id": 2, "embedding": [3.0, 2.0], "teacher": "a"}
    )
    traces = collect_several([first, second], need_text=False, need_vector=True)
    assert counts(traces)[1] == ("traces[1]", 2, 1, {"event of an earlier source": 1})
    np.testing.assert_array_equal(traces.vectors[2], [3.0, 2.0])
    assert math.isnan(traces.times[0])


def test_a_verification_knows_a_row_whose_id_another_source_has_too():
    first, second = [row(n, f"first {n}") for n in range(4)], [row(n, f"second {n}") for n in range(4)]
    traces = collect_several([source(*first), source(*second)])
    known = known_rows(traces)
    fresh = row("9", "second 1")
    seen = known.find(collect_several([source(*second, fresh)]))
    assert seen.event.tolist() == [True] * 4 + [False]
    assert seen.repeat.tolist() == [False] * 4 + [True]
