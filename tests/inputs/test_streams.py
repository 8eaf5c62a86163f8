"""Compressed files and archives, told by their first bytes."""

import gzip
import io
import json
import random
import sys
import tarfile
import tracemalloc
import zipfile

import pyarrow as pa
import pytest

from tracer_spec.builtin.sources.delimited import Csv, CsvOptions
from tracer_spec.builtin.sources.json_document import JsonDocuments, JsonOptions
from tracer_spec.builtin.sources.json_lines import JsonLines, JsonLinesOptions
from tracer_spec.errors import DataError, MissingDependencyError
from tracer_spec.inputs.streams import CUT_SHORT

JSONL = b"".join(b'{"input": "where is order %d?", "teacher": "lost"}\n' % n for n in range(60))
CSV = b"input,teacher\n" + b"".join(b"where is order %d?,lost\n" % n for n in range(60))


def zstd(content):
    return pa.compress(content, "zstd", asbytes=True)


def records(path):
    name = path.name.split(".")[1]
    source = {
        "jsonl": lambda: JsonLines(JsonLinesOptions(path=str(path))),
        "json": lambda: JsonDocuments(JsonOptions(path=str(path))),
        "csv": lambda: Csv(CsvOptions(path=str(path))),
    }[name]()
    return list(source.records())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.zst", "t.json.zst", "t.csv.zst"])
def test_zstd_is_told_by_its_bytes_not_by_its_name(folder, name):
    content = CSV if ".csv" in name else JSONL
    (folder / name).write_bytes(zstd(content))
    found = records(folder / name)
    assert [record.data["input"] for record in found] == [f"where is order {n}?" for n in range(60)]
    assert {record.problem for record in found} == {""}


def test_frames_of_zstd_one_after_another_are_read_and_those_without_data_passed_over(folder):
    half = JSONL.index(b"\n", len(JSONL) // 2) - 9  # in the middle of a line
    skipped = b"\x53\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"size"
    (folder / "t.jsonl.zst").write_bytes(skipped + zstd(JSONL[:half]) + skipped + zstd(JSONL[half:]))
    assert len(records(folder / "t.jsonl.zst")) == 60


@pytest.mark.parametrize("name", ["t.jsonl", "t.json", "t.csv"])
def test_zstd_that_is_cut_short_gives_what_is_whole_and_then_one_problem(folder, name):
    draw = random.Random(1)
    texts = ["".join(draw.choices("abcdefghijklmnop", k=60)) for _ in range(20_000)]
    lines = [f"{text},a\n" for text in texts] if name == "t.csv" else [json.dumps({"input": t}) + "\n" for t in texts]
    whole = ("input,teacher\n" if name == "t.csv" else "") + "".join(lines)
    packed = zstd(whole.encode())
    (folder / name).write_bytes(packed[: len(packed) // 2])
    *good, last = records(folder / name)
    assert [record.data["input"] for record in good] == texts[: len(good)]
    assert len(good) > 5_000
    assert last.problem == CUT_SHORT
    assert last.where == f"{name}:{len(good) + (2 if name == 't.csv' else 1)}"


def test_damaged_zstd_ends_in_a_problem(folder):
    packed = bytearray(zstd(JSONL))
    packed[len(packed) // 2] ^= 0xFF
    (folder / "t.jsonl").write_bytes(packed)
    assert records(folder / "t.jsonl")[-1].problem == CUT_SHORT
    (folder / "t.jsonl").write_bytes(zstd(JSONL * 10) + b"junk")
    *good, last = records(folder / "t.jsonl")
    assert ({record.problem for record in good}, last.problem) == ({""}, CUT_SHORT)
    assert len(good) > 400  # of 600: what is read at a time may be lost
    (folder / "t.jsonl").write_bytes(zstd(JSONL) + b"junk")
    assert [record.problem for record in records(folder / "t.jsonl")] == [CUT_SHORT]


def test_a_gigabyte_of_one_line_in_a_small_file_is_passed_over_without_being_held(folder):
    packed = pa.BufferOutputStream()
    with pa.CompressedOutputStream(packed, "zstd") as stream:
        for _ in range(1 << 8):
            stream.write(b" " * (1 << 22))
        stream.write(b'\n{"input": "b"}\n')
    content = packed.getvalue().to_pybytes()
    assert len(content) < 1 << 20
    (folder / "t.jsonl").write_bytes(content)
    tracemalloc.start()
    try:
        bad, good = JsonLines(JsonLinesOptions(path="t.jsonl", max_line_bytes=1 << 20)).records()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (bad.problem, good.data) == ("longer than 1048576 bytes, the 'max_line_bytes'", {"input": "b"})
    assert peak < 8 << 20


def test_zstd_without_pyarrow_names_the_command_that_installs_it(folder, monkeypatch):
    (folder / "t.jsonl.zst").write_bytes(zstd(JSONL))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError) as caught:
        records(folder / "t.jsonl.zst")
    assert str(caught.value) == (
        "traces.with.path\n"
        "  't.jsonl.zst' is compressed by zstd, and reading it needs pyarrow, which is not installed\n"
        "  hint: pip install 'tracer-spec[zstd]'"
    )


def zipped(*names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, JSONL)
    return file.getvalue()


def tar():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        about = tarfile.TarInfo("t.jsonl")
        about.size = len(JSONL)
        archive.addfile(about, io.BytesIO(JSONL))
    return file.getvalue()


UNZIP = ("is a zip archive", "unpack it: unzip FILE; and name the files in it")
SAVE = ("is an Excel workbook", "save the sheet as CSV, and write 'use: csv'")
UNTAR = ("is a tar archive", "unpack it: tar -xf FILE; and name the files in it")
OTHER_FILES = {
    "t.jsonl.zip": (zipped("t.jsonl"), UNZIP),
    "e.json.zip": (zipped(), UNZIP),
    "t.csv": (zipped("[Content_Types].xml", "xl/workbook.xml"), SAVE),
    "u.csv.xlsx": (zipped("xl/workbook.xml"), SAVE),
    "t.jsonl.tar": (tar(), UNTAR),
    "t.jsonl.tar.gz": (gzip.compress(tar(), mtime=0), UNTAR),
    "t.jsonl.tar.zst": (zstd(tar()), UNTAR),
    "t.jsonl.bz2": (b"BZh91AY&SY...", ("is compressed by bzip2, which is not read", "decompress it: bunzip2 FILE")),
    "t.jsonl.xz": (b"\xfd7zXZ\x00...", ("is compressed by xz, which is not read", "decompress it: unxz FILE")),
    "t.jsonl.7z": (b"7z\xbc\xaf\x27\x1c...", ("is a 7z archive", "unpack it, and name the files in it")),
    "t.csv.pq": (b"PAR1\x15\x04...", ("is a Parquet file", "write 'use: parquet'")),
}


@pytest.mark.parametrize("name", OTHER_FILES)
def test_a_file_of_another_kind_is_an_error_that_says_what_to_do(folder, name):
    content, (what, hint) = OTHER_FILES[name]
    (folder / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        records(folder / name)
    assert str(caught.value) == f"traces.with.path\n  '{name}' {what}\n  hint: {hint}"
