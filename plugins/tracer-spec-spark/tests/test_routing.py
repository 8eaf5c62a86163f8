from __future__ import annotations

import shutil
import sys
import venv

import pytest
import tracer_spec as ts
from pyspark.errors import PythonException
from shop import build, calls
from tracer_spec.errors import BundleError, DataError, MissingDependencyError, UsageError

from tracer_spec_spark import route
from tracer_spec_spark.workers import check_found, check_workers, in_worker, told

# one score, alone and in a batch, differs by up to 5e-6
ROUNDING = 1e-5


@pytest.fixture
def texts():
    return [row["input"] for row in calls(500, seed=7)] + [None, "", "  ", "ß \U0001f600", "refund " * 400, "qxz"]


@pytest.fixture
def table(spark, texts):
    return spark.createDataFrame(list(enumerate(texts)), "n int, question string").repartition(5)


@pytest.fixture
def bare_python(tmp_path):
    """A Python without a package, as a worker may have."""
    venv.create(tmp_path / "bare", with_pip=False)
    return str(tmp_path / "bare" / "bin" / "python")


def same(got, wanted):
    """Assert that rows of Spark hold these decisions."""
    assert len(got) == len(wanted)
    for row, decision in zip(got, wanted, strict=True):
        assert row["score"] == pytest.approx(decision["score"], abs=ROUNDING)
        assert {**row.asDict(), "score": 0} == {**row.asDict(), **decision, "score": 0}


def decided(frame):
    return sorted(frame.collect(), key=lambda row: row["n"])


def test_decisions_are_those_of_route_batch_row_for_row(table, texts, bundle):
    got = decided(route(table, bundle, text="question"))
    assert [row["question"] for row in got] == texts
    wanted = ts.load(bundle).route_batch([each or "" for each in texts]).to_dicts()
    same(got, wanted)
    assert {row["handled"] for row in got} == {True, False}
    assert all((row["label"] is None) == (row["stage"] is None) == (not row["handled"]) for row in got)


def test_vectors_are_decided_on_too(spark, tmp_path):
    def vector(row, n):
        return [float(word in row["input"]) for word in ("back", "parcel", "log", "my", "refund")] + [1.0, n % 3 / 9]

    rows = [{**row, "embedding": vector(row, n)} for n, row in enumerate(calls(1500))]
    bundle = build(tmp_path, rows, embedder={"use": "precomputed", "with": {"column": "embedding"}})
    vectors = [*(row["embedding"] for row in rows[:100]), None]
    frame = spark.createDataFrame(list(enumerate(vectors)), "n int, v array<float>").repartition(3)
    wanted = ts.load(bundle).route_batch([each or [float("nan")] * 7 for each in vectors]).to_dicts()
    same(decided(route(frame, bundle, vector="v")), wanted)


def test_columns_are_kept_and_decisions_stand_beside_them(table, bundle):
    frame = route(table.withColumnRenamed("n", "label"), bundle, text="question", prefix="router_")
    assert frame.schema.simpleString() == (
        "struct<label:int,question:string,router_label:string,router_handled:boolean,router_score:float,"
        "router_stage:int,router_reason:string>"
    )
    assert frame.where("router_handled").count() > 100


def test_of_two_files_of_one_name_each_answers_for_itself(table, texts, bundle, tmp_path):
    path = tmp_path / "same.tracer"
    shutil.copyfile(bundle, path)
    first = route(table, path, text="question")
    other = build(tmp_path / "other", calls(1500, seed=5), zoo=[{"use": "logreg", "with": {"C": 0.05}}])
    shutil.copyfile(other, path)
    second = route(table, path, text="question")
    queries = [each or "" for each in texts]
    for frame, made in ((first, bundle), (second, other)):
        same(decided(frame), ts.load(made).route_batch(queries).to_dicts())


def test_a_router_ref_names_a_path_that_workers_see(table, texts, bundle):
    got = decided(route(table, ts.RouterRef(bundle), text="question"))
    same(got, ts.load(bundle).route_batch([each or "" for each in texts]).to_dicts())


def test_a_worker_refuses_a_file_of_another_digest(table, bundle):
    frame = route(table, ts.RouterRef(bundle, "0" * 64), text="question")
    with pytest.raises(PythonException) as caught:
        frame.collect()
    said = str(told(caught.value))
    assert said.startswith(f"Spark says: tracer_spec.errors.BundleError: {bundle} has the sha256 ")
    assert f"{'0' * 64} was asked for" in said


@pytest.mark.parametrize(
    ("named", "error", "message"),
    [
        ({}, UsageError, "route reads one column"),
        ({"text": "question", "vector": "v"}, UsageError, "route reads one column"),
        (
            {"text": "questoin"},
            DataError,
            "no column 'questoin'; there are n, question\n  hint: did you mean 'question'",
        ),
        ({"text": "n"}, DataError, "column 'n' is of type int, not of texts"),
        ({"vector": "question"}, DataError, "column 'question' is of type string, not of arrays of numbers"),
        ({"text": "question", "sha256": "0" * 64}, BundleError, "has the sha256"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused_before_anything_runs(table, bundle, named, error, message):
    with pytest.raises(error, match=message):
        route(table, bundle, **named)


def test_columns_of_decisions_are_not_written_over(table, bundle):
    with pytest.raises(UsageError, match="there is a column 'stage' already\n  hint: prefix='router_'"):
        route(table.withColumnRenamed("n", "stage"), bundle, text="question")


def test_a_reference_takes_no_settings_beside_it(table, bundle):
    with pytest.raises(UsageError, match="a RouterRef says itself"):
        route(table, ts.RouterRef(bundle), text="question", sha256="0" * 64)


def test_a_draft_is_refused_here_and_not_on_a_worker(table, tmp_path):
    path = tmp_path / "draft.tracer"
    folder = tmp_path / "draft"
    build(folder, calls(1500))
    spec = {"version": 1, "name": "shop", "embedder": "lsa", "zoo": ["logreg"], "target": {"agreement": 0.8}}
    traces = {"use": "jsonl", "with": {"path": str(folder / "traces.jsonl")}, "repeats": "traffic"}
    ts.build(spec | {"traces": traces}, out=path, draft=True, workers=1)
    with pytest.raises(BundleError, match="is a draft"):
        route(table, path, text="question")
    assert route(table, path, text="question", allow_uncertified=True).count() == 506


def test_workers_without_the_packages_are_named_with_the_remedy(spark, table, bundle, bare_python, monkeypatch):
    monkeypatch.setattr(spark.sparkContext, "pythonExec", bare_python)
    with pytest.raises(MissingDependencyError) as caught:
        route(table, bundle, text="question")
    (problem,) = caught.value.problems
    assert problem.what == (
        f"Spark's workers run {bare_python}, which has no pyarrow, numpy, onnxruntime, tracer-spec, tracer-spec-spark"
    )
    assert problem.hint.startswith(f"{bare_python} -m pip install pyarrow numpy onnxruntime tracer-spec")


def test_a_worker_that_lacks_them_later_says_so_in_our_words(spark, bare_python, monkeypatch):
    from pyspark.sql.functions import udf

    monkeypatch.setattr(spark.sparkContext, "pythonExec", bare_python)
    hashed = udf(in_worker("sampling", "hasher", ""), "bigint", useArrow=False)
    with pytest.raises(PythonException) as caught:
        spark.range(3).select(hashed("id")).collect()
    assert str(told(caught.value)) == (
        f"{bare_python} has no tracer_spec_spark: python -m pip install tracer-spec-spark there"
    )


def test_another_python_on_the_workers_is_told_from_a_bug(spark, monkeypatch):
    monkeypatch.setattr(spark.sparkContext, "pythonVer", "3.9")
    with pytest.raises(DataError, match="run another Python than this one") as caught:
        check_workers(spark)
    mine = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"name a Python {mine} that every worker has: PYSPARK_PYTHON" in str(caught.value)


def test_another_tracer_spec_on_the_workers_is_refused():
    has = dict.fromkeys(("pyarrow", "numpy", "onnxruntime", "tracer_spec", "tracer_spec_spark"), True)
    check_found({"python": "/opt/python", "has": has, "version": ts.__version__})
    with pytest.raises(DataError, match=r"workers have tracer-spec 0\.0\.9, and this is"):
        check_found({"python": "/opt/python", "has": has, "version": "0.0.9"})
