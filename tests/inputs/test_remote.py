"""Files of other file systems, by fsspec: tried on its memory and its local one."""

import gzip
import sys

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracer_spec.builtin.sources.delimited import Csv, CsvOptions
from tracer_spec.builtin.sources.json_document import JsonDocuments, JsonOptions
from tracer_spec.builtin.sources.json_lines import JsonLines, JsonLinesOptions
from tracer_spec.builtin.sources.parquet import ParquetOptions, make
from tracer_spec.errors import DataError, MissingDependencyError
from tracer_spec.inputs.remote import has_secrets, without_secrets

LINES = b'{"input": "a"}\n{"input": "b"}\n'


@pytest.fixture
def memory():
    system = fsspec.filesystem("memory")
    yield system
    system.rm("/", recursive=True)


def read(path):
    return [(r.where, r.data, r.problem) for r in JsonLines(JsonLinesOptions(path=path)).records()]


def problem_of(path):
    with pytest.raises(DataError) as caught:
        read(path)
    (problem,) = caught.value.problems
    assert problem.address == "traces.with.path"
    return problem.what, problem.hint


def test_a_glob_gives_the_files_in_the_order_of_their_addresses_each_once(memory):
    memory.pipe({"/t/b.jsonl": LINES[15:], "/t/a.jsonl.gz": gzip.compress(LINES), "/t/x/c.jsonl": LINES})
    memory.pipe({"/t/.hidden.jsonl": LINES, "/t/d.txt": LINES})
    assert [where for where, _, _ in read("memory://t/*.jsonl*")] == [
        "memory:///t/a.jsonl.gz:1",
        "memory:///t/a.jsonl.gz:2",
        "memory:///t/b.jsonl:1",
    ]
    assert len(read(["memory://t/**/*.jsonl", "memory://t/b.jsonl", "memory://t/x/*"])) == 3


def test_each_source_reads_them(memory):
    memory.pipe(
        {"/t.json": b'[{"input": "a"}]', "/t.csv": b"input\na\n", "/t.zst": pa.compress(LINES, "zstd").to_pybytes()}
    )
    with memory.open("/t.parquet", "wb") as stream:
        pq.write_table(pa.table({"input": ["a"]}), stream)
    for source in (
        JsonDocuments(JsonOptions(path="memory://t.json")),
        Csv(CsvOptions(path="memory://t.csv")),
        make(ParquetOptions(path="memory://*.parquet")),
    ):
        (record,) = source.records()
        assert (dict(record.data), record.problem) == ({"input": "a"}, "")
        assert record.where.startswith("memory:///t.")
    assert len(read("memory://t.zst")) == 2


def test_local_files_may_be_named_by_address_beside_those_named_by_path(tmp_path):
    for name in ("a.jsonl", "b.jsonl", "[c].jsonl"):
        (tmp_path / name).write_bytes(LINES)
    options = JsonLinesOptions.model_validate(
        {"path": ["b.jsonl", f"file://{tmp_path}/[c].jsonl", f"file://{tmp_path}/a*"]}, context={"root": tmp_path}
    )
    assert sorted({r.where.rpartition("/")[2] for r in JsonLines(options).records()}) == [
        f"{name}:{line}" for name in ("[c].jsonl", "a.jsonl", "b.jsonl") for line in (1, 2)
    ]


def test_an_address_that_names_no_file_is_an_error_with_its_remedy(memory):
    memory.pipe("/t/a.jsonl", LINES)
    check = "check the address; '**' reaches into folders"
    assert problem_of("memory://t/*.csv") == ("'memory://t/*.csv' matches no file", check)
    assert problem_of("memory://t/b.jsonl") == ("'memory://t/b.jsonl' matches no file", check)
    assert problem_of("memory://t") == ("'memory://t' is a folder", "name the files in it: 'memory://t/*.jsonl'")
    what, _ = problem_of("nosuch://key:secret@t/a.jsonl")
    assert what == "'nosuch://t/a.jsonl' cannot be read: ValueError: Protocol not known: nosuch"


def test_whatever_a_file_system_raises_is_an_error_with_the_address_and_no_secret(memory, monkeypatch):
    memory.pipe("/t/a.jsonl", LINES)

    def fail(*_args, **_kwargs):
        raise RuntimeError("denied:\n GET https://key:secret@host/t?X-Signature=secret")

    monkeypatch.setattr(type(memory), "open", fail)
    assert problem_of("memory://t/a.jsonl") == (
        "'memory:///t/a.jsonl' cannot be read: RuntimeError: denied: GET https://host/t?...",
        "check the address, and the credentials that its file system takes from the environment",
    )


def test_a_file_that_fails_while_it_is_read_is_an_error_with_its_address(memory, monkeypatch):
    memory.pipe("/t/a.jsonl", LINES)

    class Broken:
        def read(self, _size):
            raise ConnectionError("reset")

        def close(self):
            pass

    monkeypatch.setattr(type(memory), "open", lambda *_args, **_kwargs: Broken())
    what, _ = problem_of("memory://t/a.jsonl")
    assert what == "'memory:///t/a.jsonl' cannot be read: ConnectionError: reset"


@pytest.mark.parametrize(
    ("missing", "path", "package", "command"),
    [
        ("fsspec.core", "s3://key:secret@bucket/*.jsonl", "fsspec", "pip install 'tracer-spec[fsspec]'"),
        ("s3fs", "s3://key:secret@bucket/*.jsonl", "s3fs", "pip install s3fs"),
        ("gcsfs", "gs://bucket/*.jsonl", "gcsfs", "pip install gcsfs"),
        ("adlfs", "az://bucket/*.jsonl", "adlfs", "pip install adlfs"),
        ("huggingface_hub", "hf://datasets/a/b/t.jsonl", "huggingface_hub", "pip install huggingface_hub"),
    ],
)
def test_a_missing_package_is_an_error_that_names_the_command(monkeypatch, missing, path, package, command):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingDependencyError) as caught:
        read(path)
    shown = path.replace("key:secret@", "")
    assert str(caught.value) == (
        "traces.with.path\n"
        f"  '{shown}' is no local path, and reading it needs {package}, which is not installed\n"
        f"  hint: {command}"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://key:secret@bucket/a.jsonl", "s3://bucket/a.jsonl"),
        ("s3://key:se/c@r+et@bucket/a.jsonl", "s3://bucket/a.jsonl"),
        (
            "abfs://container@account.dfs.core.windows.net/a.jsonl",
            "abfs://container@account.dfs.core.windows.net/a.jsonl",
        ),
        ("https://token@host.org/a.jsonl", "https://host.org/a.jsonl"),
        ("https://host.org:8080/a@b.jsonl", "https://host.org:8080/a@b.jsonl"),
        ("https://host.org/a.jsonl?X-Amz-Signature=1f&b=2", "https://host.org/a.jsonl?..."),
        ("hf://datasets/user/repo@main/a.jsonl", "hf://datasets/user/repo@main/a.jsonl"),
        ("s3://bucket/2026-01-01T00:00/a@b-?.jsonl", "s3://bucket/2026-01-01T00:00/a@b-?.jsonl"),
        ("traces/a@b:c.jsonl", "traces/a@b:c.jsonl"),
    ],
)
def test_credentials_and_signatures_are_not_shown(text, shown):
    assert without_secrets(text) == shown
    assert has_secrets(text) == (text != shown)
