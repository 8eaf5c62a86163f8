from __future__ import annotations

import contextlib
import http.server
import importlib.util
import json
import os
import re
import sqlite3
import threading
from pathlib import Path
from urllib.parse import quote, unquote

import duckdb
import postgres_server
import pytest
from tracer_spec.errors import DataError, MissingDependencyError, SpecError
from tracer_spec.plan import make_plan
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.spec import load_spec
from tracer_spec.testing import SourceContract

from tracer_spec_duckdb import DuckdbOptions
from tracer_spec_duckdb.source import DuckdbSource

ROWS = [
    {"id": 1, "input": "where is my card?", "teacher": "card"},
    {"id": 2, "input": "refund me", "teacher": "refund"},
]


def needs(extension):
    absent = importlib.util.find_spec(f"duckdb_extension_{extension}") is None
    return pytest.mark.skipif(absent, reason=f"DuckDB's extension {extension} is not installed")


def write_files(folder):
    (folder / "calls").mkdir(exist_ok=True)
    lines = "\n".join(json.dumps(row) for row in ROWS)
    (folder / "calls" / "a.jsonl").write_text(lines)
    (folder / "calls" / "a.csv").write_text("id;input;teacher\n2;refund me;refund\n1;where is my card?;card\n")
    with duckdb.connect() as connection:
        for number, row in enumerate(ROWS):
            target = folder / "calls" / f"{number}.parquet"
            connection.execute(
                f"COPY (SELECT {row['id']} AS id, '{row['input']}' AS input, '{row['teacher']}' AS teacher) TO '{target}'"
            )


@pytest.fixture
def read(tmp_path):
    write_files(tmp_path)

    def call(query, **options):
        given = DuckdbOptions.model_validate({"query": query} | options, context={"root": str(tmp_path)})
        return list(DuckdbSource(given).records())

    return call


def data(records):
    return [dict(each.data) for each in records]


def refused(read, query, **options):
    with pytest.raises(DataError) as caught:
        read(query, **options)
    (problem,) = caught.value.problems
    return problem


class OverFiles(SourceContract):
    plugin = "duckdb"
    expected = ROWS
    missing = {"query": "FROM 'nothing-here.parquet' ORDER BY ALL"}


class TestParquet(OverFiles):
    def prepare(self, folder):
        write_files(folder)
        return {"query": "FROM 'calls/*.parquet' ORDER BY id"}


class TestJson(OverFiles):
    def prepare(self, folder):
        write_files(folder)
        return {"query": "SELECT id, input, teacher FROM 'calls/a.jsonl' ORDER BY id", "batch_rows": 1}


class TestCsv(OverFiles):
    def prepare(self, folder):
        write_files(folder)
        return {
            "query": "FROM calls ORDER BY id",
            "files": {"calls": {"path": "calls/a.csv", "options": {"delim": ";"}}},
        }


@needs("sqlite_scanner")
class TestSqlite(OverFiles):
    missing = {"query": "FROM log.calls ORDER BY id", "sqlite": {"log": "nothing-here.db"}}

    def prepare(self, folder):
        with contextlib.closing(sqlite3.connect(folder / "log.db")) as database:
            database.execute("CREATE TABLE calls (id INTEGER, input TEXT, teacher TEXT)")
            database.executemany("INSERT INTO calls VALUES (:id, :input, :teacher)", ROWS)
            database.commit()
        return {"query": "FROM log.calls ORDER BY id", "sqlite": {"log": "log.db"}}


def test_a_file_is_found_beside_the_spec_and_not_in_the_working_folder(read, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere, with a comma"
    (elsewhere / "calls").mkdir(parents=True)
    (elsewhere / "calls" / "a.jsonl").write_text('{"id": 9}')
    monkeypatch.chdir(elsewhere)
    assert data(read("FROM 'calls/a.jsonl' ORDER BY id")) == ROWS
    assert data(read("FROM 'calls/a.jsonl' ORDER BY id", folder=str(elsewhere))) == [{"id": 9}]


def test_addresses_count_the_rows_of_the_query(read):
    assert [each.where for each in read("FROM 'calls/*.parquet' ORDER BY id DESC")] == ["query#1", "query#2"]


def test_values_are_as_json_has_them(read):
    (row,) = data(
        read(
            """SELECT TIMESTAMP_NS '2026-01-01 10:00:00.123456789' AS ns, TIMESTAMPTZ '2026-01-01 10:00:00+02' AS zoned,
            DATE '2026-01-02' AS day, 1.50::DECIMAL(9, 2) AS price, 12345678901234567890123::HUGEINT AS huge,
            uuid '6ba7b810-9dad-11d1-80b4-00c04fd430c8' AS id, 'nan'::DOUBLE AS missing, ['nan'::FLOAT, 1] AS vector,
            {'a': 'nan'::DOUBLE, 'at': TIMESTAMP '2026-01-01'} AS deep, MAP {'k': 1.5::DECIMAL(3, 1)} AS pairs,
            '{"intent": ["a", null]}'::JSON AS answer, 'infinity'::TIMESTAMP AS never, 'text'::BLOB AS held,
            'a'::ENUM ('a', 'b') AS one, true AS yes, NULL AS nothing ORDER BY ALL"""
        )
    )
    vector = row.pop("vector")
    assert vector[0] != vector[0]
    assert vector[1] == 1.0
    assert row == {
        "ns": "2026-01-01 10:00:00.123456789",
        "zoned": "2026-01-01 08:00:00.000000Z",
        "day": "2026-01-02",
        "price": 1.5,
        "huge": 12345678901234567890123,
        "id": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "missing": None,
        "deep": {"a": None, "at": "2026-01-01 00:00:00.000000"},
        "pairs": {"k": 1.5},
        "answer": {"intent": ["a", None]},
        "never": None,
        "held": "text",
        "one": "a",
        "yes": True,
        "nothing": None,
    }


def test_a_type_that_json_has_no_value_for_wants_a_cast(read):
    problem = refused(read, "SELECT INTERVAL 3 DAY AS wait ORDER BY ALL")
    assert problem.what == "the column 'wait' of the query holds INTERVAL, which JSON has no value for"
    assert problem.hint == 'CAST("wait" AS VARCHAR) AS "wait"'
    assert data(read("SELECT CAST(INTERVAL 3 DAY AS VARCHAR) AS wait ORDER BY ALL")) == [{"wait": "3 days"}]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("FROM 'calls/a.jsonl'", "the query has no ORDER BY, so its rows may come in another order each time"),
        (
            "SELECT * FROM (SELECT 1 AS a ORDER BY a)",
            "the query has no ORDER BY, so its rows may come in another order each time",
        ),
        ("COPY (SELECT 1) TO 'x.csv'", "the query is not a SELECT; a source only reads"),
        ("SELECT 1 ORDER BY 1; SELECT 2 ORDER BY 1", "the query holds 2 statements; expected one SELECT"),
        ("", "the query holds 0 statements; expected one SELECT"),
        ("SELECT form x y z", 'the query is not SQL: syntax error at or near "y"'),
        ("SELECT bdy FROM 'calls/a.jsonl' ORDER BY id", 'DuckDB says: Binder Error: Referenced column "bdy" not found'),
        ("FROM 'calls/none.csv' ORDER BY ALL", "'calls/none.csv' matches no file"),
        ("FROM 'ftp://a/b.csv' ORDER BY ALL", "'ftp://' cannot be read; these can: s3://"),
        (
            "FROM read_text('/etc/hostname') ORDER BY ALL",
            'DuckDB says: Permission Error: Cannot access file "/etc/hostname"',
        ),
        ("SELECT 1 AS a WHERE a > 1 ORDER BY a", "the query gives no row"),
    ],
)
def test_what_is_wrong_with_a_query_is_told_at_its_place(read, query, told):
    problem = refused(read, query)
    assert problem.what.startswith(told)
    assert problem.address == "traces.with.query"


def test_nothing_of_a_row_is_told(read, tmp_path):
    (tmp_path / "private.csv").write_text("id,body\n1,my account is 12345\n2,b\n")
    problem = refused(read, "SELECT body::INTEGER AS n FROM 'private.csv' ORDER BY ALL")
    assert "account" not in str(problem)
    assert "Could not convert string '...' to INT32" in problem.what
    assert str(tmp_path) not in str(problem)


def test_a_sort_beyond_its_memory_waits_on_disk(read):
    query = "SELECT md5(i::VARCHAR) || repeat('x', 300) AS t FROM range(400000) r(i) ORDER BY t"
    source = DuckdbSource(DuckdbOptions(query=query, memory_mb=64))
    before = peak = _resident_mb()
    for count, _ in enumerate(source.records()):
        if count % 40_000 == 0:
            peak = max(peak, _resident_mb())
    assert count == 399_999
    assert peak - before < 200  # the rows are 130 MB of text, and twice that as Python's


def _resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


# --- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"postgres": {"log": "postgresql://me:hush@localhost/db"}},
        {"secrets": [{"type": "s3", "settings": {"secret": "hush"}}]},
        {"secrets": [{"type": "s3", "env": {"secret": "hush/hush"}}]},
    ],
)
def test_a_secret_in_a_spec_is_refused_and_not_shown(options):
    spec = {
        "version": 1,
        "name": "small",
        "traces": {"use": "duckdb", "with": {"query": "SELECT 1 ORDER BY 1", **options}},
        "embedder": "lsa",
        "target": {"agreement": 0.9},
    }
    with pytest.raises(SpecError) as caught:
        make_plan(load_spec(spec), find_plugins())
    assert "hush" not in str(caught.value)
    assert "environment variable" in str(caught.value) or "under 'env'" in str(caught.value)


def test_without_its_extension_a_url_names_the_install(read, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("HOME", str(tmp_path))  # where DuckDB keeps those that it installed itself
    with pytest.raises(MissingDependencyError, match=r"tracer-spec-duckdb\[remote\]"):
        read("FROM 's3://bucket/a.parquet' ORDER BY ALL")


@pytest.fixture
def bucket(tmp_path):
    """A server on loopback that speaks as much of S3 as a reader needs, over the files of the test."""
    write_files(tmp_path)
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args):
            pass

        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            requests.append((self.path, self.headers.get("Authorization", "")))
            path, _, asked = self.path.partition("?")
            if "list-type=2" in asked:
                keys = sorted(each.name for each in (tmp_path / "calls").iterdir())
                items = "".join(
                    f"<Contents><Key>calls/{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
                    f"<Size>{(tmp_path / 'calls' / key).stat().st_size}</Size></Contents>"
                    for key in keys
                )
                return self.give(
                    200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{items}</ListBucketResult>".encode()
                )
            file = tmp_path / unquote(path).removeprefix("/bucket/")
            if not file.is_file():
                return self.give(404, b"")
            body = file.read_bytes()
            part = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if part and self.command == "GET":
                first, last = int(part[1]), min(int(part[2] or len(body) - 1), len(body) - 1)
                return self.give(206, body[first : last + 1], f"bytes {first}-{last}/{len(body)}")
            return self.give(200, body)

        def give(self, status, body, span=""):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Accept-Ranges", "bytes")
            if span:
                self.send_header("Content-Range", span)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port, requests
    server.shutdown()
    thread.join()
    server.server_close()


@needs("httpfs")
def test_a_bucket_is_read_with_a_key_that_a_variable_holds(read, bucket, monkeypatch):
    port, requests = bucket
    monkeypatch.setenv("BUCKET_KEY", "AKIDEXAMPLE")
    monkeypatch.setenv("BUCKET_SECRET", "hush/hush")
    secret = {
        "type": "s3",
        "settings": {"endpoint": f"127.0.0.1:{port}", "use_ssl": False, "url_style": "path", "region": "eu-central-1"},
        "env": {"key_id": "BUCKET_KEY", "secret": "BUCKET_SECRET"},
    }
    assert data(read("FROM 's3://bucket/calls/*.parquet' ORDER BY id", secrets=[secret])) == ROWS
    signed = [authorization for path, authorization in requests if path.startswith("/bucket/")]
    assert signed
    assert all(each.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") for each in signed)
    problem = refused(read, "FROM 's3://bucket/calls/none.parquet' ORDER BY ALL", secrets=[secret])
    assert "404" in problem.what
    assert "hush" not in str(problem)
    monkeypatch.delenv("BUCKET_SECRET")
    problem = refused(read, "FROM 's3://bucket/calls/*.parquet' ORDER BY id", secrets=[secret])
    assert problem.what == "the environment variable 'BUCKET_SECRET' is not set"


@needs("httpfs")
def test_a_url_is_read(read, bucket):
    port, _ = bucket
    address = f"http://127.0.0.1:{port}/bucket/calls/a.jsonl"
    assert data(read(f"SELECT id, input, teacher FROM '{address}' ORDER BY id")) == ROWS


# --- databases --------------------------------------------------------------------------------------------------------


@needs("sqlite_scanner")
def test_a_database_is_not_written_and_columns_without_a_type_are_text(read, tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "log.db")) as database:
        database.execute("CREATE TABLE calls (body)")
        database.execute("INSERT INTO calls VALUES ('where?')")
        database.commit()
    assert data(read("SELECT body FROM log.calls ORDER BY body", sqlite={"log": "log.db"})) == [{"body": "where?"}]
    problem = refused(read, "INSERT INTO log.calls VALUES ('x')", sqlite={"log": "log.db"})
    assert problem.what == "the query is not a SELECT; a source only reads"


def test_a_duckdb_file_joins_a_file(read, tmp_path):
    with duckdb.connect(str(tmp_path / "people.duckdb")) as database:
        database.execute("CREATE TABLE people AS SELECT 2 AS id, 'human' AS truth")
    query = "SELECT id, truth FROM 'calls/a.jsonl' JOIN crm.people USING (id) ORDER BY id"
    assert data(read(query, duckdb={"crm": "people.duckdb"})) == [{"id": 2, "truth": "human"}]


@pytest.fixture(scope="module")
def server():
    """A real PostgreSQL with one table."""
    if reason := postgres_server.missing():
        pytest.skip(reason)
    with postgres_server.running() as port:
        postgres_server.execute(
            port,
            "CREATE TABLE calls (id int, body text, answer jsonb, at timestamptz, tags text[])",
            "INSERT INTO calls VALUES (2, 'refund me', '{\"intent\": \"refund\"}', '2026-01-01 10:00+02', '{a,b}')",
            "INSERT INTO calls SELECT i, 'text ' || i, '{}', now(), '{}' FROM generate_series(3, 20000) i",
        )
        yield port


def connection_string(port, password=postgres_server.PASSWORD):
    return f"postgresql://tester:{quote(password, safe='')}@127.0.0.1:{port}/postgres"


@needs("postgres_scanner")
def test_postgresql_is_read_in_order_and_not_written(read, server, monkeypatch):
    monkeypatch.setenv("CALLS_URL", connection_string(server))
    options = {"postgres": {"log": "CALLS_URL"}}
    records = read('SELECT id, body, answer::JSON AS answer, "at", tags FROM log.public.calls ORDER BY id', **options)
    assert len(records) == 19_999
    assert records[0].data == {
        "id": 2,
        "body": "refund me",
        "answer": {"intent": "refund"},
        "at": "2026-01-01 08:00:00.000000Z",
        "tags": ["a", "b"],
    }
    assert [each.data["id"] for each in records] == list(range(2, 20_001))
    refused(read, "SELECT * FROM postgres_execute('log', 'DELETE FROM calls') ORDER BY ALL", **options)
    assert postgres_server.execute(server, "SELECT count(*) FROM calls") == "19999"


@needs("postgres_scanner")
@pytest.mark.parametrize("form", ["url", "words"])
def test_a_connection_that_fails_is_told_without_its_password(read, server, monkeypatch, form):
    wrong = "wr:ong/secret"
    words = f"host=127.0.0.1 port={server} user=tester dbname=postgres password='{wrong}'"
    monkeypatch.setenv("CALLS_URL", connection_string(server, wrong) if form == "url" else words)
    problem = refused(read, "FROM log.calls ORDER BY id", postgres={"log": "CALLS_URL"})
    assert problem.address == "traces.with.postgres.log"
    assert 'Unable to connect to Postgres at "$CALLS_URL"' in problem.what
    assert "password authentication failed" in problem.what
    assert wrong not in str(problem)
    assert quote(wrong, safe="") not in str(problem)
    monkeypatch.delenv("CALLS_URL")
    problem = refused(read, "FROM log.calls ORDER BY id", postgres={"log": "CALLS_URL"})
    assert problem.what == "the environment variable 'CALLS_URL' is not set"
