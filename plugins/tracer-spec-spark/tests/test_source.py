from __future__ import annotations

import datetime
import decimal
import json

import pytest
import tracer_spec as ts
from pydantic import ValidationError
from shop import build, calls, write_lines
from tracer_spec.errors import DataError, SpecError
from tracer_spec.flow.traces.row_keys import SPAN, uniform_hash
from tracer_spec.testing import SourceContract

from tracer_spec_spark import SparkOptions
from tracer_spec_spark.source import SparkSource

ROWS = [
    {"id": 1, "input": "where is my card?", "teacher": "arrival"},
    {"id": 2, "input": "top up", "teacher": "top_up"},
    {"id": 3, "input": None, "teacher": None},
]


@pytest.fixture
def read(spark):
    """Read through the session of the tests."""

    def call(**options):
        return [dict(each.data) for each in SparkSource(SparkOptions.model_validate(options)).records()]

    return call


@pytest.fixture
def log(spark):
    """A view of many calls in no order."""
    rows = [(row["id"], row["input"], row["teacher"]) for row in calls(3000)]
    frame = spark.createDataFrame(rows, "id string, input string, teacher string").repartition(4)
    frame.createOrReplaceTempView("log")
    return [row[0] for row in rows]


class OverSpark(SourceContract):
    plugin = "spark"
    expected = ROWS

    @pytest.fixture(autouse=True)
    def _session(self, spark):
        spark.createDataFrame(
            [tuple(row.values()) for row in ROWS], "id int, input string, teacher string"
        ).repartition(3).createOrReplaceTempView("few")


class TestTable(OverSpark):
    options = {"table": "few"}
    missing = {"table": "nothing_here"}


class TestSql(OverSpark):
    options = {"sql": "SELECT id, input, teacher FROM few"}
    missing = {"sql": "SELECT nothing FROM few"}


class TestFiles(OverSpark):
    missing = {"path": "nothing-here.parquet"}

    def prepare(self, folder):
        write_lines(folder / "calls.jsonl", ROWS[::-1])
        return {"path": "calls.jsonl", "format": "json"}

    # Spark sorts the columns that it finds in JSON; data are compared as mappings


def test_rows_are_in_the_order_of_their_ids_and_of_what_they_hold(read, spark):
    rows = [(2, "b"), (1, "z"), (2, "a"), (10, "c"), (1, "z")]
    spark.createDataFrame(rows, "id int, input string").repartition(4).createOrReplaceTempView("ties")
    assert [tuple(row.values()) for row in read(table="ties")] == [(1, "z"), (1, "z"), (2, "a"), (2, "b"), (10, "c")]


def test_values_are_those_of_json(read):
    sql = """
        SELECT 'a' AS id, TIMESTAMP '2026-01-02 03:04:05.678901+01:00' AS moment, TIMESTAMP_NTZ '2026-01-02 03:04:05' AS local,
               DATE '2026-01-02' AS day,
               CAST(1.50 AS DECIMAL(5, 2)) AS price, double('NaN') AS lost, CAST('ß' AS BINARY) AS bytes,
               named_struct('a', array(1, NULL)) AS inner, map('k', 'v') AS pairs, CAST(NULL AS STRING) AS nothing, true AS yes,
               9007199254740993L AS large
    """
    assert read(sql=sql) == [
        {
            "id": "a",
            "moment": "2026-01-02T02:04:05.678901Z",
            "local": "2026-01-02T03:04:05.000000",
            "day": "2026-01-02",
            "price": 1.5,
            "lost": None,
            "bytes": "ß",
            "inner": {"a": [1, None]},
            "pairs": {"k": "v"},
            "nothing": None,
            "yes": True,
            "large": 9007199254740993,
        }
    ]


def test_a_share_is_sampled_by_the_hash_of_the_id(read, log):
    ids = {row["id"] for row in read(table="log", sample=0.1)}
    assert ids == {each for each in log if uniform_hash(b"id\0" + each.encode(), b"tracer-spec 1 sample") < 0.1 * SPAN}
    assert 200 < len(ids) < 400


def test_a_bound_is_met_to_the_row_with_the_least_hashes(read, log):
    hashes = sorted((uniform_hash(b"id\0" + each.encode(), b"tracer-spec 1 sample"), each) for each in log)
    for n in (1, 500, 2999):
        assert [row["id"] for row in read(table="log", max_rows=n)] == sorted(each for _, each in hashes[:n])
    assert len(read(table="log", max_rows=3000)) == 3000
    assert len(read(table="log", max_rows=500, sample=0.02)) == sum(each < 0.02 * SPAN for each, _ in hashes)


def test_more_rows_leave_a_sampled_share_as_it_is_and_another_salt_takes_another(read, log, spark):
    first = {row["id"] for row in read(table="log", sample=0.2)}
    more = spark.createDataFrame([(f"new{n}",) for n in range(2000)], "id string")
    spark.table("log").select("id").union(more).createOrReplaceTempView("grown")
    assert first == {each for row in read(table="grown", sample=0.2) if not (each := row["id"]).startswith("new")}
    other = {row["id"] for row in read(table="log", sample=0.2, salt="2")}
    assert 60 < len(first & other) < 190


def test_a_sample_has_its_share_of_the_rows_that_certify(read, log):
    """The sample's hash and the split's are independent: with one salt, the least of a fifth would all certify."""
    sampled = [row["id"] for row in read(table="log", sample=0.2)]
    share = sum(uniform_hash(b"id\0" + each.encode()) < 0.4 * SPAN for each in sampled) / len(sampled)
    assert 0.3 < share < 0.5


def test_rows_of_one_id_are_kept_together_or_not_at_all(read, spark):
    spark.createDataFrame([("a",)] * 3 + [("b",)] * 3 + [("c",)] * 3, "id string").createOrReplaceTempView("copies")
    ids = [row["id"] for row in read(table="copies", max_rows=7)]
    assert len(ids) == 6
    assert len(set(ids)) == 2


def test_numbers_are_ids_as_a_build_reads_them(read, spark):
    spark.range(400).createOrReplaceTempView("numbered")
    ids = {row["id"] for row in read(table="numbered", sample=0.25)}
    assert ids == {
        n for n in range(400) if uniform_hash(b"id\0" + str(n).encode(), b"tracer-spec 1 sample") < 0.25 * SPAN
    }


def test_rows_without_an_id_cannot_be_sampled_and_are_counted(read, spark):
    spark.createDataFrame([("a",), (None,), (" ",)], "id string").createOrReplaceTempView("holes")
    with pytest.raises(DataError, match="2 of 3 rows have no id") as caught:
        read(table="holes", sample=0.5)
    assert "leave those rows out with a WHERE" in str(caught.value)
    assert [row["id"] for row in read(table="holes")] == [None, " ", "a"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sql": "SELECT 1 AS id WHERE false"}, "there is no row"),
        ({"sql": "SELECT 1 AS id, 2 AS a, 3 AS a"}, "two columns are called 'a'"),
        ({"sql": "SELECT 1 AS number"}, "there is no column 'id'; there are number"),
        ({"sql": "SELECT 1 AS idd"}, "did you mean 'idd'"),
        ({"sql": "SELEC 1"}, r"Spark says: \[PARSE_SYNTAX_ERROR\]"),
        ({"sql": "SELECT raise_error('late') AS id"}, "Spark says: .*late"),
        ({"table": "nothing_here"}, r"Spark says: \[TABLE_OR_VIEW_NOT_FOUND\]"),
        ({"path": "/nothing/here"}, r"Spark says: \[PATH_NOT_FOUND\]"),
    ],
)
def test_what_cannot_be_read_is_a_data_error(read, options, message):
    with pytest.raises(DataError, match=message):
        read(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "takes one of table, sql and path, got none of them"),
        ({"table": "a", "sql": "b"}, "takes one of table, sql and path, got table and sql"),
        ({"table": "a", "conf": {"spark.hadoop.fs.s3a.secret.key": "hush"}}, "looks like a secret"),
        ({"table": "a", "conf": {"spark.remote": "sc://host/;token=hush"}}, "looks like a secret"),
        ({"table": "a", "sample": 0}, "greater than 0"),
        ({"table": "a", "max_rows": 0}, "greater than or equal to 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        SparkOptions.model_validate(options)


def test_a_secret_in_a_spec_is_not_repeated(tmp_path):
    traces = {"use": "spark", "with": {"table": "a", "conf": {"spark.remote": "sc://host/;token=hush"}}}
    spec = {"version": 1, "name": "a", "traces": traces, "embedder": "lsa", "zoo": ["logreg"]}
    with pytest.raises(SpecError) as caught:
        ts.build(spec | {"target": {"agreement": 0.9}}, out=tmp_path / "a.tracer")
    assert "looks like a secret (not shown here)" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_build_comes_to_the_same_from_spark_as_from_lines(spark, tmp_path):
    rows = sorted(calls(1500), key=lambda row: row["id"])
    frame = [tuple(row[key] for key in ("id", "input", "teacher")) for row in rows]
    spark.createDataFrame(frame, "id string, input string, teacher string").repartition(4).createOrReplaceTempView(
        "built"
    )
    lines = build(tmp_path / "lines", [{key: row[key] for key in ("id", "input", "teacher")} for row in rows])
    table = build(tmp_path / "table", [], traces={"use": "spark", "with": {"table": "built"}})
    one, other = ts.load(lines), ts.load(table)
    assert one.manifest.provenance["traces"]["digest"] == other.manifest.provenance["traces"]["digest"]
    assert json.dumps(one.certificate) == json.dumps(other.certificate)


def test_moments_and_numbers_of_python_come_back_as_json(read, spark):
    moment = datetime.datetime(2026, 7, 1, 12, tzinfo=datetime.UTC)
    row = ("a", moment, decimal.Decimal(7))
    spark.createDataFrame([row], "id string, at timestamp, n decimal(3, 0)").createOrReplaceTempView("one")
    assert read(table="one") == [{"id": "a", "at": "2026-07-01T12:00:00.000000Z", "n": 7}]
