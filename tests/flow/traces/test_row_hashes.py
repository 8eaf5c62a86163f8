"""What a bundle knows of the rows it was built on: enough to leave them out, and nothing to read."""

import dataclasses

import numpy as np
import pytest

from tests.flow.trace_sets import known_rows, trace_set
from tracer_spec.errors import BundleError
from tracer_spec.flow.traces.row_hashes import KnownRows, row_hashes


def sighting(built, fresh):
    seen = known_rows(built).find(fresh)
    names = [field.name for field in dataclasses.fields(seen)]
    masks = [getattr(seen, name) for name in names]
    assert (np.sum(masks, axis=0) <= 1).all()
    return ["".join(name for name, mask in zip(names, masks, strict=True) if mask[i]) for i in range(len(fresh))]


def test_without_ids_a_known_text_cannot_be_told_from_a_request_made_again():
    assert sighting(trace_set(["a", "b", "b"]), trace_set(["b", "c", "a"])) == ["content", "", "content"]


def test_with_ids_the_same_event_is_known_and_the_same_text_of_another_event_is_a_repeat():
    built = trace_set(["a", "b"], ids=["1", "2"])
    assert sighting(built, trace_set(["a", "a", "c"], ids=["1", "9", "2"])) == ["event", "repeat", ""]


def test_an_id_alone_is_no_event_since_numbered_rows_of_two_files_share_ids():
    built = trace_set(["a", "b"], ids=["0", "1"])
    assert sighting(built, trace_set(["c", "d"], ids=["0", "1"])) == ["", ""]


def test_where_either_side_lacks_the_id_the_text_decides():
    assert sighting(trace_set(["a"], ids=["1"]), trace_set(["a"])) == ["content"]
    assert sighting(trace_set(["a"]), trace_set(["a"], ids=["1"])) == ["content"]


def test_rows_of_known_groups_are_known_whatever_they_hold():
    built = trace_set(["a", "b"], groups=["x", "y"])
    assert sighting(built, trace_set(["c", "a", "d"], groups=["x", "z", "z"])) == ["group", "content", ""]


def test_vectors_stand_for_texts_where_there_are_none_and_positions_for_nothing():
    one, two = np.float32([1, 2]), np.float32([3, 4])
    assert sighting(trace_set(["", ""], vectors=[one, two]), trace_set(["", ""], vectors=[two, one + 1])) == [
        "content",
        "",
    ]
    assert sighting(trace_set(["", ""]), trace_set(["", ""])) == ["", ""]


def test_the_member_is_sorted_distinct_hashes_and_holds_no_text():
    built = trace_set(["where is my card", "top up", "top up"], ids=["event-1", "event-2", "event-3"])
    data = row_hashes(built)
    hashes = np.frombuffer(data, "<u8")
    assert len(hashes) == 5  # two texts, three events
    assert (np.diff(hashes.astype(object)) > 0).all()
    assert b"card" not in data
    assert b"event-1" not in data


def test_another_set_of_traces_has_another_salt_so_that_two_bundles_cannot_be_compared():
    first, second = trace_set(["a", "b"]), trace_set(["a", "c"])
    assert not set(np.frombuffer(row_hashes(first), "<u8")) & set(np.frombuffer(row_hashes(second), "<u8"))


def test_a_bundle_without_the_member_does_not_know():
    assert KnownRows.read({}, {}) is None


@pytest.mark.parametrize(
    ("data", "provenance", "message"),
    [
        (b"1234567", {"traces": {"digest": "0" * 64}}, "has 7 bytes"),
        (b"\2" + bytes(7) + b"\1" + bytes(7), {"traces": {"digest": "0" * 64}}, "is not sorted"),
        (bytes(16), {"traces": {"digest": "0" * 64}}, "is not sorted"),
        (bytes(8), {"traces": {"digest": "x"}}, "provenance.traces.digest"),
        (bytes(8), {"traces": None}, "provenance.traces.digest"),
    ],
)
def test_a_member_that_is_no_such_array_is_refused(data, provenance, message):
    with pytest.raises(BundleError, match=message) as caught:
        KnownRows.read({"rows.hashes": data}, provenance)
    assert caught.value.problems[0].address == "rows.hashes"
