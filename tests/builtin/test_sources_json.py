import gzip
import json
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
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
        (b'{"a": 1} {"a": 2}', ["", "more than one JSON value; for one value per line there is the source 'jsonl'"]),
        (b'[{"a": 1}, 3, {"a": 2}]', ["", "not a JSON object", ""]),
        (b'"a"', ["not a JSON object"]),
        (b'[{"a": 1}, {"a": ]', ["", f"invalid JSON: expecting value{OVER}"]),
        (b'[{"a": 1}, {"a": NaN}]', ["", f"invalid JSON: NaN is not JSON{OVER}"]),
        (b'[{"a": 1} {"a": 2}]', ["", f"invalid JSON: the list breaks off here{OVER}"]),
        (b'[{"a": 1},', ["", f"invalid JSON: the list breaks off here{OVER}"]),
        (b"[", [f"invalid JSON: the list breaks off here{OVER}"]),
        (b'{"a": "\xff"}', [f"invalid UTF-8{OVER}"]),
        (b'{"a": ' * 100_000, [f"JSON nested too deeply{OVER}"]),
        (b"[" + b"9" * 5000 + b"]", [f"invalid JSON: an integer of thousands of digits{OVER}"]),
        (
            gzip.compress(b'{"a": 1}' * 9, mtime=0)[:-9],
            ["the compressed file is damaged or cut short here; nothing after it is read"],
        ),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_what_is_wrong_is_a_bad_record_at_its_place(path, content, problems):
    records = read(path, content)
    assert [problem for _, _, problem in records] == problems
    assert all(data == {} for _, data, problem in records if problem)


def test_a_value_that_is_too_long_is_a_bad_record(path):
    long = b'[{"a": 1}, {"a": "' + b"x" * (1 << 20) + b'"}]'
    _, (where, data, problem) = read(path, long, max_value_chars=1 << 19)
    assert (where, data) == ("t.json[1]", {})
    assert problem == f"longer than {1 << 19} characters, the 'max_value_chars'; nothing after it is read"
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
    import tracer_spec.builtin.sources.json_document as module

    text = json.dumps(values, indent=indent, ensure_ascii=in_ascii)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PIECE_BYTES", piece)
        path = Path(folder) / "t.json"
        path.write_text(text, encoding="utf-8", errors="surrogatepass" if in_ascii else "replace")
        records = list(JsonDocuments(JsonOptions(path=str(path))).records())
    assert [record.problem for record in records] == [""] * len(values)
    assert [record.data for record in records] == json.loads(text.encode("utf-8", "replace").decode())


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda tail: b'[{"a": 1},' + tail))
def test_any_bytes_at_all_give_records_or_one_clear_error(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.json"
        path.write_bytes(content)
        try:
            records = list(JsonDocuments(JsonOptions(path=str(path))).records())
        except DataError as error:
            assert "is UTF-16" in str(error) or "holds no record" in str(error)  # noqa: PT017
            return
    assert all(record.data == {} for record in records if record.problem)
    assert sum(record.problem != "" for record in records) <= len(records)
