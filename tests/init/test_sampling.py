"""The sample that ``init`` looks at: spread over all records, the same every time, and of every file."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tracer_spec.init.files import SourceGuess
from tracer_spec.init.sampling import spread, take_sample
from tracer_spec.plugin import Record


@pytest.mark.parametrize(("n", "size"), [(0, 5), (3, 5), (5, 5), (1000, 50)])
def test_a_sample_has_its_size_and_the_order_of_the_records(n, size):
    records = [Record(str(number), {}, "") for number in range(n)]
    kept, n_read = spread(iter(records), size)
    places = [int(record.where) for record in kept]
    assert (len(kept), n_read) == (min(n, size), n)
    assert places == sorted(set(places))
    assert spread(iter(records), size)[0] == kept


def test_every_part_of_a_log_is_in_it_whatever_its_period():
    records = [Record(str(number), {}, "") for number in range(4000)]
    places = [int(record.where) for record in spread(records, 400)[0]]
    assert (
        min(Counter(place // 1000 for place in places).values()) > 70
    )  # a hundred each, give or take three deviations
    assert min(Counter(place % 2 for place in places).values()) > 160


def test_many_files_are_looked_into_at_equal_distances(tmp_path):
    names = [str(tmp_path / f"{number:03}.jsonl") for number in range(450)]
    for number, name in enumerate(names):
        (tmp_path / name).write_text(json.dumps({"n": number}) + "\n")
    sample = take_sample([str(tmp_path / "*.jsonl")], names, SourceGuess("jsonl"))
    numbers = [record.data["n"] for record in sample.records]
    assert (len(numbers), min(numbers), max(numbers), sample.is_whole) == (200, 0, 447, False)
    assert take_sample(names[:3], names[:3], SourceGuess("jsonl")).is_whole
