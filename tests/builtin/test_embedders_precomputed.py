from __future__ import annotations

import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tracer_spec.builtin import tracer_spec_embedders
from tracer_spec.builtin.embedders.precomputed import Precomputed, PrecomputedOptions
from tracer_spec.errors import DataError, PluginError
from tracer_spec.plugin import Fittable, Restorable, TellsMissing, VectorReader

VECTORS = np.arange(12, dtype=np.float64).reshape(4, 3) / 7
IDS = ["a", "b", "c", "d"]


@pytest.fixture
def file(tmp_path):
    """Write arrays to a file and return the reader of it."""

    def write(*, name="vectors.npz", **arrays):
        path = tmp_path / name
        if name.endswith(".npy"):
            np.save(path, arrays["vectors"])
        else:
            np.savez(path, **arrays)
        return Precomputed(path=str(path))

    return write


def problem_of(call):
    with pytest.raises(DataError) as caught:
        call()
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f8", "i4", "u1"])
def test_vectors_of_an_npy_file_go_by_the_order_of_the_records(file, dtype):
    vectors = VECTORS.astype(dtype)
    X = file(name="v.npy", vectors=vectors).read([3, 0, 3], [None] * 3, [None] * 3)
    assert X.dtype == np.dtype("=f4")
    assert X.tolist() == vectors.astype(np.float32)[[3, 0, 3]].tolist()


def test_vectors_of_an_npz_file_without_ids_go_by_order_too(file):
    assert file(vectors=VECTORS).read([2], ["b"], [None]).tolist() == VECTORS.astype(np.float32)[[2]].tolist()


def test_vectors_of_an_npz_file_with_ids_are_joined_on_the_id(file):
    X = file(ids=np.array(IDS), vectors=VECTORS).read([0, 1], ["d", "b"], [None] * 2)
    assert X.tolist() == VECTORS.astype(np.float32)[[3, 1]].tolist()


def test_ids_may_be_integers(file):
    X = file(ids=np.array([10, 11, 12, 13]), vectors=VECTORS).read([0], ["12"], [None])
    assert X.tolist() == VECTORS.astype(np.float32)[[2]].tolist()


@pytest.mark.parametrize(
    "held",
    [[1, 2.5, -3], (1, 2.5, -3), "[1, 2.5, -3]", np.array([1, 2.5, -3], np.float32), np.array([1, 2.5, -3])],
)
def test_vectors_of_the_records_are_lists_json_or_arrays(held):
    X = Precomputed().read([5, 6], [None] * 2, [held, [0, 0, 0]])
    assert X.dtype == np.float32
    assert X.tolist() == [[1, 2.5, -3], [0, 0, 0]]


def test_no_rows_give_no_vectors(file):
    assert Precomputed().read([], [], []).shape[0] == 0
    assert file(vectors=VECTORS).read([], [], []).shape == (0, 3)
    assert file(ids=np.array(IDS), vectors=VECTORS).read([], [], []).shape == (0, 3)


@pytest.mark.parametrize(
    ("held", "what"),
    [
        (None, "record 8 holds nothing; expected a list of numbers, or one in JSON"),
        (
            "[1, 2",
            "record 8 holds a string of 5 characters that is not JSON; expected a list of numbers, or one in JSON",
        ),
        ("3", "record 8 holds a value of type int; expected a list of numbers, or one in JSON"),
        ({"x": 1}, "record 8 holds a value of type dict; expected a list of numbers, or one in JSON"),
        ([1, "2"], "record 8 holds a list with items that are not numbers; expected a list of numbers, or one in JSON"),
        (
            [1, True],
            "record 8 holds a list with items that are not numbers; expected a list of numbers, or one in JSON",
        ),
        ([[1, 2]], "record 8 holds a list with items that are not numbers; expected a list of numbers, or one in JSON"),
        ([10**400, 1], "record 8 holds a number too large for any float; expected a list of numbers, or one in JSON"),
        ([], "record 8 holds an array of shape (0,) and type float64; expected a list of numbers, or one in JSON"),
    ],
)
def test_a_record_without_a_vector_is_an_error(held, what):
    problem = problem_of(lambda: Precomputed().read([7, 8], [None] * 2, [[1, 2], held]))
    assert problem.what == what
    assert problem.address == "embedder.with.column"
    assert problem.hint == "point 'column' at the vector, or drop records without one with traces.format.where"


def test_records_of_two_dimensions_are_an_error():
    problem = problem_of(lambda: Precomputed().read([7, 9], [None] * 2, [[1, 2], [1, 2, 3]]))
    assert problem.what == "the vector of record 9 has 3 numbers; that of record 7 has 2"
    assert problem.hint == "all vectors must come from one model"


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e39])
def test_vectors_that_are_not_finite_are_an_error(file, bad):
    problem = problem_of(lambda: Precomputed().read([7, 9], [None] * 2, [[1, 2], [bad, 2]]))
    assert problem.what == "the vector of record 9 is not finite in float32; 1 of 2 are not"
    assert problem.address == "embedder.with.column"
    spoiled = VECTORS.copy()
    spoiled[1, 1] = bad
    reader = file(vectors=spoiled)
    problem = problem_of(lambda: reader.read([0, 1], [None] * 2, [None] * 2))
    assert problem.what == "the vector of vectors.npz#1 is not finite in float32; 1 of 2 are not"
    assert problem.address == "embedder.with.path"
    assert problem.hint == "embed those texts again, or drop their traces"
    assert reader.read([0, 2], [None] * 2, [None] * 2).shape == (2, 3), "a dropped trace's vector does not matter"


def test_a_record_beyond_the_file_is_an_error(file):
    problem = problem_of(lambda: file(vectors=VECTORS).read([0, 4, 5], [None] * 3, [None] * 3))
    assert problem.what == "'vectors.npz' has 4 vectors, and none for record 4 (from 0); 2 of 3 traces lack one"
    assert problem.hint == "write one vector per record read, in their order, or a .npz with 'ids' and 'vectors'"


def test_a_missing_id_is_an_error(file):
    reader = file(ids=np.array(IDS), vectors=VECTORS)
    problem = problem_of(lambda: reader.read([0, 1, 2], ["a", "x", "y"], [None] * 3))
    assert problem.what == "'vectors.npz' has no vector for the id 'x'; 2 of 3 traces lack one"
    assert problem.hint == (
        "'tracer-spec plan SPEC --missing FILE' lists them with their texts: embed those, and add their vectors"
    )


def test_traces_without_an_id_cannot_be_joined(file):
    reader = file(ids=np.array(IDS), vectors=VECTORS)
    problem = problem_of(lambda: reader.read([0, 1], ["a", None], [None] * 2))
    assert problem.what == "1 of 2 traces have no id to join 'vectors.npz' on"
    assert problem.address == "traces.format.id"


def test_an_id_twice_in_the_file_is_an_error(file):
    reader = file(ids=np.array(["a", "b", "b", "d"]), vectors=VECTORS)
    assert problem_of(lambda: reader.read([0], ["a"], [None])).what == "'vectors.npz' has the id 'b' more than once"


@pytest.mark.parametrize(
    ("arrays", "what"),
    [
        (
            {"vectors": VECTORS[0]},
            "the vectors of 'vectors.npz' have shape (3,) and type float64; expected (n, d) of real numbers",
        ),
        (
            {"vectors": VECTORS.astype(complex)},
            "the vectors of 'vectors.npz' have shape (4, 3) and type complex128; expected (n, d) of real numbers",
        ),
        (
            {"vectors": np.zeros((4, 0))},
            "the vectors of 'vectors.npz' have shape (4, 0) and type float64; expected (n, d) of real numbers",
        ),
        (
            {"vectors": VECTORS, "ids": np.array(["a"])},
            "the ids of 'vectors.npz' have shape (1,) and type <U1; expected (4,) of strings or integers",
        ),
        (
            {"vectors": VECTORS, "ids": np.ones(4)},
            "the ids of 'vectors.npz' have shape (4,) and type float64; expected (4,) of strings or integers",
        ),
        ({"embeddings": VECTORS}, "'vectors.npz' holds the arrays embeddings; expected vectors, or ids and vectors"),
        (
            {"vectors": VECTORS, "labels": VECTORS},
            "'vectors.npz' holds the arrays labels, vectors; expected vectors, or ids and vectors",
        ),
    ],
)
def test_a_file_of_the_wrong_arrays_is_an_error(file, arrays, what):
    problem = problem_of(lambda: file(**arrays).read([0], ["a"], [None]))
    assert problem.what == what
    assert problem.address == "embedder.with.path"


def test_objects_are_never_unpickled(file):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was opened",))

    for reader in (
        file(name="v.npy", vectors=np.array([[Bomb()]], dtype=object)),
        file(vectors=np.array([[Bomb()]], dtype=object)),
        file(vectors=VECTORS, ids=np.array([Bomb()] * 4, dtype=object)),
    ):
        problem = problem_of(lambda reader=reader: reader.read([0], ["a"], [None]))
        assert "is not a readable NumPy file: " in problem.what
        assert problem.hint.endswith("numbers and strings only: objects are never unpickled")


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    path = str(tmp_path / "none.npy")
    problem = problem_of(lambda: Precomputed(path=path).read([0], [None], [None]))
    assert problem.what == f"'{path}' does not exist"
    assert problem.hint == "a path is relative to the spec's folder"


@pytest.mark.parametrize("name", ["v.npy", "v.npz"])
@pytest.mark.parametrize("content", [b"", b"hello", b"\x93NUMPY", b"PK\x03\x04", b"PK\x05\x06" + bytes(18)])
def test_a_file_of_something_else_is_an_error(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    problem = problem_of(lambda: Precomputed(path=str(tmp_path / name)).read([0], ["a"], [None]))
    assert problem.what.startswith((f"'{name}' is not a readable NumPy file: ", f"'{name}' holds the arrays none;"))


def _bytes_of(save, *arguments, **arrays):
    written = io.BytesIO()
    save(written, *arguments, **arrays)
    return written.getvalue()


GOOD = {
    "v.npy": _bytes_of(np.save, VECTORS),
    "v.npz": _bytes_of(np.savez, ids=np.array(IDS), vectors=VECTORS),
    "w.npz": _bytes_of(np.savez_compressed, ids=np.array(IDS), vectors=VECTORS),
}


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_file_damaged_at_random_is_an_error_or_gives_finite_vectors(tmp_path_factory, data):
    name = data.draw(st.sampled_from(sorted(GOOD)))
    content = bytearray(GOOD[name])
    start = data.draw(st.integers(0, len(content)))
    stop = data.draw(st.integers(start, min(len(content), start + 4)))
    content[start:stop] = data.draw(st.binary(max_size=4))
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(bytes(content))
    try:
        X = Precomputed(path=str(path)).read([0, 3], ["a", "d"], [None] * 2)
    except DataError:
        return
    assert X.shape[0] == 2
    assert np.isfinite(X).all()


# --- the plugin ------------------------------------------------------------------------------------------------------


def test_the_plugin_keeps_its_contract(tmp_path):
    plugin = {each.name: each for each in tracer_spec_embedders()}["precomputed"]
    options = plugin.options.model_validate({"path": "v.npz", "model": "m-1"}, context={"root": tmp_path})
    made = plugin.make(options)
    assert made == Precomputed(str(tmp_path / "v.npz"), "m-1")
    assert isinstance(made, VectorReader)
    assert not isinstance(made, Fittable)
    assert not isinstance(made, Restorable)
    assert plugin.column(options) is None
    assert plugin.column(PrecomputedOptions(column="embedding")) == "embedding"


def test_texts_are_refused_with_the_remedy():
    with pytest.raises(PluginError) as caught:
        Precomputed(model="text-embedder-3").embed(["a", "b"])
    (problem,) = caught.value.problems
    assert problem.what == "'precomputed' embeds no text (got 2): its vectors come with the traces"
    assert problem.hint == "route with vectors of text-embedder-3"
    with pytest.raises(PluginError, match="route with vectors of the model that made those of the traces"):
        Precomputed().embed([])


def test_the_fingerprint_is_that_of_the_model_alone():
    one = Precomputed(model="m-1")
    assert one.fingerprint() == Precomputed(path="x.npy", model="m-1").fingerprint()
    assert one.fingerprint() != Precomputed(model="m-2").fingerprint()
    assert dict(one.state()) == {}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "give exactly one of path and column; got neither"),
        ({"path": "v.npy", "column": "v"}, "give exactly one of path and column; got both"),
        ({"path": "folder/v.csv"}, r"path is 'v.csv'; expected a file called \*.npy, \*.npz or \*.parquet"),
        ({"column": ""}, "at least 1 character"),
        ({"columns": "v"}, "Extra inputs are not permitted"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, said):
    with pytest.raises(ValidationError, match=said):
        PrecomputedOptions.model_validate(options)


def test_options_are_of_json(tmp_path):
    options = PrecomputedOptions(column="v", model="m")
    assert PrecomputedOptions.model_validate(json.loads(options.model_dump_json())) == options


# --- what is missing -------------------------------------------------------------------------------------------------


def test_a_reader_tells_which_traces_have_no_vector(file):
    assert isinstance(Precomputed(), TellsMissing)
    assert file(vectors=VECTORS).missing([5, 0, 4, 3], [None] * 4, [None] * 4) == [0, 2]
    assert file(ids=np.array(IDS), vectors=VECTORS).missing([0, 1, 2], ["x", "d", "y"], [None] * 3) == [0, 2]
    assert Precomputed().missing([7, 9], [None] * 2, [[1, 2], "[3, 4]"]) == []
    assert Precomputed().missing([], [], []) == []


@pytest.mark.parametrize("held", [None, "[1, 2", [1, True], [1.0], [float("nan"), 1.0]])
def test_what_is_missing_is_told_only_of_vectors_that_can_be_read(held):
    def problem(ask):
        return problem_of(lambda: ask([7, 8], [None] * 2, [[1, 2], held]))

    assert problem(Precomputed().missing) == problem(Precomputed().read)


def test_dimensions_are_compared_across_blocks():
    many = [[1.0, 2.0]] * 9000
    problem = problem_of(lambda: Precomputed().missing(range(9001), [None] * 9001, [*many, [1.0]]))
    assert problem.what == "the vector of record 9000 has 1 numbers; that of record 0 has 2"
    bad = [*many[:5000], [float("inf"), 0.0], *many[5000:], [float("nan"), 0.0]]
    problem = problem_of(lambda: Precomputed().missing(range(9002), [None] * 9002, bad))
    assert problem.what == "the vector of record 5000 is not finite in float32; 2 of 9,002 are not"
