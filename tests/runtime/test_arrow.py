"""Arrow batches: their columns stay, decisions stand beside them, and vectors are not copied."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import tracer_spec as ts
from tracer_spec.runtime import arrow
from tracer_spec.runtime.bundle import parse_bundle
from tracer_spec.runtime.load import open_router

TEXTS = ["where is my parcel?", "I want my money back", "qqq zzz", "top up my card"]


@pytest.fixture
def of_texts(bundles):
    data = bundles.forge(bundles.manifest(embedder=bundles.LETTERS).document())
    return open_router(parse_bundle(data), embedder=bundles.Letters())


def fixed(vectors):
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])


def test_a_batch_comes_back_with_its_columns_and_the_decisions(ref, vectors):
    given = pa.record_batch({"n": list(range(40)), "v": fixed(vectors)})
    got = ref.route_arrow(given, vector="v")
    assert got.schema.names == ["n", "v", *arrow.COLUMNS]
    assert got.select(["n", "v"]).equals(given)
    here = ref.route_batch(vectors)
    assert got.select(list(arrow.COLUMNS)).equals(here.to_arrow())
    assert here.to_arrow().to_pylist() == here.to_dicts()
    assert 0 < here.handled.sum() < 40, "both kinds of decisions are among them"


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
@pytest.mark.parametrize("lists", [pa.list_, pa.large_list, lambda kind: pa.list_(kind, 4)])
def test_vectors_of_any_kind_of_list_are_read_slices_too(ref, vectors, kind, lists):
    column = pa.array(list(vectors.astype(kind.to_pandas_dtype())), lists(kind))
    batch = pa.record_batch({"v": column}).slice(5, 20)
    wanted = ref.route_batch(vectors.astype(kind.to_pandas_dtype()).astype(np.float32)[5:25])
    assert ref.route_arrow(batch, vector="v").column("label").to_pylist() == wanted.labels


def test_lists_of_one_length_without_a_null_are_not_copied(vectors):
    column = fixed(vectors)
    read = arrow._vectors(column.slice(3), "v", vectors.shape[1])
    assert np.shares_memory(read, column.values.to_numpy())
    assert np.array_equal(read, vectors[3:])


@pytest.mark.parametrize("make", [lambda d: pa.list_(pa.float32()), lambda d: pa.list_(pa.float32(), d)])
def test_a_null_is_deferred_in_its_place(ref, vectors, make):
    rows = [None, *vectors.tolist(), None]
    column = pa.array(rows, make(vectors.shape[1]))
    got = ref.route_arrow(pa.record_batch({"v": column}), vector="v").to_pylist()
    assert [got[0]["reason"], got[-1]["reason"]] == ["unavailable"] * 2
    assert [row["label"] for row in got[1:-1]] == ref.route_batch(vectors).labels
    holed = pa.array([[None, *vectors[0, 1:].tolist()]], pa.list_(pa.float32()))
    assert ref.route_arrow(pa.record_batch({"v": holed}), vector="v").column("reason").to_pylist() == ["unavailable"]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_texts_of_any_kind_are_read_and_a_null_is_a_blank(of_texts, kind):
    column = pa.array([None, *TEXTS, ""], pa.string()).cast(kind)
    got = arrow.route_arrow(of_texts, pa.record_batch({"t": column}), text="t").to_pylist()
    assert [got[0]["reason"], got[-1]["reason"]] == ["out_of_distribution"] * 2
    assert [row["label"] for row in got[1:-1]] == of_texts.route_batch(TEXTS).labels


def test_a_table_and_what_gives_arrow_a_stream_are_routed_part_by_part(ref, vectors):
    table = pa.Table.from_batches(
        [pa.record_batch({"v": fixed(vectors[:7])}), pa.record_batch({"v": fixed(vectors[7:])})]
    )

    class Frame:
        def __arrow_c_stream__(self, requested_schema=None):
            return table.__arrow_c_stream__(requested_schema)

    for given in (table, Frame()):
        got = ref.route_arrow(given, vector="v")
        assert isinstance(got, pa.Table)
        assert got["label"].to_pylist() == ref.route_batch(vectors).labels
    empty = ref.route_arrow(table.slice(0, 0), vector="v")
    assert (empty.num_rows, empty.schema) == (0, got.schema)


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({}, ts.TracerError, "one column"),
        ({"text": "n", "vector": "v"}, ts.TracerError, "one column"),
        ({"vector": "w"}, ts.DataError, "no column 'w'; it has n, v"),
        ({"vector": "n"}, ts.DataError, "not of lists of numbers"),
        ({"vector": "s"}, ts.DataError, "not of lists of numbers"),
        ({"text": "n"}, ts.DataError, "not of texts"),
        ({"vector": "short"}, ts.TracerError, "row 0 of column 'short' has 1 numbers"),
    ],
)
def test_what_cannot_be_read_is_told(ref, vectors, asked, error, said):
    batch = pa.record_batch(
        {
            "n": [1],
            "v": fixed(vectors[:1]),
            "s": pa.array([["a"]]),
            "short": pa.array([[1.0]], pa.list_(pa.float32())),
        }
    )
    with pytest.raises(error) as refusal:
        ref.route_arrow(batch, **asked)
    assert said in str(refusal.value)


def test_a_column_of_the_same_name_is_never_overwritten(ref, vectors):
    batch = pa.record_batch({"label": ["mine"], "v": fixed(vectors[:1])})
    with pytest.raises(ts.TracerError, match="there is a column 'label' already"):
        ref.route_arrow(batch, vector="v")
    assert ref.route_arrow(batch, vector="v", prefix="router_").schema.names[2] == "router_label"
