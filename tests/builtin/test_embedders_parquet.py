"""Vectors in Parquet: found by id, by the digest of the text, or by their order; in one file, or in a folder of parts."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracer_spec.builtin.embedders.precomputed import Precomputed, PrecomputedOptions
from tracer_spec.errors import DataError
from tracer_spec.testing import VectorReaderContract

VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3) / 7
TEXTS = ["where is it?", "top up", "naïve", "why?"]
IDS = ["a", "b", "c", "d"]
DIGESTS = [hashlib.sha256(text.encode()).hexdigest() for text in TEXTS]


def lists(vectors=VECTORS):
    return pa.array(vectors.tolist(), pa.list_(pa.float32()))


@pytest.fixture
def reader(tmp_path):
    def write(**columns):
        path = tmp_path / "vectors.parquet"
        pq.write_table(pa.table(columns), path)
        return Precomputed(path=str(path))

    return write


class TestParquet(VectorReaderContract):
    plugin = "precomputed"

    def prepare(self, folder):
        pq.write_table(pa.table({"id": ["c", "a", "b", "other"], "v": lists()}), folder / "v.parquet")
        return {"path": str(folder / "v.parquet")}


def test_a_part_of_other_columns_is_an_error(tmp_path):
    folder = tmp_path / "v.parquet"
    folder.mkdir()
    pq.write_table(pa.table({"id": IDS[:2], "v": lists(VECTORS[:2])}), folder / "a.parquet")
    pq.write_table(pa.table({"id": IDS[2:], "w": lists(VECTORS[2:])}), folder / "b.parquet")
    reader = Precomputed(path=str(folder))
    for ask in (reader.read, reader.missing):
        with pytest.raises(DataError) as caught:
            ask([0, 2], ["a", "c"], [None] * 2, ["", ""])
        (problem,) = caught.value.problems
        assert problem.what == "'b.parquet' has other columns than the first part of 'v.parquet'"
        assert problem.hint == "write v and id into every part"


def test_one_row_group_of_many_vectors_is_read_in_little_memory(tmp_path):
    numbers = np.random.default_rng(0).normal(size=200_000 * 32).astype("f4")
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(numbers), 32)
    pq.write_table(pa.table({"v": vectors}), tmp_path / "v.parquet", row_group_size=200_000)
    reader, usual = Precomputed(path=str(tmp_path / "v.parquet")), pa.default_memory_pool()
    counted = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(counted)
    try:
        assert reader.missing([3, 199_999, 200_000], [None] * 3, [None] * 3, [""] * 3) == [2]
        assert 0 < counted.max_memory() < numbers.nbytes / 2
    finally:
        pa.set_memory_pool(usual)


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.large_list(pa.float64()), pa.list_(pa.float32(), 3)])
def test_vectors_are_joined_on_the_id(reader, kind):
    X = reader(id=IDS, embedding=pa.array(VECTORS.tolist(), kind)).read([0, 1], ["d", "b"], [None] * 2, ["", ""])
    assert X.dtype == np.float32
    assert X.tolist() == VECTORS[[3, 1]].tolist()


def test_numbers_are_ids_as_the_traces_write_them(reader):
    assert reader(id=[10, 11, 12, 13], v=lists()).read([0], ["12"], [None], [""]).tolist() == VECTORS[[2]].tolist()


def test_vectors_are_joined_on_the_digest_of_the_text_which_may_be_asked_for_twice(reader):
    X = reader(text_sha256=DIGESTS, v=lists()).read([0, 1, 2], [None] * 3, [None] * 3, [TEXTS[2], TEXTS[0], TEXTS[2]])
    assert X.tolist() == VECTORS[[2, 0, 2]].tolist()


def test_without_a_key_vectors_go_by_the_order_of_the_records(reader):
    assert reader(v=lists()).read([3, 0], [None] * 2, [None] * 2, [""] * 2).tolist() == VECTORS[[3, 0]].tolist()


def test_a_folder_of_parts_is_read_as_an_engine_writes_it(tmp_path):
    folder = tmp_path / "vectors.parquet"
    folder.mkdir()
    for part in range(2):
        rows = slice(2 * part, 2 * part + 2)
        table = pa.table({"id": IDS[rows], "v": lists(VECTORS[rows])})
        pq.write_table(table, folder / f"part-0000{part}-x.snappy.parquet")
    (folder / "_SUCCESS").touch()
    assert Precomputed(path=str(folder)).read([0, 1], ["d", "a"], [None] * 2).tolist() == VECTORS[[3, 0]].tolist()


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"id": IDS}, "has 0 columns of lists of numbers (none); its columns are id"),
        ({"id": IDS, "v": lists(), "w": lists()}, "has 2 columns of lists of numbers (v, w)"),
        ({"id": ["a", "a", "b", "c"], "v": lists()}, "has the id 'a' more than once"),
        ({"id": ["x", "a", "b", "c"], "v": lists()}, "no vector for the id 'd'; 1 of 4 are missing"),
        ({"text_sha256": IDS, "v": lists()}, "no vector for the text_sha256"),
        ({"v": lists(VECTORS[:2])}, "no vector for record 2; 2 of 4 are missing"),
        ({"id": IDS, "v": pa.array([[1.0], [1.0, 2.0], [1.0], [1.0]])}, "has 2 numbers for the id 'b'"),
        ({"id": IDS, "v": pa.array([[1.0], None, [1.0], [1.0]])}, "has nothing for the id 'b'"),
        ({"id": IDS, "v": pa.array([[1.0], [float("nan")], [1.0], [1.0]])}, "the id 'b' is not finite"),
        ({"id": IDS, "v": pa.array([[1.0], [None], [1.0], [1.0]])}, "the id 'b' is not finite"),
    ],
)
def test_what_is_missing_or_wrong_is_told(reader, columns, said):
    with pytest.raises(DataError) as refusal:
        reader(**columns).read(range(4), IDS, [None] * 4, TEXTS)
    (problem,) = refusal.value.problems
    assert said in problem.what
    assert problem.address == "embedder.with.path"


def test_a_file_that_is_missing_or_damaged_is_told(tmp_path):
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 not PAR1")
    for name, said in (("none.parquet", "does not exist"), ("bad.parquet", "is not readable as Parquet")):
        with pytest.raises(DataError, match=said):
            Precomputed(path=str(tmp_path / name)).read([0], ["a"], [None], ["x"])


def test_traces_without_ids_cannot_be_joined_on_them(reader):
    with pytest.raises(DataError, match="1 of 2 traces have no id"):
        reader(id=IDS, v=lists()).read([0, 1], ["a", None], [None] * 2, ["", ""])


def test_the_option_names_what_it_takes():
    assert PrecomputedOptions(path="v.parquet").path == "v.parquet"
    with pytest.raises(ValueError, match=r"\*\.parquet"):
        PrecomputedOptions(path="v.csv")
