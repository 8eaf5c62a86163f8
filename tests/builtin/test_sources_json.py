import gzip
import json
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tracer_spec.builtin.sources.json_document import JsonDocuments, JsonOptions
from tracer_spec.errors import DataError


def read(path, content, **settings):
    path.write_bytes(content)
    return [(r.where, r.data, r.problem) for r in JsonDocuments(JsonOptions(path=str(path), **settings)).records()]


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "t.json"


def test_an_object_is_a_record_and_of_a_list_each_item_is_one(path):
    assert read(path, b'\xef\xbb\xbf\r\n{\r\n  "a": 1\r\n}\r\n') == [("t.json", {"a": 1}, "")]
    assert read(path, b' [ {"a": 1} ,\n{"a": 2}]\n') == [("t.json[0]", {"a": 1}, ""), ("t.json[1]", {"a": 2}, "")]
    assert read(path, gzip.compress(b'[{"a": 1}]', mtime=0)) == [("t.json[0]", {"a": 1}, "")]


OVER = "; nothing after it is read"


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        (b'{"a": 1} "b" {"a": 2}', ["", "not a JSON object", ""]),
        (b'[{"a": 1}, 3, {"a": 2}]', ["", "not a JSON object", ""]),
        (b'"a"', ["not a JSON object"]),
        (b'[{"a": 1}, {"a": ]', ["", f"invalid JSON: expecting value{OVER}"]),
        (b'[{"a": 1}, {"a": ]\n{"a": 2}]', ["", "invalid JSON: expecting value", ""]),
        (b'[{"a": 1},\n{"a": \n{"a": 2}\n]\n{"a": 3}', ["", "invalid JSON: expecting ',' delimiter", "", ""]),
        (b'[{"a": 1}\n3\n{"a": 2}]', ["", "invalid JSON: the list breaks off here", ""]),
        (b'{"a": 1}\n{"a": \n{"a": 2}\n', ["", "invalid JSON: expecting ',' delimiter", ""]),
        (b'{"a": 1}\n{"a": "\n{"a": 2}\n', ["", "invalid JSON: invalid control character at", ""]),
        (b'[{"a": 1} {"a": 2}]', ["", ""]),
        (b'[{"a": 1} 3 {"a": 2}]', ["", f"invalid JSON: the list breaks off here{OVER}"]),
        (b'[{"a": 1},', ["", f"invalid JSON: the list breaks off here{OVER}"]),
        (b"[", [f"invalid JSON: the list breaks off here{OVER}"]),
        (b'{"a": "\xff"} {"a": 1}', ["invalid UTF-8", ""]),
        (b'{"a": ' * 100_000, [f"JSON nested too deeply{OVER}"]),
        (b"[" + b"9" * 5000 + b"]", [f"invalid JSON: an integer of thousands of digits{OVER}"]),
        (
            gzip.compress(b'{"a": 1}' * 9, mtime=0)[:-9],
            [*[""] * 9, "the compressed file is damaged or cut short here; nothing after it is read"],
        ),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_what_is_wrong_is_a_bad_record_at_its_place(path, content, problems):
    records = read(path, content)
    assert [problem for _, _, problem in records] == problems
    assert all(data == {} for _, data, problem in records if problem)


def test_objects_one_after_another_are_records_whether_on_lines_of_their_own_or_over_several(path):
    values = [{"a": n, "b": {"c": [n, None]}} for n in range(3)]
    pretty = "\n".join(json.dumps(value, indent=2) for value in values).encode()
    assert read(path, pretty) == [
        (f"t.json:{line}", value, "") for line, value in zip((1, 10, 19), values, strict=True)
    ]
    on_lines = [(f"t.json:{line}", value, "") for line, value in enumerate(values, 1)]
    for between in (b"\n", b",\r\n", b"\n\xef\xbb\xbf"):
        assert read(path, between.join(json.dumps(value).encode() for value in values)) == on_lines
    assert [data for _, data, _ in read(path, b"".join(json.dumps(value).encode() for value in values))] == values


def test_lists_one_after_another_are_told_apart_by_their_lines(path):
    assert [where for where, _, _ in read(path, b'[{"a": 1}]\n[{"a": 2},\n{"a": 3}]\n{"a": 4}\n')] == [
        "t.json[0]",
        "t.json:2[0]",
        "t.json:2[1]",
        "t.json:4",
    ]


def test_a_constant_that_json_does_not_have_is_null_and_large_integers_are_exact(path):
    content = b'{"a": NaN, "b": [Infinity, -Infinity], "id": 123456789012345678901234567890}'
    assert read(path, content) == [("t.json", {"a": None, "b": [None, None], "id": 123456789012345678901234567890}, "")]


def test_a_list_that_breaks_off_early_is_not_held_to_its_end(path):
    with path.open("wb") as stream:
        stream.write(b'[{"a": 1}, {"a": [\n')
        for _ in range(20_000):
            stream.write(b'{"b": "%s"}\n' % (b"x" * 500))
    records = JsonDocuments(JsonOptions(path=str(path))).records()
    tracemalloc.start()
    try:
        n_good = sum(1 for record in records if not record.problem)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert n_good > 9_000
    assert peak < 4 << 20  # of 10 MB


def test_a_value_that_is_too_long_is_a_bad_record(path):
    long = b'[{"a": 1}, {"a": "' + b"x" * (1 << 20) + b'"}]'
    _, (where, data, problem) = read(path, long, max_value_chars=1 << 19)
    assert (where, data) == ("t.json[1]", {})
    assert problem == f"longer than {1 << 19} characters, the 'max_value_chars'; nothing after it is read"
    assert [data for _, data, _ in read(path, long + b'\n{"a": 2}', max_value_chars=1 << 19)] == [
        {"a": 1},
        {},
        {"a": 2},
    ]
    assert read(path, long)[1][2] == ""


def test_files_that_hold_nothing_and_utf16_are_errors(path):
    with pytest.raises(DataError, match=r"'t\.json' holds no record"):
        read(path, b" \n")
    with pytest.raises(DataError, match=r"'t\.json' holds no record"):
        read(path, b"[]")
    with pytest.raises(DataError, match=r"'t\.json' is UTF-16, not UTF-8"):
        read(path, "{}".encode("utf-16"))


def test_a_list_is_streamed(path):
    with path.open("wb") as stream:
        stream.write(b"[")
        stream.write(b",\n".join(b'{"a": "%s"}' % (b"x" * 500) for _ in range(40_000)))
        stream.write(b"]")
    records = JsonDocuments(JsonOptions(path=str(path))).records()
    tracemalloc.start()
    try:
        n = sum(1 for _ in records)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert n == 40_000
    assert peak < 4 << 20  # of 20 MB


def test_options_resolve_paths_against_the_folder_of_the_spec(tmp_path):
    (tmp_path / "a.json").write_text('{"a": 1}', encoding="utf-8")
    options = JsonOptions.model_validate({"path": "*.json"}, context={"root": tmp_path})
    assert [record.data for record in JsonDocuments(options).records()] == [{"a": 1}]


objects = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9) | st.floats(-1e9, 1e9), max_size=3)


@settings(max_examples=100, deadline=None)
@given(st.lists(objects, min_size=1, max_size=6), st.sampled_from([None, 1, 2]), st.booleans(), st.integers(1, 7))
def test_every_item_is_read_wherever_the_text_is_cut_into_pieces(values, indent, in_ascii, piece):
    import tracer_spec.builtin.sources.json_values as module

    text = json.dumps(values, indent=indent, ensure_ascii=in_ascii)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PIECE_BYTES", piece)
        path = Path(folder) / "t.json"
        path.write_text(text, encoding="utf-8", errors="surrogatepass" if in_ascii else "replace")
        records = list(JsonDocuments(JsonOptions(path=str(path))).records())
    assert [record.problem for record in records] == [""] * len(values)
    assert [record.data for record in records] == json.loads(text.encode("utf-8", "replace").decode())


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(objects, st.sampled_from([None, 2]), st.binary(max_size=9)), min_size=1, max_size=6),
    st.integers(1, 7),
)
def test_whatever_stands_between_them_objects_that_start_a_line_are_all_read(values, piece):
    import tracer_spec.builtin.sources.json_values as module

    garbage = [b"?" + bad.replace(b"\n", b"") for _, _, bad in values]
    texts = [json.dumps(value, indent=indent).encode() for value, indent, _ in values]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PIECE_BYTES", piece)
        path = Path(folder) / "t.json"
        path.write_bytes(b"\n".join(part for pair in zip(garbage, texts, strict=True) for part in pair))
        records = list(JsonDocuments(JsonOptions(path=str(path))).records())
    assert [record.data for record in records if not record.problem] == [value for value, _, _ in values]
    assert sum(record.problem != "" for record in records) == len(values)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda tail: b'[{"a": 1},' + tail))
@example(b"PAR1\x15")
def test_any_bytes_at_all_give_records_or_one_clear_error(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.json"
        path.write_bytes(content)
        try:
            records = list(JsonDocuments(JsonOptions(path=str(path))).records())
        except DataError as error:
            clear = ("is UTF-16", "holds no record", "archive", "compressed", "is a Parquet file")
            assert any(what in str(error) for what in clear)  # noqa: PT017
            return
    assert all(record.data == {} for record in records if record.problem)
    assert sum(record.problem != "" for record in records) <= len(records)
