"""What may go wrong in a file of traces, all at once: a counted drop or a clear error at its line, as the spec says."""

import dataclasses
import gzip
import json

import pytest

from tracer_spec.builtin.formats import PRESETS, compile_format
from tracer_spec.builtin.sources.json_lines import JsonLines, JsonLinesOptions
from tracer_spec.errors import DataError
from tracer_spec.flow.traces.collect import collect
from tracer_spec.text_steps.labels import LabelCleaner

GOOD = b'{"input": "where is it?", "teacher": "lost"}'
# each with what becomes of it
OBJECT = "it is an object with the keys text: read one of them, or join several: text: \"OBJECT | join(' ', [text])\""
LINES = [
    (b"\xef\xbb\xbf" + GOOD + b"\r", ""),
    (b"", None),
    (b"   \r", None),
    (b'{"input": "\xff", "teacher": "lost"}', "unreadable record: invalid UTF-8 at byte 12"),
    (b'{"input": "a", "teacher": }', "unreadable record: invalid JSON at column 27: expecting value"),
    (b'["a", "lost"]', "unreadable record: a JSON array, not an object: one object per line is needed"),
    (b'{"input": "' + b"a" * 3_000 + b'"}', "unreadable record: longer than 2000 bytes, the 'max_line_bytes'"),
    (b'{"input": {"text": "a"}, "teacher": "lost"}', f"text is not a string: {OBJECT}"),
    (b'{"input": 7, "teacher": "lost"}', "text is not a string"),
    (b'{"teacher": "lost"}', "no text: the record has the keys teacher"),
    (b'{"input": "", "teacher": "lost"}', "empty text"),
    (b'{"input": "\\ud83d", "teacher": "lost"}', "text is not valid Unicode"),
    (b'{"input": "a"}', "no label: the record has the keys input"),
    (b'{"input": "a", "teacher": NaN}', "no label"),
    (b'{"input": NaN, "teacher": "lost"}', "no text"),
    (b'{"input": "b", "teacher": "lost", "score": NaN}', ""),
    (GOOD, ""),
]


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.jsonl").write_bytes(b"\n".join(line for line, _ in LINES))
    return "t.jsonl"


def gather(path, on_error):
    read = compile_format(PRESETS["native"]).traces
    return collect(
        JsonLines(JsonLinesOptions(path=path, max_line_bytes=2_000)).records(), read, LabelCleaner(), on_error=on_error
    )


def test_bad_records_are_dropped_and_counted_where_the_spec_says_so(path):
    accounting = gather(path, "drop").accounting
    bad = [what.partition(":")[0] for _, what in LINES if what]
    assert accounting.kept == 3
    assert dict(accounting.dropped) == {reason: bad.count(reason) for reason in dict.fromkeys(bad)}
    for number, (_, what) in enumerate(LINES, 1):
        if what and bad.index(what.partition(":")[0]) < 5:
            assert f"t.jsonl:{number}" in accounting.examples[what.partition(":")[0]]


def test_bad_records_are_an_error_at_their_lines_where_it_says_nothing(path):
    with pytest.raises(DataError) as caught:
        gather(path, "fail")
    head, *rest = caught.value.problems
    assert head.what.startswith("12 of 15 records cannot be used: unreadable record (4), no text (2), ")
    bad = [(f"t.jsonl:{number}", what) for number, (_, what) in enumerate(LINES, 1) if what]
    assert [(problem.where, problem.what) for problem in rest] == bad[:5]


def test_a_gzip_that_is_cut_short_is_an_error_at_its_line_or_what_was_whole(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = b"".join(json.dumps({"input": f"q{n * 7919}", "teacher": "a"}).encode() + b"\n" for n in range(30_000))
    zipped = gzip.compress(lines)
    (tmp_path / "t.jsonl.gz").write_bytes(zipped[: len(zipped) // 2])
    accounting = gather("t.jsonl.gz", "drop").accounting
    assert accounting.kept > 1_000
    assert dict(accounting.dropped) == {"unreadable record": 1}
    with pytest.raises(DataError) as caught:
        gather("t.jsonl.gz", "fail")
    assert caught.value.problems[1].where == f"t.jsonl.gz:{accounting.kept + 1}"
    assert caught.value.problems[1].what.endswith("damaged or cut short here; nothing after it is read")


def test_a_page_of_an_api_is_an_error_that_names_the_list_in_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = {"data": [{"input": f"q{n}", "teacher": "a"} for n in range(60)], "meta": {"page": 1}, "links": [{}]}
    (tmp_path / "t.json").write_text(json.dumps(page), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        collect(
            JsonLines(JsonLinesOptions(path="t.json")).records(),
            compile_format(PRESETS["native"]).traces,
            LabelCleaner(),
        )
    assert caught.value.problems[0].hint == (
        "the first record lists 60 objects under 'data': are those the traces? then "
        "'traces.format: {preset: NAME, iterate: data}'"
    )
    iterated = compile_format(dataclasses.replace(PRESETS["native"], iterate="data")).traces
    assert len(collect(JsonLines(JsonLinesOptions(path="t.json")).records(), iterated, LabelCleaner())) == 60
