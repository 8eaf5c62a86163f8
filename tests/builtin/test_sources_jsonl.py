import gzip
import json
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tracer_spec.builtin import tracer_spec_sources
from tracer_spec.builtin.sources.json_lines import JsonLines, JsonLinesOptions
from tracer_spec.errors import DataError


def read(path, content, **settings):
    path.write_bytes(content)
    return list(JsonLines(JsonLinesOptions(path=str(path), **settings)).records())


def records_or_error(source):
    try:
        return list(source.records()), ""
    except DataError as error:
        return [], str(error)


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "t.jsonl"


def test_each_line_is_a_record_with_its_address(path):
    records = read(path, b'{"input": "a"}\n{"input": "b"}')
    assert [(r.where, r.data, r.problem) for r in records] == [
        ("t.jsonl:1", {"input": "a"}, ""),
        ("t.jsonl:2", {"input": "b"}, ""),
    ]


def test_a_mark_crlf_and_blank_lines_are_passed_over_and_lines_keep_their_numbers(path):
    records = read(path, b'\xef\xbb\xbf{"a": 1}\r\n\r\n   \n\xef\xbb\xbf{"a": 2}\r\n')
    assert [(r.where, r.data["a"]) for r in records] == [("t.jsonl:1", 1), ("t.jsonl:4", 2)]


BAD_LINES = {
    b'{"input": "\xff"}': "invalid UTF-8 at byte 12",
    b'{"input": }': "invalid JSON at column 11: expecting value",
    b'{"input": "a"} {"input": "b"}': "invalid JSON at column 16: extra data",
    b'["a"]': "a JSON array, not an object: one object per line is needed",
    b'"a"': "a JSON string, not an object: one object per line is needed",
    b"null": "a JSON null, not an object: one object per line is needed",
    b"3": "a JSON number, not an object: one object per line is needed",
    b'{"n": ' + b"9" * 5000 + b"}": "invalid JSON: an integer of thousands of digits",
    b'{"a": ' * 100_000 + b"1" + b"}" * 100_000: "JSON nested too deeply",
}


@pytest.mark.parametrize(("line", "problem"), BAD_LINES.items(), ids=lambda value: repr(value)[:24])
def test_a_bad_line_is_a_problem_of_its_own_and_reading_goes_on(path, line, problem):
    before, bad, after = read(path, b'{"input": "a"}\n' + line + b'\n{"input": "b"}\n')
    assert (bad.where, bad.data, bad.problem) == ("t.jsonl:2", {}, problem)
    assert (before.data, after.data, after.where) == ({"input": "a"}, {"input": "b"}, "t.jsonl:3")


def test_a_problem_quotes_nothing_of_the_line(path):
    records = read(path, b'{"input": "my card number is 4929", teacher}\n{"input": "4929\xff"}\n["4929"]\n')
    assert [r.problem != "" for r in records] == [True] * 3
    assert not any("4929" in r.problem for r in records)


def test_a_line_of_exactly_the_limit_is_read_and_one_byte_more_is_not(path):
    line = b'{"input": "' + b"a" * 87 + b'"}'
    assert len(line) == 100
    for end in (b"", b"\n", b"\r\n"):
        for mark in (b"", b"\xef\xbb\xbf"):
            fits, after = read(path, mark + line + (end or b"\n") + b"{}" + end, max_line_bytes=100)
            assert (fits.problem, after.where, after.problem) == ("", "t.jsonl:2", "")
            too_long, after = read(path, mark + line + (end or b"\n") + b"{}" + end, max_line_bytes=99)
            assert too_long.problem == "longer than 99 bytes, the 'max_line_bytes'"
            assert (after.where, after.problem) == ("t.jsonl:2", "")


@pytest.mark.parametrize("is_zipped", [False, True])
def test_a_line_of_100_mb_is_passed_over_without_being_held(path, is_zipped):
    n_bytes, limit = 100 << 20, 4 << 20
    if is_zipped:
        with gzip.open(path, "wb", compresslevel=1) as stream:
            for _ in range(n_bytes >> 20):
                stream.write(b" " * (1 << 20))
            stream.write(b'\n{"input": "b"}\n')
    else:
        with path.open("wb") as stream:
            stream.truncate(n_bytes)  # a sparse file: zero bytes that take no room on disk
            stream.seek(n_bytes)
            stream.write(b'\n{"input": "b"}\n')
    tracemalloc.start()
    try:
        records = list(JsonLines(JsonLinesOptions(path=str(path), max_line_bytes=limit)).records())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [(r.where, r.data, r.problem != "") for r in records] == [
        ("t.jsonl:1", {}, True),
        ("t.jsonl:2", {"input": "b"}, False),
    ]
    assert peak < 2.25 * limit


FEW = [{"input": f"where is order {n}?", "teacher": "lost", "more": {"n": [n]}} for n in range(4)]


@pytest.mark.parametrize(
    "content",
    [
        "\n".join(json.dumps(each, indent=2) for each in FEW),
        "\n".join(json.dumps(each, indent=None, separators=(",\n", ": ")) for each in FEW),
        "".join(json.dumps(each) for each in FEW),
        json.dumps(FEW),
        json.dumps(FEW, indent=4),
        "\n[\n" + ",\n".join(json.dumps(each) for each in FEW) + "\n]\n",
        "\n[" + "\n,".join(json.dumps(each) for each in FEW) + "]",
    ],
    ids=["pretty", "a key a line", "on one line", "list", "pretty list", "an item a line", "commas first"],
)
def test_a_file_that_is_no_file_of_lines_is_read_all_the_same(path, content):
    for data in (content.encode(), b"\xef\xbb\xbf" + content.replace("\n", "\r\n").encode()):
        records = read(path, data)
        assert [(record.data, record.problem) for record in records] == [(each, "") for each in FEW]


def test_objects_over_several_lines_are_addressed_by_the_line_on_which_they_start(path):
    records = read(path, b'\n{\n"a": 1\n}\n\n{\n"a": }\n}\n{"a": 3}\n')
    assert [(record.where, record.problem) for record in records] == [
        ("t.jsonl:2", ""),
        ("t.jsonl:6", "invalid JSON: expecting value"),
        ("t.jsonl:9", ""),
    ]


def test_a_first_line_that_is_cut_off_spoils_itself_alone(path):
    for head in (b'lo"}', b'{"input": "hel', b'{"input": "a",', b'{"input": {', b'{"n": tr'):
        bad, *good = read(path, head + b'\n{"input": "b"}\n{"input": "c"}\n')
        assert bad.problem != ""
        assert [(record.data, record.problem) for record in good] == [({"input": "b"}, ""), ({"input": "c"}, "")]


def test_json_beside_json_lines_is_read_in_one_source(path):
    path.with_name("a.json").write_text(json.dumps(FEW[:2], indent=1), encoding="utf-8")
    path.with_name("b.jsonl").write_text("\n".join(json.dumps(each) for each in FEW[2:]), encoding="utf-8")
    records = JsonLines(JsonLinesOptions(path=str(path.with_name("*.json*")))).records()
    assert [(r.where, r.data) for r in records] == [
        ("a.json[0]", FEW[0]),
        ("a.json[1]", FEW[1]),
        ("b.jsonl:1", FEW[2]),
        ("b.jsonl:2", FEW[3]),
    ]


def test_a_constant_that_json_does_not_have_is_null(path):
    records = read(path, b'{"input": "a", "score": NaN, "v": [1.5, -Infinity, Infinity]}\n')
    assert [(r.data, r.problem) for r in records] == [({"input": "a", "score": None, "v": [1.5, None, None]}, "")]


def test_gzip_is_told_by_its_bytes_not_by_its_name(path):
    lines = b"".join(b'{"n": %d}\n' % n for n in range(1000))
    assert [r.data["n"] for r in read(path, gzip.compress(lines, mtime=0))] == list(range(1000))
    assert [r.data["n"] for r in read(path.with_suffix(".gz"), lines)] == list(range(1000))


def test_a_gzip_that_is_cut_short_gives_its_whole_lines_and_then_one_problem(path):
    lines = b"".join(b'{"n": %d, "x": "%s"}\n' % (n, bytes(str(hash(n * 7919)), "ascii")) for n in range(50_000))
    zipped = gzip.compress(lines, mtime=0)
    *good, last = read(path, zipped[: len(zipped) // 2])
    assert [r.data["n"] for r in good] == list(range(len(good)))
    assert len(good) > 1000
    assert last.where == f"t.jsonl:{len(good) + 1}"
    assert last.problem == "the compressed file is damaged or cut short here; nothing after it is read"


def test_a_gzip_with_a_flipped_bit_ends_in_a_problem(path):
    zipped = bytearray(gzip.compress(b'{"n": 1}\n' * 10_000, mtime=0))
    zipped[-6] ^= 1  # in the checksum
    assert read(path, bytes(zipped))[-1].problem.startswith("the compressed file is damaged")


def test_utf16_is_refused_with_the_command_that_converts_it(path):
    with pytest.raises(DataError) as caught:
        read(path, '{"input": "a"}\n'.encode("utf-16"))
    problem = caught.value.problems[0]
    assert (problem.what, problem.hint) == (
        "'t.jsonl' is UTF-16, not UTF-8",
        "convert it: iconv -f utf-16 -t utf-8",
    )


@pytest.mark.parametrize("content", [b'{"a": 1}\nx\n', gzip.compress(b'{"a": 1}\nx\n', mtime=0)])
def test_a_dash_reads_the_standard_input(content):
    script = (
        "from tracer_spec.builtin.sources.json_lines import JsonLines, JsonLinesOptions\n"
        "for r in JsonLines(JsonLinesOptions(path='-')).records(): print(r.where, r.data, r.problem)"
    )
    done = subprocess.run([sys.executable, "-c", script], input=content, capture_output=True, check=True)
    assert done.stdout.decode().splitlines() == [
        "stdin:1 {'a': 1} ",
        "stdin:2 {} invalid JSON at column 1: expecting value",
    ]


def test_a_file_is_streamed_record_by_record(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"a": 1}\n' * 60_000)
    records = JsonLines(JsonLinesOptions(path=str(path))).records()
    tracemalloc.start()
    try:
        n = sum(1 for _ in records)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert n == 60_000
    assert peak < 2 << 20


good_lines = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9), max_size=3).map(
    lambda value: json.dumps(value).encode()
)
garbage = st.binary(max_size=60).map(lambda line: b"?" + line.replace(b"\n", b"")) | st.sampled_from(
    list(BAD_LINES)[:7]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.booleans(), good_lines, garbage), min_size=1, max_size=12))
def test_whatever_stands_between_them_good_lines_are_all_read(lines):
    # a first line that is no object of its own may say that this is no file of lines
    content = b"{}\n" + b"\n".join(good if is_good else bad for is_good, good, bad in lines)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.jsonl"
        path.write_bytes(content)
        records = list(JsonLines(JsonLinesOptions(path=str(path), max_line_bytes=80)).records())
    wanted = [json.loads(good) if is_good and len(good) <= 80 else None for is_good, good, _ in lines]
    assert [None if record.problem else record.data for record in records] == [{}, *wanted]


@settings(max_examples=200, deadline=None)
@example(b"\t[")
@given(st.binary(max_size=200) | st.binary(max_size=80).map(gzip.compress).map(lambda zipped: zipped[:-3]))
def test_any_bytes_at_all_give_records_or_one_clear_error(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.jsonl"
        path.write_bytes(content)
        records, error = records_or_error(JsonLines(JsonLinesOptions(path=str(path))))
    assert not error or any(
        what in error for what in ("is UTF-16", "holds no record", "archive", "compressed", "is a Parquet file")
    )
    # a file that starts with either is read as the source 'json' would, whose addresses are others
    is_document = content.lstrip(b" \t\n\r\v\f\xef\xbb\xbf").startswith((b"{", b"["))
    numbers = [] if is_document else [int(record.where.rpartition(":")[2]) for record in records]
    assert numbers == sorted(set(numbers))
    assert all(record.data == {} for record in records if record.problem)


def test_options_resolve_paths_against_the_folder_of_the_spec(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n', encoding="utf-8")
    for given_path in ("*.jsonl", ["a.jsonl"]):
        options = JsonLinesOptions.model_validate({"path": given_path}, context={"root": tmp_path})
        assert [record.data for record in JsonLines(options).records()] == [{"a": 1}]


def test_a_dash_in_the_options_stays_a_dash(tmp_path):
    assert JsonLinesOptions.model_validate({"path": "-"}, context={"root": tmp_path}).path == "-"


def test_the_sources_are_csv_json_jsonl_and_parquet():
    assert sorted(plugin.name for plugin in tracer_spec_sources()) == ["csv", "json", "jsonl", "parquet"]
