import csv
import gzip
import io
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tracer_spec.builtin.sources import delimited
from tracer_spec.builtin.sources.delimited import Csv, CsvOptions
from tracer_spec.errors import DataError


def records_or_error(source):
    try:
        return list(source.records()), ""
    except DataError as error:
        return [], str(error)


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "t.csv"


def read(path, content, **settings):
    path.write_bytes(content)
    return list(Csv(CsvOptions(path=str(path), **settings)).records())


def test_rows_are_mappings_from_the_header_and_an_empty_field_is_missing(path):
    records = read(path, b"\xef\xbb\xbftext,label\r\nwhere is it?,lost\r\nhello,\r\n")
    assert [(r.where, r.data, r.problem) for r in records] == [
        ("t.csv:2", {"text": "where is it?", "label": "lost"}, ""),
        ("t.csv:3", {"text": "hello", "label": None}, ""),
    ]


def test_a_field_over_several_lines_is_one_field_and_the_address_is_its_first_line(path):
    records = read(path, b'text,label\n"one\ntwo, ""three""",a\n\nx,b\n')
    assert [(r.where, r.data["text"]) for r in records] == [
        ("t.csv:2", 'one\ntwo, "three"'),
        ("t.csv:5", "x"),
    ]


def test_a_row_with_too_few_or_too_many_fields_is_a_problem(path):
    records = read(path, b"text,label\na\nb,c\nd,e,f\n")
    assert [r.problem for r in records] == [
        "1 fields where there are 2 columns",
        "",
        "3 fields where there are 2 columns",
    ]


def test_bytes_of_another_encoding_spoil_their_own_row_alone(path):
    records = read(path, b"text,label\ncaf\xe9,a\ncaf\xc3\xa9,b\n")
    assert [(r.data.get("text"), r.problem) for r in records] == [
        (None, "bytes that are not of the 'encoding'"),
        ("café", ""),
    ]
    assert [r.data["text"] for r in read(path, b"text,label\ncaf\xe9,a\n", encoding="cp1252")] == ["café"]


def test_utf16_is_read_where_the_options_say_so_and_refused_where_not(path):
    content = "text;label\ncafé;b\n".encode("utf-16")
    assert read(path, content, encoding="utf-16", delimiter=";")[0].data == {"text": "café", "label": "b"}
    with pytest.raises(DataError, match=r"'t\.csv' is UTF-16, not UTF-8"):
        read(path, content)


GLUED = b"text,label\na,x\n text , label\nb,y\n\xef\xbb\xbftext,label\nlabel,text\n"


def test_a_header_line_that_comes_again_is_no_row(path):
    records = read(path, GLUED.rpartition(b"label,text")[0])
    assert [(r.where, r.data.get("text"), r.problem) for r in records] == [
        ("t.csv:2", "a", ""),
        ("t.csv:3", None, "header line again"),
        ("t.csv:4", "b", ""),
        ("t.csv:5", None, "header line again"),
    ]
    named = read(path, b"text,label\na,x\n", header=["text", "label"])
    assert [r.problem for r in named] == ["header line again", ""]


def test_a_text_like_the_name_of_the_only_column_is_a_row(path):
    assert [r.data for r in read(path, b"text\ntext\n")] == [{"text": "text"}]
    assert [r.data for r in read(path, b"text,label\ntext,x\ntext,\n")][1] == {"text": "text", "label": None}


def test_a_header_line_of_another_order_stops_since_the_rows_after_it_would_be_misread(path):
    with pytest.raises(DataError, match=r"the columns of the header again, in another order \(label, text\)") as error:
        read(path, GLUED)
    assert (error.value.problems[0].where, error.value.problems[0].hint) == (
        "t.csv:6",
        "files with headers of their own were put together: keep them apart, and read them by a glob",
    )


OPEN = "a quote that opens here does not close as CSV asks; reading goes on with the next line"


def test_a_quote_that_is_never_closed_costs_its_own_row(path):
    rows = b"x,b\n" * 100
    for options in ({}, {"max_field_chars": 50}):
        records = read(path, b'text,label\ny,a\n"never closed,a\n' + rows, **options)
        assert [(r.where, r.problem) for r in records[:3]] == [("t.csv:2", ""), ("t.csv:3", OPEN), ("t.csv:4", "")]
        assert [r.data for r in records[2:]] == [{"text": "x", "label": "b"}] * 100
        assert records[-1].where == "t.csv:103"
    assert [r.problem for r in read(path, b'text,label\n"never closed,a\n')] == ["invalid CSV: unexpected end of data"]


def test_a_stray_quote_that_a_later_row_seems_to_close_costs_its_own_row(path):
    rows = b'"never closed,a\nx,b\n"one\ntwo",c\nhe said "no",d\n'
    assert [(r.where, r.data.get("text"), r.problem) for r in read(path, b"text,label\n" + rows)] == [
        ("t.csv:2", None, OPEN),
        ("t.csv:3", "x", ""),
        ("t.csv:4", "one\ntwo", ""),
        ("t.csv:6", 'he said "no"', ""),
    ]


def test_the_address_is_the_line_of_the_quote_where_an_earlier_field_goes_over_lines(path):
    rows = b'"one\ntwo","never closed\nx,b\n"three\nfour",c\n'
    assert [(r.where, r.data.get("text"), r.problem) for r in read(path, b"text,label\n" + rows)] == [
        ("t.csv:3", None, OPEN),
        ("t.csv:4", "x", ""),
        ("t.csv:5", "three\nfour", ""),
    ]


def test_a_line_that_is_too_long_ends_a_quote_and_is_a_bad_record_of_its_own(path):
    records = read(path, b'text,label\n"never closed,a\nx,b\n' + b"y" * 99 + b",c\nz,d\n", max_field_chars=50)
    assert [(r.where, r.data.get("text"), r.problem) for r in records] == [
        ("t.csv:2", None, OPEN),
        ("t.csv:3", "x", ""),
        ("t.csv:4", None, "a line longer than 50 characters, the 'max_field_chars'"),
        ("t.csv:5", "z", ""),
    ]


def test_with_many_stray_quotes_no_line_is_read_more_than_twice(path, monkeypatch):
    n_read, lines = 0, ['"never closed,a\n', *["x,b\n"] * 9] * 300
    next_line = delimited._Lines.__next__

    def counted(self):
        nonlocal n_read
        n_read += 1
        return next_line(self)

    monkeypatch.setattr(delimited._Lines, "__next__", counted)
    records = read(path, ("text,label\n" + "".join(lines)).encode())
    assert sum(r.problem == OPEN for r in records) == 300
    assert sum(r.data == {"text": "x", "label": "b"} for r in records) == 300 * 9
    assert n_read < 2.1 * len(lines)


def test_a_line_longer_than_the_limit_is_a_problem_and_is_not_held(path):
    with path.open("wb") as stream:
        stream.write(b"text,label\n")
        for _ in range(32):
            stream.write(b"a" * (1 << 20))
        stream.write(b"\nx,b\n")
    tracemalloc.start()
    try:
        records = list(Csv(CsvOptions(path=str(path), max_field_chars=1 << 20)).records())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [(r.where, r.data, r.problem) for r in records] == [
        ("t.csv:2", {}, "a line longer than 1048576 characters, the 'max_field_chars'"),
        ("t.csv:3", {"text": "x", "label": "b"}, ""),
    ]
    assert peak < 8 << 20


def test_a_field_longer_than_the_csv_modules_own_limit_is_read_and_that_limit_is_left_as_it_was(path):
    before = csv.field_size_limit()
    text = b"a" * (before + 10)
    assert len(read(path, b"text,label\n" + text + b",b\n")[0].data["text"]) == before + 10
    assert csv.field_size_limit() == before


def test_gzip_is_read_and_one_cut_short_ends_in_a_problem(path):
    rows = b"".join(b"%d,%d\n" % (n, n * 7919 % 10_007) for n in range(30_000))
    zipped = gzip.compress(b"text,label\n" + rows)
    assert len(read(path, zipped)) == 30_000
    *good, last = read(path, zipped[: len(zipped) // 2])
    assert [r.data["text"] for r in good] == [str(n) for n in range(len(good))]
    assert last.problem == "the compressed file is damaged or cut short here; nothing after it is read"


@pytest.mark.parametrize(
    ("header", "what"),
    [
        (b"text,label,text", "the header names a column twice: text"),
        (b",,", "the header names no column"),
        (b"caf\xe9,label", "bytes that are not of the 'encoding'"),
    ],
)
def test_a_header_that_makes_no_sense_is_an_error(path, header, what):
    with pytest.raises(DataError) as caught:
        read(path, header + b"\na,b,c\n")
    problem = caught.value.problems[0]
    assert (problem.where, problem.what) == ("t.csv:1", what)


def test_columns_without_a_name_are_left_out(path):
    assert read(path, b"text,,label,\na,b,c,d\n")[0].data == {"text": "a", "label": "c"}


def test_names_from_the_options_stand_for_a_header_that_is_not_there(path):
    path.write_text("a\tb\n", encoding="utf-8")
    options = CsvOptions.model_validate(
        {"path": "t.csv", "delimiter": "\t", "header": ["text", "label"]}, context={"root": path.parent}
    )
    assert [(r.where, r.data) for r in Csv(options).records()] == [("t.csv:1", {"text": "a", "label": "b"})]


def test_a_file_with_a_header_and_nothing_else_holds_no_record(path):
    with pytest.raises(DataError, match=r"'t.csv' holds no record"):
        read(path, b"text,label\n")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"encoding": "utf-7000"}, "no encoding is called 'utf-7000'"),
        ({"header": ["a", "a"]}, "names a column twice: a"),
        ({"header": []}, "at least 1 item"),
        ({"delimiter": "||"}, "at most 1 character"),
    ],
)
def test_bad_options_are_refused(options, said):
    with pytest.raises(ValidationError, match=said):
        CsvOptions.model_validate({"path": "-", **options})


cells = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0\r"), max_size=12)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=8))
def test_what_the_csv_module_writes_comes_back(rows):
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("a", "b", "c"), *rows])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_bytes(text.getvalue().encode())
        got = [
            (r.data["a"] or "", r.data["b"] or "", r.data["c"] or "") for r in Csv(CsvOptions(path=str(path))).records()
        ]
    assert got == rows


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["", "fine", "two\nlines", 'a "quote"']), st.booleans()), max_size=9))
def test_every_row_is_read_whatever_quotes_stray_on_lines_between_them(rows):
    text = io.StringIO()
    for cell, is_stray in [("first", False), *rows]:
        csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow((cell, "b"))
        text.write('"stray,b\n' * is_stray)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_text("a,b\n" + text.getvalue(), encoding="utf-8")
        records = list(Csv(CsvOptions(path=str(path))).records())
    assert [r.data["a"] or "" for r in records if not r.problem] == ["first", *(cell for cell, _ in rows)]
    assert sum(r.problem != "" for r in records) == sum(is_stray for _, is_stray in rows)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=120))
def test_any_bytes_at_all_give_records_or_one_clear_error(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_bytes(b"a,b\n" + content)
        records, error = records_or_error(Csv(CsvOptions(path=str(path), max_field_chars=40)))
    assert not error or "holds no record" in error
    assert all(record.problem or set(record.data) == {"a", "b"} for record in records)
